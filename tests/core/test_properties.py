"""Random networks: gradients are slopes of the cost, steps are the twin's, products add up.

Hypothesis draws networks of every depth, width, activation, loss and dropout, of every instruction
set. Each test sees 500, always the same; `pytest --hypothesis-profile=long` 20,000 new ones.

A cost with kinks has no slope there. Its central difference is compared only where all that bends
stays on its side: where each z of a relu, leaky_relu or elu, and each a − y of a loss that bends,
is farther from its kink than the difference moves it, twice over. The others are passed over,
never excused by a wider tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Array, Core
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fastnn import _fastnn

any_number = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

KINKED = ("relu", "leaky_relu", "elu")  # elu: f'' jumps, an error of h²/4 in a difference
WITHIN = 1e-6  # of a central difference, for costs of 1
H = 2.0**-20  # its half step: its own error is about H² = 1e-12, and rounding gives eps / H = 2e-10


@contextmanager
def on(isa: str) -> Iterator[None]:
    before = _fastnn.isa()
    _fastnn.choose_isa(isa)
    try:
        yield
    finally:
        _fastnn.choose_isa(before)


isas = st.sampled_from(_fastnn.available_isas())
seeds = st.integers(0, 2**32 - 1)
widths = st.integers(1, 67)


@dataclass
class Case:
    """A network and examples for it, all of float64."""

    isa: str
    sizes: list[int]
    activation: list[str]
    output: str
    loss: str
    parameter: float
    dropout: list[float]
    n: int
    weighted: bool
    labels: bool
    density: float
    seed: int
    core: Core = field(init=False, repr=False)
    X: Array = field(init=False, repr=False)
    Y: Array = field(init=False, repr=False)
    weight: Array | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.core = Core(
            self.sizes,
            activation=self.activation,
            output=self.output,
            loss=self.loss,
            loss_parameter=self.parameter,
            dropout=self.dropout,
        )
        layers = []
        for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            layers += [rng.normal(size=n_in * n_out) / np.sqrt(n_in), 0.3 * rng.normal(size=n_out)]
        self.core.net.params[:] = np.concatenate(layers)
        shape = (self.n, self.sizes[0])
        self.X = np.where(rng.random(shape) < self.density, rng.normal(size=shape), 0)
        self.Y = rng.uniform(0.1, 0.9, (self.n, self.sizes[-1]))  # where every loss is defined
        if self.labels:
            self.Y = np.eye(self.sizes[-1])[rng.integers(0, self.sizes[-1], self.n)]
        self.weight = None
        if self.weighted:
            self.weight = np.where(rng.random(self.n) < 0.2, 0, rng.uniform(0.1, 3, self.n))
            self.weight[0] = 1
        self.rng = rng

    @property
    def given(self) -> Array:
        """Y as the core gets it: class numbers where it may, by turns."""
        return self.Y.argmax(axis=1) if self.labels and self.sizes[-1] > 1 else self.Y

    def rows(self) -> _fastnn.Rows:
        rows = _fastnn.Rows(self.X)
        rows.sparse = self.density < 0.5
        return rows

    @property
    def total(self) -> float:
        return self.n if self.weight is None else float(self.weight.sum())

    def cost(self, params: Array) -> float:
        """The core's C at other parameters."""
        core = self.core.net
        before = core.params.copy()
        core.params[:] = params
        _, (loss, _, _) = self.core.cost(self.rows(), self.given, self.weight)
        core.params[:] = before
        return loss / self.total

    def gradient(self) -> Array:
        return self.core.gradient(self.rows(), self.given, self.weight) / self.total

    def bends(self, params: Array, masks: Any = None) -> Array:
        """Return the signed distances of all z and a − y from the kinks of f and the loss."""
        a, z = ref.forward(
            self.sizes, params, self.X, activation=self.activation, output=self.output, masks=masks
        )
        names = [*self.activation, self.output]
        found = [z_l.ravel() for z_l, f in zip(z, names, strict=True) if f in KINKED]
        r = (a[-1] - self.Y).ravel()
        if self.loss in ("mae", "quantile"):
            found.append(r)
        if self.loss == "huber":
            found += [r - self.parameter, r + self.parameter]
        return np.concatenate(found) if found else np.empty(0)

    def is_smooth_between(self, params: Array, step: Array, masks: Any = None) -> bool:
        """Return whether there is no kink from params − step to params + step."""
        here = self.bends(params, masks)
        if here.size == 0:
            return True
        moved = np.maximum(
            np.abs(self.bends(params + step, masks) - here),
            np.abs(self.bends(params - step, masks) - here),
        )
        return bool((np.abs(here) > 2 * moved).all())


