"""Measure LevenbergMarquardt beside one on JAX's Jacobian, and LBFGS beside SciPy by hand.

    python benchmarks/second_order.py [--rounds 5] [--quick]

The borehole function (8 inputs) in float64, tanh, one thread; each side a process of its own, in
turns. Levenberg-Marquardt: 8-12-8-1, 221 parameters, 600 rows, 150 iterations; the peer's damping
is divided and multiplied by 10, its linear algebra is NumPy's, too. L-BFGS: 8-32-32-1, 2,000 rows,
300 iterations; the peer's function asks the network for `cost` and for `gradient`. CPU seconds;
those of JAX with and without compiling.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

SIDES = ("fastnn LM", "JAX LM", "fastnn LBFGS", "SciPy by hand")
_LOW = np.array([0.05, 100, 63070, 990, 63.1, 700, 1120, 9855])
_HIGH = np.array([0.15, 50000, 115600, 1110, 116, 820, 1680, 12045])

Array = np.ndarray[Any, Any]


def borehole(n: int) -> tuple[Array, Array]:
    """Return n rows of inputs, standardized, and the flow (n,), standardized."""
    X = np.random.default_rng(0).uniform(_LOW, _HIGH, (n, 8))
    rw, r, Tu, Hu, Tl, Hl, L, Kw = X.T
    log = np.log(r / rw)
    y = 2 * np.pi * Tu * (Hu - Hl) / (log * (1 + 2 * L * Tu / (log * rw**2 * Kw) + Tu / Tl))
    return (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()


def network(sizes: list[int], seed: int) -> Any:
    """Return the network that all sides start from."""
    import fastnn

    fastnn.set_num_threads(1)
    return fastnn.MLP(sizes, activation="tanh", dtype="float64", seed=seed)


def fastnn_lm(seed: int, iterations: int) -> dict[str, float]:
    """Train by `fit`."""
    import fastnn

    X, y = borehole(600)
    net = network([8, 12, 8, 1], seed)
    began = time.process_time()
    net.fit(X, y, epochs=iterations, optimizer=fastnn.LevenbergMarquardt(tol=0))
    return {"seconds": time.process_time() - began, "mse": net.cost(X, y)}


def jax_lm(seed: int, iterations: int) -> dict[str, float]:
    """Train by Levenberg-Marquardt as one writes it in JAX: a gradient a row, compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    X, y = borehole(600)
    sizes = [8, 12, 8, 1]
    p = network(sizes, seed).params.copy()

    def residual(p: Any, x: Any, t: Any) -> Any:
        at = 0
        for l, (a, b) in enumerate(pairwise(sizes)):
            x = x @ p[at : at + a * b].reshape(a, b) + p[at + a * b : at + a * b + b]
            x = jnp.tanh(x) if l < 2 else x
            at += a * b + b
        return x[0] - t

    began = time.process_time()
    both = jax.jit(lambda p: jax.vmap(jax.value_and_grad(residual), (None, 0, 0))(p, X, y))
    cost = jax.jit(lambda p: (jax.vmap(residual, (None, 0, 0))(p, X, y) ** 2).sum())
    both(p)[0].block_until_ready(), cost(p).block_until_ready()
    compiling = time.process_time() - began
    mu = 1e-2
    for _ in range(iterations):
        r, J = map(np.asarray, both(p))
        A, g, now = J.T @ J, J.T @ r, r @ r
        while mu < 1e10:
            step = np.linalg.solve(A + mu * np.eye(len(p)), -g)
            if float(cost(p + step)) < now:
                p, mu = p + step, max(mu / 10, 1e-12)
                break
            mu *= 10
    seconds = time.process_time() - began
    return {"seconds": seconds, "compiling": compiling, "mse": float(cost(p)) / len(X)}


def fastnn_lbfgs(seed: int, iterations: int) -> dict[str, float]:
    """Train by `fit`."""
    import fastnn

    X, y = borehole(2000)
    net = network([8, 32, 32, 1], seed)
    fastnn.MLP([8, 1]).fit(X, y, epochs=1, optimizer=fastnn.LBFGS())  # SciPy is imported
    began = time.process_time()
    net.fit(X, y, epochs=iterations, optimizer=fastnn.LBFGS(history_size=20, tol=0))
    return {"seconds": time.process_time() - began, "mse": net.cost(X, y)}


def scipy_by_hand(seed: int, iterations: int) -> dict[str, float]:
    """Train by SciPy's minimize, over `cost` and `gradient`."""
    from scipy.optimize import minimize

    X, y = borehole(2000)
    net = network([8, 32, 32, 1], seed)

    def cost_and_gradient(p: Array) -> tuple[float, Array]:
        net.params = p
        return net.cost(X, y), net.gradient(X, y).flat

    options = {"maxiter": iterations, "maxfun": 10**6, "maxcor": 20, "ftol": 0, "gtol": 0}
    began = time.process_time()
    result = minimize(
        cost_and_gradient, net.params.copy(), jac=True, method="L-BFGS-B", options=options
    )
    return {"seconds": time.process_time() - began, "mse": float(result.fun)}


_RUNS = dict(zip(SIDES, (fastnn_lm, jax_lm, fastnn_lbfgs, scipy_by_hand), strict=True))


def play(side: str, seed: int, quick: bool) -> dict[str, float]:
    """Run one side once, in a separate process."""
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    flags = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, "--seed", str(seed), *["--quick"] * quick],
        env=os.environ | one | flags,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few iterations: does it run?")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        iterations = 5 if args.quick else 150 if args.side.endswith("LM") else 300
        print(json.dumps(_RUNS[args.side](args.seed, iterations)))
        return 0
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for seed in range(2 if args.quick else args.rounds):
        for side in SIDES:
            found[side].append(play(side, seed, args.quick))
    for side, figures in found.items():
        seconds, mse = (median(f[name] for f in figures) for name in ("seconds", "mse"))
        print(f"{side:14} {seconds:.3f} s, mse {mse:.2e}")
    for ours, peer in (SIDES[:2], SIDES[2:]):
        pairs = list(zip(found[ours], found[peer], strict=True))
        ratios = sorted(b["seconds"] / a["seconds"] for a, b in pairs)
        text = f"{peer} / {ours}: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        bare = [(b["seconds"] - b.get("compiling", 0)) / a["seconds"] for a, b in pairs]
        print(text + f", without compiling {median(bare):.2f}" * ("LM" in peer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
