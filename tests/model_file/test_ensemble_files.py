"""The file of an ensemble: all networks come back, and unsound files are refused."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import fastnn
from fastnn import MLP, Ensemble

RNG = np.random.default_rng(7)


def networks(k, sizes, **options):
    return [MLP(sizes, seed=seed, **options) for seed in range(k)]


def saved(path):
    X = RNG.normal(size=(30, 5))
    nets = networks(3, (5, 4, 3), output="softmax", loss="quadratic", dropout=0.1)
    nets += networks(2, (5, 3), output="softmax", loss="quadratic")
    nets[1].standardize(X)
    nets[4].trainable = [False]
    nets[2].metadata = {"mine": [1, 2]}
    for net in nets:
        net.classes, net.feature_names = ["x", "y", "z"], list("abcde")
    ensemble = Ensemble(nets)
    ensemble.metadata = {"name": "all"}
    ensemble.save(path)
    return ensemble, X


def refused(path):
    with pytest.raises(ValueError) as caught:
        fastnn.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


class TestFile:
    def test_all_networks_come_back(self, tmp_path):
        ensemble, X = saved(tmp_path / "e")
        loaded = fastnn.load(tmp_path / "e")
        assert isinstance(loaded, Ensemble) and loaded.metadata == {"name": "all"}
        np.testing.assert_array_equal(loaded.predict(X), ensemble.predict(X))
        assert loaded.classify(X).tolist() == ensemble.classify(X).tolist()
        for a, b in zip(loaded, ensemble, strict=True):
            assert a._network() == b._network() and a.metadata == b.metadata
            assert a.trainable == b.trainable and a.feature_names == b.feature_names
            assert a.classes.tolist() == ["x", "y", "z"]
            assert (a.input_shift is None) == (b.input_shift is None)

    def test_a_network_that_is_not_finite_is_named_and_the_old_file_kept(self, tmp_path):
        ensemble, _ = saved(tmp_path / "e")
        before = (tmp_path / "e").read_bytes()
        ensemble[3].params[0] = np.nan
        with pytest.raises(ValueError, match=r"^network 3: the parameters hold NaN"):
            ensemble.save(tmp_path / "e")
        assert (tmp_path / "e").read_bytes() == before

    def test_a_thousand_networks_take_little_more_than_their_numbers(self, tmp_path):
        ensemble = Ensemble(networks(1000, (2, 4, 1)))
        ensemble.save(tmp_path / "e")
        assert (tmp_path / "e").stat().st_size < 4 * ensemble.n_params + 60_000
        assert len(fastnn.load(tmp_path / "e")) == 1000

    def test_a_file_cut_off_or_with_a_byte_of_chance_is_refused_or_sound(self, tmp_path):
        saved(tmp_path / "e")
        whole, path = (tmp_path / "e").read_bytes(), tmp_path / "broken"
        rng = np.random.default_rng(0)
        for size in rng.integers(0, len(whole), 60):
            path.write_bytes(whole[:size])
            refused(path)
        (length,) = struct.unpack("<Q", whole[:8])
        for byte in rng.integers(8, 8 + length, 250):
            broken = bytearray(whole)
            broken[byte] = rng.integers(32, 127)
            path.write_bytes(broken)
            try:
                loaded = fastnn.load(path)
            except ValueError as error:
                assert str(path) in str(error) and "\n" not in str(error)
            else:
                assert np.isfinite(loaded.predict(np.zeros((1, 5)))).all()

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda e, t: e.pop("stacks"), "'stacks' is missing"),
            (lambda e, t: e["stacks"].__setitem__(0, [0, 0]), "not of its networks, each once"),
            (lambda e, t: e["stacks"].append([7]), "not of its networks, each once"),
            (lambda e, t: e.update(networks=[], stacks=[]), "unexpected tensor"),
            (lambda e, t: e["networks"].append({}), "not of its networks, each once"),
            (lambda e, t: e["networks"][0].update(training={}), "holds 'training', which this"),
            (lambda e, t: e["networks"][0].update(classes=["q"]), "holds 'classes', which this"),
            (
                lambda e, t: e["shared"]["network"].update(loss="cross_entropy", output="tanh"),
                "output",
            ),
            (lambda e, t: e["networks"][0].setdefault("network", {}).update(sizes=[9, 3]), "not"),
            (lambda e, t: e.update(more=1), "its ensemble holds 'more', which this version"),
            (lambda e, t: e["shared"].update(classes=["a" * 2000] * 2), "different"),
            (lambda e, t: t.pop("stacks.0.biases.0"), "the tensor 'biases.0' is missing"),
            (lambda e, t: t.update({"stacks.9.biases.0": t["stacks.0.biases.0"]}), "unexpected"),
            (lambda e, t: t.update({"stacks.0.biases.0": t["stacks.0.biases.0"][:1]}), "is not of"),
            (lambda e, t: t.update({"weights.0": np.ones((1, 1), "f")}), "unexpected tensor"),
            (lambda e, t: t.update({"stacks.-1.x": np.ones((1, 1), "f")}), "unexpected tensor"),
        ],
    )
    def test_contents_that_contradict_each_other_are_refused(self, tmp_path, change, sentence):
        path = tmp_path / "e"
        saved(path)
        tensors, header = load_file(path), path.read_bytes()
        (length,) = struct.unpack("<Q", header[:8])
        metadata = json.loads(header[8 : 8 + length])["__metadata__"]
        said = json.loads(metadata["ensemble"])
        change(said, tensors)
        metadata["ensemble"] = json.dumps(said)
        save_file(tensors, path, metadata)
        assert sentence in refused(path)

    def test_a_small_file_does_not_become_gigabytes(self, tmp_path):
        path = tmp_path / "e"
        network = MLP([1, 2], output="softmax")._network()
        inputs = {"names": ["n" * 5000], "trained": True, "bytes": "numbers"}
        said = {
            "shared": {"network": network, "inputs": inputs},
            "networks": [{}] * 20_000,
            "stacks": [list(range(20_000))],
        }
        tensors = {"stacks.0.weights.0": np.ones((20_000, 1, 2), "f")}
        tensors["stacks.0.biases.0"] = np.ones((20_000, 2), "f")
        texts = {"format": "fastnn", "format_version": "2", "ensemble": json.dumps(said)}
        save_file(tensors, path, texts)
        assert "20,000 networks share facts of" in refused(path)
