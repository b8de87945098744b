"""Streams of tables: Parquet, CSV, Arrow and HDF5, compared with their rows in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3001, 3)).astype(np.float32)
y = X[:, 0] - X[:, 2]
HOW: dict[str, Any] = {"epochs": 1, "batch_size": 64, "shuffle": False}


def trained(*data: Any) -> fastnn.MLP:
    net = fastnn.MLP([3, 8, 1], seed=1)
    net.fit(*data, **HOW)
    return net


def table(begin: int = 0, end: int = len(X)) -> Any:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    part = X[begin:end]
    return pa.table({"a": part[:, 0], "t": y[begin:end], "b": part[:, 1], "c": part[:, 2]})


def parquet(folder: Path) -> str:
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    for i, begin in enumerate((0, 1000, 2000)):
        end = begin + 1000 if i < 2 else len(X)
        pq.write_table(table(begin, end), folder / f"{i}.parquet", row_group_size=300)
    return str(folder / "*.parquet")


def test_row_groups_of_parquet_files_train_to_the_bits_of_their_rows(tmp_path: Path) -> None:
    net = trained(fastnn.stream(parquet(tmp_path), "t", buffer=500))
    assert (net.params == trained(X, y).params).all()
    assert net.feature_names == ("a", "b", "c")


def test_arrow_tables_and_datasets_train_to_the_bits_of_their_rows(tmp_path: Path) -> None:
    ds = pytest.importorskip("pyarrow.dataset", reason="needs pyarrow")
    wanted = trained(X, y).params
    assert (trained(fastnn.stream(table(), "t")).params == wanted).all()
    parquet(tmp_path)
    assert (trained(fastnn.stream(ds.dataset(tmp_path), "t")).params == wanted).all()


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    given = fastnn.stream(parquet(tmp_path), "t", columns=["c", "a"], weight="b")
    assert given.feature_names == ("c", "a")
    piece = next(given.pieces())
    assert (X[:300, [2, 0]] == piece.X).all()
    assert (piece.weight == X[:300, 1]).all()


def test_a_bad_value_names_the_file_the_row_group_the_row_and_the_column(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    a = X[:900].copy()
    a[707, 1] = np.nan
    names = {name: a[:, j] for j, name in enumerate("abc")}
    pq.write_table(pa.table({**names, "t": y[:900]}), tmp_path / "p.parquet", row_group_size=300)
    message = r"X of .*p\.parquet, row group 2 holds nan at row 107, column 'b'"
    with pytest.raises(ValueError, match=message):
        trained(fastnn.stream(tmp_path / "p.parquet", "t"))


def test_a_file_that_lacks_a_column_is_refused_by_name(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    given = parquet(tmp_path)
    pq.write_table(table().drop_columns(["b"]), tmp_path / "3.parquet")
    with pytest.raises(ValueError, match=r"3\.parquet lacks the column 'b'; it has a, t, c"):
        fastnn.stream(given, "t")


def test_a_column_of_words_is_refused_by_name(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    given = pa.table({"a": [1.0, 2.0], "b": ["x", "y"], "t": [0.0, 1.0]})
    with pytest.raises(TypeError, match=r"the column 'b' of the table, block 0 .* holds string"):
        fastnn.MLP([2, 1]).standardize(fastnn.stream(given, "t"))


def test_csv_files_are_read_piece_by_piece(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    rows = np.column_stack([X, y]).astype(float)
    for i, part in enumerate(np.split(rows, [1000])):
        np.savetxt(tmp_path / f"{i}.csv", part, delimiter=",", header="a,b,c,t", comments="",
                   fmt="%.17g")  # fmt: skip
    net = trained(fastnn.stream(str(tmp_path / "*.csv"), "t"))
    assert (net.params == trained(X.astype(float), y.astype(float)).params).all()
    with open(tmp_path / "1.csv", "a") as file:
        file.write("1,word,3,4\n")
    with pytest.raises(ValueError, match=r"1\.csv, block \d+.*word"):
        trained(fastnn.stream(str(tmp_path / "*.csv"), "t"))


def test_data_sets_of_hdf5_train_to_the_bits_of_their_rows(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"], file["t"] = X, y
    net = trained(fastnn.stream(tmp_path / "d.h5", "t", columns="x"))
    assert (net.params == trained(X, y).params).all()
    with pytest.raises(ValueError, match="lacks the data set 'z'"):
        fastnn.stream(tmp_path / "d.h5", "z", columns="x")


def test_numbers_of_parquet_files_are_read_without_pandas(tmp_path: Path) -> None:
    code = (
        "import fastnn, sys; s = fastnn.stream(sys.argv[1], 't'); "
        "fastnn.MLP([3, 1]).fit(s, epochs=1); assert 'pandas' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, parquet(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_npy_files_that_have_no_rows_side_by_side_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.asfortranarray(X))
    with pytest.raises(ValueError, match=r"f\.npy is in Fortran order"):
        fastnn.stream(tmp_path / "f.npy", y)
    np.save(tmp_path / "o.npy", np.array([["a", None]], object))
    with pytest.raises(ValueError, match="Python objects"):
        fastnn.stream(tmp_path / "o.npy", y)
