"""scikit-learn's tools take the estimators as their own: searches, pipelines, frames, pickles."""

# ruff: noqa: E402 (scikit-learn may be absent)

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

import joblib
from estimator_helpers import BOTH, CANCER, DIABETES, IRIS, classifier, regressor
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

EACH = pytest.mark.parametrize(("ours", "theirs"), BOTH.values(), ids=BOTH)
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # few epochs are enough for most tests here
)


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


class TestDataFrames:
    def test_names_of_columns_are_kept_and_checked(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(IRIS[0], columns=["a", "b", "c", "d"])
        labels = pd.Series(IRIS[1]).map({0: "x", 1: "y", 2: "z"})
        model = classifier(max_iter=2).fit(frame, labels)
        assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        with pytest.warns(UserWarning, match="feature names"):
            model.predict(IRIS[0])
        with pytest.raises(ValueError, match="feature names"):
            model.predict(frame.rename(columns={"a": "other"}))
        assert not hasattr(model.fit(IRIS[0], labels), "feature_names_in_")

    def test_polars(self):
        pl = pytest.importorskip("polars")
        frame = pl.DataFrame(IRIS[0], schema=["a", "b", "c", "d"])
        model = classifier(max_iter=2).fit(frame, pl.Series(IRIS[1]))
        assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        assert model.predict(frame).shape == (150,)

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_a_pipeline_with_set_output_hands_its_frames_on(self, library):
        frames = pytest.importorskip(library)
        frame = frames.DataFrame({name: IRIS[0][:, i] for i, name in enumerate("abcd")})
        columns = ColumnTransformer([("scaled", StandardScaler(), ["a", "b"])])
        model = make_pipeline(columns, classifier(max_iter=2)).set_output(transform=library)
        assert model.fit(frame, IRIS[1]).predict(frame).shape == (150,)
        assert model[-1].feature_names_in_.tolist() == ["scaled__a", "scaled__b"]


class TestTools:
    @EACH
    def test_clone_keeps_the_parameters_and_forgets_the_fit(self, ours, theirs):
        model = ours(hidden_layer_sizes=(3,), alpha=0.5, max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
        copy = clone(model)
        assert copy.get_params() == model.get_params()
        assert not hasattr(copy, "coefs_")

    @EACH
    def test_parameters_are_kept_as_they_were_given(self, ours, theirs):
        wide = [3, 4]
        assert ours(hidden_layer_sizes=wide).hidden_layer_sizes is wide
        assert ours().set_params(alpha=0.25).get_params()["alpha"] == 0.25

    @pytest.mark.parametrize("make", [classifier, regressor])
    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    def test_pickles_predict_the_same_bits(self, make, solver, tmp_path):
        model = make(solver=solver, max_iter=3).fit(*IRIS)
        joblib.dump(model, tmp_path / "model.joblib")
        for copy in (
            pickle.loads(pickle.dumps(model)),
            joblib.load(tmp_path / "model.joblib"),
        ):
            assert np.array_equal(copy.predict(IRIS[0]), model.predict(IRIS[0]))
            assert copy.loss_curve_ == model.loss_curve_ if solver != "lbfgs" else True

    def test_pipeline_and_grid_search_in_two_processes(self):
        pipeline = make_pipeline(StandardScaler(), classifier(max_iter=10))
        grid = {"mlpclassifier__alpha": [1e-4, 1e-1]}
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(*CANCER)
        assert search.best_score_ > 0.9
        assert search.predict(CANCER[0]).shape == (569,)

    @pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc"])
    def test_cross_val_score(self, scoring):
        scores = cross_val_score(classifier(), *CANCER, cv=3, scoring=scoring, error_score="raise")
        assert len(scores) == 3
        assert scores.min() > (0.9 if scoring != "neg_log_loss" else -0.5)

    def test_cross_val_score_of_a_regressor(self):
        assert cross_val_score(regressor(max_iter=10), *DIABETES, error_score="raise").mean() > 0.2

    def test_calibration(self):
        model = CalibratedClassifierCV(classifier(max_iter=10), cv=3).fit(*CANCER)
        assert model.predict_proba(CANCER[0]).shape == (569, 2)
        assert model.score(*CANCER) > 0.9

    def test_stacking_voting_bagging_and_one_against_the_rest(self):
        members = [("net", classifier()), ("line", LogisticRegression())]
        for model in (
            StackingClassifier(members, cv=3),
            VotingClassifier(members, voting="soft"),
            BaggingClassifier(classifier(), n_estimators=2, random_state=0),
            OneVsRestClassifier(classifier()),
        ):
            assert model.fit(*IRIS).score(*IRIS) > 0.9

    def test_inspection_and_learning_curves(self):
        model = classifier().fit(*IRIS)
        found = permutation_importance(model, *IRIS, n_repeats=2, random_state=0)
        assert found.importances_mean.shape == (4,)
        sizes, _, scores = learning_curve(
            classifier(batch_size="auto"), *IRIS, cv=2, shuffle=True, random_state=0
        )
        assert len(sizes) == len(scores)

    @pytest.mark.usefixtures("routing")
    def test_metadata_routing_brings_the_sample_weight(self):
        X, y = CANCER
        model = classifier(max_iter=2).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        weight = np.where(y == 1, 1e-9, 1.0)
        given = {"sample_weight": weight}
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        pipeline.fit(X, y, **given)
        assert pipeline.predict(X).mean() < 0.3 < y.mean()  # class 1 did not count
        scores = cross_val_score(pipeline, X, y, cv=2, params=given, error_score="raise")
        assert scores.min() > 0.9
        assert classifier().set_partial_fit_request(classes=True, sample_weight=True)

    @EACH
    def test_it_shows_itself_as_scikit_learn_estimators_do(self, ours, theirs):
        model = ours(alpha=0.25)
        assert repr(model) == f"{theirs.__name__}(alpha=0.25)"
        html = model._repr_html_()
        assert "alpha" in html
        assert theirs.__name__ in html

    @EACH
    def test_tags_are_those_of_scikit_learn(self, ours, theirs):
        mine, other = get_tags(ours()), get_tags(theirs())
        assert mine == other
        assert is_classifier(ours()) == is_classifier(theirs())
        assert is_regressor(ours()) == is_regressor(theirs())

    def test_one_seed_one_result(self):
        one, other = (classifier(max_iter=3).fit(*IRIS) for _ in range(2))
        assert np.array_equal(one.coefs_[0], other.coefs_[0])
        state = np.random.RandomState(0)
        assert classifier(random_state=state, max_iter=3).fit(*IRIS).n_iter_ == 3

    def test_verbose_tells_each_epoch(self, capsys):
        classifier(verbose=True, max_iter=2).fit(*IRIS)
        told = capsys.readouterr()
        assert "loss" in told.out + told.err
