"""Model files that are whole: what goes in comes out, and what is there stays until then."""

import errno
import os
import sys
import threading

import numpy as np
import pytest
from states import state_of, table

import fastnn
from fastnn import MLP, SGD, paths
from fastnn.callbacks import Callback, ModelCheckpoint

X, Y = table(40)


def round_trip(net, folder, **options):
    net.save(folder / "net.safetensors", **options)
    return fastnn.load(folder / "net.safetensors")


class TestRoundTrip:
    @pytest.mark.parametrize(
        "net",
        [
            MLP([5, 3], seed=0),
            MLP([5, 4, 3], output="softmax", dtype="float64", seed=3),
            MLP([5, 4, 4, 3], activation=["tanh", "gelu"], dropout=[0.1, 0.5], seed=0),
            MLP([1, 1], loss="quantile", quantile=0.9, init="zeros", seed=0),
            MLP([2, 1], loss="huber", huber_delta=0.1, init="standard_normal", seed=10**30),
            MLP([2, 3], loss="poisson", activation=[], seed=0),
            MLP([7, 5, 1], output="sigmoid", loss="quadratic", init="glorot_uniform", seed=0),
        ],
        ids=lambda net: f"{net.sizes} {net.loss}",
    )
    def test_every_kind_of_network_comes_back_with_every_bit(self, tmp_path, net):
        again = round_trip(net, tmp_path)
        assert state_of(again) == state_of(net)
        assert repr(again) == repr(net)
        for name in ("sizes", "activation", "output", "loss", "init", "dropout", "dtype"):
            assert getattr(again, name) == getattr(net, name)
        assert (again.seed, again.quantile, again.huber_delta) == (
            *(net.seed, net.quantile, net.huber_delta),
        )
        rows = np.random.default_rng(0).normal(size=(9, net.sizes[0]))
        np.testing.assert_array_equal(again.predict(rows), net.predict(rows))

    @pytest.mark.parametrize(
        "classes",
        [["b", "a", "c"], [30, 10, 20], [0.5, 1.5, 2.5], [True, False], ["é", "日本", '\n"\\']],
        ids=ascii,
    )
    def test_classes_come_back_in_their_order_and_kind(self, tmp_path, classes):
        net = MLP([5, 3], output="softmax", seed=0)
        net.classes = classes
        again = round_trip(net, tmp_path)
        assert again.classes.tolist() == classes
        assert again.classes.dtype == net.classes.dtype
        assert again.classify(X).tolist() == net.classify(X).tolist()

    def test_metadata_come_back(self, tmp_path):
        net = MLP([2, 1])
        net.metadata = {"name": "é", "n": [1, 2.5, None, True], "nested": {"a": {}}}
        assert round_trip(net, tmp_path).metadata == net.metadata

    def test_scaling_comes_back_with_every_bit(self, tmp_path):
        net = MLP([5, 3], output="softmax", seed=0)
        net.standardize(X * [1, 1e-6, 1e6, 0, 3])
        again = round_trip(net, tmp_path)
        assert state_of(again) == state_of(net)
        np.testing.assert_array_equal(again.predict(X), net.predict(X))

    @pytest.mark.parametrize("scaled", [False, True])
    def test_a_network_trained_on_bytes_reads_raw_pixels_once_loaded(self, tmp_path, scaled):
        (train, labels), (test, _) = fastnn.datasets.load_digits()
        net = MLP([784, 16, 10], output="softmax", seed=0)
        if scaled:
            net.standardize(train)  # many pixels are always 0
        net.fit(train, labels, epochs=1)
        again = round_trip(net, tmp_path)
        assert test.dtype == np.uint8
        np.testing.assert_array_equal(again.classify(test), net.classify(test))
        np.testing.assert_array_equal(again.classify(test), again.classify(test.astype(float)))

    def test_a_loaded_network_trains_like_the_one_that_was_saved_as_a_checkpoint(self, tmp_path):
        net = MLP([5, 4, 3], output="softmax", dropout=0.2, seed=0)
        net.fit(X, Y, epochs=2, optimizer=SGD(0.1, momentum=0.9))
        again = round_trip(net, tmp_path, checkpoint=True)
        for one in (net, again):
            one.fit(X, Y, epochs=2)
        assert state_of(again) == state_of(net)

    @pytest.mark.parametrize("text", [False, True])
    def test_a_path_may_be_text(self, tmp_path, text):
        path = tmp_path / "a net.safetensors"
        MLP([2, 1], seed=0).save(str(path) if text else path)
        assert fastnn.load(str(path) if text else path).sizes == (2, 1)

    def test_a_file_needs_no_particular_name_and_may_have_the_longest(self, tmp_path):
        for name in ("x", "net.bin", "n" * 255):
            MLP([2, 1]).save(tmp_path / name)
            assert fastnn.load(tmp_path / name).sizes == (2, 1)

    def test_any_reader_of_safetensors_finds_the_weights(self, tmp_path):
        from safetensors.numpy import load_file

        net = MLP([2, 3, 1], seed=0)
        net.save(tmp_path / "net.safetensors")
        tensors = load_file(tmp_path / "net.safetensors")
        assert set(tensors) == {"weights.0", "biases.0", "weights.1", "biases.1"}
        np.testing.assert_array_equal(tensors["weights.1"], net.weights[1])


