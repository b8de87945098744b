"""The Jacobian of C files: what the network's is, the slopes of its outputs, and its self-test."""

import ctypes
import re
import subprocess
import sys

import export_helpers as helpers
import numpy as np
import pytest
from export_helpers import CC, Library, compile_c, random_net, rows_for

from fastnn.cli import main
from fastnn.export import facts, to_c
from fastnn.names import ACTIVATIONS

needs_compiler = pytest.mark.skipif(
    CC is None or sys.platform == "win32", reason="no C compiler on the path"
)


def jacobian(library, i, X):
    """Ask the i-th file for the Jacobian of each row, (n, n_out, n_in)."""
    net = library.nets[i]
    X = np.ascontiguousarray(X.astype(facts.input_dtype(net, net.dtype.name)))
    J = np.full((len(X), net.sizes[-1] * net.sizes[0] + 1), 7, net.dtype)
    for x, out in zip(X, J, strict=True):
        library._call(f"n{i}_jacobian", x, ctypes.c_void_p(out.ctypes.data))
    assert (J[:, -1] == 7).all()  # nothing writes there
    return J[:, :-1].reshape(len(X), net.sizes[-1], net.sizes[0])


def differences(net, predict, X, step=1e-5):
    """Return central differences of what `predict` answers, (n, n_out, n_in)."""
    scale = np.ones(net.sizes[0]) if net.input_scale is None else net.input_scale
    J = np.empty((len(X), net.sizes[-1], net.sizes[0]))
    for k, h in enumerate(step / scale):
        e = np.zeros(net.sizes[0])
        e[k] = h
        J[:, :, k] = (predict(X + e) - predict(X - e)) / (2 * h)
    return J


@pytest.fixture(scope="module", params=["float32", "float64"])
def library(request, tmp_path_factory):
    """Every activation and every output, half of the pairs, in one library."""
    if CC is None or sys.platform == "win32":
        pytest.skip("no C compiler on the path")
    nets = helpers.every_function(request.param)[::2]
    sources = [to_c(net, name=f"n{i}", jacobian=True) for i, net in enumerate(nets)]
    return Library(tmp_path_factory.mktemp("c"), sources, nets)


def test_every_activation_and_output_gives_what_the_network_gives(library):
    for i, net in enumerate(library.nets):
        X = rows_for(net, 6)
        expected = net.jacobian(X)
        relative = 2e-5 if net.dtype == "float32" else 1e-11
        np.testing.assert_allclose(
            jacobian(library, i, X),
            expected,
            rtol=relative,
            atol=relative * float(np.abs(expected).max()),
            err_msg=repr(net),
        )


def test_in_double_it_is_the_slope_of_what_the_file_predicts(library):
    if library.nets[0].dtype != "float64":
        pytest.skip("differences need double")
    compared = 0
    for i, net in enumerate(library.nets):
        if {"relu", "leaky_relu"} & {*net.activation, net.output}:
            continue  # their kinks are met above
        X = rows_for(net, 4)
        slopes = differences(net, lambda X, i=i: library.predict(i, X), X)
        found = jacobian(library, i, X)
        np.testing.assert_allclose(
            found, slopes, rtol=1e-6, atol=1e-7 * max(1, np.abs(found).max()), err_msg=repr(net)
        )
        compared += 1
    assert compared > 25


def test_nan_and_infinity_make_all_derivatives_nan(library):
    for i, net in enumerate(library.nets):
        for bad in (np.nan, np.inf, -np.inf):
            X = rows_for(net, 1)
            X[0, -1] = bad
            assert np.isnan(jacobian(library, i, X)).all(), net


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_program_tests_the_derivatives_and_a_wrong_one_fails_it(tmp_path, dtype):
    net = random_net([5, 4, 3], activation="gelu", scaled=True, dtype=dtype)
    text = to_c(net, name="net", jacobian=True)
    good = subprocess.run(
        [compile_c(tmp_path, text, "good", "-DNET_MAIN")], capture_output=True, text=True
    )
    assert good.returncode == 0, good.stdout
    assert "30 of 30 derivatives as expected" in good.stdout
    broken = text.replace("slope ? sum * slope[i] : sum;", "slope ? sum : sum;")
    assert broken != text
    bad = subprocess.run(
        [compile_c(tmp_path, broken, "bad", "-DNET_MAIN")], capture_output=True, text=True
    )
    assert bad.returncode == 1
    assert "18 of 18 outputs as expected" in bad.stdout
    assert re.search(r"row 0, derivative \d+: ", bad.stdout)


@needs_compiler
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_files_of_every_output_pass_their_own_test_under_the_sanitizers(tmp_path, output):
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DNET_MAIN"]
    flags += ["-fno-sanitize=float-divide-by-zero", "-DNET_SCRATCH=static"]
    try:
        compile_c(tmp_path, "int main(void) { return 0; }", "probe", *flags)
    except AssertionError:
        pytest.skip("the compiler's sanitizers are not installed")
    for sizes, dtype in (([17, 3], "float64"), ([3, 9, 5, 2], "float32")):
        options = {"activation": ["relu", "silu"][: len(sizes) - 2], "output": output}
        net = random_net(sizes, dtype=dtype, scaled=True, **options)
        program = compile_c(tmp_path, to_c(net, name="net", jacobian=True), "any", *flags)
        done = subprocess.run([program], capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_files_have_no_jacobian_by_default_and_int8_is_refused():
    net = random_net([2, 3], activation="tanh")
    assert "jacobian" not in to_c(net)
    with pytest.raises(ValueError, match="jacobian does not go with quantize='int8'"):
        to_c(net, jacobian=True, quantize="int8")


@needs_compiler
def test_the_command_line_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random_net([3, 4, 2], activation="tanh").save("net.safetensors")
    assert main(["export", "net.safetensors", "net.c", "--jacobian"]) == 0
    text = (tmp_path / "net.c").read_text("ascii")
    assert "void net_jacobian(const float x[NET_N_IN], float J[NET_N_OUT * NET_N_IN]);" in text
    capsys.readouterr()
    assert main(["export", "net.safetensors", "other.c", "--jacobian", "--int8"]) == 2
    assert "--jacobian does not go with --int8" in capsys.readouterr().err
    assert main(["export", "net.safetensors", "net.py", "--jacobian"]) == 2
    assert "--jacobian is for .c files" in capsys.readouterr().err
