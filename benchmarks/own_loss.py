"""Losses of one's own and derivatives, beside PyTorch and JAX: CPU time on one core, one run.

    python benchmarks/own_loss.py            # --quick: fewer steps and rounds

Contenders take turns, round by round, and each figure is the median of the rounds; a ratio is that
of two medians of one run. PyTorch and JAX are left out, with a word, where they are not installed.
Whole programs spend a part of their time in the environment's Python, which is the same for all.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import jax, jax_forward, jax_params, torch, torch_layers
from pole_programs import dqn_fastnn, dqn_torch, ppo_fastnn, ppo_torch

import fastnn

Array = NDArray[Any]
Calls = dict[str, Callable[[], Any]]
jnp = jax.numpy if jax else None


def seconds(calls: Calls, rounds: int, times: int = 1) -> dict[str, float]:
    """Return the median CPU time of a call of each, the calls taking turns round by round."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    if times > 1:
        for call in calls.values():
            for _ in range(20):
                call()
    for _ in range(rounds):
        for name, call in calls.items():
            begin = process_time()
            for _ in range(times):
                call()
            found[name].append((process_time() - begin) / times)
    return {name: median(each) for name, each in found.items()}


def row(name: str, found: dict[str, float], bars: str) -> None:
    """Print a line of the table."""
    ours = found["fastnn"]
    unit, factor = ("s", 1) if ours > 0.05 else ("us", 1e6)
    peers = ", ".join(
        f"{peer} {value * factor:.4g} {unit} ({value / ours:.2f}x)"
        for peer, value in found.items()
        if peer != "fastnn"
    )
    print(f"{name}: fastnn {ours * factor:.4g} {unit}; {peers or 'no peer'}   [bar: {bars}]")


# ---- single calls --------------------------------------------------------------------------------


def jacobian(rounds: int) -> None:
    """Measure the Jacobian of 2,000 rows."""
    sizes, X = [8, 32, 32, 1], np.random.default_rng(0).normal(size=(2000, 8))
    net = fastnn.MLP(sizes, activation="tanh", dtype="float64", seed=0)
    calls: Calls = {"fastnn": lambda: net.jacobian(X)}
    if torch:
        module, x = torch_layers(sizes, torch.nn.Tanh, torch.float64), torch.from_numpy(X)
        of_rows = torch.func.vmap(torch.func.jacrev(module))
        calls["PyTorch"] = lambda: of_rows(x).detach().numpy()
    if jax:
        params = jax_params(sizes, "float64")
        each = jax.jit(jax.vmap(jax.jacrev(jax_forward, argnums=1), in_axes=(None, 0)))
        calls["JAX"] = lambda: np.asarray(each(params, X))
    found = seconds(calls, rounds, 30)
    row("jacobian, 8-32-32-1 float64, 2,000 rows", found, "1.2 JAX, 3 PyTorch")


def input_gradient(rounds: int) -> None:
    """Measure dQ/dx of 256 rows."""
    sizes = [20, 256, 256, 1]
    X = np.random.default_rng(0).normal(size=(256, 20)).astype(np.float32)
    net, ones = fastnn.MLP(sizes, activation="tanh", seed=0), np.ones((256, 1), np.float32)
    calls: Calls = {"fastnn": lambda: net.input_gradient(X, output_gradient=ones)}
    if torch:
        module, x = torch_layers(sizes, torch.nn.Tanh), torch.from_numpy(X).requires_grad_()
        calls["PyTorch"] = lambda: torch.autograd.grad(module(x).sum(), x)[0].numpy()
    if jax:
        params = jax_params(sizes, "float32")
        slope = jax.jit(jax.grad(lambda x, p: jax_forward(p, x).sum()))
        calls["JAX"] = lambda: np.asarray(slope(X, params))
    found = seconds(calls, rounds, 50)
    row("input_gradient, 20-256-256-1, 256 rows", found, "1.2 JAX, 3 PyTorch")


