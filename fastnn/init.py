"""Initial weights and biases.

========================  =========================================================  ==============
name                      W (n_in, n_out)                                            b
========================  =========================================================  ==============
``"fan_in_uniform"``      U(±1/√n_in); Lillicrap et al. 2016, PyTorch's              as W
``"sigmoid_uniform"``     U(±4 √(6 / (n_in + n_out))); Bengio 2012, Practical        as W
                          Recommendations; the output layer as fan_in_uniform
``"lecun_normal"``        N(0, 1 / n_in); LeCun et al. 1998, Efficient BackProp      0
``"glorot_uniform"``      U(±√(6 / (n_in + n_out))); Glorot & Bengio 2010            0
``"he_normal"``           N(0, 2 / n_in); He et al. 2015                             0
``"standard_normal"``     N(0, 1); Nielsen, Neural Networks and Deep Learning, ch. 1  N(0, 1)
``"zeros"``               0                                                          0
========================  =========================================================  ==============

(N is given by mean and variance.)

The default is ``"fan_in_uniform"``: chosen by measurement, see benchmarks/initialisation.py.
``"sigmoid_uniform"`` is for several hidden layers of sigmoids.

Private: it may change without notice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Init: TypeAlias = Literal[
    "fan_in_uniform",
    "sigmoid_uniform",
    "lecun_normal",
    "glorot_uniform",
    "he_normal",
    "standard_normal",
    "zeros",
]
INITS: tuple[Init, ...] = get_args(Init)
DEFAULT_INIT: Init = "fan_in_uniform"


def fill(
    init: str,
    weights: Sequence[NDArray[Any]],
    biases: Sequence[NDArray[Any]],
    rng: np.random.Generator,
) -> None:
    """Draw every W and b in place, layer by layer, W before b, in double for every dtype."""
    for l, (W, b) in enumerate(zip(weights, biases, strict=True)):
        n_in, n_out = W.shape
        if init in ("fan_in_uniform", "sigmoid_uniform"):
            limit = 1 / math.sqrt(n_in)
            if init == "sigmoid_uniform" and l < len(weights) - 1:  # its slope at 0 is a quarter
                limit = 4 * math.sqrt(6 / (n_in + n_out))
            W[:] = rng.uniform(-limit, limit, W.shape)
            b[:] = rng.uniform(-limit, limit, b.shape)
        elif init == "standard_normal":
            W[:] = rng.standard_normal(W.shape)
            b[:] = rng.standard_normal(b.shape)
        elif init == "glorot_uniform":
            limit = math.sqrt(6 / (n_in + n_out))
            W[:], b[:] = rng.uniform(-limit, limit, W.shape), 0
        elif init == "zeros":
            W[:], b[:] = 0, 0
        else:
            gain = 2 if init == "he_normal" else 1
            W[:], b[:] = rng.standard_normal(W.shape) * math.sqrt(gain / n_in), 0
