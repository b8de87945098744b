"""Modules that `import fastnn` imports, and those that are imported at first use."""

import pickle
import subprocess
import sys

import pytest

import fastnn


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_every_public_name_is_there_and_stands_once():
    assert len(set(fastnn.__all__)) == len(fastnn.__all__)
    for name in fastnn.__all__:
        assert getattr(fastnn, name) is not None


@pytest.mark.parametrize(
    "name", ["MLP", "SGD", "Adam", "AdamW", "RMSprop", "load", "set_num_threads", "show_config"]
)
def test_the_contracts_names_are_public(name):
    assert name in fastnn.__all__


# What neither a script's first line nor a first fit should wait for. Modules that NumPy brings in
# some of its versions are not counted: they cost nothing more.
OPTIONAL = ["IPython", "PIL", "matplotlib", "pandas", "rich", "safetensors", "scipy", "sklearn"]
OPTIONAL += ["onnx", "torch"]
FILES = ["array", "csv", "gzip", "hashlib", "pathlib", "secrets", "shutil", "tempfile", "zipfile"]
FILES += ["email", "http.client", "ssl", "urllib.parse", "urllib.request"]
RARE = ["argparse", "asyncio", "difflib", "doctest", "html", "inspect", "logging", "platform"]
RARE += ["string", "subprocess", "unittest"]
LATER = ["copy", "dataclasses", "json", "numpy.random", "numpy.typing"]  # what networks need
OURS = [
    "callbacks",
    "cli",
    "datasets",
    "history",
    "mlp",
    "model_file",
    "optim",
    "plot",
    "schedules",
]
OURS = [f"fastnn.{name}" for name in [*OURS, "fit"]]


def imported(code, beyond="numpy"):
    """Modules that running `code` adds to those that `import beyond` brings."""
    before = f"import sys, {beyond}; before = set(sys.modules)"
    return set(run(f"{before}\n{code}\nprint(*set(sys.modules) - before)").stdout.split())


def test_importing_loads_nothing_that_is_optional_heavy_or_not_yet_used():
    assert not imported("import fastnn") & {*OPTIONAL, *FILES, *RARE, *LATER, *OURS}


def test_a_network_loads_nothing_that_is_optional_or_for_files():
    not_needed = {*OPTIONAL, *FILES, *RARE, "fastnn.datasets", "fastnn.model_file"}
    network = "import fastnn; fastnn.MLP([2, 2], seed=0)"
    assert not imported(network, beyond="numpy.random") & not_needed  # which needs hashlib, secrets


@pytest.mark.parametrize("name", fastnn.__all__)
def test_every_public_name_needs_no_further_import(name):
    """Each name in a new interpreter, so that importing one does not import another."""
    run(f"import fastnn; assert {name!r} in dir(fastnn); fastnn.{name}; from fastnn import {name}")


def test_a_name_that_is_not_there_is_told_as_of_any_module():
    with pytest.raises(AttributeError, match="module 'fastnn' has no attribute 'MPL'"):
        fastnn.MPL  # noqa: B018
    with pytest.raises(ImportError):
        from fastnn import MPL  # noqa: F401


def test_a_saved_object_is_unpickled_by_an_interpreter_that_has_used_nothing_yet():
    pickled = pickle.dumps([fastnn.MLP([2, 2], seed=0), fastnn.SGD(lr=1.5), fastnn.History()])
    run(f"import pickle; net, *_ = pickle.loads({pickled!r}); net.predict([[0, 1]])")


def test_importing_prints_nothing_and_starts_no_thread():
    done = run("import threading, fastnn; assert threading.active_count() == 1")
    assert (done.stdout, done.stderr) == ("", "")


def test_training_needs_neither_rich_nor_safetensors():
    run(
        "import sys; sys.modules.update(rich=None, safetensors=None)\n"
        "import fastnn; net = fastnn.MLP([2, 2]); net.fit([[0, 1]], [[1, 0]], epochs=1)"
    )


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert version("fastnn-mlp") == fastnn.__version__


def test_a_star_import_does_without_the_extras() -> None:
    code = (
        "import sys\n"
        "for extra in ('sklearn', 'scipy', 'matplotlib', 'pandas'): sys.modules[extra] = None\n"
        "from fastnn import *\n"
        "import fastnn\n"
        "assert 'MLPClassifier' in dir(fastnn)\n"
        "try: fastnn.MLPClassifier\n"
        'except ImportError as error: assert "fastnn-mlp[sklearn]" in str(error)\n'
        "else: raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
