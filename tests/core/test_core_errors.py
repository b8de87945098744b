"""Arguments that the extension module refuses; a refusal leaves the network unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers import ADAM, RMSPROP, SGD, Core, random_case
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import _fastnn
from fastnn.names import ACTIVATIONS, LOSSES

IDENTITY, SOFTMAX, EXP = (ACTIVATIONS.index(name) for name in ("identity", "softmax", "exp"))
LARGEST = 2**31 - 1  # of a width


def net(**changes: Any) -> _fastnn.Net:
    """A 3-4-2 network, but for what is changed."""
    spec: dict[str, Any] = {
        "sizes": [3, 4, 2],
        "activation": [IDENTITY, IDENTITY],
        "dropout": [0.0, 0.0],
        "loss": 0,
        "loss_param": 0.0,
        "dtype": np.float64,
    }
    return _fastnn.Net(*(spec | changes).values())


# --- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"sizes": [3, 4, 0]},
        {"sizes": [0, 4, 2]},
        {"sizes": [3, -4, 2]},
        {"sizes": [3, LARGEST + 1, 2]},
        {"sizes": [3, 4]},
        {"sizes": [3, 4, 5, 2]},
        {"sizes": [3], "activation": [], "dropout": []},
        {"activation": [IDENTITY]},
        {"activation": [SOFTMAX, IDENTITY]},
        {"activation": [EXP, IDENTITY]},
        {"activation": [IDENTITY, len(ACTIVATIONS)]},
        {"activation": [-1, IDENTITY]},
        {"loss": len(LOSSES)},
        {"loss": -1},
        {"dropout": [1.0, 0.0]},
        {"dropout": [-0.1, 0.0]},
        {"dropout": [np.nan, 0.0]},
        {"dropout": [0.0, 0.5]},
        {"dropout": [0.0]},
    ],
    ids=str,
)
def test_a_network_that_makes_no_sense_is_a_value_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        net(**changes)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.longdouble, np.complex128])
def test_a_network_of_another_type_is_a_type_error(dtype: Any) -> None:
    with pytest.raises(TypeError, match="float32, float64"):
        net(dtype=dtype)


def test_a_network_of_bytes_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="refused"):
        net(dtype=np.uint8)


@pytest.mark.parametrize(
    "sizes", [[LARGEST, LARGEST, LARGEST], [LARGEST, LARGEST, 1], [1, LARGEST, LARGEST]]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sizes_whose_product_overflows_are_a_memory_error(sizes: list[int], dtype: Any) -> None:
    with pytest.raises(MemoryError, match="memory"):
        net(sizes=sizes, dtype=dtype)


def test_many_wide_layers_whose_sum_overflows_are_a_memory_error() -> None:
    n = 10
    with pytest.raises(MemoryError, match="memory"):
        net(sizes=[LARGEST] * (n + 1), activation=[IDENTITY] * n, dropout=[0.0] * n)


@pytest.mark.parametrize("name", ["", "sse", "AVX2", "avx512 "])
def test_an_instruction_set_that_is_not_there_is_refused_and_changes_nothing(name: str) -> None:
    before = _fastnn.isa()
    with pytest.raises(ValueError, match="instruction set"):
        _fastnn.choose_isa(name)
    assert _fastnn.isa() == before


def test_none_chooses_the_best_instruction_set(isa: str) -> None:
    assert _fastnn.isa() == isa
    assert _fastnn.choose_isa(None) == _fastnn.available_isas()[0]
    assert _fastnn.available_isas()[-1] == "base"


# --- rows, targets, optimisers ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int64, np.bool_, np.longdouble])
def test_rows_of_another_type_are_a_type_error(dtype: Any) -> None:
    with pytest.raises(TypeError, match="float32, float64 and uint8"):
        _fastnn.Rows(np.zeros((2, 3), dtype))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 1)])
def test_rows_that_are_no_matrix_are_a_value_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2-D"):
        _fastnn.Rows(np.zeros(shape))


CSR = {"data": np.ones(2), "indices": np.array([0, 2]), "indptr": np.array([0, 1, 2])}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"data": np.ones(2, np.int16)}, TypeError),
        (
            {"indices": np.array([0, 2], np.uint16), "indptr": np.array([0, 1, 2], np.int32)},
            TypeError,
        ),
        ({"indices": np.array([0, 2], np.int32)}, TypeError),  # of another type than indptr
        ({"indptr": np.array([0, 1])}, ValueError),
        ({"indptr": np.array([0, 1, 2, 2])}, ValueError),
        ({"indices": np.array([0, 1, 2])[::2]}, TypeError),  # not contiguous
    ],
)
def test_csr_arrays_that_do_not_fit_are_refused(changes: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _fastnn.Rows(shape=(2, 3), **(CSR | changes))


@pytest.mark.parametrize(
    ("shift", "error"),
    [
        (np.zeros(2), ValueError),
        (np.zeros((3, 2))[:, 0], TypeError),
        (np.zeros(3, np.float32), TypeError),
    ],
)
def test_shifts_that_do_not_fit_are_refused(shift: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _fastnn.Rows(np.zeros((2, 3)), scaling=_fastnn.Scaling(shift, shift))


@pytest.mark.parametrize(
    ("labels", "n_out", "error"),
    [
        (np.array([0, 3]), 3, ValueError),
        (np.array([0, -1]), 3, ValueError),
        (np.array([0, 2]), 1, ValueError),  # of one output: 0 or 1
        (np.array([0, 1, 2]), 3, ValueError),  # three labels for two rows
        (np.array([0, 1], np.int32), 3, TypeError),
        (np.array([0.0, 1.0]), 3, TypeError),
        (np.array([0, 1, 2])[::2], 3, TypeError),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    labels: Any, n_out: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _fastnn.Targets(labels, None, None, 0, 2, n_out)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.zeros((2, 2)), ValueError),
        (np.zeros((3, 3)), ValueError),
        (np.zeros((3, 2)).T, TypeError),
        (np.zeros((2, 6))[:, ::2], TypeError),
    ],
)
def test_values_that_do_not_fit_are_refused(values: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _fastnn.Targets(None, values, None, 0, 2, 3)


@pytest.mark.parametrize(
    ("weight", "error"),
    [(np.ones(3), ValueError), (np.ones(2, np.float32), TypeError), (np.ones(4)[::2], TypeError)],
)
def test_weights_that_do_not_fit_are_refused(weight: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _fastnn.Targets(None, np.zeros((2, 3)), weight, 0, 2, 3)


def frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("kind", "m", "v", "error"),
    [
        (ADAM, None, None, ValueError),
        (ADAM, np.zeros(26), None, ValueError),
        (ADAM, None, np.zeros(26), ValueError),
        (RMSPROP, np.zeros(26), None, ValueError),
        (ADAM, np.zeros(26), np.zeros(25), ValueError),
        (ADAM, frozen(np.zeros(26)), np.zeros(26), ValueError),
        (RMSPROP, None, frozen(np.zeros(26)), ValueError),
        (SGD, frozen(np.zeros(26)), None, ValueError),
        (SGD, np.zeros(52)[::2], None, TypeError),
    ],
)
def test_moments_that_do_not_fit_each_other_are_refused(
    kind: int, m: Any, v: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _fastnn.Optimiser(kind, m, v)


# --- calls --------------------------------------------------------------------------------------


@pytest.fixture
def core() -> Iterator[Core]:
    """A 3-4-2 network of 26 parameters, which must come out of the test as it went in."""
    core = Core([3, 4, 2], activation="tanh")
    random_case(core, 1)
    before = core.net.params.copy()
    yield core
    assert_array_equal(core.net.params, before)


def train(core: Core, **changes: Any) -> Any:
    """One epoch over six rows by twos, but for what is changed."""
    run: dict[str, Any] = {
        "X": _fastnn.Rows(np.zeros((6, 3))),
        "y": _fastnn.Targets(None, np.zeros((6, 2)), None, 0, 6, 2),
        "optimiser": _fastnn.Optimiser(SGD, None, None),
        "order": None,
        "batch_size": 2,
        "rates": np.full(3, 0.1),
        "step": 0,
        "dropout_seed": 0,
        "n_threads": 1,
    }
    return core.net.train(**(run | changes))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"X": _fastnn.Rows(np.zeros((6, 4)))}, ValueError),
        ({"X": _fastnn.Rows(np.zeros((5, 3)))}, ValueError),
        ({"X": np.zeros((6, 3))}, TypeError),
        ({"X": None}, TypeError),
        ({"y": _fastnn.Targets(None, np.zeros((6, 2), "f"), None, 0, 6, 2)}, TypeError),
        ({"y": _fastnn.Targets(None, np.zeros((5, 2)), None, 0, 5, 2)}, ValueError),
        ({"y": None}, TypeError),
        ({"optimiser": _fastnn.Optimiser(SGD, np.zeros(25), None, momentum=0.9)}, ValueError),
        ({"optimiser": _fastnn.Optimiser(SGD, np.zeros(26, "f"), None)}, TypeError),
        ({"optimiser": _fastnn.Optimiser(ADAM, np.zeros(27), np.zeros(27))}, ValueError),
        ({"optimiser": _fastnn.Optimiser(3, np.zeros(26), np.zeros(26))}, ValueError),
        ({"optimiser": _fastnn.Optimiser(-1, np.zeros(26), np.zeros(26))}, ValueError),
        ({"optimiser": None}, TypeError),
        ({"order": np.array([0, 1, 6, 2, 3, 4])}, IndexError),
        ({"order": np.array([0, 1, -1, 2, 3, 4])}, IndexError),
        ({"order": np.arange(6, dtype=np.int32)}, TypeError),
        ({"order": np.arange(12)[::2]}, TypeError),
        ({"batch_size": 0}, ValueError),
        ({"batch_size": -2}, ValueError),
        ({"rates": np.full(2, 0.1)}, ValueError),
        ({"rates": np.full(4, 0.1)}, ValueError),
        ({"rates": np.full(3, 0.1, "f")}, TypeError),
        ({"rates": None}, TypeError),
        ({"dropout_seed": -1}, OverflowError),
        ({"dropout_seed": 2**64}, OverflowError),
    ],
)
def test_training_refuses_what_does_not_fit(
    core: Core, changes: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        train(core, **changes)


def test_a_batch_size_beyond_the_rows_takes_no_memory_for_them(core: Core) -> None:
    result = train(core, batch_size=2**62, rates=np.array([0.0]))
    assert result[3:] == (6, 1, True)


X, Y = np.zeros((6, 3)), _fastnn.Targets(None, np.zeros((6, 2)), None, 0, 6, 2)


@pytest.mark.parametrize("rows", [(-1, 3), (0, 7), (4, 3)])
def test_rows_out_of_range_are_refused(core: Core, rows: tuple[int, int]) -> None:
    begin, end = rows
    with pytest.raises(ValueError, match=r"."):
        core.net.forward(_fastnn.Rows(X), begin, end, [None, None, None], 1)
    with pytest.raises(ValueError, match=r"."):
        core.net.cost(_fastnn.Rows(X), Y, begin, end, None, 1)
    with pytest.raises(ValueError, match=r"."):
        core.net.backward(_fastnn.Rows(X), Y, begin, end, np.zeros(26), None, None, None, 1)


@pytest.mark.parametrize(
    ("out", "error"),
    [
        ([None, None], ValueError),
        ([None, None, None, None], ValueError),
        ([None, None, np.zeros((6, 3))], ValueError),
        ([None, np.zeros((5, 4)), None], ValueError),
        ([None, None, np.zeros((6, 2), "f")], TypeError),
        ([None, None, np.zeros((2, 6)).T], TypeError),
        ([None, None, frozen(np.zeros((6, 2)))], ValueError),
        ([None, None, [[0.0] * 2] * 6], TypeError),
        ((None, None, None), TypeError),
    ],
)
def test_arrays_for_the_activations_have_to_fit(
    core: Core, out: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        core.net.forward(_fastnn.Rows(X), 0, 6, out, 1)


RESULTS: list[tuple[Callable[[Core, Any], Any], Any, type[Exception]]] = []
for array, error in [
    (np.zeros(5), ValueError),
    (np.zeros(6, "f"), TypeError),
    (np.zeros(12)[::2], TypeError),
    (frozen(np.zeros(6)), ValueError),
]:
    RESULTS.append((lambda c, a: c.net.cost(_fastnn.Rows(X), Y, 0, 6, a, 1), array, error))
for array, error in [
    (np.zeros(25), ValueError),
    (np.zeros(26, "f"), TypeError),
    (frozen(np.zeros(26)), ValueError),
]:
    RESULTS.append(
        (
            lambda c, a: c.net.backward(_fastnn.Rows(X), Y, 0, 6, a, None, None, None, 1),
            array,
            error,
        )
    )
for array, error in [
    (np.zeros((5, 26)), ValueError),
    (np.zeros((6, 26), "f"), TypeError),
    (np.zeros((26, 6)).T, TypeError),
]:
    RESULTS.append(
        (
            lambda c, a: c.net.backward(_fastnn.Rows(X), Y, 0, 6, None, a, None, None, 1),
            array,
            error,
        )
    )


@pytest.mark.parametrize(("call", "array", "error"), RESULTS)
def test_arrays_for_results_have_to_fit(
    core: Core, call: Callable[[Core, Any], Any], array: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        call(core, array)


def test_a_weighted_gradient_is_summed_or_of_each_example_not_both_and_one_is_wanted(
    core: Core,
) -> None:
    weighted = core.targets(np.zeros((6, 2)), np.ones(6))
    both = np.zeros(26), np.zeros((6, 26))
    for targets, total, each in ((weighted, *both), (Y, None, None)):
        with pytest.raises(ValueError, match="refused"):
            core.net.backward(_fastnn.Rows(X), targets, 0, 6, total, each, None, None, 1)
    core.net.backward(_fastnn.Rows(X), Y, 0, 6, *both, None, None, 1)
    assert_allclose(both[0], both[1].sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("labels", [False, True])
def test_targets_of_another_number_of_outputs_are_refused(labels: bool) -> None:
    of_two = _fastnn.Targets(np.zeros(6, np.int64), None, None, 0, 6, 2) if labels else Y
    with pytest.raises(ValueError, match="y is for"):
        Core([3, 1]).net.cost(_fastnn.Rows(X), of_two, 0, 6, None, 1)
