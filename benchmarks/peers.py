"""PyTorch and JAX where they are installed, on one thread, and their like of a network."""

from __future__ import annotations

import itertools
import os
from importlib.util import find_spec
from typing import Any

if hasattr(os, "sched_setaffinity"):  # before any library makes its threads
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np

if find_spec("torch"):
    import torch

    torch.set_num_threads(1)
else:
    torch = None
if find_spec("jax"):
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
else:
    jax = None


def torch_layers(sizes: list[int], function: Any, dtype: Any = None) -> Any:
    """Return linear layers with a function between them."""
    nn, layers = torch.nn, []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out, dtype=dtype), function()]
    return nn.Sequential(*layers[:-1])


def jax_params(sizes: list[int], dtype: str) -> Any:
    """Return weights and biases of each layer."""
    rng = np.random.default_rng(0)
    pairs = itertools.pairwise(sizes)
    return [
        (jnp.asarray(rng.normal(size=(m, n)) / m**0.5, dtype), jnp.zeros(n, dtype))
        for m, n in pairs
    ]


def jax_forward(params: Any, x: Any) -> Any:
    """Return the outputs of tanh layers and a linear one."""
    for W, b in params[:-1]:
        x = jnp.tanh(x @ W + b)
    return x @ params[-1][0] + params[-1][1]
