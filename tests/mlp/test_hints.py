"""Names of Keras, PyTorch and scikit-learn are answered with fastnn's name for the same thing."""

import inspect
import re

import pytest

import fastnn
from fastnn import MLP, hints, init, names, optim


def message(call, *args, **given):
    with pytest.raises((ValueError, TypeError)) as caught:
        call(*args, **given)
    return str(caught.value)


def hint(argument, name):
    """Return the hint in brackets after the name that was passed to MLP."""
    said = message(MLP, [2, 3, 1], **{argument: name})
    return said.partition(f"; got {name!r}")[2].strip(" ()")


@pytest.mark.parametrize(
    ("argument", "theirs", "ours"),
    [
        *(("activation", name, "silu") for name in ("swish", "Swish", "SiLU")),
        *(("activation", name, "relu") for name in ("ReLU", "RELU", "Relu", "rectifier")),
        *(("activation", name, "sigmoid") for name in ("logistic", "Sigmoid", "expit")),
        *(("activation", name, "leaky_relu") for name in ("LeakyReLU", "leaky-relu", "lrelu")),
        ("activation", "linear", "identity"),
        ("activation", "GELU", "gelu"),
        ("output", "linear", "identity"),
        ("output", "Softmax", "softmax"),
        ("output", "exponential", "exp"),
        *(
            ("loss", name, "mse")
            for name in ("mean_squared_error", "MSE", "MSELoss", "MeanSquaredError", "mse_loss")
        ),
        *(
            ("loss", name, "mae")
            for name in ("mean_absolute_error", "MAE", "l1", "L1Loss", "l1_loss", "absolute_error")
        ),
        *(
            ("loss", name, "cross_entropy")
            for name in (
                *("categorical_crossentropy", "sparse_categorical_crossentropy", "nll", "NLLLoss"),
                *(
                    "CrossEntropyLoss",
                    "crossentropy",
                    "cross-entropy",
                    "SparseCategoricalCrossentropy",
                ),
            )
        ),
        *(
            ("loss", name, "binary_cross_entropy")
            for name in ("bce", "BCELoss", "BCEWithLogitsLoss", "binary_crossentropy")
        ),
        *(("loss", name, "huber") for name in ("HuberLoss", "smooth_l1", "Huber")),
        *(("loss", name, "poisson") for name in ("PoissonNLLLoss", "Poisson")),
        *(("loss", name, "quantile") for name in ("pinball", "quantile_loss")),
        *(("init", name, "he_normal") for name in ("kaiming_normal_", "HeNormal", "kaiming")),
        *(
            ("init", name, "glorot_uniform")
            for name in ("xavier_uniform_", "GlorotUniform", "glorot")
        ),
        ("init", "lecun", "lecun_normal"),
        ("init", "Zeros", "zeros"),
    ],
)
def test_a_name_of_another_library_gets_the_name_here(argument, theirs, ours):
    assert hint(argument, theirs) == f"fastnn's name for {theirs!r} is {ours!r}"


def test_log_loss_is_one_of_two_cross_entropies():
    expected = "fastnn's name for 'log_loss' is 'cross_entropy' or 'binary_cross_entropy'"
    assert hint("loss", "log_loss") == expected


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("kaiming_uniform_", "he_normal"),  # U(±√(6 / n_in)): variance 2 / n_in
        ("he_uniform", "he_normal"),
        ("LecunUniform", "lecun_normal"),
        ("xavier_normal", "glorot_uniform"),  # N(0, 2 / (n_in + n_out))
    ],
)
def test_an_initialisation_of_another_shape_is_not_called_the_same(theirs, ours):
    assert hint("init", theirs) == f"there is no {theirs!r} here; {ours!r} has the same variance"


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        *(("activation", name) for name in ("selu", "prelu", "relu6", "mish", "hard_sigmoid")),
        *(("activation", name) for name in ("softsign", "celu", "hardswish", "Tanhshrink")),
        *(("loss", name) for name in ("mape", "rmse", "hinge", "KLDivLoss", "msle", "log_cosh")),
        *(("loss", name) for name in ("binary_focal_crossentropy", "cosine_similarity")),
        *(("init", name) for name in ("orthogonal", "random_normal", "truncated_normal", "ones")),
        ("activation", "exponential"),  # of outputs only
    ],
)
def test_what_has_no_equal_here_gets_no_hint_by_resemblance(argument, name):
    assert hint(argument, name) == ""


def test_functions_and_classes_count_by_their_names():
    def relu(x):
        return x

    class SiLU:
        def __call__(self, x):
            return x

    assert "fastnn's name for 'relu' is 'relu'" in message(MLP, [1, 2, 1], activation=relu)
    assert "fastnn's name for 'SiLU' is 'silu'" in message(MLP, [1, 2, 1], activation=SiLU())
    assert "fastnn's name for 'SiLU' is 'silu'" in message(MLP, [1, 2, 1], activation=SiLU)


def test_every_name_in_the_table_is_one_of_fastnn_and_no_spelling_of_another():
    known = {
        "activation": (*names.ACTIVATIONS,),
        "output": names.ACTIVATIONS,
        "output_activation": names.ACTIVATIONS,
        "loss": (*names.LOSSES, "log_loss"),
        "init": init.INITS,
        "solver": ("sgd", "lbfgs"),
        "optimizer": ("sgd", "lbfgs"),
    }
    assert known.keys() == hints._TABLES.keys()
    for argument, table in hints._TABLES.items():
        for theirs, ours in table.items():
            assert theirs == hints._plain(theirs), theirs
            assert set(ours) <= set(known[argument]), theirs
    assert {near for (near,) in hints._SAME_VARIANCE.values()} <= set(init.INITS)


