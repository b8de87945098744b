"""Messages of the page: there and back, and what is no message."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.explain.answers.message import MessageError, pack, unpack


def header(value: object, arrays: object = ()) -> bytes:
    """A message with any header."""
    text = json.dumps({"value": value, "arrays": arrays}).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return len(text).to_bytes(4, "little") + text


def test_values_and_arrays_come_back_as_they_were() -> None:
    value = {
        "name": "Σ",
        "list": [1, 2.5, None, True, {"deep": np.arange(3, dtype=np.int32)}],
        "empty": np.zeros((0, 4), np.float32),
        "single": np.array([1.5, np.nan, np.inf], np.float32),
        "double": np.array([[0.1, -0.0]]),
        "bytes": np.arange(5, dtype=np.uint8),
    }
    found = unpack(pack(value))
    assert found["name"] == "Σ"
    assert found["list"][:4] == [1, 2.5, None, True]
    assert found["list"][4]["deep"].tolist() == [0, 1, 2]
    for name in ("empty", "single", "double", "bytes"):
        assert found[name].dtype == value[name].dtype
        assert found[name].tobytes() == value[name].tobytes()
        assert found[name].shape == value[name].shape


def test_what_browsers_have_no_type_for_is_sent_as_one_that_they_have() -> None:
    found = unpack(pack([np.arange(3), np.array([True, False]), b"ab", np.float32(0.5)]))
    assert [item.dtype.str for item in found[:3]] == ["<i4", "|u1", "|u1"]
    assert found[3] == 0.5
    with pytest.raises(ValueError, match="32 bits"):
        pack(np.array([1 << 40]))


def test_a_number_that_is_not_finite_is_null_beside_the_arrays() -> None:
    assert unpack(pack([float("nan"), float("inf"), np.float64("nan")])) == [None, None, None]


def test_arrays_lie_at_multiples_of_their_size_as_typed_arrays_demand() -> None:
    message = pack(
        [np.zeros(3, np.uint8), np.array([1.0]), np.zeros(1, np.float32), np.array([2.0])]
    )
    length = int.from_bytes(message[:4], "little")
    assert (4 + length) % 8 == 0
    assert message[4 + length + 8 :][:8] == np.array([1.0]).tobytes()
    assert message[4 + length + 24 :][:8] == np.array([2.0]).tobytes()


WRONG = {
    "nothing": b"",
    "three bytes": b"abc",
    "a length beyond the end": b"\xff\xff\xff\x7f{}",
    "a length beyond the end by one": header(1)[:-1],
    "a header that is too long": (1 << 21).to_bytes(4, "little") + b" " * (1 << 21),
    "no JSON": b"\x04\0\0\0nope",
    "no UTF-8": b"\x04\0\0\0\xff\xfe\xff\xfe",
    "a list": b"\x02\0\0\0[]",
    "no arrays": b"\x0b\0\0\0" + b'{"value":1}',
    "not a number": b"\x1a\0\0\0" + b'{"value":NaN, "arrays":[]}',
    "an unknown type": header({"$": 0}, [["|O", [1]]]),
    "a negative size": header({"$": 0}, [["<f4", [-1]]]),
    "a size that is a word": header({"$": 0}, [["<f4", ["1"]]]),
    "a size that is huge": header({"$": 0}, [["<f4", [1 << 62]]]),
    "sizes that are huge": header({"$": 0}, [["<f4", [30, 30, 30, 30, 30]]]),
    "an array that is not there": header({"$": 0}),
    "an array before the first": header({"$": -1}, [["<f4", [0]]]),
    "an array by a word": header({"$": "0"}, [["<f4", [0]]]),
    "an array that is cut off": header({"$": 0}, [["<f8", [2]]]) + b"12345678",
    "nested too deeply": header(json.loads("[" * 30 + "]" * 30)),
    "nested beyond all bounds": (200_008).to_bytes(4, "little") + b"[" * 200_008,
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_message_is_refused(what: str) -> None:
    with pytest.raises(MessageError):
        unpack(WRONG[what])


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_any_change_of_a_message_is_refused_or_understood(
    piece: bytes, begin: int, end: int
) -> None:
    message = pack({"index": 3, "x": np.arange(4.0), "word": "seven"})
    changed = message[:begin] + piece + message[max(begin, end) :]
    try:
        found = unpack(changed)
    except MessageError:
        return
    assert pack(unpack(pack(found))) == pack(found)
