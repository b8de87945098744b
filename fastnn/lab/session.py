"""The calls of the page on one network and its data, for several pages at once.

Each call is a method of `Session` with the page's arguments by name. Reading calls have a turn of
their own between two calls of a training; calls that change the network pause the training first. A
call that raises has changed nothing.
"""

from __future__ import annotations

import inspect
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastnn

from ..checks import check_count, check_number
from ..explain.answers import batch, example, places
from ..explain.answers.subject import Subject
from ..explain.view_data import copied
from ..optim import SGD
from .trainer import Settings, Trainer

Open = Callable[[str, bytes, Subject], Subject]

_MOST_WAIT = 1.0  # seconds that a call for a newer frame may wait


class Session:
    """A network, its data and its training, answering the calls of pages.

    Parameters
    ----------
    subject : Subject
    training : Settings, optional
        Default: ``SGD(lr=0.1)`` on batches of 10.
    title, file_name : str
        Of the page, and of the network when it is saved.
    opener : function, optional
        ``opener(name, bytes, subject)`` returns the subject with another network or other data.
    """

    def __init__(
        self,
        subject: Subject,
        training: Settings | None = None,
        *,
        title: str = "fastnn lab",
        file_name: str = "network.safetensors",
        opener: Open | None = None,
    ) -> None:
        self._title, self._file_name, self._opener = title, file_name, opener
        self._control = threading.RLock()  # of calls that change the network
        self._trainer = Trainer(subject, training or Settings(SGD(lr=0.1), 10))

    @property
    def subject(self) -> Subject:
        """The network and the data that the page is about."""
        return self._trainer.subject

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a call.

        Raises
        ------
        ValueError, TypeError
            There is no such call, or its arguments are wrong: one sentence.
        """
        if name not in CALLS:
            raise ValueError(f"there is no call {name!r}; there are {', '.join(CALLS)}")
        if not isinstance(arguments, dict):
            raise TypeError("the arguments of a call must be an object")
        method = getattr(self, f"_{name}")
        try:
            inspect.signature(method).bind(**arguments)
        except TypeError as error:
            raise TypeError(f"call {name!r}: {error}") from None
        answer: dict[str, Any] = method(**arguments)
        return answer

    def close(self) -> None:
        """End the training."""
        self._trainer.pause()

    # ---- reading -------------------------------------------------------------------------------

    def _meta(self) -> dict[str, Any]:
        with self._trainer.turns:
            return self._described()

    def _described(self) -> dict[str, Any]:
        settings, subject = self._trainer.settings, self.subject
        has_data = subject.data is not None
        return {
            "kind": "local",
            "version": fastnn.__version__,
            "title": self._title,
            **subject.meta(),
            "optimizer": {
                "kind": type(settings.optimizer).__name__,
                "lr": settings.lr,
                "momentum": getattr(settings.optimizer, "momentum", 0.0),
                "batch_size": settings.batch_size,
            },
            "can": {
                "train": has_data,
                "save": True,
                "rewind": True,
                "open": self._opener is not None,
                "type_function": True,
                "walkers": "live" if has_data else False,
                "sentences": "live",
                "why": {}
                if has_data
                else {"train": "There are no examples.", "walkers": "There are no examples."},
            },
        }

    def _answer(self, answer: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
        with self._trainer.turns:
            return answer(self.subject, **arguments)

    def _example(self, index: Any) -> dict[str, Any]:
        return self._answer(example.example, index=index)

    def _next_mistake(self, after: Any) -> dict[str, Any]:
        return self._answer(example.next_mistake, after=after)

    def _forward(self, x: Any) -> dict[str, Any]:
        return self._answer(example.forward, x=x)

    def _backprop(self, **which: Any) -> dict[str, Any]:
        return self._answer(example.backprop, **_checked("backprop", which, _WHICH))

    def _pairs(self, **which: Any) -> dict[str, Any]:
        return self._answer(example.pairs, **_checked("pairs", which, _WHICH))

    def _layer(self, layer: Any) -> dict[str, Any]:
        return self._answer(example.layer, layer=layer)

    def _wiggle(
        self, layer: Any, i: Any, j: Any, low: Any, high: Any, **more: Any
    ) -> dict[str, Any]:
        more = _checked("wiggle", more, (*_WHICH, "n"))
        return self._answer(example.wiggle, layer=layer, i=i, j=j, low=low, high=high, **more)

    def _deck(self, seed: Any = 0, batch_size: Any = None) -> dict[str, Any]:
        size = self._trainer.settings.batch_size if batch_size is None else batch_size
        return self._answer(batch.deck, seed=seed, batch_size=size)

    def _batch(self, rows: Any, columns: Any = 12, lr: Any = None) -> dict[str, Any]:
        return self._answer(batch.batch, rows=rows, columns=columns, lr=self._rate(lr))

    def _plane(self, layer: Any, neuron: Any, n: Any = 101) -> dict[str, Any]:
        return self._answer(places.plane, layer=layer, neuron=neuron, n=n)

    def _walkers(self, **arguments: Any) -> dict[str, Any]:
        known = ("plane", "batch_size", "lr", "seed", "fresh", "grid", "epochs", "weights")
        arguments = _checked("walkers", arguments, known)
        with self._trainer.turns:
            subject, net = self.subject, copied(self.subject.net)
        return places.walkers(subject, net=net, **arguments)  # seconds: others do not wait for it

    def _descend(self, function: Any, start: Any, **more: Any) -> dict[str, Any]:
        return places.descend(
            function, start, **_checked("descend", more, ("lr", "momentum", "steps"))
        )

    def _surface(self, function: Any, **more: Any) -> dict[str, Any]:
        return places.surface(function, **_checked("surface", more, ("n", "x", "y")))

    def _frame(
        self, after: Any = -1, record: Any = -1, known: Any = 0, wait: Any = 0, weights: Any = False
    ) -> dict[str, Any]:
        seconds = check_number(
            "wait", wait, f"0 to {_MOST_WAIT:g} seconds", lambda s: 0 <= s <= _MOST_WAIT
        )
        frame = self._trainer.frame(
            int(after), int(record), check_count("known", known, 0), seconds
        )
        if weights:
            frame["weights"] = self._answer(example.layer, layer=1)["w"]
        return frame

    # ---- changing ------------------------------------------------------------------------------

    def _step(self, rows: Any, lr: Any = None) -> dict[str, Any]:
        with self._control:
            self._trainer.pause()
            with self._trainer.turns:
                answer = batch.take_step(self.subject, rows, self._rate(lr))
                self._trainer.measure()
                return answer

    def _train(
        self, play: Any = None, lr: Any = None, batch_size: Any = None, speed: Any = None
    ) -> dict[str, Any]:
        with self._control:
            if play not in (None, True, False):
                raise TypeError(f"play must be true or false, got {play!r}")
            self._trainer.settings = self._trainer.settings.changed(lr, batch_size, speed)
            if play is False:
                self._trainer.pause()
            elif play and not self._trainer.running:
                self._trainer.play()
        return {}

    def _advance(self, steps: Any = None, epochs: Any = None) -> dict[str, Any]:
        if (steps is None) == (epochs is None):
            raise ValueError("give steps or epochs")
        with self._control:
            if steps is not None:
                training = self._trainer.play(steps=check_count("steps", steps, 1))
            else:
                training = self._trainer.play(epochs=check_count("epochs", epochs, 1))
        training.join()  # in which another page may pause it
        return {}

    def _rewind(self, seed: Any = None) -> dict[str, Any]:
        seed = None if seed is None else check_count("seed", seed, 0)
        with self._control:
            self._trainer.pause()
            with self._trainer.turns:
                self.subject.rewind(seed)
                self._trainer.forget()
        return {}

    def _save(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.safetensors"
            with self._trainer.turns:
                self.subject.net.save(path)
            content = path.read_bytes()
        return {"name": self._file_name, "bytes": content}

    def _open(self, name: Any, bytes: Any) -> dict[str, Any]:  # the page's name
        if self._opener is None:
            raise ValueError("this page opens no files")
        if not isinstance(name, str) or not isinstance(bytes, np.ndarray):
            raise TypeError("open takes the name of a file and its bytes")
        with self._control:
            new = self._opener(name, bytes.tobytes(), self.subject)
            self._trainer.pause()
            with self._trainer.turns:
                self._trainer.subject = new
                self._trainer.forget()
                return {"meta": self._described()}

    def _rate(self, lr: Any) -> Any:
        """Return the rate of a step: the one given, else that of the training."""
        if lr is None:
            lr = self._trainer.settings.lr
        if lr is None:
            raise ValueError("lr is missing: the optimiser of this training has no constant rate")
        return lr


_WHICH = ("x", "target", "index")
CALLS = (
    *("meta", "example", "next_mistake", "forward", "backprop", "layer", "wiggle", "pairs"),
    *("deck", "batch", "step", "train", "advance", "rewind", "save", "plane", "walkers"),
    *("descend", "surface", "open", "frame"),
)


def _checked(call: str, arguments: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of a call; raise TypeError for a name that it does not know."""
    for name in arguments:
        if name not in known:
            raise TypeError(f"call {call!r} takes {', '.join(known)}; got {name!r}")
    return arguments
