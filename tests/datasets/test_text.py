"""The pass over the bytes of a text finds what reading cell by cell would find."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from dataset_files import csv_file, one_sentence

from fastnn.datasets import frames, text

pandas = pytest.importorskip("pandas")

CELLS = ("1", "2.5", "", "NA", "x", " y", "a b", '"q"', '"a,b"', '"a""b"', '"a\nb"', '5"', 'a "b"')


def table(rng: random.Random) -> str:
    width = rng.randrange(2, 5)
    cells = CELLS if rng.randrange(3) else CELLS[:5]
    rows = [[rng.choice(cells) for _ in range(width)] for _ in range(rng.randrange(1, 9))]
    for row in rows:
        if rng.randrange(12) == 0:
            del row[-1]
        elif rng.randrange(3) == 0:
            row[-1] = ""
    separator = rng.choice((",", ",", ";", "\t", "  "))
    if separator == "  ":
        rows = [[cell or "NA" for cell in row] for row in rows]
    lines = [separator.join(row) for row in rows]
    if rng.randrange(2):
        lines[:0] = [separator.join("abcdef"[: width - (rng.randrange(9) == 0)])]
    if rng.randrange(9) == 0:
        lines[:0] = ["# a, comment"]
    mark = "\ufeff" * (rng.randrange(9) == 0)
    return mark + rng.choice(("\n", "\n", "\r\n", "\n\n")).join(lines) + "\n" * rng.randrange(2)


def found(path: Path) -> object:
    try:
        read = frames.read_frame(path)
    except ValueError as error:
        return str(error)
    return read.frame.to_json(), [str(dtype) for dtype in read.frame.dtypes], read.notes


@pytest.mark.parametrize("block", [5, 1 << 17])
def test_counting_separators_finds_the_short_rows_that_a_reader_of_each_cell_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(text, "_BLOCK", block)
    rng = random.Random(block)
    refused = 0
    for _ in range(200):
        path = csv_file(tmp_path, table(rng))
        fast = found(path)
        with monkeypatch.context() as patch:  # every table goes through the readers of each cell
            nothing = text.Survey(0, quoted=True, padded=True)
            patch.setattr(frames, "survey", lambda *_, nothing=nothing: nothing)
            patch.setattr(frames, "has_short_rows", lambda *_: True)
            assert fast == found(path), path.read_text("utf-8")
        refused += "in the rows above, and found" in str(fast)
    assert refused > 10


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,"x,y",3\n4,5\n', 3),  # a separator in quotes does not stand for the one that lacks
        ('1,"x\ny",\n4,"5"\n', 4),
        ('1,5",\n4,5\n', 3),  # a quote that does not enclose a cell
        ("1,2,\n" * 100_000 + "4,5\n", 100_002),
        ('"1",2,\n' * 100_000 + "4,5\n", 100_002),
    ],
)
def test_a_short_row_is_named_wherever_it_stands(tmp_path: Path, rows: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"line {line}: expected 3 columns") as error:
        frames.read_frame(csv_file(tmp_path, "a,b,c\n" + rows))
    assert "and found 2" in one_sentence(error)


def test_a_header_without_a_name_for_the_first_column_is_not_a_short_row(tmp_path: Path) -> None:
    read = frames.read_frame(csv_file(tmp_path, 'a,b\n"r1",1,2\n"r2",3,\n'))
    assert read.frame["a"].tolist() == [1, 3] and read.frame["b"].isna().tolist() == [False, True]
    assert any("names the rows" in note for note in read.notes)


def test_a_row_of_many_more_cells_than_the_header_is_refused_and_separators_at_its_end_are_not(
    tmp_path: Path,
) -> None:
    read = frames.read_frame(csv_file(tmp_path, "a,b\n1,2,,,\n3,4,,,\n"))
    assert read.frame.to_numpy().tolist() == [[1, 2], [3, 4]]
    for more in (2, 60_000):  # pandas would take milliseconds for each of them
        for first, line in (("1,2", 3), ("1," * more + "5,6", 2)):
            path = csv_file(tmp_path, f"a,b\n{first},,,\n{'1,' * more}5,6\n")
            with pytest.raises(ValueError, match=rf"line {line}: expected") as error:
                frames.read_frame(path)
            assert "and found" in one_sentence(error)


def test_a_blank_before_a_cell_far_below_does_not_belong_to_it(tmp_path: Path) -> None:
    rows = "red,1,0\n" * 100_000
    read = frames.read_frame(csv_file(tmp_path, f'a,b,c\n{rows} "blue", NA, 1\n'))
    assert read.frame.iloc[-1].fillna("gap").tolist() == ["blue", "gap", 1]


def test_years_in_a_row_beside_text_are_a_header(tmp_path: Path) -> None:
    years = "country,1960,1961,1962,1963,1964\nAruba,4.8,4.6,4.4,4.2,4\nBenin,6.2,6.2,6.3,6.3,6.4\n"
    read = frames.read_frame(csv_file(tmp_path, years))
    assert read.headed and list(read.frame.columns)[:2] == ["country", "1960"]
    for rows in (  # a word that recurs, no word, no run, few numbers
        "a,1,2,3,4,5\na,3,1,2,5,4\nb,1,1,2,2,3\n",
        "1,2,3,4,5\n3,1,2,5,4\n",
        "a,1,2,3,5,8\nb,3,1,2,5,4\n",
        "a,1,2,3,4\nb,3,1,2,5\n",
    ):
        assert not frames.read_frame(csv_file(tmp_path, rows)).headed


@pytest.mark.parametrize("packed", [False, True])
def test_parts_of_a_file_that_differ_in_their_types_are_read_again_as_one(
    tmp_path: Path, packed: bool
) -> None:
    rows = "".join(f"{i},True,0.5,\n" for i in range(400_000))
    content = f"a,b,c,d\n{rows}7th,no,x,y\n".encode()  # 6 MB: pandas reads parts of it
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    frame = frames.read_frame(path).frame
    assert frame.iloc[0, :3].tolist() == ["0", "True", "0.5"]
    assert frame.iloc[-1].tolist() == ["7th", "no", "x", "y"]
    assert frame["d"].isna().sum() == 400_000


def test_text_is_read_whatever_packing_its_name_claims(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "a,b\n1,2\n", "t.csv.gz")
    assert frames.read_frame(path).frame.to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize("sign", ["0", "\t", " ", "'", "+", "1 1:1 "])
def test_a_sign_repeated_a_hundred_thousand_times_takes_no_time_that_grows_with_the_square(
    tmp_path: Path, sign: str
) -> None:
    # Minutes, if an expression tried each beginning of the run with each of its ends.
    text = f"a,b\n1,2{sign * 100_000}x\n2,{sign * 60_000}\n"
    assert found(csv_file(tmp_path, text)) and found(csv_file(tmp_path, sign * 100_000 + "x"))
