"""Loss curves of PyTorch, for those who have none: writes torch_curves.json beside this file.

    cd tests && python -m recorded.record_torch_curves

Nothing here knows fastnn. One small network for all: the start, the examples and the batches are
drawn here, rounded so that JSON holds them exactly, and recorded with the curves: a later NumPy may
draw others. PyTorch computes in float64.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - as PyTorch's users write it

FILE = Path(__file__).with_name("torch_curves.json")
SIZES, N, BATCH, STEPS = [4, 6, 5, 3], 40, 8, 50
QUANTILE, HUBER_DELTA = 0.3, 0.7

OPTIMISERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.2}),
    ("SGD", {"lr": 0.2, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    ("Adam", {"lr": 0.02}),
    ("Adam", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.05}),
    ("AdamW", {"lr": 0.02, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.05}),
]
LOSSES: list[tuple[str, str]] = [  # (output, loss)
    ("sigmoid", "quadratic"),
    ("identity", "mse"),
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("identity", "mae"),
    ("identity", "huber"),
    ("identity", "quantile"),
    ("exp", "poisson"),
]


def cases() -> list[dict[str, Any]]:
    """Every optimiser on cross-entropy, and every other loss with one of each family."""
    pairs = [(("softmax", "cross_entropy"), optimiser) for optimiser in OPTIMISERS]
    some = [OPTIMISERS[3], OPTIMISERS[4], OPTIMISERS[8]]
    pairs += [(loss, o) for loss in LOSSES if loss[1] != "cross_entropy" for o in some]
    return [
        {"output": output, "loss": loss, "optimizer": name, "options": options}
        for (output, loss), (name, options) in pairs
    ]


def cost(
    loss: str, output: str, z: Any, a: Any, y: Any, *, q: float = QUANTILE, d: float = HUBER_DELTA
) -> Any:
    """C by PyTorch's functions, the mean over the rows; z and a before and after the output's f."""
    if loss == "cross_entropy":
        return F.cross_entropy(z, y)
    if loss == "binary_cross_entropy":
        return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(y)
    if loss == "poisson" and output == "exp":
        return F.poisson_nll_loss(z, y, log_input=True)
    if loss == "poisson":
        return F.poisson_nll_loss(a, y, log_input=False, eps=0)
    if loss == "quantile":  # none of theirs
        return torch.maximum(q * (y - a), (q - 1) * (y - a)).mean()
    if loss == "gaussian_nll":
        return F.gaussian_nll_loss(a[:, ::2], y, torch.exp(a[:, 1::2]))
    if loss == "huber":
        return F.huber_loss(a, y, delta=d)
    if loss == "quadratic":
        return F.mse_loss(a, y, reduction="sum") / len(y)
    return {"mse": F.mse_loss, "mae": F.l1_loss}[loss](a, y)


def draw() -> dict[str, Any]:
    """Return start, examples and batches: what all cases share."""
    rng = np.random.default_rng(20)
    X = rng.normal(size=(N, SIZES[0])).round(3)
    values = (X[:, :3] * X[:, 1:] + 0.2 * rng.normal(size=(N, SIZES[-1]))).round(3)
    yes_or_no = (values > 0).astype(float)
    targets = {
        "cross_entropy": np.eye(SIZES[-1])[values.argmax(axis=1)],
        "binary_cross_entropy": yes_or_no,
        "quadratic": yes_or_no,
        "poisson": np.round(np.abs(values) * 2),
    }
    layers = [
        (rng.normal(size=(n_in, n_out)) / n_in**0.5, rng.normal(size=n_out) / 10)
        for n_in, n_out in pairwise(SIZES)
    ]
    return {
        "sizes": SIZES,
        "quantile": QUANTILE,
        "huber_delta": HUBER_DELTA,
        "params": np.concatenate([p.ravel() for layer in layers for p in layer]).round(4).tolist(),
        "X": X.tolist(),
        "targets": {loss: targets.get(loss, values).tolist() for _, loss in LOSSES},
        "batches": [rng.permutation(N)[:BATCH].tolist() for _ in range(STEPS)],
    }


def curve(setting: dict[str, Any], case: dict[str, Any]) -> list[float]:
    """Return PyTorch's cost of each batch before its step; decay is for weights only."""
    X = torch.tensor(setting["X"], dtype=torch.float64)
    Y = torch.tensor(setting["targets"][case["loss"]], dtype=torch.float64)
    flat, layers = torch.tensor(setting["params"], dtype=torch.float64), []
    for n_in, n_out in pairwise(setting["sizes"]):
        W, b, flat = flat.split([n_in * n_out, n_out, len(flat) - (n_in + 1) * n_out])
        layers.append((W.reshape(n_in, n_out).clone(), b.clone()))
    for layer in layers:
        for parameter in layer:
            parameter.requires_grad_()
    optimiser = getattr(torch.optim, case["optimizer"])(
        [
            {"params": [W for W, _ in layers]},
            {"params": [b for _, b in layers], "weight_decay": 0.0},
        ],
        **case["options"],
    )
    last = {
        "softmax": lambda z: z.softmax(1),
        "sigmoid": torch.sigmoid,
        "exp": torch.exp,
        "identity": lambda z: z,
    }[case["output"]]
    costs = []
    for rows in setting["batches"]:
        z = X[rows]
        for l, (W, b) in enumerate(layers):
            z = z @ W + b
            z = torch.tanh(z) if l < len(layers) - 1 else z
        C = cost(case["loss"], case["output"], z, last(z), Y[rows])
        optimiser.zero_grad()
        C.backward()
        optimiser.step()
        costs.append(C.item())
    return costs


if __name__ == "__main__":
    setting = draw()
    curves = [{**case, "curve": curve(setting, case)} for case in cases()]
    lines = ",\n".join(json.dumps(case) for case in curves)
    facts = f'"torch": {json.dumps(torch.__version__)},\n"setting": {json.dumps(setting)}'
    FILE.write_text(f'{{\n{facts},\n"cases": [\n{lines}\n]\n}}\n', encoding="utf-8")
