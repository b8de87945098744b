"""Estimators of several networks, `n_networks`, and searches whose workers are processes."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

from joblib import cpu_count, parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastnn
from fastnn import Ensemble, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(1)
X = RNG.normal(size=(90, 4))
Y = X[:, 0] ** 2 + X[:, 1]
CLASSES = np.array(["low", "mid", "top"])[np.digitize(Y, [0, 1.5])]
FEW = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 3}


def seeds(k):
    rng = np.random.RandomState(3)
    return [int(rng.randint(2**31 - 1)) for _ in range(k)]


def alone(kind, y, k=3, **more):
    return [kind(**{**FEW, "random_state": seed, **more}).fit(X, y) for seed in seeds(k)]


@parametrize_with_checks(
    [
        MLPClassifier(hidden_layer_sizes=(20,), n_networks=3),
        MLPRegressor(hidden_layer_sizes=(50,), n_networks=3),
    ]
)
@pytest.mark.filterwarnings("ignore")  # pytest's filters do not mean what the checks provoke
def test_passes_the_checks_of_scikit_learn_with_no_exemption(estimator, check):
    check(estimator)


class TestAnswers:
    def test_a_regressor_is_the_mean_of_regressors_and_tells_how_they_disagree(self):
        model = MLPRegressor(**FEW, n_networks=3).fit(X, Y)
        each = [other.predict(X) for other in alone(MLPRegressor, Y)]
        np.testing.assert_allclose(model.predict(X), np.mean(each, axis=0), rtol=1e-12)
        values, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(values, model.predict(X))
        np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-9)
        right = 1 - ((Y - values) ** 2).sum() / ((Y - Y.mean()) ** 2).sum()
        assert model.score(X, Y) == pytest.approx(right)
        two = MLPRegressor(**FEW, n_networks=2).fit(X, np.stack([Y, -Y], axis=1))
        assert [each.shape for each in two.predict(X, return_std=True)] == [(90, 2)] * 2

    def test_a_classifier_has_the_mean_probabilities(self):
        model = MLPClassifier(**FEW, n_networks=3).fit(X, CLASSES)
        each = [other.predict_proba(X) for other in alone(MLPClassifier, CLASSES)]
        probabilities = model.predict_proba(X)
        np.testing.assert_allclose(probabilities, np.mean(each, axis=0), rtol=1e-12)
        assert model.predict(X).tolist() == model.classes_[probabilities.argmax(1)].tolist()
        assert model.score(X, CLASSES) == np.mean(model.predict(X) == CLASSES)

    def test_one_row_is_answered_with_the_bits_of_many(self):
        model = MLPRegressor(**FEW, n_networks=20).fit(X.astype("f"), Y)
        many = model.predict(X.astype("f"))
        assert [model.predict(row[None])[0] for row in X.astype("f")] == many.tolist()

    def test_networks_end_one_by_one_with_early_stopping(self):
        options = {"early_stopping": True, "max_iter": 60, "n_iter_no_change": 2}
        model = MLPClassifier(**{**FEW, **options}, n_networks=3).fit(X, CLASSES)
        others = alone(MLPClassifier, CLASSES, **options)
        assert [m.n_iter_ for m in model.estimators_] == [m.n_iter_ for m in others]
        assert model.n_iter_ == max(m.n_iter_ for m in others)
        for one, other in zip(model.networks_, others, strict=True):
            np.testing.assert_array_equal(one.params, other.network_.params)


class TestProtocol:
    @pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
    def test_copies_and_pickles_predict_alike(self, kind):
        model = kind(**FEW, n_networks=3).fit(X, CLASSES if kind is MLPClassifier else Y)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert other.predict(X).tolist() == model.predict(X).tolist()
            assert isinstance(other.ensemble_, Ensemble)
            for one, member in zip(other.ensemble_, other.estimators_, strict=True):
                assert one is member.network_
        assert clone(model).get_params() == model.get_params()

    def test_partial_fit_and_warm_start_go_on_with_each(self):
        model = MLPRegressor(**FEW, n_networks=2)
        others = [MLPRegressor(**{**FEW, "random_state": seed}) for seed in seeds(2)]
        for _ in range(3):
            model.partial_fit(X, Y)
        for other in others:
            for _ in range(3):
                other.partial_fit(X, Y)
        for one, other in zip(model.networks_, others, strict=True):
            np.testing.assert_array_equal(one.params, other.network_.params)
        warm = MLPRegressor(**FEW, n_networks=2, warm_start=True).fit(X, Y)
        before = warm.networks_[1].params.copy()
        warm.fit(X, Y)
        assert len(warm.estimators_[1].loss_curve_) == 16
        assert (warm.networks_[1].params != before).any()

    @pytest.mark.parametrize(("fitted", "asked"), [(3, 2), (1, 2), (2, 1)])
    def test_another_number_of_networks_is_no_warm_start(self, fitted, asked):
        model = MLPRegressor(**FEW, n_networks=fitted, warm_start=True).fit(X, Y)
        right = model.predict(X)
        with pytest.raises(ValueError, match=f"n_networks={fitted}; .* cannot continue with"):
            model.set_params(n_networks=asked).fit(X, Y)
        np.testing.assert_array_equal(model.predict(X), right)
        model.set_params(warm_start=False).fit(X, Y)
        assert len(model.networks_) == asked

    def test_what_is_of_one_network_is_found_in_the_estimators(self):
        model = MLPRegressor(**FEW, n_networks=2).fit(X, Y)
        for name in ("network_", "coefs_", "loss_curve_"):
            with pytest.raises(AttributeError, match=f"^{name} is of one network, and this"):
                getattr(model, name)
            assert hasattr(model.estimators_[0], name)
        assert (model.n_outputs_, model.out_activation_) == (1, "identity")
        with pytest.raises(AttributeError, match="no attribute 'coef_'"):
            model.coef_  # noqa: B018
        single = MLPRegressor(**FEW).fit(X, Y)
        assert single.networks_ == [single.network_]
        with pytest.raises(ValueError, match="return_std=True needs several networks"):
            single.predict(X, return_std=True)

    @pytest.mark.parametrize("wrong", [0, 1.5, "3", None])
    def test_a_number_that_is_none_is_refused(self, wrong):
        with pytest.raises(ValueError, match="n_networks must be an integer of 1 or more"):
            MLPRegressor(n_networks=wrong).fit(X, Y)

    def test_names_of_columns_are_kept_for_the_ensemble(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(X, columns=list("abcd"))
        model = MLPRegressor(**FEW, n_networks=2).fit(frame, Y, validation_data=(frame, Y))
        assert model.ensemble_.feature_names == tuple("abcd")
        assert len(model.estimators_[1].validation_scores_) == 8
        np.testing.assert_array_equal(model.ensemble_.mean(frame)[:, 0], model.predict(frame))


# ---- processes -----------------------------------------------------------------------------------


class Asked(MLPRegressor):
    """A regressor whose score is the number of threads that its process would use."""

    def score(self, X, y, sample_weight=None):
        return float(fastnn.get_num_threads())


def threads_of_workers(n_jobs):
    search = GridSearchCV(Asked(**FEW), {"alpha": [0, 1e-3]}, cv=2, n_jobs=n_jobs, refit=False)
    search.fit(X, Y)
    return {int(search.cv_results_[f"split{k}_test_score"][i]) for k in (0, 1) for i in (0, 1)}


def test_a_worker_of_loky_uses_its_share_of_the_processors(monkeypatch):
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with parallel_config(backend="loky"):
        assert threads_of_workers(2) == {max(1, cpu_count() // 2)}


@pytest.mark.filterwarnings("ignore")  # of dask itself
def test_a_worker_of_dask_uses_one_thread(monkeypatch):
    distributed = pytest.importorskip("distributed")
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        assert threads_of_workers(2) == {1}
