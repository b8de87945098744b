"""Comparison of fastnn with other libraries: the contenders by name.

=================  ============================================================================
`reference`        the networks of the workloads in plain NumPy: initial weights, and the loss
                   that all are judged by
`base`, and one    one small module a library, which it imports only when its class is made, in a
module a library   process of its own
`worker_main`      that process
`workers`          its start, and the exchange with it
`runner`           the method: check that all learn the same, warm up, take turns, compare
`comparison`       the tables
=================  ============================================================================
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable

from .base import Contender as Contender
from .base import UnableError as UnableError

OURS = "fastnn"

CONTENDERS = {
    OURS: ("ours", "Fastnn"),
    "fastnn-bytes": ("ours", "FastnnBytes"),
    "numpy": ("plain", "Numpy"),
    "torch": ("pytorch", "Torch"),
    "torch-compile": ("pytorch", "TorchCompiled"),
    "jax": ("xla", "Jax"),
    "sklearn": ("scikit", "Sklearn"),
    "kann": ("kann", "Kann"),
    "onnxruntime": ("onnx_runtime", "OnnxRuntime"),
}
# What must be importable for a contender to take part.
NEEDS = {
    "torch": "torch",
    "torch-compile": "torch",
    "jax": "jax",
    "sklearn": "sklearn",
    "kann": "cynn",
    "onnxruntime": "onnxruntime",
}
PEERS = tuple(name for name in CONTENDERS if name != OURS)


def choose(names: Iterable[str]) -> list[str]:
    """Return the peers of these names, checked; the one name "none" stands for no peer.

    Raises
    ------
    ValueError
        If there is none of such a name.
    """
    chosen = list(names)
    if chosen == ["none"]:
        return []
    for name in chosen:
        if name not in PEERS:
            raise ValueError(f"there is no contender {name!r}; there are {', '.join(PEERS)}, none")
    return chosen


def installed(name: str) -> bool:
    """Return whether a contender's library is here, without importing it."""
    return name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None


def load(name: str) -> type[Contender]:
    """Return the class of a contender."""
    module, kind = CONTENDERS[name]
    found: type[Contender] = getattr(importlib.import_module(f".{module}", __name__), kind)
    return found
