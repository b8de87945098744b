"""Export of a trained network to C, plain NumPy, ONNX and PyTorch; import from PyTorch.

==============  ======================================================================  ===========
function        what it gives                                                           needs
==============  ======================================================================  ===========
`to_c`          one C99 file that needs no library and tests itself, also with int8     nothing
                weights: for microcontrollers and for other people's programs
`to_numpy`      one Python file that imports nothing but NumPy                          nothing
`to_onnx`       an ONNX model, for onnxruntime, other languages, accelerators           ``[onnx]``
`to_torch`      a ``torch.nn.Module``                                                   ``[torch]``
`torch_module`  the network itself as a ``torch.nn.Module``, its memory shared          ``[torch]``
`from_torch`    an `MLP` from modules or a ``state_dict`` of PyTorch                    ``[torch]``
==============  ======================================================================  ===========

All of them take the raw inputs of `MLP.predict`: the scaling of the inputs is included. Of a
`TableModel`, `to_c`, `to_numpy` and `to_onnx` take raw rows. On the command line: ``fastnn
export``.

>>> import fastnn
>>> net = fastnn.MLP([2, 3, 1], activation="tanh", seed=0)
>>> "void tiny_predict(const float x[TINY_N_IN], float a[TINY_N_OUT]);" in fastnn.export.to_c(
...     net, name="tiny")
True
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .c import to_c
    from .numpy import to_numpy
    from .onnx import to_onnx
    from .torch import from_torch, to_torch, torch_module

__all__ = ["from_torch", "to_c", "to_numpy", "to_onnx", "to_torch", "torch_module"]

# Imported at their first use, as in fastnn/__init__.py: exporting C needs no extra.
_MODULE_OF = {
    "from_torch": "torch",
    "to_c": "c",
    "to_numpy": "numpy",
    "to_onnx": "onnx",
    "to_torch": "torch",
    "torch_module": "torch",
}

if not TYPE_CHECKING:  # a type checker that saw it would accept every misspelt name

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value  # the next look-up finds it there
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
