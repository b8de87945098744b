"""Many small networks at once: `fit_many` and `Ensemble.predict`, loops, and `jax.vmap` of both.

    python benchmarks/many.py [--networks 1000] [--threads 1] [--rounds 3]

All train by Adam on batches of 32, in float32. JAX, if it is installed, scans over the batches of
an epoch under jit, with vmap over networks in groups of the size that is fastest; its compilation
is left out. fastnn shuffles for each network by itself, JAX in the same way for all of a group.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import fastnn

BATCH, RATE = 32, 0.01
GROUPS = (16, 64, 256)
# name, sizes, activation, rows, epochs, own rows, making the networks counted
TASKS: list[tuple[str, list[int], str, int, int, bool, bool]] = [
    ("8-8-1 relu, 4,096 rows", [8, 8, 1], "relu", 4096, 20, False, False),
    ("20-32-1 relu, 4,096 rows", [20, 32, 1], "relu", 4096, 20, False, False),
    ("20-32-1 tanh, own 500 rows, all counted", [20, 32, 1], "tanh", 500, 10, True, True),
]


def data(n_in: int, rows: int) -> tuple[Any, Any]:
    """Return inputs and a smooth target."""
    X = np.random.default_rng(0).normal(size=(rows, n_in)).astype("float32")
    return X, np.sin(X.sum(axis=1, keepdims=True))


def own_rows(k: int, n: int, rows: int) -> list[Any]:
    """Return a bootstrap of the rows for each network."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, n, rows) for _ in range(k)]


