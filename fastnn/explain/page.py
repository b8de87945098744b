"""The page as one HTML file, which needs neither Python nor a network connection."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .. import paths
from ..checks import check_count
from ..mlp import MLP
from ..optim import SGD, FirstOrder
from .answers.subject import Subject
from .page_files import one_file, read_page
from .record import array, record_of
from .view_data import ViewData, copied

_TRAIN_SHARE = 0.8  # of the examples of a page, where there are test examples too
_HEIGHT = 860  # pixels, in a notebook


@dataclass(frozen=True, repr=False)
class Page:
    """A page on a network, as one HTML file; made by `page`.

    Attributes
    ----------
    html : str
        The whole file.
    title : str
    """

    html: str = field(repr=False)
    title: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, all or nothing; raise OSError if that fails."""
        paths.replace(Path(path), self.html.encode("utf-8"))

    def __repr__(self) -> str:
        return f"Page({self.title!r}, {len(self.html.encode()):,} bytes)"

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.title)}" '
            'sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )


def page(
    net: MLP,
    X: Any,
    y: Any,
    *,
    test: tuple[Any, Any] | None = None,
    examples: int = 500,
    title: str = "A network",
    name: str = "examples",
    optimizer: FirstOrder | None = None,
    batch_size: int = 10,
    walkers: bool = True,
) -> Page:
    """Return a page on a network as one HTML file: draw, step through backpropagation, train.

    The file holds the network, some of the examples, and fastnn's C core as WebAssembly. It opens
    without a server and without a connection, from a disk or an e-mail, and in a notebook. It
    computes in float32; sentences, and the two walkers, are recorded by `nudges`, `sensitivity`,
    `cost_table` and `descent_paths`. ``fastnn lab`` serves the same page on a running network.

    Parameters
    ----------
    net : MLP
        It is not changed.
    X, y
        As of `MLP.fit`. Whoever has the file has the examples in it.
    test : (X, y), optional
        Further examples, which the network was not trained on; a fifth of those in the page.
    examples : int, default 500
        The most examples in the page, spread evenly over X; a digit adds some 200 bytes.
    title, name : str
        Of the page, and of the examples.
    optimizer : SGD, Adam, AdamW or RMSprop, optional
        With which the page trains, at a constant rate. Default: ``SGD(lr=0.1)``.
    batch_size : int, default 10
        With which it begins.
    walkers : bool, default True
        Record the two walkers, which trains the network on these examples some times.

    Returns
    -------
    Page
        ``.html``, ``.save(path)``; in a notebook it shows itself.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    FileNotFoundError
        fastnn was built without the core as WebAssembly.

    Examples
    --------
    >>> import fastnn
    >>> (X, y), test = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> history = net.fit(X, y, epochs=3, batch_size=10, optimizer=fastnn.SGD(1.5))
    >>> page = fastnn.explain.page(net, X, y, test=test)  # doctest: +SKIP
    >>> page.save("digits.html")  # doctest: +SKIP
    """
    files = read_page()
    if "core.wasm" not in files:
        raise FileNotFoundError(
            "this fastnn was built without core.wasm, the core for the browser: install a wheel, "
            "or build it as CONTRIBUTING.md says"
        )
    subject = _subject(net, X, y, test, check_count("examples", examples, 1), name)
    chosen = SGD(lr=0.1) if optimizer is None else optimizer
    if not isinstance(chosen, FirstOrder) or not isinstance(chosen.lr, float):
        raise TypeError(
            "optimizer must be fastnn.SGD(...), Adam(...), AdamW(...) or RMSprop(...), with a "
            f"number for lr; got {chosen!r}"
        )
    from .. import __version__

    record = record_of(
        subject,
        chosen,
        check_count("batch_size", batch_size, 1),
        title=title,
        version=__version__,
        walkers=walkers,
    )
    record["core"] = array(np.frombuffer(files["core.wasm"], np.uint8))
    record["worker"] = files["worker.mjs"].decode("utf-8")
    return Page(one_file(files, record, title), title)


def _subject(
    net: MLP, X: Any, y: Any, test: tuple[Any, Any] | None, most: int, name: str
) -> Subject:
    """Return the network with up to `most` examples, those for the test last."""
    known = ViewData(net, X, y).classes
    if net.classes is None and np.asarray(y).dtype.kind in "USO" and known:
        net = copied(net)
        net.classes = known  # which fewer examples would not tell
    if test is None:
        return Subject(net, *_some(net, X, y, most), name=name)
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise ValueError("test must be a pair (X, y)")
    of_train = _some(net, X, y, max(1, round(_TRAIN_SHARE * most)))
    of_test = _some(net, *test, max(1, most - len(of_train[1])))
    both = (np.concatenate(pair) for pair in zip(of_train, of_test, strict=True))
    return Subject(net, *both, n_train=len(of_train[1]), name=name)


def _some(net: MLP, X: Any, y: Any, most: int) -> tuple[Any, Any]:
    """Return some rows, spread evenly, as dense arrays."""
    data = ViewData(net, X, y)
    some, targets = data.at(data.sample(most))
    return np.asarray(some.toarray() if hasattr(some, "toarray") else some), targets
