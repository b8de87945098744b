"""The recipes of csrc/README.md, followed to the letter in a copy of the project.

Each adds something that fastnn has not got; all three are added to one copy, which is compiled
once. What is left out is noticed: by the compiler, by an export that refuses, by a test that
compares the lists.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType

import pytest
from folders import ROOT, TESTS

pytestmark = [
    pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="needs the sources"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs cc"),
    pytest.mark.skipif(find_spec("Cython") is None, reason="needs Cython, as .ci/run installs it"),
]
sys.path.insert(0, str(TESTS / "mutants"))


def mutants_run() -> ModuleType:
    """The program of the mutants; the benchmarks have a run.py, too."""
    if "mutants_run" not in sys.modules:
        spec = spec_from_file_location("mutants_run", TESTS / "mutants" / "run.py")
        assert spec is not None and spec.loader is not None
        sys.modules["mutants_run"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["mutants_run"])
    return sys.modules["mutants_run"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory):
    """The project with the three additions, compiled for plain C alone."""
    mutants = mutants_run()
    with pytest.MonkeyPatch.context() as patch:
        flags = [flag for flag in mutants.FLAGS if flag != "-w"] + ["-Werror=switch"]
        patch.setattr(mutants, "FLAGS", flags)
        copied = mutants.Copy(tmp_path_factory.mktemp("recipes"))
        copied.take()
        add_mish(copied)
        add_logcosh(copied)
        add_adagrad(copied)
        copied.build()
    return copied


def change(copy, file: str, old: str, new: str) -> None:
    """Put `new` for `old`, which stands in one place only."""
    path = copy.folder / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (file, old, text.count(old))
    path.write_text(text.replace(old, new), "utf-8")


def add(copy, file: str, before: str, new: str) -> None:
    """Put `new` before the only place where `before` stands."""
    change(copy, file, before, new + before)


def python(copy, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(copy.folder),
        "FASTNN_ISA": "base",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy.folder / "tests",
        env=environment,
        capture_output=True,
        text=True,
    )


def passes(copy, *arguments: str) -> None:
    done = python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 1


def does_not_build(copy, missing: str) -> None:
    mutants = mutants_run()
    command = [
        *mutants.CC,
        *mutants.FLAGS,
        "-fsyntax-only",
        "-Icsrc",
        "csrc/isa/kernels_base_f64.c",
    ]
    with pytest.raises(subprocess.CalledProcessError) as error:
        mutants.run(command, copy.folder)
    assert missing in error.value.stderr


MISH_NAMES = [
    (
        "fastnn/activations.py",
        '    "softmax": Row(',
        '    "mish": Row(\n'
        '        "z * np.tanh(np.logaddexp(0, z))",\n'
        "        lambda z, a: np.tanh(np.logaddexp(0, z))\n"
        "        + z * _sigmoid(z) * (1 - np.tanh(np.logaddexp(0, z)) ** 2),\n"
        "        range=(-0.3088, inf),\n    ),\n",
    ),
    (
        "tests/reference.py",
        '    "exp": (np.exp, np.exp),',
        '    "mish": (\n'
        "        lambda z: z * np.tanh(softplus(z)),\n"
        "        lambda z: np.tanh(softplus(z))\n"
        "        + z * sigmoid(z) * (1 - np.tanh(softplus(z)) ** 2),\n"
        "    ),\n",
    ),
]  # fmt: skip


def add_mish(copy) -> None:
    """Mish: z tanh(softplus(z)); Misra 2019."""
    add(copy, "csrc/fnn.h", "    X(SOFTMAX, JACOBIAN)", "    X(MISH, STORED) \\\n")
    does_not_build(copy, "FNN_MISH")
    add(
        copy,
        "csrc/kernels/activation.inc.h",
        "    case FNN_EXP:\n        a = v_exp(z);",
        "    case FNN_MISH: /* z tanh(s), s = softplus(z); tanh s + z σ(z) (1 − tanh² s) */\n"
        "        s = v_tanh(v_softplus(z));\n"
        "        if (both) *slope = v_fma(v_mul(z, v_sigmoid(z)), v_fnma(s, s, one), s);\n"
        "        return v_mul(z, s);\n",
    )
    change(copy, "fastnn/names.py", '"softplus"\n]', '"softplus", "mish"\n]')
    for file, before, new in MISH_NAMES:
        add(copy, file, before, new)


def test_an_activation_added_by_the_recipe_trains_and_agrees_with_its_twin(copy) -> None:
    passes(copy, "core/test_core.py", "core/test_core_training.py", "-k", "mish")
    done = python(copy, "-c", MISH)
    assert done.returncode == 0, done.stderr
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "every_activation"]
    lists = python(copy, *words, "mlp/test_names.py")
    assert lists.returncode == 1
    for place in ("c_activations.py", "arithmetic.py", "docs/formulas.md", "mlp.py", "onnx"):
        assert place in lists.stdout


MISH = """
import numpy as np
import fastnn
from fastnn import export
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 2))
y = X[:, :1] * X[:, 1:]
net = fastnn.MLP([2, 16, 1], activation="mish", dtype="float64", seed=0)
history = net.fit(X, y, epochs=60, batch_size=10, optimizer=fastnn.Adam(0.01))
assert history.loss[-1] < 0.2 * history.loss[0], history.loss
space = {}
exec(export.to_numpy(net), space)
np.testing.assert_allclose(space["predict"](X), net.predict(X), rtol=1e-12, atol=1e-12)
refused = []
for name in ("to_c", "to_onnx", "to_torch"):
    try:
        write = getattr(export, name)
    except (AttributeError, ImportError):
        continue  # an extra that is not installed
    try:
        write(net, "net.c") if name == "to_c" else write(net)
    except ImportError:
        continue
    except ValueError as error:
        assert "'mish'" in str(error), error
        refused.append(name)
    else:
        raise AssertionError(name)