@st.composite
def cases(draw: st.DrawFn, dropout: bool = False) -> Case:
    sizes = draw(st.lists(widths, min_size=3 if dropout else 2, max_size=6))
    hidden = len(sizes) - 2
    output, loss = draw(st.sampled_from(ref.LEGAL))
    names = st.lists(st.sampled_from(ref.HIDDEN), min_size=hidden, max_size=hidden)
    rate = st.floats(0.05, 0.9) | st.just(0.0) if dropout else st.just(0.0)
    return Case(
        isa=draw(isas),
        sizes=sizes,
        activation=draw(names),
        output=output,
        loss=loss,
        parameter=draw(st.floats(0.05, 0.95)),
        dropout=draw(st.lists(rate, min_size=hidden, max_size=hidden)),
        n=draw(st.integers(1, 130)),
        weighted=draw(st.booleans()),
        labels=draw(st.booleans()) if loss != "poisson" else False,
        density=draw(st.sampled_from([1.0, 0.3, 0.1])),
        seed=draw(seeds),
    )


def directions(case: Case) -> Iterator[Array]:
    """Two parameters of each layer, a weight and a bias, and one way in which all move at once."""
    at, n_params = 0, case.core.net.params.size
    for n_in, n_out in zip(case.sizes[:-1], case.sizes[1:], strict=True):
        for first, count in ((at, n_in * n_out), (at + n_in * n_out, n_out)):
            unit = np.zeros(n_params)
            unit[first + case.rng.integers(count)] = 1
            yield unit
        at += (n_in + 1) * n_out
    every = case.rng.normal(size=n_params)
    yield every / np.linalg.norm(every)


@any_number
@given(cases())
def test_the_gradient_is_the_slope_of_the_cost(case: Case) -> None:
    with on(case.isa):
        params, gradient = case.core.exact, case.gradient()
        close = WITHIN * max(1.0, case.cost(params))
        compared = 0
        for direction in directions(case):
            if not case.is_smooth_between(params, H * direction):
                continue
            ahead, behind = case.cost(params + H * direction), case.cost(params - H * direction)
            assert abs((ahead - behind) / (2 * H) - gradient @ direction) <= close
            compared += 1
        assume(compared > 0)


@any_number
@given(
    cases(dropout=True),
    st.sampled_from([0.0, 1e-3, 0.5]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**40),
)
def test_a_step_with_dropout_and_decay_goes_down_the_masked_cost(
    case: Case, decay: float, dropout_seed: int, step: int
) -> None:
    """A step of rate 1 gives the gradient of C + λ/2 ΣW², C having the twin's masks in it."""
    masks = ref.dropout_masks(case.sizes, case.n, case.dropout, seed=dropout_seed, step=step)
    core, is_weight = case.core, ref.weight_mask(case.sizes)
    params = core.exact
    net = {**core.names, "masks": masks}

    def cost(w: Array) -> float:
        data = ref.cost(case.sizes, w, case.X, case.Y, case.weight, **net)
        return data + decay / 2 * float((w[is_weight] ** 2).sum())

    with on(case.isa):
        optimiser = ref.SGD(lr=1.0, weight_decay=decay)
        run = {"batch_size": case.n, "step": step, "dropout_seed": dropout_seed}
        *_, finite = core.train(case.rows(), case.given, optimiser, weight=case.weight, **run)
    assert finite
    taken = params - core.exact
    twin = ref.gradient(case.sizes, params, case.X, case.Y, case.weight, **net)
    twin = twin + decay * is_weight * params
    size = max(1.0, cost(params))
    # 1e-10 leaves some 10^5 roundings; a mask, a weight or a term amiss is off by far more
    assert np.abs(taken - twin).max() <= 1e-10 * max(size, np.abs(twin).max())
    way = case.rng.normal(size=params.size)
    way /= np.linalg.norm(way)
    if case.is_smooth_between(params, H * way, masks):
        slope = (cost(params + H * way) - cost(params - H * way)) / (2 * H)
        assert abs(slope - taken @ way) <= WITHIN * size


