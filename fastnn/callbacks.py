"""Callbacks of `MLP.fit`: early stopping, checkpoints, lower learning rates, functions.

A callback is an object with hooks that the training loop calls, in the order of the list of
callbacks. List `ModelCheckpoint` after `EarlyStopping` and `ReduceOnPlateau`: a checkpoint holds
the states that the callbacks have when it is saved.

Wrong arguments raise ValueError or TypeError at once. A name that the fit does not log raises
ValueError from ``fit``, at the end of the first epoch, with the names that it logs.

Over 400 lines, of which half are docstrings.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .checks import check_count, check_number

if TYPE_CHECKING:
    from .history import History

__all__ = ["Callback", "EarlyStopping", "ModelCheckpoint", "ReduceOnPlateau", "Run", "as_callback"]


class Net(Protocol):
    """The part of a network that callbacks use."""

    @property
    def params(self) -> NDArray[Any]:
        """All weights and biases, shape (n_params,); assignable."""

    @params.setter
    def params(self, values: NDArray[Any]) -> None: ...

    def save(self, path: str | os.PathLike[str], *, checkpoint: bool) -> object:
        """Write the network and, if `checkpoint`, all that is needed to continue training."""


class Run(Protocol):
    """The running fit, as an argument of callbacks."""

    lr_scale: float
    """A factor on the learning rate of all later steps; may be set. Part of a checkpoint."""

    @property
    def net(self) -> Net:
        """The network that is trained."""

    @property
    def epoch(self) -> int:
        """Epochs completed: 1 at the end of the first."""

    @property
    def epochs(self) -> int:
        """Epochs that the fit was called for."""

    @property
    def step(self) -> int:
        """Mini-batches completed since the fit began."""

    @property
    def history(self) -> History:
        """The history so far; at the end of an epoch, with that epoch."""

    @property
    def lr(self) -> float:
        """The current learning rate, `lr_scale` included."""

    def stop(self, reason: str) -> None:
        """End the fit after this epoch; `reason` is a sentence for ``history.stopped``."""


class Callback:
    """A callback that does nothing; override the hooks that you need.

    Examples
    --------
    >>> class StopWhenGood(Callback):
    ...     def on_epoch_end(self, run, logs):
    ...         if logs["val_accuracy"] > 0.98:
    ...             run.stop("val_accuracy is above 0.98")
    """

    def on_fit_begin(self, run: Run) -> None:
        """Run before the first epoch; reset a callback that is used again."""

    def on_epoch_begin(self, run: Run) -> None:
        """Run before each epoch."""

    def on_batch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Run after each mini-batch.

        A callback that overrides this makes training slower: each mini-batch is then a call of C,
        which otherwise computes many of them.
        """

    def on_pause(self, run: Run) -> None:
        """Run now and then between two mini-batches, at most about 30 times a second.

        Training waits meanwhile, at a batch boundary: other threads may read the network, and
        ``run.lr_scale`` may be set. What the callback raises ends the fit there. With an optimiser
        of second order a pause is at the end of an epoch.
        """

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Run after each epoch, with all values that were logged for it."""

    def on_fit_end(self, run: Run) -> None:
        """Run after the last epoch, or after the one in which a callback stopped the fit."""

    def state(self) -> dict[str, Any]:
        """Return the callback's state for a checkpoint: JSON values and arrays."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the `state` from a checkpoint; called after `on_fit_begin`."""


Hook: TypeAlias = Callable[[Run, Mapping[str, float]], object]  # called after each epoch
CallbackLike: TypeAlias = Callback | Hook
Mode: TypeAlias = Literal["auto", "min", "max"]


