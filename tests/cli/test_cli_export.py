"""`fastnn export`: files, output, and the one-line message for each error."""

import re
import shlex
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from export_helpers import CC

import fastnn
from fastnn.cli import main

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def run(run):
    """A function that runs ``fastnn export``: (status, stdout, stderr)."""
    return partial(run, "export")


@pytest.fixture
def net(folder):
    """A network of the digits that does not know what it was trained on."""
    (X, y), _ = fastnn.datasets.load_digits()
    net = fastnn.MLP([784, 12, 10], output="softmax", seed=0)
    net.fit(X, y, epochs=1)
    net.save("net.safetensors")
    return net


@pytest.fixture
def flowers(folder):
    """A table of two kinds, and a model that fastnn train made of it."""
    rng = np.random.default_rng(7)
    rows = ["length,width,kind"]
    for k, kind in enumerate(("*/ setosa", 'iris "blue"')):
        for length, width in rng.normal([2 + 3 * k, 1 + k], 0.3, size=(40, 2)):
            rows.append(f"{length:.2f},{width:.2f},{kind!r}".replace("'", ""))
    (folder / "flowers.csv").write_text("\n".join(rows).replace('"', "'") + "\n")
    assert main(["train", "--data", "flowers.csv", "--epochs", "20", "-q"]) == 0
    return "flowers.safetensors"


def one_line(err):
    return err.startswith("fastnn: ") and err.count("\n") == 1 and "Traceback" not in err


def fact(out, name):
    return re.search(rf"^{name} +(.*)$", out, re.MULTILINE)[1]


@pytest.mark.parametrize("options", [[], ["--int8", "--data", "digits"], ["--name", "my_net"]])
@pytest.mark.skipif(CC is None or sys.platform == "win32", reason="no C compiler on the path")
def test_the_printed_commands_compile_and_test_the_file(run, net, options):
    status, out, err = run("net.safetensors", "my digits.c", *options)
    assert (status, err) == (0, "")
    assert "784-12-10" in fact(out, "model") and "9,550 weights and biases" in fact(out, "model")
    compile_it = shlex.split(fact(out, "compile"))
    assert compile_it[0] == "cc"
    subprocess.run([*str(CC).split(), *compile_it[1:]], check=True)
    done = subprocess.run(shlex.split(fact(out, "test")), capture_output=True, text=True)
    assert done.returncode == 0
    assert "60 of 60 outputs as expected" in done.stdout


def test_it_prints_sizes_and_what_int8_costs(run, net, folder):
    _, (X, y) = fastnn.datasets.load_digits()
    _, out, _ = run("net.safetensors", "a.c")
    assert f"{4 * net.n_params:,} bytes of tables" in fact(out, "memory")
    assert f"{(folder / 'a.c').stat().st_size:,} bytes" in fact(out, "written")
    _, out, _ = run("net.safetensors", "b.c", "--int8", "--data", "digits")
    weights, outputs = 784 * 12 + 12 * 10, 12 + 10
    assert f"{weights + 8 * outputs:,} bytes of tables" in fact(out, "memory")
    assert fact(out, "data") == "digits, 1,000 test examples"
    before = net.evaluate(X, y)["accuracy"]
    assert fact(out, "int8").startswith(f"accuracy {before:.2%} -> ")
    pair = re.search(r"accuracy \S+ -> \S+%", fact(out, "int8"))[0]
    assert pair in (folder / "b.c").read_text()


def test_int8_is_measured_on_what_the_model_was_trained_on_if_that_is_here(run, flowers, folder):
    status, out, _ = run(flowers, "flowers.c", "--int8")
    assert status == 0
    assert "held-out test examples" in fact(out, "data")
    text = (folder / "flowers.c").read_text()
    assert "length, width" in text
    assert "*/ setosa" not in text.partition("*/")[0]
    (folder / "flowers.csv").unlink()
    status, out, _ = run(flowers, "flowers.c", "--int8")
    assert status == 0
    assert "not measured: flowers.safetensors was trained on flowers.csv" in fact(out, "int8")
    assert "not measured" in (folder / "flowers.c").read_text()


def test_int8_of_a_network_that_knows_no_data_says_so(run, net):
    status, out, _ = run("net.safetensors", "net.c", "--int8")
    assert status == 0
    assert "not measured: net.safetensors does not record its training data" in out