# --- products -----------------------------------------------------------------------------------

# A dot product Σ a b of k terms is within 4 √k eps Σ |a b| of the truth. Certain is k eps / 2,
# which is less up to k = 64; beyond, roundings of numbers drawn at random would all have to point
# one way. The truth is the twin's in float64, or in long double for float64: where that is no
# longer than double, the truth errs as much again. It is slow: float64 has a dozen rows looked at.
TRUTH = {np.float32: np.float64, np.float64: np.longdouble}
ROWS = {np.float32: None, np.float64: 12}


def assert_adds_up(got: Array, A: Array, B: Array, factor: float = 1.0) -> None:
    """got is factor · A B: A (m, k), B (k, n)."""
    wide, rows = TRUTH[got.dtype.type], ROWS[got.dtype.type]
    if rows and len(A) > rows:
        some = np.linspace(0, len(A) - 1, rows).astype(int)
        got, A = got[some], A[some]
    exact = factor * (A.astype(wide) @ B.astype(wide))
    sizes = abs(factor) * (np.abs(A).astype(wide) @ np.abs(B).astype(wide))
    twice = 2 if np.finfo(wide).eps == np.finfo(got.dtype).eps else 1
    bound = twice * 4 * np.sqrt(A.shape[1]) * np.finfo(got.dtype).eps * sizes
    assert (np.abs(got - exact) <= bound).all()


@any_number
@given(
    isa=isas,
    dtype=st.sampled_from(DTYPES),
    m=st.integers(1, 130),
    n=widths | st.integers(120, 140),
    k=widths | st.integers(500, 530),
    walked=st.booleans(),
    density=st.sampled_from([1.0, 0.2]),
    seed=seeds,
)
def test_products_err_by_no_more_than_four_roots_of_their_length(
    isa: str, dtype: Any, m: int, n: int, k: int, walked: bool, density: float, seed: int
) -> None:
    """nn, tn and nt, the first two dense or by the non-zeros of X.

    Each stands alone where the others are exact. With W = 0 the output is 0 and delta is −2 y: then
    dW = −2 Xᵀ Y, and a layer further down delta is −2 Y Wᵀ, which is dW there if X is 1.
    """
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((m, k)) < density, rng.normal(size=(m, k)), 0).astype(dtype)
    Y = rng.normal(size=(m, n)).astype(dtype)
    W = rng.normal(size=(k, n)).astype(dtype)
    rows = _fastnn.Rows(X)
    rows.sparse = walked
    with on(isa):
        core = Core([k, n], dtype=dtype)
        dW = core.gradient(rows, Y)[: k * n].reshape(k, n)
        core.net.params[: k * n] = W.ravel()
        out = np.empty((m, n), dtype)
        core.net.forward(rows, 0, m, [None, out], 1)
        below = Core([m, k, n], dtype=dtype)
        below.net.params[(m + 1) * k : (m + 1) * k + k * n] = W.ravel()
        delta = below.gradient(np.eye(m, dtype=dtype), Y)[: m * k].reshape(m, k)
    assert_adds_up(out, X, W)  # nn, sparse_nn
    assert_adds_up(dW, X.T, Y, -2)  # tn; sparse_tn or, where n is wide, columns_tn
    assert_adds_up(delta, Y, W.T, -2)  # nt


@pytest.mark.parametrize("kinked", [True, False])
def test_a_difference_over_a_kink_is_passed_over_and_no_other(kinked: bool) -> None:
    case = Case(
        *("base", [1, 1, 1], ["relu"], "identity", "quadratic", 0.5, [0.0], 1, False, False, 1.0),
        seed=0,
    )
    case.X[:] = 1
    params = np.array([-0.5, 0.5 if kinked else 0.6, 1.0, 0.0])  # z = w + b = 0, or 0.1
    assert case.is_smooth_between(params, H * np.eye(4)[0]) is not kinked
