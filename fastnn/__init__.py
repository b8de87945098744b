"""fastnn: small, very fast multilayer perceptrons on CPUs, with a C core.

>>> import fastnn
>>> (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
>>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic",
...                  seed=0)
>>> history = net.fit(X, y, epochs=30, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
>>> net.evaluate(X_test, y_test)["accuracy"] > 0.85
True

Public are the names in `__all__`, here and in the modules that are among them, and the estimators.
Every other module is private, and says so.
"""

from typing import TYPE_CHECKING

from ._config import choose_isa_of_environment as _choose_isa
from ._config import get_num_threads, get_sparse, set_num_threads, set_sparse, show_config
from ._fastnn import BusyError

if TYPE_CHECKING:
    from . import callbacks, datasets, explain, export, pictures, plot, schedules
    from .ensemble import Ensemble
    from .estimators import MLPClassifier as MLPClassifier
    from .estimators import MLPRegressor as MLPRegressor
    from .estimators import from_sklearn as from_sklearn
    from .fit.training import DivergenceWarning
    from .history import History
    from .layout import Gradient
    from .many import fit_many
    from .mlp import MLP
    from .model_file.reading import load
    from .optim import LBFGS, SGD, Adam, AdamW, LevenbergMarquardt, RMSprop
    from .streams.stream import stream
    from .tabular.model import TableModel

__all__ = [
    "LBFGS",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "BusyError",
    "DivergenceWarning",
    "Ensemble",
    "Gradient",
    "History",
    "LevenbergMarquardt",
    "RMSprop",
    "TableModel",
    "callbacks",
    "datasets",
    "explain",
    "export",
    "fit_many",
    "get_num_threads",
    "get_sparse",
    "load",
    "pictures",
    "plot",
    "schedules",
    "set_num_threads",
    "set_sparse",
    "show_config",
    "stream",
]

__version__ = "0.1.0"

# Importing fastnn, and --help on the command line, must be fast: the names above that are only for
# type checkers are imported at their first use (PEP 562).
# (The estimators are not in __all__: a star import must not need scikit-learn.)
_SUBMODULES = {"callbacks", "datasets", "explain", "export", "pictures", "plot", "schedules"}
_MODULE_OF = {
    "LBFGS": "optim",
    "MLP": "mlp",
    "SGD": "optim",
    "Adam": "optim",
    "AdamW": "optim",
    "DivergenceWarning": "fit.training",
    "Ensemble": "ensemble",
    "Gradient": "layout",
    "History": "history",
    "LevenbergMarquardt": "optim",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "RMSprop": "optim",
    "TableModel": "tabular.model",
    "fit_many": "many",
    "from_sklearn": "estimators",
    "load": "model_file.reading",
    "stream": "streams.stream",
}

if not TYPE_CHECKING:  # a type checker that saw it would accept every misspelt name

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _SUBMODULES:
            return import_module(f".{name}", __name__)  # importing sets the attribute
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value  # the next look-up finds it there
        return value


def __dir__() -> list[str]:
    dunders = {name for name in globals() if name.startswith("__")}
    return sorted({*dunders, *__all__, *_MODULE_OF})  # and no private module that was imported


_choose_isa()