class _Monitor(Callback):
    """A callback that watches one logged value for its best."""

    _kept: ClassVar[tuple[str, ...]] = ("best_", "best_epoch_", "_waited")  # in a checkpoint

    def __init__(self, monitor: str, mode: Mode, min_delta: float) -> None:
        if not isinstance(monitor, str) or not monitor:
            raise ValueError(f"monitor must be the name of a logged value, got {monitor!r}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'mode must be "auto", "min" or "max", got {mode!r}')
        self.monitor = monitor
        self.mode: Mode = mode
        self.min_delta: float = check_number(
            "min_delta", min_delta, "a finite number of 0 or more", lambda delta: delta >= 0
        )
        self._forget()

    def _forget(self) -> None:
        self.best_: float | None = None
        self.best_epoch_: int | None = None
        self._waited = 0  # epochs since the last improvement

    def on_fit_begin(self, run: Run) -> None:
        """Forget an earlier fit."""
        self._forget()

    def _value(self, logs: Mapping[str, float]) -> float:
        try:
            return float(logs[self.monitor])
        except KeyError:
            raise ValueError(
                f"{type(self).__name__} monitors {self.monitor!r}, which this fit does not log; "
                f"it logs {', '.join(logs)}"
            ) from None

    def _better(self, run: Run, value: float, than: float | None) -> bool:
        """Return whether `value` is better by more than `min_delta`; NaN and infinity never are."""
        if not math.isfinite(value):
            return False
        if than is None:
            return True
        mode = self.mode
        if mode == "auto":
            mode = "max" if run.history.higher_is_better(self.monitor) else "min"
        delta = value - than if mode == "max" else than - value
        return delta > self.min_delta

    def _improves(self, run: Run, value: float) -> bool:
        """Keep `value` if it is the best so far; return whether it is."""
        if not self._better(run, value, self.best_):
            return False
        self.best_, self.best_epoch_ = value, run.epoch
        return True

    def state(self) -> dict[str, Any]:
        """Return the attributes that change from epoch to epoch."""
        return {name: getattr(self, name) for name in self._kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the `state` from a checkpoint."""
        if state.keys() != set(self._kept):
            raise ValueError(
                f"{type(self).__name__} restores {', '.join(self._kept)}, got {', '.join(state)}"
            )
        for name in self._kept:
            setattr(self, name, state[name])


class EarlyStopping(_Monitor):
    """Stop when a logged value has not improved for some epochs, and restore the best weights.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The value to watch, any name that the fit logs.
    patience : int, default 10
        Epochs in a row without improvement after which to stop, 1 or more.
    min_delta : float, default 0
        The least difference from the best that counts as an improvement, in units of `monitor`.
    mode : {"auto", "min", "max"}, default "auto"
        Whether low or high is good; "auto" is high for names that end in accuracy, score, auc, f1
        or r2.
    restore_best : bool, default True
        Restore the weights of the best epoch at the end of the fit, even if all epochs were done
        or another callback stopped it. Not done if ``fit`` raises; `best_params_` then still holds
        those weights.
    start_from_epoch : int, default 0
        Epochs at the beginning that are ignored.
    baseline : float, optional
        A value to beat: only an improvement beyond it resets the count of `patience`.

    Attributes
    ----------
    best_ : float or None
        The best value; NaN and infinity are never best.
    best_epoch_ : int or None
        The epoch of the best value, from 1.
    best_params_ : ndarray, shape (n_params,), or None
        The weights after that epoch, if `restore_best`.
    stopped_epoch_ : int or None
        The epoch after which this callback stopped the fit, or None.

    Examples
    --------
    >>> stopper = EarlyStopping("val_accuracy", patience=5)
    >>> # net.fit(X, y, validation_data=(X_val, y_val), callbacks=[stopper])
    """

    _kept = (*_Monitor._kept, "best_params_", "stopped_epoch_")

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Mode = "auto",
        restore_best: bool = True,
        start_from_epoch: int = 0,
        baseline: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience: int = check_count("patience", patience, 1)
        self.restore_best: bool = bool(restore_best)
        self.start_from_epoch: int = check_count("start_from_epoch", start_from_epoch, 0)
        if baseline is not None:
            baseline = check_number("baseline", baseline, "a finite number or None")
        self.baseline = baseline

    def _forget(self) -> None:
        super()._forget()
        self.best_params_: NDArray[Any] | None = None
        self.stopped_epoch_: int | None = None

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Compare with the best so far; stop after `patience` epochs without improvement."""
        value = self._value(logs)
        if run.epoch <= self.start_from_epoch:
            return
        self._waited += 1
        if self._improves(run, value):
            if self.restore_best:
                self.best_params_ = np.array(run.net.params)
            if self.baseline is None or self._better(run, value, self.baseline):
                self._waited = 0
        if self._waited >= self.patience:
            self.stopped_epoch_ = run.epoch
            run.stop(self._reason())

    def _reason(self) -> str:
        what = "improved" if self.baseline is None else f"improved beyond {self.baseline:.4g}"
        best = (
            f"best {self.best_:.4g} at epoch {self.best_epoch_}"
            if self.best_epoch_
            else "never a finite number"
        )
        epochs = "1 epoch" if self._waited == 1 else f"{self._waited} epochs"
        return f"{self.monitor} has not {what} for {epochs} ({best})"

    def on_fit_end(self, run: Run) -> None:
        """Restore the best weights."""
        if self.restore_best and self.best_params_ is not None:
            run.net.params = self.best_params_


class ModelCheckpoint(_Monitor):
    """Save the network at the end of epochs, with all that is needed to continue training.

    Parameters
    ----------
    path : str or path-like
        Name of the file; missing folders are created. It may contain the `str.format` fields
        ``{epoch}`` and any logged name, as in ``"m-{epoch:03d}-{val_loss:.3f}.safetensors"``.
        Without fields each file replaces the previous one.
    monitor : str, optional
        The value to watch with `save_best_only`; "val_loss" if not given.
    save_best_only : bool, default False
        Save only when `monitor` is better than in all earlier epochs of this fit.
    every : int, default 1
        Epochs from one save to the next, 1 or more.
    mode : {"auto", "min", "max"}, default "auto"
        Whether low or high is good; see `EarlyStopping`.

    Attributes
    ----------
    best_, best_epoch_
        The best value and its epoch, as in `EarlyStopping`, with `save_best_only`.
    path_ : str or None
        The file that was saved last.

    Examples
    --------
    >>> saver = ModelCheckpoint("best.safetensors", save_best_only=True)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str | None = None,
        save_best_only: bool = False,
        every: int = 1,
        mode: Mode = "auto",
    ) -> None:
        if monitor is not None and not save_best_only:
            raise ValueError(
                f"monitor is only used with save_best_only=True, got monitor={monitor!r}"
            )
        super().__init__("val_loss" if monitor is None else monitor, mode, min_delta=0.0)
        self.path: str = _check_template(path)
        self.save_best_only: bool = bool(save_best_only)
        self.every: int = check_count("every", every, 1)

    def _forget(self) -> None:
        super()._forget()
        self.path_: str | None = None

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Save if the epoch is due and, with `save_best_only`, is the best so far."""
        from pathlib import Path  # only here: every fit imports this module

        value = self._value(logs) if self.save_best_only else 0.0
        if run.epoch % self.every:
            return
        # Before saving, so that the file records this epoch as the best.
        if self.save_best_only and not self._improves(run, value):
            return
        path = self._path(run.epoch, logs)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        run.net.save(path, checkpoint=True)
        self.path_ = path

    def _path(self, epoch: int, logs: Mapping[str, float]) -> str:
        fields = {**logs, "epoch": epoch}
        try:
            return self.path.format(**fields)
        except (KeyError, AttributeError, IndexError) as error:
            raise ValueError(
                f"path {self.path!r} of ModelCheckpoint has a field that this fit does not log; "
                f"it may use {', '.join(fields)}"
            ) from error


class ReduceOnPlateau(_Monitor):
    """Lower the learning rate when a logged value has not improved for some epochs.

    Multiplies ``run.lr_scale`` by `factor`, so that it can be combined with every schedule. As in
    Keras, the change comes after `patience` epochs without improvement; PyTorch waits one more.

    Parameters
    ----------
    monitor, mode
        The value to watch; see `EarlyStopping`.
    factor : float, default 0.1
        Factor of the learning rate, above 0 and below 1.
    patience : int, default 10
        Epochs in a row without improvement before each change, 1 or more.
    min_delta : float, default 1e-4
        The least difference from the best that counts as an improvement, in units of `monitor`.
    cooldown : int, default 0
        Epochs after a change that do not count as waiting.
    min_scale : float, default 0
        The lowest ``run.lr_scale``, from 0 to 1: a share of the optimiser's rate, unlike the
        lowest rate of other libraries.

    Attributes
    ----------
    best_, best_epoch_
        The best value and its epoch, as in `EarlyStopping`.

    Examples
    --------
    >>> reducer = ReduceOnPlateau(factor=0.5, patience=3)
    """

    _kept = (*_Monitor._kept, "_cooling")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_scale: float = 0.0,
        mode: Mode = "auto",
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor: float = check_number(
            "factor", factor, "a number above 0 and below 1", lambda value: 0 < value < 1
        )
        self.patience: int = check_count("patience", patience, 1)
        self.cooldown: int = check_count("cooldown", cooldown, 0)
        self.min_scale: float = check_number(
            "min_scale", min_scale, "a number from 0 to 1", lambda value: 0 <= value <= 1
        )

    def _forget(self) -> None:
        super()._forget()
        self._cooling = 0  # epochs of the cooldown that are left

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Compare with the best so far; lower the rate when `patience` is exhausted."""
        cooling = self._cooling > 0
        self._cooling -= cooling
        if self._improves(run, self._value(logs)) or cooling:
            self._waited = 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            # min(): another callback may already have set lr_scale below min_scale.
            run.lr_scale = min(run.lr_scale, max(run.lr_scale * self.factor, self.min_scale))
            self._cooling = self.cooldown
            self._waited = 0


class _Function(Callback):
    """A plain function, called at the end of each epoch."""

    def __init__(self, function: Hook) -> None:
        self._function = function

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        self._function(run, logs)


def as_callback(obj: CallbackLike) -> Callback:
    """Return `obj` if it is a callback; a function ``f(run, logs)`` becomes one.

    Parameters
    ----------
    obj : Callback or callable
        A callable is called at the end of each epoch.

    Raises
    ------
    TypeError
        If `obj` is neither; a class in place of an object is the usual slip.

    Examples
    --------
    >>> callback = as_callback(lambda run, logs: print(run.epoch, logs["loss"]))
    """
    if isinstance(obj, Callback):
        return obj
    if isinstance(obj, type):
        raise TypeError(
            f"a callback must be an object, got the class {obj.__name__}: write {obj.__name__}(...)"
        )
    if callable(obj):
        return _Function(obj)
    raise TypeError(f"a callback must be a Callback or a function f(run, logs), got {obj!r}")


def _check_template(path: str | os.PathLike[str]) -> str:
    from string import Formatter  # only here, as Path above

    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"path must be text or a path, got {path!r}")
    try:
        fields = [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise ValueError(f"path must be a format string, got {text!r}: {error}") from error
    if any(not field or field.isdigit() for field in fields):
        raise ValueError(f"path must name its fields, as in {{epoch}}, got {text!r}")
    return text
