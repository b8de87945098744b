"""The network as a scikit-learn estimator: `MLPClassifier` and `MLPRegressor`.

They do all that scikit-learn's classes of these names do, with `fastnn.MLP`, and more. Only this
package imports scikit-learn and SciPy; `import fastnn` does not import it.

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
