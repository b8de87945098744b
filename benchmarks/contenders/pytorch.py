"""PyTorch: the loop that its tutorials teach, eager or with the forward and backward compiled."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from fastnn.bench.workloads import Workload, WorkloadData

from .base import Array, Contender, UnableError, need


class Torch(Contender):
    """Eager. The fused optimisers, which are PyTorch's fastest, where it has them."""

    compiled = False

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        torch = need("torch")
        self.torch: Any = torch
        torch.set_num_threads(n_threads)
        torch.manual_seed(0)
        activations = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
        layers: list[Any] = []
        for n_in, n_out in pairwise(workload.sizes):
            layers += [torch.nn.Linear(n_in, n_out), activations[workload.activation]()]
        layers.pop()
        if workload.output == "sigmoid":
            layers.append(torch.nn.Sigmoid())  # softmax is within the loss
        self.model: Any = torch.nn.Sequential(*layers)
        self.X = torch.from_numpy(examples.X)
        labels = workload.loss == "cross_entropy"
        self.y: Any = torch.from_numpy(examples.y if labels else examples.targets)
        self.cost: Callable[[Any, Any], Any] = self._cost()
        if self.compiled:
            self.cost = torch.compile(self.cost)

    def version(self) -> str:
        """Return PyTorch's version."""
        return str(self.torch.__version__)

    def _cost(self) -> Callable[[Any, Any], Any]:
        model, functional = self.model, self.torch.nn.functional
        if self.workload.loss == "cross_entropy":
            return lambda X, y: functional.cross_entropy(model(X), y)
        if self.workload.loss == "mse":
            return lambda X, y: functional.mse_loss(model(X), y)
        return lambda X, y: ((model(X) - y) ** 2).sum(1).mean()

    def reset(self) -> None:
        """Copy the initial weights into the model; create a new optimiser."""
        torch, rule, at = self.torch, self.workload.rule, 0
        with torch.no_grad():
            for parameter in self.model.parameters():  # W is (n_out, n_in) here
                n = parameter.numel()
                values = torch.from_numpy(self.initial[at : at + n])
                shape = parameter.shape
                turned = values.reshape(shape[::-1]).T if len(shape) == 2 else values
                parameter.copy_(turned)
                at += n
        parameters = self.model.parameters()
        self.optimiser: Any
        if rule.kind == "sgd":
            self.optimiser = torch.optim.SGD(parameters, lr=rule.lr, fused=True)
        elif rule.kind == "adam":
            self.optimiser = torch.optim.Adam(parameters, lr=rule.lr, fused=True)
        else:
            self.optimiser = torch.optim.RMSprop(parameters, lr=rule.lr, alpha=0.9, eps=1e-3)

    def train(self, rows: int, epochs: int) -> None:
        """Descend, batch by batch."""
        X, y, size = self.X, self.y, self.workload.batch_size
        for _ in range(epochs):
            if size >= rows:
                self._step(X[:rows], y[:rows])
                continue
            order = self.torch.randperm(rows) if self.shuffle else self.torch.arange(rows)
            for batch in order.split(size):
                self._step(X[batch], y[batch])

    def _step(self, X: Any, y: Any) -> None:
        self.optimiser.zero_grad()
        self.cost(X, y).backward()
        self.optimiser.step()

    def params(self) -> Array:
        """Return the weights turned back to (n_in, n_out)."""
        return np.concatenate([p.detach().numpy().T.ravel() for p in self.model.parameters()])

    def predictor(self) -> Callable[[], Any]:
        """Return the model's call in inference mode, from an array and to one."""
        if self.compiled:
            raise UnableError("it is not measured on predictions")
        self.reset()
        torch, model, x = self.torch, self.model, self.examples.X[:1]

        def predict() -> Any:
            with torch.inference_mode():
                return model(torch.from_numpy(x)).numpy()

        return predict


class TorchCompiled(Torch):
    """``torch.compile`` of the network and its loss; needs a C++ compiler."""

    compiled = True

    def check(self, rows: int, epochs: int) -> dict[str, float]:
        """Compile, which may fail, and train."""
        try:
            return super().check(rows, epochs)
        except Exception as error:
            first = str(error).strip().splitlines() or [type(error).__name__]
            raise UnableError(f"torch.compile failed: {first[0][:200]}") from error
