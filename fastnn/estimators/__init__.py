"""The network as a scikit-learn estimator: `MLPClassifier` and `MLPRegressor`.

Everything that scikit-learn's classes of these names do, on `fastnn.MLP`, and what they refuse.
Only this room imports scikit-learn and SciPy; `import fastnn` does not come here.

Private: it may change without notice.
"""

try:
    import scipy  # noqa: F401
    import sklearn  # noqa: F401
except ImportError:
    raise ImportError(
        "fastnn's estimators need scikit-learn: pip install 'fastnn-mlp[sklearn]'", name="sklearn"
    ) from None

from .classifier import MLPClassifier as MLPClassifier
from .convert import from_sklearn as from_sklearn
from .regressor import MLPRegressor as MLPRegressor