class TestAllOrNothing:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "net.safetensors"
        MLP([2, 1], seed=0).save(path)
        return path

    def refused(self, path, kind=OSError):
        """Save another network, which fails; the old file must be intact and alone."""
        before = path.read_bytes()
        with pytest.raises(kind) as caught:
            MLP([3, 1], seed=1).save(path)
        assert path.read_bytes() == before
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
        return caught.value

    @pytest.mark.parametrize("name", ["fsync", "replace"])
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
    def test_a_disk_that_fails_at_the_end_leaves_the_old_file(
        self, monkeypatch, path, name, number
    ):
        def fail(*args):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(paths.os, name, fail)
        error = self.refused(path)
        assert error.errno == number
        assert str(path) in str(error) and "cannot write" in str(error)
        assert "an old file is unchanged" in str(error) and "\n" not in str(error)

    def test_a_disk_that_is_full_in_the_middle_leaves_the_old_file(self, monkeypatch, path):
        class Full:
            def __init__(self, *args):
                self.file = open(*args)  # noqa: SIM115

            def __enter__(self):
                return self

            def __exit__(self, *error):
                self.file.close()

            def write(self, content):
                self.file.write(content[:50])
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(paths, "open", Full, raising=False)
        assert "No space left on device" in str(self.refused(path))

    def test_ctrl_c_while_writing_leaves_the_old_file(self, monkeypatch, path):
        def interrupt(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(paths.os, "fsync", interrupt)
        self.refused(path, KeyboardInterrupt)

    def test_a_name_that_cannot_be_made_durable_is_no_reason_to_fail(self, monkeypatch, path):
        real = os.open

        def refuse(target, *args):
            if os.fspath(target) == os.fspath(path.parent):
                raise OSError(errno.EINVAL, "not for folders")
            return real(target, *args)

        monkeypatch.setattr(paths.os, "open", refuse)
        MLP([3, 1]).save(path)
        assert fastnn.load(path).sizes == (3, 1)

    def test_a_folder_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"missing.net\.safetensors"):
            MLP([2, 1]).save(tmp_path / "missing" / "net.safetensors")

    def test_a_folder_in_the_files_place_stays(self, tmp_path):
        with pytest.raises(OSError, match=r"cannot write"):
            MLP([2, 1]).save(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_the_folder_is_named_in_either_case(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(OSError, match=r"cannot write: it is a folder; expected the name of"):
            MLP([2, 1]).save(".")
        with pytest.raises(FileNotFoundError, match=r"there is no folder nowhere: ") as caught:
            MLP([2, 1]).save("nowhere/net")
        assert (caught.value.errno, caught.value.filename) == (
            errno.ENOENT,
            "nowhere/net".replace("/", os.sep),
        )
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(
        sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0),
        reason="nothing is forbidden to this user",
    )
    def test_a_folder_that_may_not_be_written_to_is_named(self, tmp_path):
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(PermissionError, match=r"cannot write"):
                MLP([2, 1]).save(tmp_path / "net.safetensors")
        finally:
            tmp_path.chmod(0o700)

    def test_two_threads_that_write_one_path_do_not_write_into_each_others_file(
        self, monkeypatch, path
    ):
        real, inside, go_on = os.fsync, threading.Event(), threading.Event()

        def slow(file):
            if threading.current_thread() is not threading.main_thread() and not inside.is_set():
                inside.set()
                assert go_on.wait(60)
            return real(file)

        monkeypatch.setattr(paths.os, "fsync", slow)
        other = threading.Thread(target=MLP([9, 9, 9], seed=1).save, args=(path,))
        other.start()
        assert inside.wait(60)
        MLP([3, 1], seed=2).save(path)
        assert fastnn.load(path).sizes == (3, 1)
        go_on.set()
        other.join(60)
        assert fastnn.load(path).sizes == (9, 9, 9)
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]


