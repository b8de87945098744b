"""onnxruntime, for predictions: an ONNX graph with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn.bench.workloads import Workload, WorkloadData

from . import reference
from .base import Contender, UnableError, need


class OnnxRuntime(Contender):
    """``InferenceSession.run``."""

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        if workload.kind != "predict":
            raise UnableError("it predicts only")
        self._runtime = need("onnxruntime")
        self._onnx = need("onnx")

    def version(self) -> str:
        """Return onnxruntime's version."""
        return str(self._runtime.__version__)

    def predictor(self) -> Callable[[], Any]:
        """Return a session's call."""
        onnx, helper = self._onnx, self._onnx.helper
        nodes, constants, name = [], [], "x"
        for l, (W, b) in enumerate(reference.split(self.initial, self.workload.sizes)):
            constants += [
                onnx.numpy_helper.from_array(array, f"{letter}{l}")
                for letter, array in (("W", W), ("b", b))
            ]
            nodes.append(helper.make_node("Gemm", [name, f"W{l}", f"b{l}"], [f"z{l}"]))
            nodes.append(helper.make_node("Sigmoid", [f"z{l}"], [f"a{l}"]))
            name = f"a{l}"
        ends = [
            helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, ["n", width])
            for end, width in (("x", self.workload.sizes[0]), (name, self.workload.sizes[-1]))
        ]
        graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], constants)
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self.n_threads
        options.inter_op_num_threads = 1
        session = self._runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        x = self.examples.X[:1]
        return lambda: session.run(None, {"x": x})[0]
