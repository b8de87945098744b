"""What `import fastnn` brings, and what it leaves to those who ask for it."""

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


def test_importing_loads_nothing_optional_and_nothing_heavy():
    heavy = ("matplotlib", "rich", "scipy", "sklearn", "pandas", "PIL", "safetensors", "torch")
    out = run(f"import sys, fastnn; print([m for m in {heavy} if m in sys.modules])").stdout
    assert out.strip() == "[]"


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
