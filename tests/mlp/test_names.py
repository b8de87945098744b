"""Names of activations, outputs and losses, and which go together."""

import re

import pytest
import reference as ref
from folders import ROOT

from fastnn import MLP, names


@pytest.mark.parametrize("output", names.ACTIVATIONS)
@pytest.mark.parametrize("loss", names.LOSSES)
def test_a_pair_is_taken_if_the_twin_can_compute_it_and_else_one_sentence_says_why(output, loss):
    if (output, loss) in ref.LEGAL + ref.PAIRED:
        assert names.pair(output, loss) == (output, loss)
        return
    with pytest.raises(
        ValueError, match=r"^(loss|output) '\w+' (needs|goes with) [^\n]+$"
    ) as caught:
        names.pair(output, loss)
    assert repr(output) in str(caught.value) and repr(loss) in str(caught.value)


def test_the_sentence_names_what_would_go():
    with pytest.raises(ValueError, match=r"loss 'cross_entropy' needs output softmax, not 'tanh'"):
        names.pair("tanh", "cross_entropy")
    with pytest.raises(ValueError, match=r"loss 'poisson' needs output exp or softplus"):
        names.pair("identity", "poisson")
    with pytest.raises(
        ValueError, match=r"output 'softmax' goes with loss cross_entropy, quadratic"
    ):
        names.pair("softmax", "quantile")


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("cross_entropy", "softmax"),
        ("binary_cross_entropy", "sigmoid"),
        ("poisson", "exp"),
        *((loss, "identity") for loss in ("quadratic", "mse", "mae", "huber", "quantile")),
    ],
)
def test_a_loss_alone_chooses_its_output(loss, output):
    assert names.pair(None, loss) == (output, loss)


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("softmax", "cross_entropy"),
        ("sigmoid", "binary_cross_entropy"),
        ("exp", "poisson"),
        *((o, "mse") for o in ("identity", "tanh", "relu", "softplus", "gelu")),
    ],
)
def test_an_output_alone_chooses_its_loss(output, loss):
    assert names.pair(output, None) == (output, loss)


def test_neither_means_regression():
    assert names.pair(None, None) == ("identity", "mse")


def test_a_misspelt_name_gets_the_list_and_a_guess():
    with pytest.raises(ValueError, match=r"activation must be one of identity, .*mean 'sigmoid'"):
        MLP([2, 3, 1], activation="sigmoyd")
    with pytest.raises(ValueError, match=r"loss must be one of .*; got 'mean'$"):
        MLP([2, 3, 1], loss="mean")
    with pytest.raises(ValueError, match=r"init must be one of .*did you mean 'he_normal'"):
        MLP([2, 3, 1], init="he_norml")


@pytest.mark.parametrize("name", [None, 3, ("relu",), float, ["relu"]])
def test_what_is_no_name_at_all_is_refused_by_the_same_sentence(name):
    with pytest.raises(ValueError, match=r"^output must be one of .*; got "):
        names.check_name("output", name, names.ACTIVATIONS)


@pytest.mark.parametrize("name", ["softmax", "exp"])
def test_outputs_are_not_for_hidden_layers(name):
    with pytest.raises(ValueError, match=r"activation must be one of"):
        MLP([2, 3, 1], activation=name)


def _tables() -> dict[str, tuple[set[str], set[str]]]:
    """Yield the tables with an entry for each activation: their names, and those they may lack."""
    from fastnn import activations
    from fastnn.export import arithmetic, c_activations

    tables = {
        "fastnn/activations.py": (set(activations.ROWS), set()),
        "fastnn/export/c_activations.py": (set(c_activations._LOOPS), {"identity", "softmax"}),
        "fastnn/export/arithmetic.py": (set(arithmetic.ACTIVATIONS), set()),
        "tests/reference.py": (set(ref.ACTIVATIONS), {"softmax"}),  # a function of its own
    }
    for page in ("docs/formulas.md", "fastnn/mlp.py"):
        path = ROOT / page
        if path.exists():
            words = set(re.findall(r"\w+", path.read_text("utf-8")))
            tables[page] = (words & set(names.ACTIVATIONS), set())
    return tables


@pytest.mark.parametrize("table", _tables())
def test_every_activation_stands_in_every_table_and_page(table):
    there, left_out = _tables()[table]
    assert set(names.ACTIVATIONS) - there <= left_out


def test_every_activation_is_written_for_pytorch():
    torch = pytest.importorskip("fastnn.export.torch", exc_type=ImportError)
    for name in names.ACTIVATIONS:
        assert torch.to_torch(MLP([2, 3], output=name))


@pytest.mark.parametrize("name", names.ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation_is_written_for_onnx(name, dtype):
    onnx = pytest.importorskip("fastnn.export.onnx", exc_type=ImportError)
    assert onnx.to_onnx(MLP([2, 3], output=name, dtype=dtype))


def test_every_loss_says_how_predictions_are_counted_as_correct():
    assert tuple(names.METRICS) == names.LOSSES


@pytest.mark.parametrize("loss", names.LOSSES)
def test_every_loss_stands_on_the_page_of_formulas(loss):
    path = ROOT / "docs" / "formulas.md"
    if not path.exists():
        pytest.skip("needs the pages")
    assert f"`{loss}`" in path.read_text("utf-8")