class TestRefusedToSave:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_parameters_that_are_not_finite_are_not_saved(self, tmp_path, value):
        net = MLP([2, 1])
        net.params[1] = value
        with pytest.raises(ValueError, match=r"parameters hold NaN or infinity; such a network is"):
            net.save(tmp_path / "net.safetensors")
        assert list(tmp_path.iterdir()) == []

    def test_an_optimizer_that_is_not_finite_is_not_saved_as_load_would_refuse_it(self, tmp_path):
        net = MLP([5, 3], output="softmax")
        net.fit(X, Y, epochs=1)
        net._state.v[0] = np.inf
        with pytest.raises(ValueError, match=r"optimizer\.v holds NaN or infinity"):
            net.save(tmp_path / "net.safetensors", checkpoint=True)
        net.save(tmp_path / "net.safetensors")

    @pytest.mark.parametrize(
        ("metadata", "kind", "sentence"),
        [
            ({"a": np.ones(2)}, TypeError, "Object of type ndarray is not JSON serializable"),
            ({"a": {1, 2}}, TypeError, "Object of type set is not JSON serializable"),
            ({"a": np.float32(1)}, TypeError, "Object of type float32 is not JSON serializable"),
            ({(1, 2): 3}, TypeError, "keys must be"),
            ({"a": float("nan")}, ValueError, "Out of range float values are not JSON compliant"),
            ({1: "a", "1": "b"}, ValueError, "the key '1' occurs twice"),
        ],
    )
    def test_metadata_that_json_cannot_hold_are_named(self, tmp_path, metadata, kind, sentence):
        net = MLP([2, 1])
        net.metadata = metadata
        with pytest.raises(kind, match=rf"^metadata must be made of JSON values: {sentence}"):
            net.save(tmp_path / "net.safetensors")
        assert list(tmp_path.iterdir()) == []

    def test_metadata_may_be_nested_a_hundred_times_on_every_python(self, tmp_path):
        net, inner = MLP([2, 1]), {}
        for _ in range(99):
            inner = {"a": inner}
        net.metadata = inner
        net.save(tmp_path / "net.safetensors")
        assert fastnn.load(tmp_path / "net.safetensors").metadata == inner
        net.metadata = {"a": inner}
        with pytest.raises(ValueError, match="nested too deeply"):
            net.save(tmp_path / "net.safetensors")

    def test_metadata_nested_too_deeply_are_refused(self, tmp_path):
        net, inner = MLP([2, 1]), {}
        for _ in range(100_000):
            inner = {"a": inner}
        net.metadata = inner
        with pytest.raises(ValueError, match=r"^metadata is nested too deeply for a file"):
            net.save(tmp_path / "net.safetensors")
        while inner:  # or Python itself runs out of stack when it throws it away
            inner = inner.pop("a")

    @pytest.mark.parametrize("metadata", [None, [1], "text"])
    def test_metadata_must_be_a_dict(self, tmp_path, metadata):
        net = MLP([2, 1])
        net.metadata = metadata
        with pytest.raises(TypeError, match=r"^metadata must be a dict, got "):
            net.save(tmp_path / "net.safetensors")

    def test_a_callback_whose_state_no_file_holds_is_told_from_fit(self, tmp_path):
        class Odd(Callback):
            def state(self):
                return {"object": object()}

        saver = ModelCheckpoint(tmp_path / "net.safetensors")
        with pytest.raises(TypeError, match=r"^training must be made of JSON values"):
            MLP([5, 3], output="softmax").fit(X, Y, callbacks=[Odd(), saver])
        assert list(tmp_path.iterdir()) == []
