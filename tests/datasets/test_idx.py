"""The embedded digits, and IDX files: read for what they are, or refused."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dataset_files import (
    CODES,
    CONTENT,
    TEST,
    TRAIN,
    check_four,
    idx,
    one_sentence,
    peak_memory,
    write_four,
)

from fastnn import datasets
from fastnn.datasets.idx import FILES

# The embedded digits


def test_the_embedded_digits_are_five_hundred_of_each_as_bytes() -> None:
    (X_train, y_train), (X_test, y_test) = datasets.load_digits()
    assert (X_train.shape, X_test.shape) == ((4000, 784), (1000, 784))
    assert X_train.dtype == X_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int64
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert X_train.max() == 255 and X_train.flags.c_contiguous and X_train.flags.writeable


def test_changing_the_embedded_digits_does_not_change_the_next_load() -> None:
    datasets.load_digits()[0][0][:] = 0
    assert datasets.load_digits()[0][0].any()


# IDX files


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_four_idx_files_are_read_gzipped_or_not_in_both_spellings(
    tmp_path: Path, packed: bool, dotted: bool
) -> None:
    check_four(datasets.load_idx(write_four(tmp_path, packed=packed, dotted=dotted)))


@pytest.mark.parametrize("kind", sorted(CODES))
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (1, 2, 1, 2, 1)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_type_and_rank_of_idx_comes_back_as_it_was(
    tmp_path: Path, kind: str, shape: tuple[int, ...], pack: Callable[[bytes], bytes]
) -> None:
    array = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    array.flat[0] = -3 if kind[0] != "u" else 250
    (tmp_path / "a").write_bytes(pack(idx(array)))
    found = datasets.read_idx(tmp_path / "a")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.dtype.isnative
    assert found.flags.c_contiguous and found.flags.writeable


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_idx_file_cut_at_any_byte_is_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    whole, path = pack(idx(TRAIN)), tmp_path / "images"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=re.escape(str(path))) as error:
            datasets.read_idx(path)
        one_sentence(error)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_flipped_bit_of_a_header_is_noticed(tmp_path: Path, name: str, packed: bool) -> None:
    write_four(tmp_path)
    content = CONTENT[name]
    for i in range(4 + 4 * content[3]):
        for bit in range(8):
            bad = bytearray(content)
            bad[i] ^= 1 << bit
            (tmp_path / name).write_bytes(gzip.compress(bad) if packed else bad)
            with pytest.raises(ValueError, match=name) as error:
                datasets.load_idx(tmp_path)
            one_sentence(error)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("extra", [b"\0", b"garbage"])
def test_bytes_after_the_last_value_are_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], extra: bytes
) -> None:
    (tmp_path / "a").write_bytes(pack(idx(TRAIN) + extra))
    with pytest.raises(ValueError, match=r"expected 24, 3 x 2 x 4 values of type uint8"):
        datasets.read_idx(tmp_path / "a")


def test_bytes_after_the_gzip_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(idx(TRAIN)) + b"garbage")
    with pytest.raises(ValueError, match="damaged gzip"):
        datasets.read_idx(tmp_path / "a")


def test_no_flipped_byte_of_a_gzip_changes_values_unnoticed(tmp_path: Path) -> None:
    whole, path = gzip.compress(idx(TRAIN)), tmp_path / "a"
    for i in range(len(whole)):
        bad = bytearray(whole)
        bad[i] ^= 0xFF
        path.write_bytes(bad)
        try:
            found = datasets.read_idx(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:  # time stamp, extra flags and operating system carry no data
            assert i in range(3, 10)
            np.testing.assert_array_equal(found, TRAIN)


@pytest.mark.parametrize("content", [b"", b"\0", b"\x1f\x8b", b"<html>not found</html>", b"PK\3\4"])
def test_a_file_that_is_not_idx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"not an IDX file|damaged gzip") as error:
        datasets.read_idx(tmp_path / "a")
    assert str(tmp_path / "a") in one_sentence(error)


@pytest.mark.parametrize("rank", [0, 33, 255])
def test_a_number_of_dimensions_that_arrays_cannot_have_is_refused(
    tmp_path: Path, rank: int
) -> None:
    (tmp_path / "a").write_bytes(bytes([0, 0, 8, rank]) + b"\0\0\0\1" * rank + b"\5")
    with pytest.raises(ValueError, match=f"{rank} dimensions"):
        datasets.read_idx(tmp_path / "a")


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (3, 0, 28), (2**32 - 1, 0, 2**32 - 1)])
def test_a_file_without_values_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    (tmp_path / "a").write_bytes(header)
    with pytest.raises(ValueError, match="is empty"):
        datasets.read_idx(tmp_path / "a")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("n", [2**20, 2**31, 2**32 - 1])
def test_a_header_that_claims_too_much_takes_no_memory(
    tmp_path: Path, pack: Callable[[bytes], bytes], n: int
) -> None:
    (tmp_path / "a").write_bytes(pack(bytes([0, 0, 14, 2]) + struct.pack(">2I", n, n) + b"\1" * 99))
    assert peak_memory(lambda: datasets.read_idx(tmp_path / "a")) < 1 << 20


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_claims(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 1]) + struct.pack(">I", 1000)
    (tmp_path / "a").write_bytes(gzip.compress(header + bytes(64 << 20)))
    assert peak_memory(lambda: datasets.read_idx(tmp_path / "a")) < 1 << 20


def test_labels_in_place_of_images_are_noticed(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[0]).write_bytes(CONTENT[FILES[1]])
    with pytest.raises(ValueError, match=r"holds 3 values .* expected images") as error:
        datasets.load_idx(tmp_path)
    assert FILES[0] in one_sentence(error)


def test_images_in_place_of_labels_are_noticed(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[3]).write_bytes(CONTENT[FILES[2]])
    with pytest.raises(ValueError, match=r"holds 2 x 2 x 4 values .* expected labels"):
        datasets.load_idx(tmp_path)


def test_images_that_are_not_bytes_are_refused(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[0]).write_bytes(idx(TRAIN.astype(np.float32)))
    with pytest.raises(ValueError, match=r"type float32; expected images"):
        datasets.load_idx(tmp_path)


def test_as_many_labels_as_images_are_expected(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[1]).write_bytes(idx(np.arange(4, dtype=np.uint8)))
    with pytest.raises(ValueError, match=r"3 images and train-labels-idx1-ubyte 4 labels"):
        datasets.load_idx(tmp_path)


def test_training_and_test_images_have_one_size(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[2]).write_bytes(idx(TEST.reshape(2, 4, 2)))
    with pytest.raises(ValueError, match="images of 2 x 4 and test images of 4 x 2"):
        datasets.load_idx(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[0]).unlink()
    (tmp_path / FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=f"{FILES[0]}, {FILES[3]}") as error:
        datasets.load_idx(tmp_path)
    assert str(tmp_path) in one_sentence(error)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        datasets.load_idx(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        datasets.read_idx(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        datasets.read_idx(tmp_path)


def test_a_file_compressed_by_xz_is_read_and_a_damaged_one_refused(tmp_path):
    import lzma

    plain = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
    path = tmp_path / "six.xz"
    path.write_bytes(lzma.compress(plain))
    np.testing.assert_array_equal(datasets.read_idx(path), [[1, 2, 3], [4, 5, 6]])
    for damaged in (lzma.compress(plain)[:-3], b"\xfd7zXZ\0" + bytes(30), b"\xfd7"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged xz file"):
            datasets.read_idx(path)