# ---- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [fastnn.SGD, fastnn.Adam, fastnn.AdamW, fastnn.RMSprop])
@pytest.mark.parametrize("name", ["learning_rate", "learning_rate_init", "eta"])
def test_the_learning_rate_of_other_optimizers_is_lr(kind, name):
    said = message(kind, **{name: 0.1})
    assert said == f"{kind.__name__}() got an unexpected keyword argument {name!r}; write lr"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        *(("epsilon", "eps"), ("beta_1", "betas=(0.9, 0.999)"), ("rho", "alpha (of RMSprop)")),
        ("l2", "weight_decay"),
    ],
)
def test_constants_of_other_optimizers_have_names_here(name, instead):
    assert message(fastnn.Adam, **{name: 0.5}).endswith(f"{name!r}; write {instead}")


def test_a_misspelt_argument_gets_a_guess_and_a_strange_one_none():
    said = message(fastnn.Adam, weight_decy=0.1)
    assert said == (
        "Adam() got an unexpected keyword argument 'weight_decy' (did you mean 'weight_decay'?)"
    )
    assert message(fastnn.Adam, amsgrad=True).endswith("argument 'amsgrad'")


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("verbose", "progress=True"),
        ("steps", "epochs, of len(X) / batch_size steps each"),
        ("lr", "optimizer=fastnn.Adam(lr=...)"),
        ("learning_rate", "optimizer=fastnn.Adam(lr=...)"),
        ("max_iter", "epochs"),
        ("validation_split", "validation_data=(X_val, y_val)"),
        ("callback", "callbacks"),
        ("class_weights", "class_weight"),
        ("patience", "callbacks=[fastnn.callbacks.EarlyStopping()]"),
    ],
)
def test_arguments_of_other_fits_have_names_here(name, instead):
    net = MLP([1, 1])
    said = message(net.fit, [[0.0]], [0.0], **{name: 1})
    assert said == f"MLP.fit() got an unexpected keyword argument {name!r}; write {instead}"
    assert not len(net.history)


@pytest.mark.parametrize(
    ("name", "instead"),
    [("random_state", "seed"), ("out_activation", "output"), ("criterion", "loss")],
)
def test_arguments_of_other_networks_have_names_here(name, instead):
    assert message(MLP, [1, 1], **{name: "x"}).endswith(f"{name!r}; write {instead}")


TABLES = [
    (hints.OF_OPTIMIZERS, fastnn.RMSprop),
    (hints.OF_OPTIMIZERS, fastnn.Adam),
    (hints.OF_OPTIMIZERS, fastnn.SGD),
    (hints.OF_FIT, MLP.fit),
    (hints.OF_MLP, MLP),
]


@pytest.mark.parametrize(("table", "function"), TABLES)
def test_no_argument_that_there_is_stands_in_the_table_of_those_that_there_are_not(table, function):
    assert not table.keys() & inspect.signature(function).parameters.keys()


def test_what_is_to_be_written_instead_begins_with_an_argument_that_there_is():
    known = {
        name
        for function in (MLP, MLP.fit, *optim.KINDS.values())
        for name in inspect.signature(function).parameters
    }
    for table in (hints.OF_OPTIMIZERS, hints.OF_FIT, hints.OF_MLP):
        for instead in table.values():
            first = re.match(r"(?:a schedule as )?(\w+)", instead)
            assert first is not None and first[1] in known, instead


def test_signatures_are_those_of_the_functions_themselves():
    assert list(inspect.signature(MLP.fit).parameters)[:4] == ["self", "X", "y", "epochs"]
    assert list(inspect.signature(MLP).parameters)[:2] == ["sizes", "activation"]
    assert list(inspect.signature(fastnn.Adam).parameters)[:2] == ["lr", "betas"]


def test_estimators_answer_in_their_own_names():
    pytest.importorskip("sklearn")
    y = [0, 1] * 10
    for given, expected in (
        ({"activation": "swish"}, "fastnn's name for 'swish' is 'silu'"),
        ({"activation": "ReLU"}, "fastnn's name for 'ReLU' is 'relu'"),
        ({"loss": "categorical_crossentropy"}, "is 'log_loss'"),
        ({"loss": "bce"}, "is 'binary_cross_entropy'"),
        ({"solver": "Adam"}, "fastnn's name for 'Adam' is 'adam'"),
        ({"solver": "L-BFGS-B"}, "is 'lbfgs'"),
    ):
        said = message(fastnn.MLPClassifier(**given).fit, [[0.0]] * 20, y)
        assert expected in said, said
    parameters = inspect.signature(fastnn.MLPClassifier).parameters
    assert not hints.OF_ESTIMATORS.keys() & parameters.keys()
    for theirs, ours in (("lr", "learning_rate_init"), ("epochs", "max_iter"), ("seed", "random_")):
        assert f"argument {theirs!r}; write {ours}" in message(fastnn.MLPClassifier, **{theirs: 1})


def test_the_command_line_gives_the_same_hint(capsys):
    from fastnn.cli import main

    assert main(["train", "--data", "digits", "--activation", "swish"]) == 2
    assert "fastnn's name for 'swish' is 'silu'" in capsys.readouterr().err
