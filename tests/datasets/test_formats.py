"""Every format of a table with one small file: known by its content, whatever its name is."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import datasets
from fastnn.datasets import tables
from fastnn.datasets.mat import read_mat

pandas = pytest.importorskip("pandas")

TEXT = "length,colour,kind\n1.5,red,a\n2.5,blue,b\n,red,a\n"


def frame() -> Any:
    return pandas.DataFrame(
        {"length": [1.5, 2.5, None], "colour": ["red", "blue", "red"], "kind": ["a", "b", "a"]}
    )


def sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        frame().to_sql("flowers", database, index=False)
    database.close()


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flowers.csv", TEXT)


def parquet(path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame().to_parquet(path)


def feather(path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame().to_feather(path)


def excel(path: Path) -> None:
    pytest.importorskip("openpyxl")
    with open(path, "wb") as file:
        frame().to_excel(file, index=False, engine="openpyxl")


def arff(path: Path) -> None:
    pytest.importorskip("scipy")
    path.write_text(
        "% flowers\n@RELATION f\n@ATTRIBUTE length NUMERIC\n@ATTRIBUTE colour {red,blue}\n"
        "@ATTRIBUTE kind {a,b}\n@DATA\n1.5,red,a\n2.5,blue,b\n?,red,a\n"
    )


def records(path: Path) -> None:
    path.write_text(frame().to_json(orient="records"))


def lines(path: Path) -> None:
    path.write_text(frame().to_json(orient="records", lines=True))


def named_records(path: Path) -> None:
    path.write_text(json.dumps({"data": json.loads(frame().to_json(orient="records"))}))


def text(encoding: str, change: Callable[[str], str] = str) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(TEXT).encode(encoding)) and None


FORMATS: dict[str, Callable[[Path], None]] = {
    "csv": text("utf-8"),
    "csv of UTF-16": text("utf-16"),
    "semicolons and commas": text("utf-8", lambda t: t.replace(",", ";").replace(".", ",")),
    "pipes": text("utf-8", lambda t: t.replace(",", "|")),
    "blanks": text("utf-8", lambda t: t.replace("\n,", "\nNA,").replace(",", "   ")),
    "single quotes": text("utf-8", lambda t: t.replace("red", "'red'").replace("blue", "'blue'")),
    "gzip": lambda path: path.write_bytes(gzip.compress(TEXT.encode())) and None,
    "bz2": lambda path: path.write_bytes(bz2.compress(TEXT.encode())) and None,
    "xz": lambda path: path.write_bytes(lzma.compress(TEXT.encode())) and None,
    "zip": zipped,
    "excel": excel,
    "parquet": parquet,
    "feather": feather,
    "sqlite": sqlite,
    "arff": arff,
    "json records": records,
    "json lines": lines,
    "json under a name": named_records,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("ending", ["", ".csv"])
def test_a_table_is_known_by_its_content(tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"file{ending}"
    FORMATS[name](path)
    raw = tables.load_raw(path, target="kind")
    assert list(raw.frame.columns) == ["length", "colour"] and raw.headed
    lengths, _ = tables.numbers_of(
        raw.frame["length"], tables.is_decimal_comma(raw.frame["length"])
    )
    np.testing.assert_array_equal(lengths, [1.5, 2.5, np.nan])
    assert raw.frame["colour"].tolist() == ["red", "blue", "red"]
    assert raw.y.tolist() == ["a", "b", "a"]


def test_libsvm_text_is_known_by_its_pairs(tmp_path: Path) -> None:
    (tmp_path / "heart").write_text("+1 1:0.5 3:-2\n-1 2:4 # a remark\n+1 1:1 2:1 3:1\n")
    table = tables.load_table(tmp_path / "heart")
    assert table.X.tolist() == [[0.5, 0, -2], [0, 4, 0], [1, 1, 1]]
    assert table.y.tolist() == [1, -1, 1]


@pytest.mark.parametrize("kind", ["mat", "hdf5"])
def test_files_of_matlab_and_hdf5_have_x_and_y_or_one_array(tmp_path: Path, kind: str) -> None:
    X, y = np.array([[1.5, 2], [3, 4], [5, 6.5]]), np.array([0, 1, 0])
    path = tmp_path / "file"
    for arrays in ({"X": X, "y": y}, {"all": np.column_stack([X, y])}):
        if kind == "mat":
            pytest.importorskip("scipy.io").savemat(path, arrays, appendmat=False)
        else:
            with pytest.importorskip("h5py").File(path, "w") as file:
                for name, array in arrays.items():
                    file[name] = array
        table = tables.load_table(path)
        assert table.X.tolist() == X.tolist() and table.y.tolist() == [0, 1, 0]


@pytest.mark.parametrize("packed", [False, True])
def test_arrays_of_matlab_have_the_numbers_that_were_saved_and_nothing_else_is_read(
    tmp_path: Path, packed: bool
) -> None:
    arrays = {
        "doubles": np.array([[1.5, -2], [3, 4], [5, 6.5]]),
        "bytes": np.array([[1, 2, 255]], np.uint8),
        "singles": np.ones((2, 3, 2), np.float32) / 3,
        "large": np.array([[2**40, -1]]),
        "a_name_of_more_than_four_letters": np.zeros((0, 3)),
    }
    others = {"text": "abc", "cells": np.array([["a", 1.5]], object), "complex": np.array([1 + 2j])}
    path = tmp_path / "file"
    pytest.importorskip("scipy.io").savemat(
        path, {**others, **arrays}, appendmat=False, do_compression=packed
    )
    found = read_mat(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].tolist() == array.tolist()
    whole = path.read_bytes()
    for cut in range(128, len(whole), 7):  # at any byte: refused, or the arrays before it
        path.write_bytes(whole[:cut])
        try:
            tables.load_table(path)
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": [1, 2], "y": 0}]', "'a' holds lists or records; expected single values"),
        ('{"a": [{"b": 1}, 2], "y": [0, 1]}', "'a' holds lists or records"),
        ("[[[1], 2], [[3], 4]]", "'0' holds lists or records"),
        (r'[{"a": "\ud800", "y": 0}]', "is not readable as JSON: 'utf-8' codec can't encode"),
    ],
)
def test_json_with_more_than_single_values_or_half_a_character_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        tables.load_raw(tmp_path / "t.json")
    assert str(tmp_path / "t.json") in str(error.value)


def test_offsets_beyond_the_text_of_a_feather_file_are_refused(tmp_path: Path) -> None:
    pyarrow, feather = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.feather")
    path = tmp_path / "t"
    table = pyarrow.table({"colour": ["red", "blue", "red"], "y": [0, 1, 0]})
    feather.write_feather(table, path, compression="uncompressed")
    offsets = np.array([0, 3, 7, 10], "<i4")  # of red, blue, red
    content = path.read_bytes()
    assert content.count(offsets.tobytes()) == 1
    # Arrow read the memory of the process, or ended it.
    path.write_bytes(content.replace(offsets.tobytes(), (offsets * 10_000_000).tobytes()))
    with pytest.raises(ValueError, match="is not readable as a Feather file") as error:
        tables.load_raw(path)
    assert str(path) in str(error.value)


def test_a_column_of_lists_in_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"a": [[1, 2], [3]], "y": [0, 1]}).to_parquet(tmp_path / "t")
    with pytest.raises(ValueError, match="'a' holds lists or records; expected single values"):
        tables.load_raw(tmp_path / "t")


@pytest.mark.parametrize(
    "names",
    [
        ("X", "y"),
        ("arr_0", "arr_1"),
        ("data", "target"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("training_images", "training_labels", "test_images", "test_labels"),
    ],
)
def test_an_npz_has_its_arrays_under_any_usual_names(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    X, y = np.arange(12, dtype=np.uint8).reshape(3, 4), np.array([[0], [1], [1]])
    np.savez(tmp_path / "a.npz", **{name: (X, y)[i % 2] for i, name in enumerate(names)})
    table = tables.load_table(tmp_path / "a.npz")
    assert table.X.tolist() == X.tolist() and table.y.tolist() == [0, 1, 1]
    assert (table.X_test is None) is (len(names) == 2)


def test_colours_are_a_value_each_and_single_channels_are_images(tmp_path: Path) -> None:
    for channels, shape in ((3, None), (1, (2, 4))):
        X = np.arange(3 * 8 * channels, dtype=np.uint8).reshape(3, 2, 4, channels)
        np.savez(tmp_path / "a.npz", X=X, y=[0, 1, 1])
        table = tables.load_table(tmp_path / "a.npz")
        assert table.X.shape == (3, 8 * channels) and table.image_shape == shape


def test_a_folder_of_npy_files_is_a_data_set(tmp_path: Path) -> None:
    np.save(tmp_path / "X_train.npy", np.ones((4, 2)))
    np.save(tmp_path / "y_train.npy", [0, 1, 0, 1])
    data = datasets.load_data(tmp_path)
    assert data.train[0].shape == (4, 2) and data.train[1].tolist() == [0, 1, 0, 1]
    assert data.test is None
    np.save(tmp_path / "X_test.npy", np.ones((1, 2)))
    np.save(tmp_path / "y_test.npy", [1])
    test = datasets.load_data(tmp_path).test
    assert test is not None and test[1].tolist() == [1]


def test_a_folder_of_pictures_for_each_class_is_a_data_set(tmp_path: Path) -> None:
    Image = pytest.importorskip("PIL.Image")
    for name, level in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(np.full((2, 3), level + i, np.uint8)).save(tmp_path / name / f"{i}.png")
    data = datasets.load_data(tmp_path)
    assert data.train[0][:, 0].tolist() == [10, 11, 12, 200, 201, 202]
    assert data.train[1].tolist() == ["cat"] * 3 + ["dog"] * 3 and data.image_shape == (2, 3)
    Image.new("L", (5, 5)).save(tmp_path / "dog" / "3.png")
    with pytest.raises(ValueError, match=r"3\.png has 5 x 5 pixels, those before it 3 x 2"):
        datasets.load_data(tmp_path)


def test_several_files_of_one_pattern_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text("a,y\n1,x\n2,z\n")
    (tmp_path / "june.csv").write_text("y,a\nx,3\n")
    raw = tables.load_raw(tmp_path / "*.csv", target="y")
    assert raw.frame["a"].tolist() == [3, 1, 2] and raw.y.tolist() == ["x", "x", "z"]
    assert raw.notes == ("read 2 files",)
    names = [
        datasets.load_data(tmp_path / p, raw=True).name for p in ("*.csv", "ju*.csv", "m*.csv")
    ]
    assert names == ["table", "ju", "m"]
    (tmp_path / "july.csv").write_text("a,z\n1,x\n")
    with pytest.raises(ValueError, match=r"june\.csv and .*july\.csv differ in their columns: 'y'"):
        tables.load_raw(tmp_path / "*.csv", target="y")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tables.load_raw(tmp_path / "*.tsv")


def test_without_a_library_the_message_has_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    parquet(tmp_path / "a.parquet")
    for module, path in (("pyarrow", "a.parquet"), ("pandas", "a.csv")):
        (tmp_path / "a.csv").write_text(TEXT)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(ImportError, match=r"pip install 'fastnn-mlp\[tables\]'"):
                tables.load_raw(tmp_path / path)


def test_a_zip_archive_whose_part_claims_more_bytes_than_it_has_is_refused_unread(tmp_path):
    path = tmp_path / "t.zip"
    zipped(path)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 20 : entry + 24] = (0xFFFF0009).to_bytes(4, "little")  # its packed size
    path.write_bytes(content)
    with pytest.raises(ValueError, match="a part of it is larger than it"):
        tables.load_raw(path)