assert "to_c" in refused
"""


def add_logcosh(copy) -> None:
    """The loss ln cosh (a − y), averaged over the outputs."""
    last = "    X(LINEAR, SUM, TERMS) "
    change(copy, "csrc/fnn.h", last, "    X(LOGCOSH, MEAN, TERMS) \\\n" + last)
    does_not_build(copy, "FNN_LOGCOSH")
    add(
        copy,
        "csrc/kernels/loss.inc.h",
        "    case FNN_QUADRATIC:\n    case FNN_MSE:",
        "    case FNN_LOGCOSH: /* ln cosh r = |r| + softplus(−2 |r|) − ln 2; tanh r */\n"
        "        *g = v_tanh(r);\n"
        "        size = v_abs(r);\n"
        "        slope = v_softplus(v_mul(v_set1(-2), size));\n"
        "        return v_add(size, v_sub(slope, v_set1((real)0.69314718055994530942)));\n",
    )
    change(
        copy, "fastnn/names.py", '    "gaussian_nll",\n]', '    "gaussian_nll",\n    "logcosh",\n]'
    )
    last = '    "poisson": NO_METRIC,\n'
    change(copy, "fastnn/names.py", last, last + '    "logcosh": NO_METRIC,\n')
    add(
        copy,
        "tests/reference.py",
        '    "quantile": (  # the usual',
        '    "logcosh": (\n'
        "        lambda r, c, p: c * (np.logaddexp(r, -r) - math.log(2)),\n"
        "        lambda r, c, p: c * np.tanh(r),\n"
        "    ),\n",
    )
    change(  # softmax and exp go with the losses that names.py lists
        copy,
        "tests/reference.py",
        'if loss != "quantile")',
        'if loss not in ("quantile", "logcosh"))',
    )
    change(
        copy,
        "tests/reference.py",
        "for output in ACTIVATIONS for loss in RESIDUAL_LOSSES),",
        "for output in ACTIVATIONS for loss in RESIDUAL_LOSSES"
        " if (output, loss) != ('exp', 'logcosh')),",
    )


def test_a_loss_added_by_the_recipe_trains_and_agrees_with_its_twin(copy) -> None:
    passes(copy, "core/test_core.py", "core/test_losses.py", "-k", "logcosh")
    done = python(
        copy,
        "-c",
        "import numpy as np, fastnn\n"
        "X = np.random.default_rng(0).normal(size=(300, 2)); y = X[:, :1] * X[:, 1:]\n"
        "net = fastnn.MLP([2, 16, 1], loss='logcosh', dtype='float64', seed=0)\n"
        "h = net.fit(X, y, epochs=60, batch_size=10, optimizer=fastnn.Adam(0.01))\n"
        "assert h.loss[-1] < 0.3 * h.loss[0], h.loss\n"
        "a = net.predict(X)\n"
        "np.testing.assert_allclose(net.cost(X, y), np.log(np.cosh(a - y)).mean(), rtol=1e-10)\n",
    )
    assert done.returncode == 0, done.stderr


def add_adagrad(copy) -> None:
    """Adagrad: v = v + g², w = w − lr g / (√v + eps); Duchi, Hazan & Singer 2011."""
    last = "    X(RMSPROP, 0, 1)"
    change(copy, "csrc/fnn.h", last, last + " \\\n    X(ADAGRAD, 0, 1)")
    does_not_build(copy, "FNN_ADAGRAD")
    add(
        copy,
        "csrc/kernels/optim.inc.h",
        "FNN_INLINE void take_step(",
        "FNN_INLINE void adagrad(vectors s, int64_t n, real *w, const real *g, real *v)\n"
        "{\n"
        "    for (int64_t i = 0; i < n; i += V) {\n"
        "        int lanes = n - i < V ? (int)(n - i) : V;\n"
        "        vec wi = v_load_n(w + i, lanes);\n"
        "        vec gi = v_fma(s.lambda, wi, v_load_n(g + i, lanes));\n"
        "        vec vi = v_fma(gi, gi, v_load_n(v + i, lanes));\n"
        "        v_store_n(v + i, vi, lanes);\n"
        "        vec below = v_add(v_sqrt(vi), s.eps);\n"
        "        v_store_n(w + i, v_fnma(s.eta, v_div(gi, below), wi), lanes);\n"
        "    }\n"
        "}\n\n",
    )
    add(
        copy,
        "csrc/kernels/optim.inc.h",
        "    case FNN_ADAM: adam(",
        "    case FNN_ADAGRAD: adagrad(s, n, w, g, v); break;\n",
    )
    add(
        copy,
        "fastnn/optim.py",
        "KINDS: dict[",
        "@dataclass(frozen=True)\n"
        "class Adagrad(FirstOrder):\n"
        "    kind: ClassVar[int] = 3\n"
        "    lr: LearningRate = 1e-2\n"
        "    eps: float = 1e-10\n\n"
        "    def _check(self) -> None: ...\n\n"
        "    @property\n"
        "    def moments(self) -> tuple[bool, bool]:\n"
        "        return False, True\n\n"
        "    @property\n"
        "    def constants(self) -> dict[str, Any]:\n"
        '        return {"eps": self.eps, "weight_decay": 0.0}\n\n\n',
    )
    change(copy, "fastnn/optim.py", "AdamW, RMSprop)\n", "AdamW, RMSprop, Adagrad)\n")


def test_an_optimiser_added_by_the_recipe_takes_its_steps(copy) -> None:
    passes(copy, "house/test_architecture.py", "-k", "codes or optimiser")
    done = python(
        copy,
        "-c",
        "import numpy as np, fastnn\n"
        "from fastnn.optim import Adagrad\n"
        "rng = np.random.default_rng(0)\n"
        "X = rng.normal(size=(20, 3)); y = rng.normal(size=(20, 2))\n"
        "net = fastnn.MLP([3, 5, 2], dtype='float64', seed=0)\n"
        "w, v = net.params.copy(), 0\n"
        "for _ in range(3):\n"
        "    g = net.gradient(X, y).flat\n"
        "    v = v + g * g; w = w - 0.1 * g / (np.sqrt(v) + 1e-10)\n"
        "    net.train_batch(X, y, optimizer=Adagrad(0.1))\n"
        "    np.testing.assert_allclose(net.params, w, rtol=1e-10, atol=1e-12)\n",
    )
    assert done.returncode == 0, done.stderr