def best(rounds: int, contenders: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Return the shortest of the times that each reports; they take turns, so all meet noise."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            times[name].append(run())
    return {name: min(found) for name, found in times.items()}


def fastnn_seconds(task: tuple[Any, ...], k: int, together: bool) -> float:
    """Train k networks by fit_many or by a loop over fit."""
    _, sizes, activation, n, epochs, own, making = task
    X, y = data(sizes[0], 4096 if own else n)
    chosen = own_rows(k, len(X), n) if own else None
    optimizer = fastnn.Adam(RATE)
    began = time.perf_counter()
    nets = [fastnn.MLP(sizes, activation=activation, seed=seed) for seed in range(k)]
    if not making:
        began = time.perf_counter()
    if together:
        fastnn.fit_many(
            nets, X, y, epochs=epochs, batch_size=BATCH, optimizer=optimizer, rows=chosen
        )
    else:
        for i, net in enumerate(nets):
            data_of_net = (X, y) if chosen is None else (X[chosen[i]], y[chosen[i]])
            net.fit(*data_of_net, epochs=epochs, batch_size=BATCH, optimizer=optimizer)
    return time.perf_counter() - began


def jax_training(task: tuple[Any, ...], k: int, group: int) -> Callable[[], float]:
    """Return a function that trains k networks by vmap over groups, compiled, and its seconds."""
    import jax
    import jax.numpy as jnp

    _, sizes, activation, n, epochs, own, _ = task
    f = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]
    X, y = data(sizes[0], 4096 if own else n)
    whole = n - n % BATCH  # the last, smaller batch is left out

    def cost(p: Any, x: Any, t: Any) -> Any:
        return jnp.mean((f(x @ p[0] + p[1]) @ p[2] + p[3] - t) ** 2)

    def step(state: Any, rows: Any) -> Any:
        p, m, v, t, X, y = state
        value, g = jax.value_and_grad(cost)(p, X[rows], y[rows])
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        p = [
            w - RATE * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8)
            for w, a, b in zip(p, m, v, strict=True)
        ]
        return (p, m, v, t, X, y), value

    def epoch(state: Any, order: Any) -> Any:
        return jax.lax.scan(step, state, order)

    axes = (([0] * 4, [0] * 4, [0] * 4, 0, 0 if own else None, 0 if own else None), None)
    out = (([0] * 4, [0] * 4, [0] * 4, 0, 0 if own else None, 0 if own else None), 0)
    run = jax.jit(jax.vmap(epoch, in_axes=axes, out_axes=out))
    shapes = [(sizes[0], sizes[1]), (sizes[1],), (sizes[1], 1), (1,)]

    def train(first: int) -> None:
        rng = np.random.default_rng(first)
        p = [jnp.asarray(rng.normal(size=(group, *s)).astype("float32") * 0.3) for s in shapes]
        zeros = [jnp.zeros_like(w) for w in p]
        mine = np.stack(own_rows(group, len(X), n)) if own else None
        given = (X, y) if mine is None else (jnp.asarray(X[mine]), jnp.asarray(y[mine]))
        state = (p, zeros, zeros, jnp.zeros(group), *given)
        for _ in range(epochs):
            order = jnp.asarray(rng.permutation(n)[:whole].reshape(-1, BATCH))
            state, costs = run(state, order)
            np.asarray(costs).mean(axis=1)  # the history
        jax.block_until_ready(state)

    def seconds() -> float:
        began = time.perf_counter()
        for first in range(0, k, group):
            train(first)
        return (time.perf_counter() - began) * k / (-(-k // group) * group)

    train(0)
    return seconds


def predictions(rows: int, calls: int, with_jax: bool) -> str:
    """Return the microseconds that a prediction of 100 networks 8-8-1 takes, on some rows."""
    X, _ = data(8, rows)
    nets = [fastnn.MLP([8, 8, 1], activation="relu", seed=seed) for seed in range(100)]
    ensemble = fastnn.Ensemble(nets)

    def seconds(predict: Callable[[], Any]) -> float:
        predict()
        began = time.perf_counter()
        for _ in range(calls):
            predict()
        return (time.perf_counter() - began) / calls

    found = {
        "Ensemble.predict": lambda: ensemble.predict(X),
        "loop": lambda: [net.predict(X) for net in nets],
    }
    if with_jax:
        import jax
        import jax.numpy as jnp

        weights = [jnp.stack([net.weights[l] for net in nets]) for l in (0, 1)]
        biases = [jnp.stack([net.biases[l] for net in nets]) for l in (0, 1)]

        def one(W: Any, b: Any, x: Any) -> Any:
            return jax.nn.relu(x @ W[0] + b[0]) @ W[1] + b[1]

        mapped = jax.jit(jax.vmap(one, in_axes=(0, 0, None)))
        found["vmap"] = lambda: np.asarray(mapped(weights, biases, X))
    times = best(5, {name: partial(seconds, predict) for name, predict in found.items()})
    figures = "   ".join(f"{name} {value * 1e6:8.1f}" for name, value in times.items())
    return f"100 networks predict {rows:3d} rows: {figures}"


def main() -> None:
    """Print a row a task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    k, rounds = given.networks, given.rounds
    fastnn.set_num_threads(given.threads)
    try:
        import jax  # noqa: F401

        groups: tuple[int, ...] = GROUPS
    except ImportError:
        groups = ()
    print(f"{k} networks, {given.threads} threads; microseconds a network")
    few = max(k // 10, 1)  # the loop takes its time
    for task in TASKS:
        contenders: dict[str, Callable[[], float]] = {
            "fit_many": partial(fastnn_seconds, task, k, together=True),
            "loop": partial(fastnn_seconds, task, few, together=False),
        }
        contenders |= {f"vmap ({g})": jax_training(task, k, g) for g in groups}
        times = best(rounds, contenders)
        times["loop"] *= k / few
        many, loop = times.pop("fit_many"), times.pop("loop")
        line = f"{task[0]:42s} fit_many {many / k * 1e6:8.0f}"
        line += f"   loop {loop / k * 1e6:8.0f}   {loop / many:5.2f} x"
        if times:
            name = min(times, key=lambda each: times[each])
            line += f"   {name} {times[name] / k * 1e6:8.0f}   {times[name] / many:5.2f} x"
        print(line, flush=True)
    for rows in (1, 500):
        print(predictions(rows, 2000 // rows + 20, bool(groups)), flush=True)


if __name__ == "__main__":
    main()
