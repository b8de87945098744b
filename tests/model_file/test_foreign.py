"""Files that are not fastnn models: recognised by their content, not by their names."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save as pack

import fastnn
from fastnn import export
from fastnn.cli import main


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def told(path, content):
    """The one sentence that refuses these bytes."""
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        fastnn.load(path)
    text = str(caught.value)
    assert text.startswith(f"{path} is")
    assert "\n" not in text
    return text


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return file.getvalue()


def test_numpy_files_are_told(path):
    file = io.BytesIO()
    np.savez(file, W=np.ones((2, 3)), b=np.ones(3))
    assert "NumPy arrays, not a model; load them with numpy" in told(path, file.getvalue())
    file = io.BytesIO()
    np.save(file, np.ones(3))
    assert "NumPy arrays, not a model" in told(path, file.getvalue())


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was loaded')",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_told_and_not_loaded(path, protocol):
    for value in ({"W": [1.0, 2.0]}, {"net": Trap()}):
        assert "a pickle, which may run code" in told(path, pickle.dumps(value, protocol))


def test_pytorch_files_are_told(path):
    old = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
    assert pickle.loads(old) == 0x1950A86A20F9469CFC6C  # the number of torch/serialization.py
    new = zipped(archive__data_dot_pkl=b"\x80\x02.", archive__version="3")
    for content in (old, new):
        assert "a PyTorch file; load it with torch.load" in told(path, content)
        assert "fastnn.export.from_torch" in told(path, content)


def test_pytorch_files_of_pytorch_are_told(path):
    torch = pytest.importorskip("torch")
    for old in (True, False):
        file = io.BytesIO()
        torch.save(torch.nn.Linear(2, 3).state_dict(), file, _use_new_zipfile_serialization=not old)
        assert "a PyTorch file" in told(path, file.getvalue())


def test_keras_and_tensorflow_files_are_told(path):
    assert "HDF5 file, such as a Keras model" in told(path, b"\x89HDF\r\n\x1a\n" + bytes(100))
    keras = zipped(config_dot_json="{}", model_dot_weights_dot_h5="x")
    assert "a Keras model" in told(path, keras)
    assert "TensorFlow Lite" in told(path, b"\x1c\0\0\0TFL3" + bytes(100))


def test_onnx_models_are_told(path):
    # ir_version 8, producer_name "pytorch": fields 1 and 2 of onnx.proto
    assert "an ONNX model, which fastnn writes but cannot read" in told(
        path, b"\x08\x08\x12\x07pytorch" + bytes(50)
    )


def test_our_own_onnx_models_are_told(path):
    pytest.importorskip("onnx")
    model = export.to_onnx(fastnn.MLP([2, 3], seed=0))
    assert "an ONNX model" in told(path, model.SerializeToString())


def test_our_own_exports_are_told(path):
    net = fastnn.MLP([2, 3], seed=0)
    for text in (export.to_c(net), export.to_numpy(net)):
        assert "what fastnn export wrote" in told(path, text.encode())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"x" * 100, mtime=0), "compressed with gzip; unpack it first"),
        (zipped(readme="x"), "a zip archive; unpack it first"),
        (b"PK\3\4" + bytes(100), "a damaged zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "a web page; was the download refused?"),
        (b"GGUF\3" + bytes(50), "a GGUF language model"),
        (b"epoch,loss\n" * 500, "a text file, not a model"),
        (b'{"weights": [1, 2]}', "a text file, not a model"),
        ("wagi: zażółć\n".encode() * 200, "a text file, not a model"),
    ],
)
def test_other_files_are_told(path, content, words):
    assert words in told(path, content)


def test_what_nobody_knows_is_told_as_such(path):
    assert "is not a safetensors file, or is cut off" in told(path, b"\xff\xfe\xfd" * 100)


def test_weights_of_another_library_are_told(path):
    text = told(path, pack({"0.weight": np.ones((2, 3), np.float32)}))
    assert "is a safetensors file, but not a fastnn model" in text
    assert "from_torch" in text


def test_an_empty_file_and_a_folder_are_told(path, tmp_path):
    assert told(path, b"").endswith("is empty; expected a model file")
    with pytest.raises(IsADirectoryError, match="is a folder; expected a model file"):
        fastnn.load(tmp_path)


def test_the_names_ending_does_not_matter(tmp_path):
    net = fastnn.MLP([2, 3], seed=0)
    for name in ("net.onnx", "net.pt", "net", "net.pkl"):
        net.save(tmp_path / name)
        assert fastnn.load(tmp_path / name).sizes == (2, 3)


def test_the_command_line_says_it_in_one_line(path, capsys):
    path.write_bytes(pickle.dumps([1]))
    assert main(["info", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastnn: error: ") and err.count("\n") == 1 and "a pickle" in err
