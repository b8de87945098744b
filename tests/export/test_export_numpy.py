"""Python files: they need NumPy alone and compute what the network computes."""

import ast
import subprocess
import sys

import export_helpers as helpers
import numpy as np
import pytest
from export_helpers import HOSTILE, exact, random_net, rows_for
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.export import to_numpy
from fastnn.names import ACTIVATIONS, HIDDEN

TIGHT = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-12, "atol": 1e-14}}


def run(text):
    module = {}
    exec(compile(text, "exported.py", "exec"), module)
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation_with_every_output_gives_what_the_twin_gives(dtype):
    for net in helpers.every_function(dtype):
        module = run(to_numpy(net))
        for X in (rows_for(net, 5), np.arange(2 * net.sizes[0], dtype=np.uint8).reshape(2, -1)):
            found = module["predict"](X)
            assert (found.shape, found.dtype) == ((len(X), net.sizes[-1]), net.predict(X).dtype)
            np.testing.assert_allclose(found, exact(net, X), **TIGHT[dtype], err_msg=repr(net))
            np.testing.assert_allclose(found, net.predict(X), **TIGHT[dtype])
            np.testing.assert_allclose(module["predict"](X[0]), found[0], **TIGHT[dtype])
            if "classify" in module:
                assert module["classify"](X).tolist() == net.classify(X).tolist()


@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=6),
    data=st.data(),
    output=st.sampled_from(ACTIVATIONS),
    scaled=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=50, deadline=None)
def test_any_architecture_comes_along(sizes, data, output, scaled, seed):
    hidden = [data.draw(st.sampled_from(HIDDEN)) for _ in sizes[1:-1]]
    if output == "softmax":
        sizes[-1] += 1  # of one output it is always 1
    net = random_net(sizes, activation=hidden, output=output, scaled=scaled, seed=seed)
    X = rows_for(net, 3)
    np.testing.assert_allclose(
        run(to_numpy(net))["predict"](X), net.predict(X), rtol=1e-3, atol=1e-3
    )


def test_every_bit_of_the_parameters_is_in_the_file():
    net = random_net([7, 5, 3], scaled=True)
    module = run(to_numpy(net))
    for (W, b, _), W_net, b_net in zip(module["LAYERS"], net.weights, net.biases, strict=True):
        np.testing.assert_array_equal(W, W_net)
        np.testing.assert_array_equal(b, b_net)
    np.testing.assert_array_equal(module["SHIFT"], net.input_shift)
    np.testing.assert_array_equal(module["SCALE"], net.input_scale)


def test_the_file_imports_numpy_and_the_standard_library_alone(tmp_path):
    net = random_net([3, 4, 2], activation="gelu", output="softmax")
    path = tmp_path / "net.py"
    assert to_numpy(net, path) == path.read_text("ascii")
    names = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names == {"base64", "math", "numpy"}
    code = "import sys; sys.modules['fastnn'] = None; import net; print(net.predict([1, 2, 3]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(
        [float(n) for n in done.stdout.strip("[]\n").split()],
        net.predict([[1, 2, 3]])[0],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    "classes", [HOSTILE, [30, 10, 20], [0.5, 1.5], [True, False], ['"""', "'''", "\\N{DASH}"]]
)
def test_labels_of_every_kind_come_along_and_run_nothing(classes):
    net = random_net([4, len(classes)], output="softmax")
    net.classes = classes
    net.feature_names = ["a", '"""', "\n", "é"]
    text = to_numpy(net)
    assert text.isascii()
    module = run(text)
    assert module["LABELS"].tolist() == classes
    assert module["INPUTS"] == ["a", '"""', "\n", "é"]
    X = rows_for(net, 9)
    assert module["classify"](X).tolist() == net.classify(X).tolist()


def test_one_output_tells_two_classes_apart_at_one_half():
    net = random_net([4, 1], output="sigmoid", loss="binary_cross_entropy")
    net.classes = ["no", "yes"]
    X = rows_for(net, 20)
    found = run(to_numpy(net))["classify"](X).tolist()
    assert found == net.classify(X).tolist()
    assert set(found) == {"no", "yes"}


def test_a_regression_has_no_classes():
    assert "classify" not in run(to_numpy(random_net([2, 1])))


@pytest.mark.parametrize("bad", [[[1, np.nan]], [[1, np.inf]], [[1, 2, 3]], 7])
def test_what_predict_refuses_it_refuses(bad):
    with pytest.raises(ValueError, match="x must be rows of 2 finite numbers"):
        run(to_numpy(random_net([2, 1])))["predict"](bad)


def test_huge_and_tiny_inputs_give_what_predict_gives():
    for net in helpers.every_function():
        if net.sizes[0] > 1 and net.output in ("identity", "relu", "exp") and len(net.sizes) > 2:
            continue  # sums of terms of 1e30 that cancel have no digits to compare
        X = np.array([[1e4], [-50], [1e-40], [0]], np.float32) * np.ones(net.sizes[0], np.float32)
        with np.errstate(all="ignore"):
            expected, found = net.predict(X), run(to_numpy(net))["predict"](X)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3, err_msg=repr(net))


def test_what_cannot_be_written_down_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"net must be a fastnn.MLP, got str"):
        to_numpy("net")
    net = random_net([2, 2], output="softmax")
    net.params[0] = np.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_numpy(net, tmp_path / "net.py")
    assert not list(tmp_path.iterdir())


def test_names_resolve_without_any_extra():
    code = (
        "import sys\n"
        "for extra in ('onnx', 'torch', 'sklearn', 'scipy'): sys.modules[extra] = None\n"
        "import fastnn.export as export\n"
        "export.to_c, export.to_numpy\n"
        "assert {'to_onnx', 'to_torch', 'from_torch'} <= set(dir(export))\n"
        "try: export.to_nothing\n"
        "except AttributeError as error: assert 'to_nothing' in str(error)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert fastnn.export.to_numpy is to_numpy
