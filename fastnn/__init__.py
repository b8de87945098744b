"""fastnn: small, very fast multilayer perceptrons on CPUs, with a C core.

>>> import fastnn
>>> (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
>>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic",
...                  seed=0)
>>> history = net.fit(X, y, epochs=30, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
>>> net.evaluate(X_test, y_test)["accuracy"] > 0.85
True
"""

from . import callbacks, datasets, schedules
from ._config import choose_isa_of_environment as _choose_isa
from ._config import get_num_threads, get_sparse, set_num_threads, set_sparse, show_config
from ._fastnn import BusyError
from .history import History
from .layout import Gradient
from .loading import load
from .mlp import MLP
from .optim import SGD, Adam, AdamW, RMSprop
from .training import DivergenceWarning

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "BusyError",
    "DivergenceWarning",
    "Gradient",
    "History",
    "RMSprop",
    "callbacks",
    "datasets",
    "get_num_threads",
    "get_sparse",
    "load",
    "schedules",
    "set_num_threads",
    "set_sparse",
    "show_config",
]

__version__ = "0.1.0"

_choose_isa()
