"""Encoding of labels as the network's targets, and decoding of its outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels


class Labels:
    """The classes, one a row or, for several labels, any number a row.

    Parameters
    ----------
    y : array-like, shape (n,) or (n, n_labels)
        Labels, or an indicator matrix of zeros and ones.
    classes : array-like, optional
        All classes; some may be missing in y.
    outputs : array-like, optional
        The label of each output of a network (both labels of a single output), instead of y.

    Attributes
    ----------
    classes : ndarray
        All labels, sorted.
    output_of : ndarray of int
        The number of the output of each label.
    """

    def __init__(self, y: Any = None, classes: Any = None, outputs: Any = None) -> None:
        if outputs is not None:
            y = outputs
        kind = type_of_target(y, input_name="y")
        self.multilabel: bool = kind == "multilabel-indicator"
        self.sparse: bool = self.multilabel and hasattr(y, "tocsr")
        if self.multilabel:
            self.classes: NDArray[Any] = np.arange(y.shape[1])
            self.output_of: NDArray[np.intp] = np.arange(y.shape[1])
            return
        check_classification_targets(y)
        if kind.endswith("-multioutput"):
            raise ValueError("y must have one column of labels, or be zeros and ones")
        self.classes = unique_labels(classes if classes is not None else y)
        self.output_of = np.arange(len(self.classes))
        if outputs is not None and len(outputs) == len(self.classes):
            self.output_of = np.argsort(np.asarray(outputs), kind="stable")

    @property
    def outputs(self) -> NDArray[Any]:
        """The label of each output; both labels of a single output."""
        return self.classes[np.argsort(self.output_of)]

    def encode(self, y: Any) -> NDArray[Any]:
        """Return the number of each row's output (n,), or zeros and ones (n, n_labels)."""
        plain = type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu"
        if not plain:
            check_classification_targets(y)
        if not plain and type_of_target(y, input_name="y") == "multilabel-indicator":
            if not self.multilabel or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"y has {y.shape[1]} labels a row; this classifier knows "
                    f"{f'{len(self.classes)} labels' if self.multilabel else 'one class'} a row"
                )
            dense = y.toarray() if hasattr(y, "tocsr") else np.asarray(y)
            return np.asarray(dense != 0, np.float32)
        if self.multilabel:
            raise ValueError(
                f"y must have {len(self.classes)} columns of zeros and ones, as when first fitted"
            )
        labels = y if plain else column_or_1d(y)
        found = np.searchsorted(self.classes, labels)
        found = np.minimum(found, len(self.classes) - 1)
        if (self.classes[found] != labels).any():
            strange = sorted(set(labels[self.classes[found] != labels].tolist()))
            raise ValueError(
                f"y holds classes that are not in classes_, {self.classes.tolist()}: {strange}; "
                "warm_start and partial_fit keep the classes of the first call"
            )
        return np.asarray(self.output_of[found], np.int64)

    def decode(self, outputs: NDArray[Any]) -> Any:
        """Return the label of each row of outputs; zeros and ones if there may be several."""
        if self.multilabel:
            rows = (outputs >= 0.5).astype(np.int64)
            if not self.sparse:
                return rows
            from scipy.sparse import csr_matrix

            return csr_matrix(rows)
        if outputs.shape[1] > 1:
            return self.outputs[outputs.argmax(axis=1)]
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(outputs))
        return self.outputs[(outputs[:, 0] >= 0.5).astype(np.intp)]

    def probabilities(self, outputs: NDArray[Any], output: str) -> NDArray[Any]:
        """Return a probability a class, (n, n_classes), or a label, (n, n_labels)."""
        if self.multilabel:
            return outputs
        if outputs.shape[1] > 1:
            outputs = outputs[:, self.output_of]
        if output == "softmax":
            return outputs
        if outputs.shape[1] > 1:  # sigmoids: one class against the rest
            total = outputs.sum(axis=1, keepdims=True)
            shares = np.full_like(outputs, 1 / outputs.shape[1])
            np.divide(outputs, total, out=shares, where=total > 0)
            return shares
        if len(self.classes) == 1:
            return np.ones_like(outputs)
        return np.concatenate([1 - outputs, outputs], axis=1)[:, self.output_of]
