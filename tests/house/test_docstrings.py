"""The examples in the docstrings run, and show what they print."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import fastnn

OPTIONAL = ("jax", "matplotlib", "onnx", "onnxruntime", "scipy", "sklearn", "torch")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.", onerror=lambda name: None)
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", ["fastnn", *MODULES])
def test_the_examples_of_a_module_hold(name, tmp_path, monkeypatch):
    try:
        module = import_module(name)
    except ImportError as error:
        if error.name and error.name.partition(".")[0] in OPTIONAL:
            pytest.skip(f"needs {error.name}")
        raise
    monkeypatch.chdir(tmp_path)  # what they write
    failed, _ = doctest.testmod(module)
    assert failed == 0
