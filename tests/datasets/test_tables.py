"""Tables of text and NumPy's files: read for what they are, or one sentence."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dataset_files import (
    TEST,
    TEST_LABELS,
    TRAIN,
    TRAIN_LABELS,
    check_four,
    csv_file,
    one_sentence,
    peak_memory,
)

from fastnn import datasets
from fastnn.datasets import tables

# Tables: text


def test_a_csv_with_a_header_gives_features_names_and_the_last_column_as_target(
    tmp_path: Path,
) -> None:
    table = tables.load_table(csv_file(tmp_path, "a,b,kind\n1,2.5,0\n-3,4e2,7\n"))
    assert table.X.dtype == np.float64 and table.X.tolist() == [[1, 2.5], [-3, 400]]
    assert table.y.dtype == np.int64 and table.y.tolist() == [0, 7]
    assert (table.feature_names, table.target_name) == (("a", "b"), "kind")


def test_a_csv_without_a_header_has_no_names(tmp_path: Path) -> None:
    table = tables.load_table(csv_file(tmp_path, "1,2,cat\n3,4,dog\n"))
    assert table.X.tolist() == [[1, 2], [3, 4]] and table.y.tolist() == ["cat", "dog"]
    assert table.feature_names is None and table.target_name is None


def test_a_header_of_numbers_is_known_by_its_target(tmp_path: Path) -> None:
    table = tables.load_table(csv_file(tmp_path, "0,1,class\n5,6,2\n7,8,3\n"))
    assert table.X.tolist() == [[5, 6], [7, 8]] and table.y.tolist() == [2, 3]
    assert (table.feature_names, table.target_name) == (("0", "1"), "class")


@pytest.mark.parametrize("target", ["kind", 0, "0", -3])
def test_the_target_may_be_any_column_by_name_or_position(
    tmp_path: Path, target: str | int
) -> None:
    table = tables.load_table(csv_file(tmp_path, "kind,a,b\n7,1,2\n8,3,4\n"), target=target)
    assert table.X.tolist() == [[1, 2], [3, 4]] and table.y.tolist() == [7, 8]
    assert (table.feature_names, table.target_name) == (("a", "b"), "kind")


def test_target_numbers_are_float64_and_text_is_text(tmp_path: Path) -> None:
    y = tables.load_table(csv_file(tmp_path, "1,2\n1,3.5\n")).y
    assert y.dtype == np.float64 and y.tolist() == [2, 3.5]
    y = tables.load_table(csv_file(tmp_path, "1, 2\n1, x\n")).y
    assert y.dtype.kind == "U" and y.tolist() == ["2", "x"]
    y = tables.load_table(csv_file(tmp_path, f"1,2\n1,{10**30}\n")).y
    assert y.dtype == np.float64


def test_tabs_quotes_blank_lines_crlf_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    text = '\ufeffa\t"b\nc"\tkind\r\n\r\n1\t"2"\t"x\ty"\r\n'
    table = tables.load_table(csv_file(tmp_path, text, "t.TSV"))
    assert table.X.tolist() == [[1, 2]] and table.y.tolist() == ["x\ty"]
    assert table.feature_names == ("a", "b\nc")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_separates_the_cells_is_told_by_the_first_line(
    tmp_path: Path, name: str, separator: str
) -> None:
    cells = [["a", "b", "kind"], ["1", "2.5", '"red, or ;\tor"'], ["3", "4", "blue"]]
    (tmp_path / name).write_text("".join(separator.join(row) + "\n" for row in cells))
    table = tables.load_table(tmp_path / name)
    assert table.feature_names == ("a", "b")
    assert table.X.tolist() == [[1, 2.5], [3, 4]]
    assert table.y.tolist() == ["red, or ;\tor", "blue"]
    (tmp_path / f"rows-{name}").write_text(f"1{separator}2.5\n3{separator}4\n")
    assert tables.load_rows(tmp_path / f"rows-{name}").tolist() == [[1, 2.5], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n4,x,6\n", r"row 2, column 'b': expected a number, found 'x'; fastnn train"),
        ("1,2,3\n4,,6\n", r"row 2, column '1': expected a number, found a missing cell"),
        ("1,2,3\n4, ,6\n", r"row 2, column '1': .* a missing cell"),
        (",2,3\n4,5,6\n", r"row 1, column '0': .* a missing cell"),
        ("1,2,3\nnan,5,6\n", r"row 2, column '0': expected a number, found a missing cell"),
        ("1,2,3\n\n4,-inf,6\n", r"row 2, column '1': expected a number, found '-inf'"),
        ("1,2,3\n4,1e999,6\n", r"row 2, column '1': .* number, found '(inf|1e999)'"),
        ("1,2,3\n4,1_000,6\n", r"row 2, column '1': expected a number, found '1_000'"),
        ("1,2,3\n4,5,6,7\n", r"line 2: expected 3 columns"),
        ("1,2,3\n\n4,5\n", r"line 3: expected 3 columns, as in the rows above, and found 2"),
        ("# of May\na b c\n1 2 3\n4 5\n", r"line 4: expected 3 columns"),
        ('a,b,c\n1,"2\n",3\n4,5\n', r"line 4: expected 3 columns"),
        ("1,2,3\n4," + "x" * 99 + ",6\n", r"found 'x{37}\.\.\.'"),
        ("x," * 2000 + "y\n" + "1," * 2000 + "2\n", "2,000 columns of the header are called 'x'"),
        ("", "is empty; expected a table"),
        ("1\n2\n", "has one column; expected one feature at least"),
        ("a,b,c\n", "has a header and no rows"),
        ('1,2,3\n"4,5,6\n', "is not readable as a table of text: .* EOF inside string"),
    ],
)
def test_a_bad_cell_or_row_of_text_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = csv_file(tmp_path, text)
    with pytest.raises(ValueError, match=message) as error:
        tables.load_table(path)
    assert str(path) in one_sentence(error)


def test_text_that_is_not_utf_8_is_read_in_another_encoding_and_said(tmp_path: Path) -> None:
    for encoding, word in (("cp1252", "\u00e9t\u00e9"), ("euc_kr", "\uac00\uaca9")):
        (tmp_path / "t.csv").write_bytes(f"a,kind\n1,{word}\n2,b\n".encode(encoding))
        raw = tables.load_raw(tmp_path / "t.csv")
        assert raw.y.tolist() == [word, "b"]
        assert raw.notes == (f"read as {encoding}: it is not UTF-8",)


# Faults 12 to 17 of the tables that people have


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    for mark in ("", "NA", "N/A", "?", "null", "None", "NaN"):
        raw = tables.load_raw(csv_file(tmp_path, f"a,sex\n1,m\n2,f\n7,{mark}\n"))
        assert raw.y.tolist() == ["m", "f"] and raw.frame["a"].tolist() == [1, 2]
        assert raw.notes == ("left out 1 of 3 rows: their target 'sex' is missing",)


def test_labels_written_as_decimals_are_whole_numbers(tmp_path: Path) -> None:
    y = tables.load_table(csv_file(tmp_path, "1,0.0\n2,1.0\n")).y
    assert y.dtype == np.int64 and y.tolist() == [0, 1]


def test_booleans_among_the_features_are_0_and_1(tmp_path: Path) -> None:
    table = tables.load_table(csv_file(tmp_path, "a,b,y\nTrue,1,2\nFalse,3,4\n"))
    assert table.X.tolist() == [[1, 1], [0, 3]]


def test_a_missing_mark_in_the_first_row_makes_no_header(tmp_path: Path) -> None:
    raw = tables.load_raw(csv_file(tmp_path, "5.1,?,yes\n4.9,3,no\n4.7,2,yes\n"))
    assert not raw.headed and raw.y.tolist() == ["yes", "no", "yes"]


def test_a_word_far_below_the_numbers_makes_the_whole_column_text(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 3},0\n" for i in range(200_000))
    frame = tables.load_raw(csv_file(tmp_path, f"a,b,y\n{rows}5,07,1\n6,seven,1\n")).frame
    assert frame["b"].iloc[[0, 200_000, 200_001]].tolist() == ["0", "07", "seven"]


def test_commas_are_thousands_or_decimal_points_by_the_whole_column(tmp_path: Path) -> None:
    table = tables.load_table(csv_file(tmp_path, 'a,y\n"1,200",1\n"3,400",2\n'))
    assert table.X.tolist() == [[1200], [3400]]
    table = tables.load_table(csv_file(tmp_path, "5,1;3,5;setosa\n6,2;2,9;virginica\n"))
    assert table.X.tolist() == [[5.1, 3.5], [6.2, 2.9]]
    assert table.y.tolist() == ["setosa", "virginica"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "speces",
            "has no columns called 'speces'; expected one in the header, which reads a, a.1, kind",
        ),
        (3, "target is column 3; .* has columns 0 to 2"),
        ("-4", "target is column -4"),
    ],
)
def test_a_target_that_is_not_there_is_named(
    tmp_path: Path, target: str | int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tables.load_table(csv_file(tmp_path, "a,a,kind\n1,2,3\n"), target=target)


def test_a_table_in_no_known_format_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not text, nor a file of a known format"):
        tables.load_table(csv_file(tmp_path, "a\0b", "t.xyz"))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tables.load_table(tmp_path / "t.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        tables.load_table(tmp_path / "folder.csv")


# Tables: NumPy's files


def test_an_npy_table_has_its_target_in_the_last_column_or_the_one_chosen(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([[0.5, 1, 2], [1.5, 3, 4]]))
    table = tables.load_table(tmp_path / "t.npy")
    assert table.X.tolist() == [[0.5, 1], [1.5, 3]]
    assert table.y.dtype == np.int64 and table.y.tolist() == [2, 4]
    table = tables.load_table(tmp_path / "t.npy", target="1")
    assert table.X.tolist() == [[0.5, 2], [1.5, 4]] and table.y.tolist() == [1, 3]
    table = tables.load_table(tmp_path / "t.npy", target=0)
    assert table.X.tolist() == [[1, 2], [3, 4]] and table.y.tolist() == [0.5, 1.5]
    with pytest.raises(ValueError, match="have no names"):
        tables.load_table(tmp_path / "t.npy", target="kind")


def test_a_large_npy_is_mapped_and_keeps_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "t.npy", np.arange(12, dtype=np.uint8).reshape(4, 3))
    monkeypatch.setattr(tables, "_MAP_FROM", 10)
    table = tables.load_table(tmp_path / "t.npy")
    assert isinstance(table.X, np.memmap) and table.X.dtype == np.uint8
    assert table.y.tolist() == [2, 5, 8, 11] and table.y.dtype == np.int64


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_claiming(shape: tuple[int, ...], body: bytes = b"") -> bytes:
    file = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + body


BAD_NPY = [
    (npy(np.zeros((2, 3)))[:-1], "holds 47 bytes; expected 48"),
    (npy(np.zeros((2, 3))) + b"\0", "holds 49 bytes; expected 48"),
    (npy_claiming((10**12, 10**3)), "holds 0 bytes; expected 8000000000000000"),
    (npy_claiming((-2, -3), bytes(48)), "holds 48 bytes"),
    (npy_claiming((0, 10**30)), "holds 0 bytes"),
    (npy(np.array([[object()]], dtype=object)), "type object; expected numbers or text"),
    (npy(np.zeros((2, 3), "complex64")), "type complex64"),
    (b"", "not a readable .npy array"),
    (b"PK\3\4 not numpy", "not a readable .npy array"),
    (npy(np.zeros((2, 3))).replace(b"}", b" "), "not a readable .npy array"),
    (npy(np.zeros((2, 3)))[:20], "not a readable .npy array"),
]


@pytest.mark.parametrize(("content", "message"), BAD_NPY)
def test_a_bad_npy_is_refused_before_memory_is_taken(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "t.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        tables.load_table(path)
    assert str(path) in str(error.value)
    assert peak_memory(lambda: tables.load_table(path)) < 1 << 20


@pytest.mark.parametrize(("content", "message"), BAD_NPY)
def test_a_bad_array_in_an_npz_is_refused_before_memory_is_taken(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "t.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", content)
        archive.writestr("y.npy", npy(np.zeros(2)))
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        tables.load_table(path)
    assert f"{path}, array 'X'" in str(error.value)
    assert peak_memory(lambda: tables.load_table(path)) < 1 << 20


@pytest.mark.parametrize("names", [("X", "y"), ("x", "y"), ("X_train", "y_train")])
def test_an_npz_gives_its_arrays_as_they_are(tmp_path: Path, names: tuple[str, str]) -> None:
    X, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.array(["a", "b", "a"])
    np.savez(tmp_path / "t.npz", **{names[0]: X, names[1]: y})
    table = tables.load_table(tmp_path / "t.npz")
    assert table.X.dtype == np.float32 and table.X.tolist() == X.tolist()
    assert table.y.tolist() == y.tolist() and table.X_test is None


def test_an_npz_laid_out_like_keras_mnist_gives_training_and_test_images(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "mnist.npz",
        x_train=TRAIN,
        y_train=TRAIN_LABELS,
        x_test=TEST,
        y_test=TEST_LABELS,
    )
    data = datasets.load_data(tmp_path / "mnist.npz")
    assert data.test is not None
    check_four((data.train, data.test))
    assert (data.name, data.image_shape) == ("mnist", (2, 4))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": TRAIN}, "has the arrays images; expected X and y, or x_train and y_train"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(2)}, "expected targets for 3 examples"),
        ({"X": np.zeros(3), "y": np.zeros(3)}, r"expected \(n, d\)"),
        ({"X": np.array([["a"]]), "y": np.zeros(1)}, "expected numbers"),
        (
            {
                "x_train": np.zeros((2, 3)),
                "y_train": np.zeros(2),
                "x_test": np.zeros((2, 4)),
                "y_test": np.zeros(2),
            },
            "x_test has rows of 4, x_train of 3",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message) as error:
        tables.load_table(tmp_path / "t.npz")
    assert "t.npz" in one_sentence(error)


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    bomb = np.broadcast_to(np.zeros(1, np.uint8), (200_000, 1000))
    np.savez_compressed(tmp_path / "t.npz", X=bomb, y=np.zeros(200_000, np.uint8))
    with pytest.raises(ValueError, match="more than 200 times its own size"):
        tables.load_table(tmp_path / "t.npz")
    assert peak_memory(lambda: tables.load_table(tmp_path / "t.npz")) < 1 << 20


def test_an_npz_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez_compressed(path, X=np.arange(6.0).reshape(3, 2), y=np.arange(3))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=re.escape(str(path))):
            tables.load_table(path)


def test_a_flipped_byte_in_an_npz_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    X, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    np.savez_compressed(path, X=X, y=y)
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        try:
            table = tables.load_table(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(table.X, X)
            np.testing.assert_array_equal(table.y, y)


def test_an_npz_takes_no_target(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.zeros((3, 2)), y=np.zeros(3))
    with pytest.raises(ValueError, match="target is for tables"):
        tables.load_table(tmp_path / "t.npz", target=0)
