"""Several networks as one model: their answers, mean, spread and classes."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import MLP, Ensemble, fit_many

RNG = np.random.default_rng(7)


def networks(k, sizes=(5, 8, 1), **options):
    return [MLP(sizes, seed=seed, **options) for seed in range(k)]


def constant(*values, **options):
    """Networks of one input and some outputs that answer these values, whatever they read."""
    nets = []
    for outputs in values:
        net = MLP([1, np.size(outputs)], init="zeros", **options)
        net.biases[0] = np.ravel(outputs)
        nets.append(net)
    return nets


KINDS = {
    "one output": dict(sizes=(5, 8, 1)),
    "softmax": dict(sizes=(5, 8, 3), output="softmax"),
    "sigmoids": dict(sizes=(5, 7, 6, 2), output="sigmoid", activation="gelu"),
    "no hidden layer": dict(sizes=(5, 1)),
    "wide": dict(sizes=(5, 300, 2), activation="tanh"),
}


class TestPredict:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_each_network_gives_the_bits_of_its_own_predict(self, kind, dtype):
        for k in (1, 3, 37):
            nets = networks(k, dtype=dtype, **kind)
            ensemble = Ensemble(nets)
            for n in (0, 1, 5, 64, 65, 200):
                X = RNG.normal(size=(n, 5))
                for x in (X, X.astype("f"), np.asfortranarray(X), np.uint8(X * 40 % 256)):
                    found, own = ensemble.predict(x), np.stack([net.predict(x) for net in nets])
                    assert (found.dtype, found.tobytes()) == (own.dtype, own.tobytes())

    def test_shapes_and_scalings_may_differ(self):
        sparse = pytest.importorskip("scipy.sparse")
        X = RNG.normal(size=(90, 5)) * [1, 10, 1e4, 1, 1]
        nets = networks(9) + networks(3, (5, 4, 4, 1)) + networks(2, (5, 200, 1))
        for i, net in enumerate(nets[:6]):
            net.standardize(X[i % 2 * 10 :], None if i % 3 else X[i % 2 * 10 :, 0])
        ensemble = Ensemble(reversed(nets))
        for x in (X, X[:1], sparse.csr_array(np.where(X > 1, X, 0)), X.tolist()):
            own = [net.predict(x) for net in reversed(nets)]
            found = ensemble.predict(x)
            assert found.dtype == np.float64  # some answer in the units of their targets
            for a, b in zip(found, own, strict=True):
                np.testing.assert_array_equal(a, b)

    def test_what_is_assigned_to_a_network_counts_at_once(self):
        nets = networks(20)
        ensemble, x = Ensemble(nets), RNG.normal(size=(1, 5))

        def same():
            np.testing.assert_array_equal(ensemble.predict(x), [net.predict(x) for net in nets])

        same()
        nets[3].params = nets[4].params
        same()
        nets[5].weights[0][:] *= 2
        same()
        nets[6].input_shift = np.arange(5)
        same()
        nets[6].input_shift = None
        nets[7].output_scale = [3.0]
        same()
        nets[6].feature_names = list("abcde")
        with pytest.raises(ValueError, match="must agree in the names of the inputs: that of nets"):
            ensemble.evaluate(x, [1.0])

    @pytest.mark.parametrize("threads", [1, 2, 3])
    def test_threads_change_no_bit(self, threads):
        nets, X = networks(40, (5, 20, 20, 2)), RNG.normal(size=(700, 5))
        before = fastnn.get_num_threads()
        fastnn.set_num_threads(threads)
        try:
            found = Ensemble(nets).predict(X)
        finally:
            fastnn.set_num_threads(before)
        np.testing.assert_array_equal(found, [net.predict(X) for net in nets])

    def test_what_one_network_refuses_they_refuse(self):
        ensemble = Ensemble(networks(20))
        for bad in (np.zeros((2, 4)), [[np.nan] * 5], np.zeros(5), np.array([["a"] * 5])):
            with pytest.raises((ValueError, TypeError), match=r"^X "):
                ensemble.predict(bad)
            with pytest.raises((ValueError, TypeError), match=r"^X "):
                ensemble.mean(bad)


class TestAnswers:
    def test_mean_spread_and_quantiles_are_those_of_the_answers(self):
        # By hand: of 1, 2, 6 the mean is 3, the variance (4 + 1 + 9) / 3, the median 2.
        ensemble, X = Ensemble(constant(1, 2, 6)), np.zeros((4, 1))
        assert ensemble.mean(X).tolist() == [[3]] * 4
        np.testing.assert_allclose(ensemble.std(X), (14 / 3) ** 0.5)
        np.testing.assert_allclose(ensemble.std(X, ddof=1), 7**0.5)
        assert ensemble.quantiles(X, 0.5).tolist() == [[2]] * 4
        assert ensemble.quantiles(X, [0, 0.25, 1])[:, 0, 0].tolist() == [1, 1.5, 6]
        assert ensemble.mean(np.zeros((0, 1))).shape == (0, 1)

    def test_many_rows_are_answered_in_pieces_with_the_same_bits(self, monkeypatch):
        ensemble, X = Ensemble(networks(3, (5, 8, 2))), RNG.normal(size=(1000, 5))
        whole = [ensemble.predict(X), ensemble.mean(X), ensemble.std(X)]
        monkeypatch.setattr(fastnn.ensemble, "_VALUES_AT_ONCE", 700)
        pieces = [ensemble.predict(X), ensemble.mean(X), ensemble.std(X)]
        for a, b in zip(whole, pieces, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_normal_distributions_are_mixed(self):
        # By hand: N(0, 1) and N(2, 3): the mean is 1, the variance 2 + 1.
        ensemble = Ensemble(constant([0, 0], [2, np.log(3)], loss="gaussian_nll"))
        X = np.zeros((1, 1))
        np.testing.assert_allclose(ensemble.mean(X), [[1, np.log(3)]], rtol=1e-6)
        np.testing.assert_allclose(ensemble.std(X), [[3**0.5]], rtol=1e-6)
        # ln N(3; 1, 3) without its constant: ½ [4/3 + ln 3]
        loss = ensemble.evaluate(X, [3.0])["loss"]
        assert loss == pytest.approx(0.5 * (4 / 3 + np.log(3)), rel=1e-6)

    def test_classes_by_mean_and_by_vote(self):
        # Two networks are just for b, one is all for a.
        nets = constant([1, 1.2, -9], [1, 1.2, -9], [9, 0, -9], output="softmax")
        for net in nets:
            net.classes = ["a", "b", "c"]
        ensemble, X = Ensemble(nets), np.zeros((2, 1))
        assert ensemble.classify(X).tolist() == ["a", "a"]
        assert ensemble.classify(X, by="vote").tolist() == ["b", "b"]
        assert Ensemble(nets[1:]).classify(X, by="vote").tolist() == ["a", "a"]  # a tie: the mean
        with pytest.raises(ValueError, match="by must be one of mean, vote"):
            ensemble.classify(X, by="sum")

    def test_one_output_votes_at_one_half(self):
        nets = constant(0.1, 0.2, -9, output="sigmoid")
        ensemble, X = Ensemble(nets), np.zeros((1, 1))
        assert ensemble.classify(X).tolist() == [0]
        assert ensemble.classify(X, by="vote").tolist() == [1]
        assert Ensemble(nets[1:]).classify(X, by="vote").tolist() == [0]  # a tie: the mean
        with pytest.raises(ValueError, match="gives numbers, not classes"):
            Ensemble(constant(1, 2)).classify(X)

    @pytest.mark.parametrize(
        ("options", "y"),
        [
            (dict(output="softmax"), [0, 2, 1]),
            (dict(output="sigmoid"), [[1, 0, 1], [0, 0, 1], [1, 1, 0]]),
            (dict(output="sigmoid", loss="quadratic"), [0, 2, 1]),
            (dict(output="exp"), [[1, 0, 2.5], [0, 1, 1], [3, 3, 3]]),
            (dict(output="softplus", loss="poisson"), [[1, 0, 2.5], [0, 1, 1], [3, 3, 3]]),
            (dict(output="tanh"), [[0.5, 0, -0.5]] * 3),
            (dict(loss="huber", huber_delta=0.1), [[1.0, 0, -1]] * 3),
            (dict(loss="quantile", quantile=0.9), [[1.0, 0, -1]] * 3),
            (dict(output="relu"), [[0.3, 0.2, 0.1]] * 3),
            (dict(output="leaky_relu"), [[0.3, 0.2, 0.1]] * 3),
            (dict(output="elu"), [[0.3, 0.2, 0.1]] * 3),
            (dict(output="gelu"), [[0.3, 0.2, 0.1]] * 3),
        ],
    )
    def test_the_loss_is_that_of_the_mean(self, options, y):
        nets, X = networks(4, (5, 6, 3), dtype="float64", **options), RNG.normal(size=(3, 5))
        # One network is its own mean; a mean of the same networks is theirs.
        for net in nets:
            found = Ensemble([net, copy.copy(net)]).evaluate(X, y, sample_weight=[1, 2, 3])
            assert found == pytest.approx(net.evaluate(X, y, sample_weight=[1, 2, 3]), rel=1e-9)
        if "loss" not in options and options["output"] == "softmax":
            a = np.mean([net.predict(X) for net in nets], axis=0)
            right = -np.log(a[[0, 1, 2], y]).mean()
            assert Ensemble(nets).evaluate(X, y)["loss"] == pytest.approx(right, rel=1e-12)

    def test_scaled_targets_are_scored_as_one_network_scores_them(self):
        X = RNG.normal(size=(50, 5))
        y = 1e3 + 50 * X[:, 0]
        nets = networks(3)
        for net in nets:
            net.standardize(X, y)
        mean = Ensemble(nets).mean(X)[:, 0]
        assert mean.dtype == np.float64
        right = (((mean - y) / nets[0].output_scale[0]) ** 2).mean()
        assert Ensemble(nets).evaluate(X, y)["loss"] == pytest.approx(right, rel=1e-9)


class TestNetworks:
    @pytest.mark.parametrize(
        ("other", "sentence"),
        [
            (MLP([4, 1]), "the number of inputs: that of nets[1] is 4, that of nets[0] 5"),
            (MLP([5, 2]), "the number of outputs: that of nets[1] is 2"),
            (MLP([5, 1], output="sigmoid"), "the output function: that of nets[1] is 'sigmoid'"),
            (MLP([5, 1], loss="mae"), "the loss: that of nets[1] is 'mae', that of nets[0] 'mse'"),
            (MLP([5, 1], dtype="float64"), "the dtype: that of nets[1] is 'float64'"),
        ],
    )
    def test_networks_that_do_not_agree_are_named(self, other, sentence):
        with pytest.raises(ValueError) as caught:
            Ensemble([MLP([5, 1]), other])
        assert sentence in str(caught.value)

    def test_labels_must_be_the_same(self):
        nets = networks(2, (5, 3), output="softmax")
        nets[1].classes = ["a", "b", "c"]
        with pytest.raises(ValueError, match=r"must agree in the classes: that of nets.1. is"):
            Ensemble(nets)

    @pytest.mark.parametrize(
        ("nets", "sentence"),
        [
            ([], "nets is empty"),
            ([MLP([2, 1])] * 2, "is the same network as nets.0."),
            (MLP([2, 1]), "got one"),
            (["a"], "must be a fastnn.MLP, got str"),
        ],
    )
    def test_what_is_no_list_of_networks_is_refused(self, nets, sentence):
        with pytest.raises((ValueError, TypeError), match=sentence):
            Ensemble(nets)

    def test_it_is_a_sequence_of_its_networks(self):
        nets = networks(4)
        ensemble = Ensemble(nets)
        assert len(ensemble) == 4 and list(ensemble) == nets and ensemble[-1] is nets[3]
        assert list(ensemble[1:3]) == nets[1:3] and isinstance(ensemble[1:3], Ensemble)
        assert ensemble.n_params == 4 * nets[0].n_params
        assert repr(ensemble).splitlines() == [
            "Ensemble of 4: 228 parameters",
            "  4 x MLP 5-8-1, mse loss, float32: 57 parameters",
        ]

    def test_copies_and_pickles_answer_alike_and_share_nothing(self):
        ensemble, X = Ensemble(networks(20)), RNG.normal(size=(2, 5))
        ensemble.metadata["of"] = "me"
        right = ensemble.predict(X)
        for other in (copy.copy(ensemble), pickle.loads(pickle.dumps(ensemble))):
            assert other.metadata == {"of": "me"}
            np.testing.assert_array_equal(other.predict(X), right)
            other[0].params = np.zeros(57)
            other.metadata.clear()
        np.testing.assert_array_equal(ensemble.predict(X), right)
        assert ensemble.metadata == {"of": "me"}


class TestFit:
    X = RNG.normal(size=(60, 5))
    Y = X[:, 0] * X[:, 1]

    def test_it_is_fit_many(self):
        a, b = Ensemble(networks(3)), networks(3)
        histories = a.fit(self.X, self.Y, epochs=3, batch_size=7)
        others = fit_many(b, self.X, self.Y, epochs=3, batch_size=7)
        assert [h.loss for h in histories] == [h.loss for h in others]
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one.params, other.params)

    def test_a_bootstrap_draws_as_many_rows_with_replacement(self):
        a, b = Ensemble(networks(3)), networks(3)
        a.fit(self.X, self.Y, epochs=2, bootstrap=True, seed=4)
        rng = np.random.default_rng(4)
        for one, other in zip(a, b, strict=True):
            rows = rng.integers(0, 60, 60)
            other.fit(self.X[rows], self.Y[rows], epochs=2)
            np.testing.assert_array_equal(one.params, other.params)

    def test_contradictions_are_refused(self):
        ensemble = Ensemble(networks(2))
        with pytest.raises(TypeError, match="both choose the rows"):
            ensemble.fit(self.X, self.Y, bootstrap=True, rows=[[0], [1]])
        with pytest.raises(TypeError, match="seed is that of bootstrap=True"):
            ensemble.fit(self.X, self.Y, seed=1)
