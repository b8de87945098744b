"""scikit-learn's own file of tests of its MLP, run with our classes in their place.

The file is that of the scikit-learn that is installed. What it asks for and ours do not answer
stands in `DIFFERENCES` with the reason; an entry that starts to pass fails here.
"""

from __future__ import annotations

import importlib.util
import types

import pytest

pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

from sklearn import neural_network

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore")  # they look at the warnings that they are about

_PRIVATE = "reads a private attribute of scikit-learn's class"
DIFFERENCES = {
    "test_fit": f"{_PRIVATE}: weights set before fit, and _coef_grads",
    "test_gradient": f"{_PRIVATE}: _loss_grad_lbfgs (ours is the public method `gradient`)",
    "test_learning_rate_warmstart": f"{_PRIVATE}: _optimizer",
    "test_adaptive_learning_rate": f"{_PRIVATE}: _optimizer",
    "test_n_iter_no_change": f"{_PRIVATE}: _no_improvement_count",
    "test_n_iter_no_change_inf": f"{_PRIVATE}: _no_improvement_count",
    "test_nonfinite_params": "a loss that is not finite is a DivergenceWarning here, and the "
    "network is that of the best epoch; scikit-learn raises",
    "test_early_stopping_stratified": "the class with too few rows is named by its label, 1; "
    "scikit-learn names its code, 'True'",
    **{
        f"test_mlp_warm_start_no_convergence[{solver}-{name}]": "n_iter_no_change=inf asks for "
        "max_iter epochs here, so that reaching them is no cause for a warning"
        for solver in ("sgd", "adam")
        for name in ("MLPClassifier", "MLPRegressor")
    },
}


def _theirs_with_ours() -> types.ModuleType:
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    if spec is None or spec.loader is None:
        pytest.skip("this scikit-learn was installed without its tests", allow_module_level=True)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # before the import: parameters of tests, too
        for name in ("MLPClassifier", "MLPRegressor"):
            patch.setattr(neural_network, name, getattr(fastnn, name))
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def global_random_seed() -> int:
    """The seed that scikit-learn's own conftest would give."""
    return 42


@pytest.fixture(autouse=True)
def listed_differences_fail(request: pytest.FixtureRequest) -> None:
    if request.node.name in DIFFERENCES:
        reason = DIFFERENCES[request.node.name]
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))


THEIRS = {
    name: test for name, test in vars(_theirs_with_ours()).items() if name.startswith("test_")
}
globals().update(THEIRS)


def test_the_file_was_found_with_its_tests():
    assert len(THEIRS) > 40
