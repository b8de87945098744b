"""The public API as a user's type checker sees it: read by mypy and basedpyright, never run.

`assert_type` says what must be known; a line that must be an error has a `type: ignore` of its
kind, which mypy reports as unused where the error fails to come.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

import fastnn
from fastnn.callbacks import Callback, Run

Array = NDArray[Any]


def networks(X: NDArray[np.float32], y: list[str], path: Path) -> None:
    net = fastnn.MLP([4, 8, 3], activation=["relu"], output="softmax", loss="cross_entropy")
    assert_type(net.sizes, tuple[int, ...])
    assert_type(net.n_params, int)
    assert_type(net.params, Array)
    assert_type(net.weights[0], Array)
    assert_type(net.biases[1:], tuple[Array, ...])
    assert_type(net.classes, Array | None)
    assert_type(net.predict(X), Array)
    assert_type(net.predict([[1, 2, 3, 4]]), Array)
    assert_type(net.predict(csr_matrix(X)), Array)
    assert_type(net.classify(X), Array)
    assert_type(net.activations(X), list[Array])
    assert_type(net.evaluate(X, y)["loss"], float)
    assert_type(net.cost(X, y), float)
    assert_type(net.cost(X, y, per_example=True), Array)
    assert_type(net.cost(X, y, per_example=bool(y)), float | Array)
    assert_type(net.gradient(X, y), fastnn.Gradient)
    assert_type(net.gradient(X, y, per_example=True).weights, list[Array])
    assert_type(net.train_batch(X, y), dict[str, float])
    net.save(path)
    assert_type(fastnn.load(path), fastnn.MLP | fastnn.TableModel | Any)  # or an Ensemble
    net.weights[0] = np.zeros((4, 8))
    net.params = [0.0] * net.n_params


def fits(net: fastnn.MLP, X: NDArray[np.uint8], y: NDArray[np.int64]) -> None:
    def tell(run: Run, logs: Mapping[str, float]) -> None:
        print(run.epoch, logs["loss"])

    class Stop(Callback):
        def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
            run.stop("enough")

    history = net.fit(
        X,
        y,
        optimizer=fastnn.SGD(lr=fastnn.schedules.Cosine(0.1), momentum=0.9),
        validation_data=(X, y),
        class_weight="balanced",
        callbacks=[tell, Stop(), fastnn.callbacks.EarlyStopping(mode="min")],
    )
    assert_type(history, fastnn.History)
    assert_type(history.val_loss, list[float])
    assert_type(history.best("loss"), tuple[int, float])
    assert_type(history.stopped, str | None)
    net.fit(X, y, callbacks=tell, class_weight={0: 2.0}, validation_data=(X, y, None))
    (X_train, y_train), _ = fastnn.datasets.load_digits()
    net.fit(X_train, y_train)


def estimators(X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
    model = fastnn.MLPClassifier((16,), "logistic", solver="adamw", batch_size="auto")
    assert_type(model.fit(X, y), fastnn.MLPClassifier)
    assert_type(model.partial_fit(X, y, classes=[0, 1]), fastnn.MLPClassifier)
    assert_type(model.predict_proba(csr_matrix(X)), Array)
    assert_type(model.alpha, float)
    assert_type(model.coefs_, list[Array])
    assert_type(model.to_mlp(), fastnn.MLP)
    assert_type(fastnn.MLPRegressor("huber", 8).fit(X, y).predict(X), Array)
    assert_type(fastnn.MLPRegressor(solver=fastnn.Adam()).loss_curve_, list[float])


def mistakes(net: fastnn.MLP, X: Array, y: Array) -> None:
    fastnn.MLP([4, 3], activation="reul")  # type: ignore[arg-type]
    fastnn.MLP([4, 8, 3], activation="softmax")  # type: ignore[arg-type]
    fastnn.MLP([4, 3], loss="msr")  # type: ignore[arg-type]
    fastnn.MLP([4, 3], init="he")  # type: ignore[arg-type]
    fastnn.MLP([4, 3], "relu")  # type: ignore[call-arg]
    fastnn.SGD(lr="fast")  # type: ignore[arg-type]
    fastnn.datasets.load_digit()  # type: ignore[attr-defined]
    net.fit(X, y, optimizer="adam")  # type: ignore[arg-type]
    net.fit(X, y, epoch=3)  # type: ignore[call-arg]
    net.fit(X, y, validation_data=X)  # type: ignore[arg-type]
    net.fit(X, y, class_weight="equal")  # type: ignore[arg-type]
    net.fit(X, y, callbacks=[print, 3])  # type: ignore[list-item]
    net.weights[0:2] = X  # type: ignore[index]
    net.n_params = 3  # type: ignore[misc]
    fastnn.callbacks.EarlyStopping(mode="smallest")  # type: ignore[arg-type]
    fastnn.MLPClassifier(solver="newton")  # type: ignore[arg-type]
    fastnn.MLPRegressor("log_loss")  # type: ignore[arg-type]