def test_python_files_can_be_imported_and_answer_alike(run, flowers, folder):
    status, out, _ = run(flowers, "flowers_net.py")
    assert status == 0
    assert fact(out, "use") == "from flowers_net import predict, classify"
    code = "import flowers_net; print(*flowers_net.classify([[2, 1], [5, 2]]), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = fastnn.load(flowers).classify(np.array([[2.0, 1], [5, 2]]))
    assert done.stdout.splitlines() == expected.tolist()


def test_regressions_tell_their_cost(run, folder):
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{2 * x + 1:.3f}" for x in rng.uniform(0, 9, 60)]
    (folder / "line.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    assert main(["train", "--data", "line.csv", "--epochs", "5", "-q"]) == 0
    status, out, _ = run("line.safetensors", "line.c", "--int8", "--data", "line.csv")
    assert status == 0
    assert re.match(r"cost \S+ -> \S+ \(in full -> int8\)", fact(out, "int8"))
    assert "int line_classify" not in (folder / "line.c").read_text()


def test_onnx_files_are_written_with_the_asked_for_inputs_and_labels(run, net, folder):
    onnx = pytest.importorskip("onnx")
    status, out, _ = run("net.safetensors", "net.onnx", "--labels", "--input-dtype", "uint8")
    assert status == 0
    graph = onnx.load("net.onnx").graph
    assert [output.name for output in graph.output] == ["output", "label"]
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert "InferenceSession('net.onnx')" in fact(out, "use")


def test_without_onnx_one_line_names_the_extra(run, net, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "fastnn.export.onnx", raising=False)
    monkeypatch.delitem(vars(fastnn.export), "to_onnx", raising=False)
    status, _, err = run("net.safetensors", "net.onnx")
    assert status == 1
    assert one_line(err)
    assert "pip install 'fastnn-mlp[onnx]'" in err
    assert not (folder / "net.onnx").exists()


def test_an_older_export_is_replaced_and_another_source_file_is_not(run, net, folder):
    for name in ("net.c", "net.py"):
        assert run("net.safetensors", name)[0] == 0
        assert run("net.safetensors", name)[0] == 0
        mine = folder / f"mine{name[3:]}"
        mine.write_text("my own work\n")
        status, _, err = run("net.safetensors", mine.name)
        assert status == 1 and one_line(err)
        assert "was not written by fastnn: --force replaces it" in err
        assert mine.read_text() == "my own work\n"
        assert run("net.safetensors", mine.name, "--force")[0] == 0
        assert "written by fastnn" in mine.read_text()


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["net.safetensors"], 2, "OUTPUT is missing"),
        (["net.safetensors", "net.txt"], 2, "expected a name that ends in .c, .py or .onnx"),
        (["net.safetensors", "net"], 2, "expected a name that ends in .c, .py or .onnx"),
        (["net.safetensors", "net.pt"], 2, "fastnn.export.to_torch"),
        (["net.safetensors", "net.py", "--int8"], 2, "--int8 is for .c files, not for .py"),
        (["net.safetensors", "net.c", "--labels"], 2, "--labels is for .onnx files, not for .c"),
        (["net.safetensors", "net.py", "--input-dtype", "uint8"], 2, "--input-dtype is for .onnx"),
        (["net.safetensors", "net.c", "--data", "digits"], 2, "are for --int8"),
        (["net.safetensors", "net.c", "--int8", "--dtype", "float64"], 2, "float32, not in"),
        (["net.safetensors", "net.c", "--dtype", "half"], 2, "invalid choice: 'half'"),
        (["net.safetensors", "net.c", "--name", "2x"], 1, "name must be a letter and up to 39"),
        (["net.safetensors", "no/net.c"], 1, "there is no folder no"),
        (["net.safetensors", "net.c", "--int8", "--data", "no.csv"], 1, "no.csv"),
        (["missing.safetensors", "net.c"], 1, "missing.safetensors: No such file"),
    ],
)
def test_mistakes_are_told_in_one_line_and_write_nothing(run, net, folder, argv, status, words):
    try:
        found, out, err = run(*argv)
    except SystemExit as stop:
        pytest.fail(f"it exits with {stop.code}")
    assert (found, out) == (status, "")
    assert one_line(err), err
    assert words in err
    assert [path.name for path in folder.iterdir()] == ["net.safetensors"]


def test_the_help_lists_it(capsys):
    assert main(["--help"]) == 0
    assert re.search(r"^ +export +write a model for programs", capsys.readouterr().out, re.M)
