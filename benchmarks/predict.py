"""Predictions beside PyTorch, JAX, onnxruntime and the product alone: 1 to 60,000 rows, one thread.

    python benchmarks/predict.py [--rounds 9] [--output FOLDER] [--quick]

784-16-10 and 784-512-512-10, relu and softmax, float32: rows that are digits (mostly zeros), and
rows without zeros. The contenders take turns; each ratio is the median over the rounds of a peer's
time to fastnn's in the same round. Peers that are not installed are left out. `product` is NumPy's
first product X W alone, which reads all that a prediction has to read. Inputs are arrays of NumPy
and outputs too, as a user has them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import peers
from peers import jax, torch

import fastnn

Predict = Callable[[Any], Any]
SHAPES = ([784, 16, 10], [784, 512, 512, 10])
ROWS = (1, 64, 60_000)


def contenders(net: fastnn.MLP) -> dict[str, Predict]:
    """Return a function of rows for each library, of the same network."""
    found: dict[str, Predict] = {"fastnn": net.predict}
    W = net.weights[0]
    found["product"] = lambda X: X @ W
    if torch is not None:
        model = peers.torch_layers(list(net.sizes), torch.nn.ReLU)
        linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for layer, weights, biases in zip(linear, net.weights, net.biases, strict=True):
                layer.weight.copy_(torch.from_numpy(weights.T))
                layer.bias.copy_(torch.from_numpy(biases))

        def by_torch(X: Any) -> Any:
            with torch.inference_mode():
                return torch.softmax(model(torch.from_numpy(X)), 1).numpy()

        found["PyTorch"] = by_torch
    if jax is not None:
        params = [
            (jax.numpy.asarray(w), jax.numpy.asarray(b))
            for w, b in zip(net.weights, net.biases, strict=True)
        ]

        @jax.jit
        def forward(params: Any, x: Any) -> Any:
            for w, b in params[:-1]:
                x = jax.nn.relu(x @ w + b)
            return jax.nn.softmax(x @ params[-1][0] + params[-1][1])

        found["JAX"] = lambda X: np.asarray(forward(params, X))
    if find_spec("onnxruntime") and find_spec("onnx"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model_bytes = fastnn.export.to_onnx(net).SerializeToString()
        session = onnxruntime.InferenceSession(model_bytes, options)
        found["onnxruntime"] = lambda X: session.run(None, {"input": X})[0]
    return found


def compare(net: fastnn.MLP, X: Any, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median seconds of each contender, and its median ratio to fastnn."""
    found = contenders(net)
    expected = net.predict(X)
    for name, predict in found.items():
        if name != "product":
            np.testing.assert_allclose(predict(X), expected, rtol=2e-3, atol=1e-5, err_msg=name)
    calls = {name: _calls(predict, X) for name, predict in found.items()}
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, predict in found.items():
            began = time.perf_counter()
            for _ in range(calls[name]):
                predict(X)
            times[name].append((time.perf_counter() - began) / calls[name])
    own = np.array(times["fastnn"])
    return {
        name: (float(np.median(each)), float(np.median(np.array(each) / own)))
        for name, each in times.items()
    }


def _calls(predict: Predict, X: Any) -> int:
    """Return the number of calls that take about 50 ms."""
    began = time.perf_counter()
    predict(X)
    return max(1, int(0.05 / max(time.perf_counter() - began, 1e-6)))


def main() -> None:
    """Print and write a row for each network and number of rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--quick", action="store_true", help="one round of one row")
    given = parser.parse_args()
    fastnn.set_num_threads(1)
    digits = fastnn.datasets.load_digits()[0][0].astype(np.float32) / 255
    digits = np.ascontiguousarray(np.resize(digits, (max(ROWS), 784)))
    dense = np.random.default_rng(0).random((max(ROWS), 784), np.float32)
    names = list(contenders(fastnn.MLP([784, 2], output="softmax", seed=0)))
    lines = [
        f"| network | rows | {' | '.join(['fastnn, us', *names[1:]])} |",
        "| --- | --- |" + " ---: |" * len(names),
    ]
    print("\n".join(lines))
    for sizes in SHAPES[: 1 if given.quick else None]:
        net = fastnn.MLP(sizes, output="softmax", seed=0)
        for n in ROWS[: 1 if given.quick else None]:
            for kind, rows in (("digits", digits), ("dense", dense)):
                found = compare(net, rows[:n], 1 if given.quick else given.rounds)
                ratios = " | ".join(f"{found[name][1]:.2f}" for name in names[1:])
                took = f"{found['fastnn'][0] * 1e6:,.1f}"
                lines.append(f"| {'-'.join(map(str, sizes))} | {n:,} {kind} | {took} | {ratios} |")
                print(lines[-1], flush=True)
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        said = "Written by `python benchmarks/predict.py`: times of fastnn, ratios of the others.\n"
        (given.output / "predict.md").write_text("\n".join([said, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