def clipped_step(rounds: int) -> None:
    """Measure a step of Adam with the gradient's norm clipped."""
    sizes, rng = [4, 64, 64, 2], np.random.default_rng(0)
    X, Y = (rng.normal(size=(64, n)).astype(np.float32) for n in (4, 2))
    net, adam = fastnn.MLP(sizes, activation="tanh", seed=0), fastnn.Adam(1e-3, clipnorm=0.5)
    calls: Calls = {"fastnn": lambda: net.train_batch(X, Y, optimizer=adam)}
    if torch:
        module, x, y = torch_layers(sizes, torch.nn.Tanh), torch.from_numpy(X), torch.from_numpy(Y)
        theirs = torch.optim.Adam(module.parameters(), 1e-3)

        def torch_step() -> None:
            theirs.zero_grad()
            torch.nn.functional.mse_loss(module(x), y).backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5)
            theirs.step()

        calls["PyTorch"] = torch_step
    if jax:
        start = jax_params(sizes, "float32")
        zeros = jax.tree.map(jnp.zeros_like, start)
        state = [(start, zeros, zeros, jnp.float32(0))]
        calls["JAX"] = lambda: jax_adam(state, X, Y)
    found = seconds(calls, rounds, 300)
    row("step with clipping, 4-64-64-2, 64 rows", found, "15 PyTorch, 3 JAX")


def jax_adam(state: list[Any], X: Array, Y: Array) -> None:
    """Take a step of Adam with the norm clipped, compiled as one function."""
    state[0] = _jax_step()(state[0], X, Y)
    jax.block_until_ready(state[0])


_compiled: list[Any] = []


def _jax_step() -> Any:
    if not _compiled:

        def step(state: Any, x: Any, y: Any) -> Any:
            params, m, v, t = state
            cost, tree = lambda p: ((jax_forward(p, x) - y) ** 2).mean(), jax.tree.map
            g = jax.grad(cost)(params)
            norm = jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(g)))
            g = tree(lambda leaf: leaf * jnp.minimum(1, 0.5 / norm), g)
            t = t + 1
            m = tree(lambda a, b: 0.9 * a + 0.1 * b, m, g)
            v = tree(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
            rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            new = tree(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + 1e-8), params, m, v)
            return new, m, v, t

        _compiled.append(jax.jit(step))
    return _compiled[0]


def overhead(rounds: int) -> None:
    """Measure what single calls take beyond the same step inside `fit`."""
    adam = fastnn.Adam(1e-3)
    for sizes, n in (([2, 4, 1], 1), ([4, 32, 1], 32), ([4, 64, 64, 2], 64)):
        rng, steps = np.random.default_rng(0), 400
        X, Y = (rng.normal(size=(n * steps, k)).astype(np.float32) for k in (sizes[0], sizes[-1]))
        x, y = X[:n].copy(), Y[:n].copy()
        net = fastnn.MLP(sizes, activation="tanh", seed=0)
        g = net.gradient(x, y)

        def fit(epochs: int, net: Any = net, X: Any = X, Y: Any = Y, n: int = n) -> None:
            net.fit(X, Y, epochs=epochs, batch_size=n, optimizer=adam, shuffle=False)

        long, short = (seconds({"fit": lambda e=e: fit(e)}, rounds, 2)["fit"] for e in (11, 1))
        inside = (long - short) / (10 * steps) * 1e6
        calls: Calls = {
            "train_batch": lambda net=net, x=x, y=y: net.train_batch(x, y, optimizer=adam),
            "gradient": lambda net=net, x=x, y=y: net.gradient(x, y),
            "step": lambda net=net, g=g: net.step(g, adam),
        }
        each = seconds(calls, rounds, 500)
        shown = ", ".join(
            f"{name} {value * 1e6:.2f} us ({value * 1e6 - inside:+.2f})"
            for name, value in each.items()
        )
        name = "-".join(map(str, sizes))
        print(f"{name}, {n} rows: a step inside fit {inside:.2f} us; {shown}   [bar: +3]")


def programs(quick: bool) -> None:
    """Measure Q-learning and PPO as whole programs."""
    steps, updates, rounds = (2000, 3, 1) if quick else (8000, 16, 3)
    for name, ours, theirs, bar, n in (
        ("DQN, 4-64-64-2", dqn_fastnn, dqn_torch, "10 PyTorch", steps),
        ("PPO, 4-64-64-3", ppo_fastnn, ppo_torch, "6 PyTorch", updates),
    ):
        calls: Calls = {"fastnn": lambda f=ours, n=n: f(n)}
        if torch:
            calls["PyTorch"] = lambda f=theirs, n=n: f(n)
        row(f"{name}, {n:,} {'steps' if n > 100 else 'updates'}", seconds(calls, rounds), bar)


def main() -> None:
    """Run all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer steps and rounds")
    quick = parser.parse_args().quick
    for name, module in (("PyTorch", torch), ("JAX", jax)):
        if module is None:
            print(f"{name} is not installed: left out")
    fastnn.set_num_threads(1)
    rounds = 3 if quick else 9
    jacobian(rounds)
    input_gradient(rounds)
    clipped_step(rounds)
    overhead(rounds)
    programs(quick)


if __name__ == "__main__":
    main()
