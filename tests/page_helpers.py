"""Calls of the page's file source from a test, in a tab of the fixture `modules`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import fastnn
from fastnn.explain import record
from fastnn.explain.answers.subject import Subject
from fastnn.optim import FirstOrder

_TYPES = {f"{kind}Array": kind.lower() for kind in ("Float32", "Float64", "Int32", "Uint8")}
_CONNECT = """async (record) => {
  globalThis.source = await (await import("fastnn/source-file.mjs")).connect(record);
}"""
_CALL = """async ([where, name, args]) => {
  const answer = await source[where](name, args);
  const plain = (value) => {
    const text = (x) => (Object.is(x, -0) ? "-0" : String(x));
    if (ArrayBuffer.isView(value))
      return { array: value.constructor.name, numbers: Array.from(value, text) };
    if (Array.isArray(value)) return value.map(plain);
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  };
  return plain(answer);
}"""

FILES = Path(fastnn.__file__).parent / "page"
CORE = FILES / "core.wasm.xz"
NO_CORE = "no core.wasm in this fastnn: pip install ziglang==0.17.1; python csrc/wasm/build.py"

FileCall = Callable[..., Any]


def connected(
    tab: Any, subject: Subject, optimizer: FirstOrder, batch_size: int = 10, *, told: int = 10
) -> FileCall:
    """Connect a tab to a record of a subject; returns a function that calls its source.

    Sentences are recorded of the first ``told`` examples: those of all take seconds.
    ``where="ask"`` calls the worker behind it instead.
    """
    say = record._said
    with patch.object(record, "_said", lambda of, row: say(of, row) if row < told else None):
        made = record.record_of(
            subject, optimizer, batch_size, title="t", version="0", walkers=False
        )
    tab.evaluate(_CONNECT, made)

    def call(name: str, where: str = "call", **args: Any) -> Any:
        return _arrays(tab.evaluate(_CALL, [where, name, args]))

    return call


def _arrays(value: Any) -> Any:
    if isinstance(value, list):
        return [_arrays(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array", "numbers"}:  # as texts: -0 and NaN are no JSON
        return np.array([float(x) for x in value["numbers"]]).astype(_TYPES[value["array"]])
    return {key: _arrays(item) for key, item in value.items()}
