"""Files that are no sound model: each is refused with one sentence that names it."""

import json
import os
import struct
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save as pack
from states import state_of, table

import fastnn
from fastnn import MLP, Adam
from fastnn.callbacks import EarlyStopping

X, Y = table(20)


def refused(path, sentence=None, kind=ValueError):
    with pytest.raises(kind, match=sentence) as caught:
        fastnn.load(path)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    return text


def content(**options):
    """A small model file's bytes."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    net = MLP([2, 2, 2], output="softmax", seed=0)
    net.classes = ["a", "b"]
    net.input_shift = [1, 2]
    if options:
        net.fit(
            [[0.0, 1], [1, 0]], ["a", "b"], epochs=2, callbacks=[EarlyStopping("loss")],
            optimizer=Adam(0.1),
        )  # fmt: skip
    with TemporaryDirectory() as folder:
        net.save(Path(folder) / "net", **options)
        return (Path(folder) / "net").read_bytes()


PLAIN, CHECKPOINT = content(), content(checkpoint=True)


def parts(whole):
    """Header (a dict) and data of a safetensors file."""
    length = struct.unpack("<Q", whole[:8])[0]
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def joined(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def changed(whole, facts=None, tensors=None, drop=(), top=None):
    """The file with other facts, tensors or metadata, packed by the library itself."""
    header, data = parts(whole)
    metadata = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = {"F32": np.float32, "F64": np.float64}[entry["dtype"]]
        arrays[name] = np.frombuffer(data[begin:end], kind).reshape(entry["shape"])
    for where, values in (facts or {}).items():
        known = json.loads(metadata.get(where, "{}"))
        metadata[where] = json.dumps({**known, **values} if isinstance(values, dict) else values)
    metadata.update(top or {})
    arrays.update(tensors or {})
    for name in drop:
        for place in (arrays, metadata):
            place.pop(name, None)
    return pack(arrays, metadata)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


class TestBytes:
    @pytest.mark.parametrize(("whole", "every"), [(PLAIN, 1), (CHECKPOINT, 1)])
    def test_a_file_cut_off_at_any_byte_is_refused(self, path, whole, every):
        for size in range(0, len(whole), every):
            path.write_bytes(whole[:size])
            refused(path)
        path.write_bytes(whole)
        fastnn.load(path)

    @pytest.mark.parametrize("more", [b"\0", b"more"])
    def test_a_file_with_bytes_behind_its_end_is_refused(self, path, more):
        path.write_bytes(PLAIN + more)
        refused(path, "not a sound safetensors file")

    def test_a_flipped_bit_of_the_header_is_refused_or_loads_a_sound_network(self, path):
        (length,) = struct.unpack("<Q", PLAIN[:8])
        for byte in range(8 + length):
            for bit in range(8):
                flipped = bytearray(PLAIN)
                flipped[byte] ^= 1 << bit
                path.write_bytes(flipped)
                try:
                    net = fastnn.load(path)
                except (ValueError, OSError) as error:
                    assert str(path) in str(error) and "\n" not in str(error)
                else:  # the bit was in a name or a number that a network may have
                    assert np.isfinite(net.predict([[1, 2]])).all()

    def test_a_byte_of_chance_in_a_checkpoint_is_refused_or_loads_a_sound_network(self, path):
        rng = np.random.default_rng(0)
        for byte in rng.permutation(np.arange(8, len(CHECKPOINT)))[:500]:
            broken = bytearray(CHECKPOINT)
            broken[byte] = rng.integers(32, 127)
            path.write_bytes(broken)
            try:
                net = fastnn.load(path)
            except (ValueError, OSError) as error:
                assert str(path) in str(error)
            else:
                net.input_shift = net.input_scale = None  # finite, but 1e300 perhaps
                assert net.predict([[1, 2]]).shape == (1, 2)

    def test_bytes_of_chance_are_refused(self, path):
        rng = np.random.default_rng(0)
        for _ in range(200):
            path.write_bytes(rng.bytes(int(rng.integers(0, 300))))
            refused(path, "is not a safetensors file, or is cut off|sound|no fastnn model|empty")


class TestHeader:
    @pytest.mark.parametrize("length", [0, 1, 2**40, 2**63, 2**64 - 1, len(PLAIN)])
    def test_a_length_that_the_file_has_not_is_refused(self, path, length):
        path.write_bytes(struct.pack("<Q", length) + PLAIN[8:])
        refused(path, "is not a safetensors file, or is cut off")

    def test_an_empty_file_is_refused(self, path):
        path.write_bytes(b"")
        refused(path, "is empty; expected a model file")

    def test_what_is_not_there_or_a_folder_is_an_os_error(self, tmp_path, path):
        refused(path, "No such file", FileNotFoundError)
        refused(tmp_path, None, OSError)

    def test_a_key_that_stands_twice_is_refused(self, path):
        header, data = parts(PLAIN)
        text = json.dumps(header)[:-1] + ', "biases.0": ' + json.dumps(header["biases.0"]) + "}"
        path.write_bytes(joined(text.encode(), data))
        refused(path, "the key 'biases.0' occurs twice")

    def test_a_fact_that_stands_twice_is_refused(self, path):
        path.write_bytes(changed(PLAIN, top={"network": '{"sizes": [2, 2], "sizes": [3, 2]}'}))
        refused(path, "its 'network' is damaged: the key 'sizes' occurs twice")

    @pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000])
    def test_a_header_nested_without_end_is_refused(self, path, text):
        path.write_bytes(joined(text, b""))
        refused(path, "nested too deeply|too many parts")

    @pytest.mark.parametrize("name", ["network", "training", "metadata", "classes"])
    def test_a_fact_nested_without_end_is_refused(self, path, name):
        path.write_bytes(changed(CHECKPOINT, top={name: "[" * 100_000 + "]" * 100_000}))
        refused(path, f"its '{name}' is damaged: it is nested too deeply")

    @pytest.mark.parametrize(
        "header",
        [b"[]", b"{}", b"33", b'"fastnn"', b"null", b'{"__metadata__": []}', b"\xff\xfe{}"],
    )
    def test_a_header_of_another_kind_is_refused(self, path, header):
        path.write_bytes(joined(header, b""))
        refused(path, "not a fastnn model|not a sound safetensors file")

    def test_a_safetensors_file_of_somebody_else_is_refused(self, path):
        for metadata in (None, {"format": "pt"}, {"format": "fastnnx"}):
            path.write_bytes(pack({"weights.0": np.ones((2, 2), np.float32)}, metadata))
            refused(path, "is a safetensors file, but not a fastnn model")

    @pytest.mark.parametrize("version", ["3", "0", "", "1.0"])
    def test_another_version_is_named(self, path, version):
        path.write_bytes(changed(PLAIN, top={"format_version": version}))
        refused(
            path,
            f"has format version {version}; this fastnn reads versions 1 and 2: a newer fastnn",
        )

    @pytest.mark.parametrize("dtype", ["F64", "I32", "BF16", "F8_E4M3", "C64", "BOOL", "X"])
    def test_a_tensor_of_another_type_is_refused(self, path, dtype):
        header, data = parts(PLAIN)
        header["weights.0"]["dtype"] = dtype
        path.write_bytes(joined(header, data))
        refused(path)


def network(**changes):
    return {"network": changes}


WRONG = {  # what is changed, and what is said
    "a weight is missing": ({"drop": ["weights.0"]}, "the tensor 'weights.0' is missing"),
    "a bias is missing": ({"drop": ["biases.1"]}, "the tensor 'biases.1' is missing"),
    "a scale is missing": ({"drop": ["input.scale"]}, "the tensor 'input.scale' is missing"),
    "no network": ({"drop": ["network"]}, "'network' is missing"),
    "no sizes": ({"facts": {"network": []}}, "sound fastnn model"),
    "an unknown fact": ({"facts": {"extra": 1}}, "it holds 'extra', which this version does not"),
    "an unknown tensor": (
        {"tensors": {"spare": np.ones(3, np.float32)}},
        "it has the unexpected tensor 'spare'",
    ),
    "one layer too many": (
        {"tensors": {"weights.2": np.ones((2, 2), np.float32)}},
        "it has the unexpected tensor 'weights.2'",
    ),
    "a moment in a plain file": (
        {"tensors": {"optimizer.m": np.ones(12, np.float32)}},
        "it has the unexpected tensor 'optimizer.m'",
    ),
    "a shape": (
        {"tensors": {"weights.0": np.ones((2, 3), np.float32)}},
        r"the tensor 'weights.0' is float32 \(2, 3\), not float32 \(2, 2\)",
    ),
    "layers that do not chain": (
        {"tensors": {"weights.1": np.ones((3, 2), np.float32)}},
        r"the tensor 'weights.1' is float32 \(3, 2\), not float32 \(2, 2\)",
    ),
    "flat weights": (
        {"tensors": {"weights.0": np.ones(4, np.float32)}},
        r"the tensor 'weights.0' is float32 \(4,\), not float32 \(2, 2\)",
    ),
    "a dtype": (
        {"tensors": {"weights.0": np.ones((2, 2))}},
        "the tensor 'weights.0' is float64",
    ),
    "NaN": (
        {"tensors": {"weights.0": np.full((2, 2), np.nan, np.float32)}},
        "tensor 'weights.0' holds NaN or infinity",
    ),
    "infinity": (
        {"tensors": {"input.scale": np.full(2, np.inf, np.float32)}},
        "tensor 'input.scale' holds NaN or infinity",
    ),
    "huge sizes": ({"facts": network(sizes=[2**31 - 1, 2**31 - 1])}, "the tensor 'weights.0' is"),
    "huge last size": ({"facts": network(sizes=[2, 2, 2**31])}, "the tensor 'weights.1' is"),
    "too few sizes": ({"facts": network(sizes=[2])}, "sizes must be two or more"),
    "no list of sizes": ({"facts": network(sizes=3)}, "sound fastnn model"),
    "sizes of text": ({"facts": network(sizes="222")}, "sound fastnn model"),
    "sizes with a fraction": ({"facts": network(sizes=[2, 2, 2.5])}, "sound fastnn model"),
    "whole sizes as floats": ({"facts": network(sizes=[2.0, 2, 2])}, "sizes must be an integer"),
    "negative sizes": ({"facts": network(sizes=[2, -2, 2])}, "sound fastnn model"),
    "another dtype": ({"facts": network(dtype="float16")}, "dtype must be one of float32, float64"),
    "a dtype of code": ({"facts": network(dtype="i4,(")}, "dtype must be one of"),
    "a dtype of another kind": ({"facts": network(dtype=["f4"])}, "dtype must be one of"),
    "an activation": ({"facts": network(activation=["eval"])}, "activation must be one of"),
    "an init": ({"facts": network(init="eval")}, "init must be one of"),
    "a pair": ({"facts": network(loss="poisson")}, "loss 'poisson' needs output"),
    "dropout of 1": ({"facts": network(dropout=[1])}, "dropout must be a number from 0"),
    "a number beyond all": ({"facts": network(quantile=10**400)}, "quantile must be"),
    "an option too many": ({"facts": network(device="gpu")}, "sound fastnn model"),
    "a seed": ({"facts": network(seed=-1)}, "seed must be"),
    "NaN in the facts": ({"top": {"classes": "[NaN, 1]"}}, "its 'classes' is damaged: NaN is not"),
    "classes of objects": ({"facts": {"classes": [[1], [2]]}}, "classes must be 2 strings"),
    "too many classes": ({"facts": {"classes": ["a", "b", "c"]}}, "classes must be 2 strings"),
    "classes twice the same": ({"facts": {"classes": ["a", "a"]}}, "classes must all be different"),
    "ragged classes": ({"facts": {"classes": [[1], 2]}}, "sound fastnn model"),
    "metadata of a list": ({"facts": {"metadata": [1]}}, "its metadata is not an object"),
    "training of a list": ({"facts": {"training": [1]}}, "sound fastnn model"),
}


def training(**changes):
    return {"facts": {"training": changes}}


WRONG_TRAINING = {
    "an optimizer's kind": (training(optimizer_kind="Adagrad"), "'Adagrad' is missing"),
    "a kind of another kind": (training(optimizer_kind=["Adam"]), "sound fastnn model"),
    "another optimizer": (
        training(optimizer={**fastnn.SGD(0.1).to_config()}),
        "its optimiser's state does not fit the optimiser",
    ),
    "an optimizer of nothing": (training(optimizer={}), "not the description of an optimiser"),
    "an optimizer's rate": (
        training(optimizer={**Adam().to_config(), "lr": -1}),
        "lr must be a finite number of 0 or more",
    ),
    "a missing moment": ({"drop": ["optimizer.v"]}, "its optimiser's state does not fit"),
    "a moment's size": (
        {"tensors": {"optimizer.m": np.ones(3, np.float32)}},
        "its optimiser's state does not fit the network",
    ),
    "a moment's type": (
        {"tensors": {"optimizer.m": np.ones(12)}},
        "its optimiser's state does not fit the network",
    ),
    "negative steps": (training(steps=-1), "its steps is -1"),
    "steps beyond all": (training(steps=2**63), "its steps is 9223372036854775808"),
    "an epoch of text": (training(epoch="3"), "its epoch is '3'"),
    "an epoch that is true": (training(epoch=True), "its epoch is True"),
    "a batch of a fraction": (training(batch_size=1.5), "its batch_size is 1.5"),
    "a seed beyond all": (training(dropout_seed=2**64), "its dropout_seed is"),
    "a scale of the rate": (training(lr_scale=-1), "lr_scale must be 0 or more"),
    "a scale of text": (training(lr_scale="nan"), "lr_scale must be 0 or more"),
    "a history of nothing": (training(history={}), "not the record of a history"),
    "a history of two lengths": (
        training(history={"stopped": None, "epochs": {"a": [1], "b": []}}),
        "its lists differ in length",
    ),
    "callbacks of a number": (training(callbacks=3), "sound fastnn model"),
    "a callback of a list": (training(callbacks=[[1]]), "sound fastnn model"),
    "no generator": (training(rng={}), "sound fastnn model"),
    "another generator": (training(rng={"bit_generator": "MT19937"}), "sound fastnn model"),
    "a generator beyond all": (
        training(
            rng={
                "bit_generator": "PCG64",
                "state": {"state": 10**60, "inc": 1},
                "has_uint32": 0,
                "uinteger": 0,
            }
        ),
        "sound fastnn model",
    ),
}


class TestDescription:
    @pytest.mark.parametrize("case", WRONG)
    def test_what_does_not_fit_is_refused_with_one_sentence(self, path, case):
        changes, sentence = WRONG[case]
        path.write_bytes(changed(PLAIN, **changes))
        refused(path, sentence)

    @pytest.mark.parametrize("case", WRONG_TRAINING)
    def test_a_checkpoint_that_does_not_fit_is_refused_with_one_sentence(self, path, case):
        changes, sentence = WRONG_TRAINING[case]
        path.write_bytes(changed(CHECKPOINT, **changes))
        refused(path, sentence)

    @pytest.mark.parametrize("name", ["steps", "epoch", "rng", "history", "callbacks", "shuffle"])
    def test_a_checkpoint_that_lacks_a_piece_is_refused(self, path, name):
        header, _ = parts(CHECKPOINT)
        facts = json.loads(header["__metadata__"]["training"])
        del facts[name]
        path.write_bytes(changed(CHECKPOINT, top={"training": json.dumps(facts)}))
        refused(path, f"'{name}' is missing")

    @pytest.mark.parametrize("name", ["sizes", "dtype", "init"])
    def test_a_network_that_lacks_a_piece_is_refused(self, path, name):
        header, _ = parts(PLAIN)
        facts = json.loads(header["__metadata__"]["network"])
        del facts[name]
        path.write_bytes(changed(PLAIN, top={"network": json.dumps(facts)}))
        refused(path, f"'{name}' is missing")

    def test_huge_sizes_with_small_tensors_take_no_memory(self, path):
        sizes = [30_000, 30_000, 30_000, 2]
        path.write_bytes(changed(PLAIN, facts=network(sizes=sizes, activation=["relu"] * 2)))
        tracemalloc.start()
        try:
            refused(path, r"the tensor 'weights.0' is float32 \(2, 2\), not float32 \(30000, 30000")
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()

    def test_the_changes_above_start_from_files_that_load(self, path):
        """Or the tests above would prove little."""
        for whole in (PLAIN, CHECKPOINT):
            path.write_bytes(whole)
            expected = state_of(fastnn.load(path))
            path.write_bytes(changed(whole))
            assert state_of(fastnn.load(path)) == expected

    def test_a_file_that_is_refused_is_left_alone(self, path):
        path.write_bytes(PLAIN[:-1])
        refused(path)
        assert path.read_bytes() == PLAIN[:-1]
        assert os.listdir(path.parent) == [path.name]
