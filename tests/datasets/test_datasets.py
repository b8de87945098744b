"""Data by name or path, and rows without targets."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_files import (
    CONTENT,
    PACKED,
    TRAIN,
    TRAIN_LABELS,
    check_four,
    csv_file,
    one_sentence,
    write_four,
)

from fastnn import datasets
from fastnn.datasets.idx import FILES

# load_data


def test_the_name_digits_stands_for_the_embedded_digits() -> None:
    data = datasets.load_data("digits")
    assert data.test is not None and data.test[0].shape == (1000, 784)
    assert (data.name, data.image_shape, data.feature_names) == ("digits", (28, 28), None)


def test_the_names_of_the_large_sets_stand_for_them(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_four(tmp_path)
    monkeypatch.setenv("FASTNN_DATA_DIR", str(tmp_path))
    for name in ("mnist", "fashion-mnist"):
        data = datasets.load_data(name)
        check_four((data.train, data.test))
        assert data.name == name


def test_a_folder_of_idx_files_keeps_the_shape_of_its_images(tmp_path: Path) -> None:
    data = datasets.load_data(write_four(tmp_path / "glyphs"))
    check_four((data.train, data.test))
    assert (data.name, data.image_shape) == ("glyphs", (2, 4))


def test_a_table_has_names_and_no_test_examples(tmp_path: Path) -> None:
    data = datasets.load_data(csv_file(tmp_path, "kind,a,b\nx,1,2\n"), target="kind")
    assert data.test is None and data.image_shape is None
    assert (data.name, data.feature_names, data.target_name) == ("t", ("a", "b"), "kind")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [("minst", "'mnist'"), ("fashion_mnist", "'fashion-mnist'"), ("DIGITS", "'digits'")],
)
def test_an_unknown_name_is_answered_with_the_closest_and_all_that_is_accepted(
    spec: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=rf"unknown data '{spec}' \(did you mean {hint}") as error:
        datasets.load_data(spec)
    text = one_sentence(error)
    for accepted in ("'digits'", "'mnist'", "'fashion-mnist'", "IDX", ".csv", ".npz", ".npy"):
        assert accepted in text


def test_a_target_for_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="target is for tables"):
        datasets.load_data("digits", target=0)
    with pytest.raises(ValueError, match="target is for tables"):
        datasets.load_data(write_four(tmp_path), target=0)


def test_a_missing_table_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        datasets.load_data(tmp_path / "t.csv")


# load_rows


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_an_idx_file_are_its_images_flattened(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "some-images"
    path.write_bytes(PACKED[FILES[0]] if packed else CONTENT[FILES[0]])
    rows = datasets.load_rows(path)
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, TRAIN.reshape(3, 8))


def test_labels_are_not_rows(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(CONTENT[FILES[1]])
    with pytest.raises(ValueError, match="expected images"):
        datasets.load_rows(tmp_path / "labels")


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "a,b\n1,2\n3,4\n"])
def test_rows_of_text_are_numbers_with_or_without_a_header(tmp_path: Path, text: str) -> None:
    rows = datasets.load_rows(csv_file(tmp_path, text))
    assert rows.dtype == np.float64 and rows.tolist() == [[1, 2], [3, 4]]
    rows = datasets.load_rows(csv_file(tmp_path, "5\n6\n", "one.tsv"))
    assert rows.tolist() == [[5], [6]]


def test_rows_of_text_with_a_bad_cell_name_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="row 2, column '1': expected a number, found 'x'"):
        datasets.load_rows(csv_file(tmp_path, "1,2\n3,x\n"))
    with pytest.raises(ValueError, match=r"row 2, column '1': .* a missing cell"):
        datasets.load_rows(csv_file(tmp_path, "1,2\n3,nan\n"))


def test_rows_of_numpy_files_are_their_array(tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", TRAIN)
    np.savez(tmp_path / "only.npz", anything=TRAIN)
    np.savez(tmp_path / "several.npz", X=TRAIN, y=TRAIN_LABELS)
    for name in ("r.npy", "only.npz", "several.npz"):
        rows = datasets.load_rows(tmp_path / name)
        assert rows.dtype == np.uint8
        np.testing.assert_array_equal(rows, TRAIN.reshape(3, 8))
    np.savez(tmp_path / "unclear.npz", a=TRAIN, b=TRAIN)
    with pytest.raises(ValueError, match="has the arrays a, b; expected X"):
        datasets.load_rows(tmp_path / "unclear.npz")
    np.save(tmp_path / "flat.npy", np.zeros(5))
    with pytest.raises(ValueError, match=r"shape \(5,\); expected \(n, d\)"):
        datasets.load_rows(tmp_path / "flat.npy")


def test_a_file_that_holds_no_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has a header and no rows"):
        datasets.load_rows(csv_file(tmp_path, "hello", "notes.txt"))
    with pytest.raises(FileNotFoundError):
        datasets.load_rows(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        datasets.load_rows(tmp_path)


def test_a_picture_becomes_one_grey_row(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(TRAIN[0]).save(tmp_path / "p.png")
    rows = datasets.load_rows(tmp_path / "p.png")
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, TRAIN[:1].reshape(1, 8))
    # L = 0.299 R + 0.587 G + 0.114 B, so pure red is 76.
    image.new("RGB", (3, 2), (255, 0, 0)).save(tmp_path / "p.bmp")
    np.testing.assert_array_equal(datasets.load_rows(tmp_path / "p.bmp"), np.full((1, 6), 76))


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(TRAIN[0]).save(tmp_path / "p.png")
    whole = (tmp_path / "p.png").read_bytes()
    for cut in range(0, len(whole) - 20, 5):
        (tmp_path / "p.png").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="is not a readable picture"):
            datasets.load_rows(tmp_path / "p.png")


def test_without_pillow_a_picture_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "p.png").write_bytes(b"")
    with pytest.raises(ImportError, match=re.escape("pip install 'fastnn-mlp[image]'")):
        datasets.load_rows(tmp_path / "p.png")
