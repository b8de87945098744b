"""Arguments that the extension module refuses even if the layer above accepts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import Core

from fastnn import _fastnn

X = np.zeros((6, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda: _fastnn.Rows(None),
        lambda: _fastnn.Targets(None, None, None, 0, 6, 1),
        lambda: _fastnn.Rows(X, scaling=np.zeros(X.shape[1])),
        lambda: _fastnn.Scaling(None, np.ones(3)),
        lambda: _fastnn.Rows(X.astype(X.dtype.newbyteorder())),
        lambda: _fastnn.Rows(np.arange(6.0)[::-2], (2, 3), *np.zeros((2, 3), np.int32)),
        lambda: _fastnn.Rows(np.ones(2), (1, 3), np.zeros(2), np.array([0.0, 2.0])),
    ],
)
def test_what_is_missing_or_of_another_kind_is_refused(call: Any) -> None:
    with pytest.raises(TypeError, match=r"."):
        call()


@pytest.mark.parametrize("indices", [[7], [-1], [3]])
def test_columns_that_a_csr_matrix_does_not_have_are_refused(indices: list[int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        _fastnn.Rows(np.ones(1), (1, 3), np.array(indices, np.int32), np.array([0, 1], np.int32))


def test_labels_that_change_after_they_were_checked_change_nothing() -> None:
    core, labels = Core([3, 2]), np.zeros(6, np.int64)
    targets = _fastnn.Targets(labels, None, None, 0, 6, 2)
    before = core.cost(X[:, :3], targets)[0]
    labels[:] = 10**9
    np.testing.assert_array_equal(core.cost(X[:, :3], targets)[0], before)


def test_a_network_that_is_made_twice_is_still_one() -> None:
    net = Core([3, 2]).net
    net.params[:] = 1
    net.__init__([3, 2], [0], [0.0], 0, 0.0, np.float64)
    assert (net.params == 1).all()


@pytest.mark.parametrize("threads", [0, -3])
def test_no_threads_at_all_are_refused(threads: int) -> None:
    core = Core([3, 1])
    with pytest.raises(ValueError, match="refused"):
        core.forward(X, threads=threads)
