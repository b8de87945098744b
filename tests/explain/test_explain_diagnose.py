"""Each illness is made on purpose, and found; without it, it is not."""

import json

import numpy as np
import pytest
from pictures import assert_looks_as_accepted

import fastnn
from fastnn.explain import diagnose
from fastnn.history import History

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 4))
LABELS = (ROWS @ [1.0, -1.0, 0.5, 0.0] > 0).astype(int)


def net_for(activation="tanh", sizes=(4, 8, 2), seed=0, **options):
    return fastnn.MLP(list(sizes), activation=activation, output="softmax", seed=seed, **options)


def trained(**options):
    net = net_for(**options)
    net.fit(ROWS, LABELS, epochs=20, batch_size=20, optimizer=fastnn.SGD(lr=0.3))
    return net


def record(loss, **others):
    history = History()
    for epoch, value in enumerate(loss):
        history.append({"loss": value} | {name: values[epoch] for name, values in others.items()})
    return history


def found(diagnosis, topic):
    return next(finding for finding in diagnosis.findings if finding.topic == topic)


# ---- nothing wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_a_good_training_has_no_findings_and_says_what_was_looked_at(activation):
    net = net_for(activation, sizes=(4, 8, 2))
    net.fit(ROWS, LABELS, epochs=20, batch_size=20, optimizer=fastnn.SGD(lr=0.3))
    diagnosis = diagnose(net, ROWS, LABELS)
    assert diagnosis.findings == () and diagnosis.healthy
    text = " ".join(str(diagnosis).split())
    assert f"No problem found by {len(diagnosis.checks)} checks" in text
    assert len(diagnosis.checks) >= 10
    assert diagnosis.lr == 0.3


def test_the_classic_digit_network_is_healthy():
    (X, y), _ = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
    )
    net.fit(X, y, epochs=15, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    diagnosis = diagnose(net, X, y)
    assert diagnosis.healthy, diagnosis.findings


def test_the_network_its_optimiser_and_its_random_numbers_are_not_changed():
    net = trained()
    twin = trained()
    diagnose(net, ROWS, LABELS)
    for each in (net, twin):
        each.fit(ROWS, LABELS, epochs=2)
    assert np.array_equal(net.params, twin.params)


def test_an_adaptive_optimiser_is_tried_with_its_own_step():
    net = net_for()
    net.fit(ROWS, LABELS, epochs=30, batch_size=20, optimizer=fastnn.Adam(lr=0.01))
    before, state = net.params.copy(), net._state.m.copy()
    diagnosis = diagnose(net, ROWS, LABELS)
    assert diagnosis.findings == ()
    assert np.array_equal(net.params, before) and np.array_equal(net._state.m, state)


# ---- the learning rate -------------------------------------------------------------------------


def test_the_promise_of_one_step_is_that_of_the_slope():
    # C = (w − 0)²·x² with w = 1, x = 1: ∇C = 2, η = 0.1: promised −0.4, measured 0.8² − 1 = −0.36
    net = fastnn.MLP([1, 1], output="identity", loss="quadratic", dtype="float64")
    net.params = [1, 0]
    net.weights[0][0, 0] = 1
    rows, wanted = np.array([[1.0], [-1.0]]), np.array([0.0, 0.0])  # ∂C/∂b cancels
    diagnosis = diagnose(net, rows, wanted, lr=0.1)
    measured = next(c.measured for c in diagnosis.checks if c.what.startswith("change of the cost"))
    assert measured == "−0.36 (−0.4 promised)"


def test_a_step_that_is_too_long_raises_the_cost():
    net = trained()
    finding = found(diagnose(net, ROWS, LABELS, lr=1000.0), "step_too_long")
    assert finding.severity == "serious" and "1,000 raises the cost by" in finding.sentence
    assert "step_too_long" not in diagnose(net, ROWS, LABELS, lr=0.3)


def test_a_step_that_is_too_short_is_found_by_one_that_is_100_times_as_long():
    net = net_for()
    finding = found(diagnose(net, ROWS, LABELS, lr=1e-4), "step_too_short")
    assert finding.severity == "warning" and "100 times as long" in finding.sentence
    assert "step_too_short" not in diagnose(net, ROWS, LABELS, lr=0.3)


def test_a_step_below_rounding_is_too_short_too():
    finding = found(diagnose(net_for(), ROWS, LABELS, lr=1e-12), "step_too_short")
    assert "too little to be measured" in finding.sentence


def test_a_rate_that_a_schedule_lowered_is_small_on_purpose():
    history = record([1, 0.9, 0.8, 0.7], lr=[1.0, 0.1, 0.01, 0.0001])
    assert "step_too_short" not in diagnose(net_for(), ROWS, LABELS, history=history)
    history = record([1, 0.9, 0.8, 0.7], lr=[0.0001] * 4)
    assert "step_too_short" in diagnose(net_for(), ROWS, LABELS, history=history)


@pytest.mark.parametrize(
    ("topic", "ill", "well", "sentence"),
    [
        ("loss_rises", [1, 0.5, 0.7], [1, 0.5, 0.51], "rose from 0.5 in epoch 2 to 0.7"),
        (
            "loss_oscillates",
            [1, 0.5, 0.8, 0.5, 0.8, 0.5],
            [1, 0.5, 0.51, 0.4, 0.41, 0.3],
            "after 2 of 5 epochs",
        ),
        ("loss_hardly_falls", [1, 0.999, 0.998, 0.997], [1, 0.99, 0.98, 0.97], "fell by 0.3%"),
        ("diverged", [1, float("nan")], [1, 0.5], "not finite"),
    ],
)
def test_the_course_of_the_cost(topic, ill, well, sentence):
    net = net_for()
    finding = found(diagnose(net, ROWS, LABELS, history=record(ill)), topic)
    assert sentence in finding.sentence
    assert topic not in diagnose(net, ROWS, LABELS, history=record(well))


def test_a_training_that_broke_off_is_told():
    net = fastnn.MLP([4, 8, 1], activation="relu", output="identity", loss="quadratic", seed=0)
    with pytest.warns(fastnn.DivergenceWarning):
        net.fit(ROWS, ROWS[:, 0], epochs=5, optimizer=fastnn.SGD(lr=1e6))
    assert (
        "broke off: the loss stopped being finite"
        in found(
            diagnose(net, ROWS, ROWS[:, 0], history=_with_stop(net.history.stopped)), "diverged"
        ).sentence
    )


def _with_stop(why):
    history = record([1.0])
    history.stopped = why
    return history


def test_a_cost_that_stays_because_all_is_learnt_is_no_illness():
    history = record([0.01, 0.01, 0.01, 0.01])
    assert "loss_hardly_falls" not in diagnose(trained(), ROWS, LABELS, history=history)
    assert "loss_hardly_falls" in diagnose(net_for(), ROWS, LABELS, history=history)


def test_over_fitting():
    falls, rises = [1, 0.5, 0.3, 0.1], [1, 0.6, 0.7, 0.8]
    ill = diagnose(net_for(), ROWS, LABELS, history=record(falls, val_loss=rises))
    sentence = found(ill, "overfitting").sentence
    assert "Since epoch 2 the validation cost rose from 0.6 to 0.8" in sentence
    well = diagnose(net_for(), ROWS, LABELS, history=record(falls, val_loss=falls))
    assert "overfitting" not in well


# ---- units and gradients -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units(activation):
    net = net_for(activation)
    assert "saturated_units" not in diagnose(net, ROWS, LABELS)
    net.weights[0][...] *= 100
    finding = found(diagnose(net, ROWS, LABELS), "saturated_units")
    assert f"hidden layer 1 ({activation})" in finding.sentence


def test_units_that_are_always_at_the_same_end():
    net = net_for("sigmoid")
    net.biases[0][:3] = 50
    sentence = found(diagnose(net, ROWS, LABELS), "saturated_units").sentence
    assert "and 3 of 8 always at the same end" in sentence


@pytest.mark.parametrize(("dead", "severity"), [(1, "warning"), (5, "serious")])
def test_dead_units_are_counted(dead, severity):
    net = net_for("relu")
    net.biases[0][:] = 1
    assert "dead_units" not in diagnose(net, ROWS, LABELS)
    net.biases[0][:dead] = -100
    finding = found(diagnose(net, ROWS, LABELS), "dead_units")
    assert finding.sentence.startswith(f"{dead} of 8 units") and finding.severity == severity


def test_a_gradient_that_vanishes_on_its_way():
    deep = net_for("sigmoid", sizes=(4, *[10] * 8, 2))
    assert "vanishing_gradient" in diagnose(deep, ROWS, LABELS)
    shallow = net_for("sigmoid", sizes=(4, 10, 2))
    assert "vanishing_gradient" not in diagnose(shallow, ROWS, LABELS)


def test_a_gradient_that_explodes_on_its_way():
    net = net_for("relu", sizes=(4, *[10] * 5, 2), init="he_normal")
    assert "exploding_gradient" not in diagnose(net, ROWS, LABELS)
    for W in net.weights:
        W[...] *= 10
    assert "exploding_gradient" in diagnose(net, ROWS, LABELS)


def test_the_slopes_are_the_root_mean_squares_of_delta():
    net = net_for(dtype="float64")
    biases = net.gradient(ROWS, LABELS, per_example=True).biases
    wanted = [np.sqrt((delta**2).mean()) for delta in biases]
    np.testing.assert_allclose(diagnose(net, ROWS, LABELS).slopes, wanted, rtol=1e-12)


def test_a_gradient_of_zero_is_an_illness_unless_all_is_learnt():
    net = fastnn.MLP([4, 3, 1], activation="relu", output="relu", loss="quadratic", seed=0)
    net.biases[1][0] = -1000  # the output is 0 whatever comes
    assert found(diagnose(net, ROWS, np.abs(ROWS[:, 0])), "zero_gradient").severity == "serious"
    assert "zero_gradient" not in diagnose(net, ROWS, np.zeros(200))


def test_parameters_that_are_not_finite_are_named():
    net = trained()
    net.weights[1][0, 0] = np.nan
    diagnosis = diagnose(net, ROWS, LABELS)
    (finding,) = diagnosis.findings
    assert finding.topic == "not_finite" and "weights[1] hold NaN" in finding.sentence
    assert "weights[1]" in str(diagnosis)
    json.dumps(diagnosis.to_dict())


# ---- inputs ------------------------------------------------------------------------------------


def test_large_inputs_are_named_and_scaling_cures_them():
    net, rows = net_for(), ROWS.copy()
    rows[:, 2] = 1990 + 10 * rows[:, 2]
    net.feature_names = ["a", "b", "year", "d"]
    assert (
        "year has a root mean square" in found(diagnose(net, rows, LABELS), "large_inputs").sentence
    )
    net.standardize(rows)
    assert "large_inputs" not in diagnose(net, rows, LABELS)


def test_columns_of_unequal_scales():
    net, rows = net_for(), ROWS * [1, 1, 1e-4, 1]
    assert "input 2 only" in found(diagnose(net, rows, LABELS), "unequal_scales").sentence
    assert "unequal_scales" not in diagnose(net, ROWS, LABELS)


def test_bytes_are_no_large_inputs_of_a_network_that_was_trained_on_them():
    rows = RNG.integers(0, 256, (100, 4), np.uint8)
    labels = (rows[:, 0] > 127).astype(int)
    net = net_for()
    net.fit(rows, labels, epochs=1)
    assert "large_inputs" not in diagnose(net, rows, labels)
    assert "large_inputs" not in diagnose(net, rows.astype(float), labels)
    assert "large_inputs" in diagnose(net_for(), rows.astype(float), labels)


def test_constant_columns_are_named_unless_they_are_pixels():
    rows = ROWS.copy()
    rows[:, 3] = 0.5
    finding = found(diagnose(net_for(), rows, LABELS), "constant_columns")
    assert finding.severity == "note" and finding.sentence == "1 of 4 columns never vary: input 3."
    assert "constant_columns" not in diagnose(net_for(), ROWS, LABELS)
    image = net_for()
    image.metadata["image_shape"] = [2, 2]
    assert "constant_columns" not in diagnose(image, rows, LABELS)


# ---- classes and answers -----------------------------------------------------------------------


def test_classes_that_are_not_equally_frequent():
    labels = np.zeros(200, int)
    labels[:10] = 1
    finding = found(diagnose(trained(), ROWS, labels), "class_imbalance")
    assert "'0' in 95% of the examples, '1' in 5.0%" in finding.sentence
    assert finding.severity == "warning"
    assert "class_imbalance" not in diagnose(trained(), ROWS, LABELS)


def test_an_accuracy_that_is_no_better_than_the_most_frequent_class():
    always_0 = net_for()
    always_0.biases[1][...] = [20, -20]
    diagnosis = diagnose(always_0, ROWS, LABELS)
    share = (LABELS == 0).mean()
    assert f"{share:.0%} of the predictions" in found(diagnosis, "no_better_than_majority").sentence
    assert (
        "1 of 2 classes are never predicted, though they occur: '1'."
        in found(diagnosis, "silent_outputs").sentence
    )
    well = diagnose(trained(), ROWS, LABELS)
    assert "no_better_than_majority" not in well and "silent_outputs" not in well


def test_predictions_that_are_all_equal():
    net = net_for(init="zeros")
    assert "equal_predictions" in diagnose(net, ROWS, LABELS)
    assert "equal_predictions" not in diagnose(trained(), ROWS, LABELS)


def test_equal_predictions_of_values():
    net = fastnn.MLP([4, 1], output="identity", loss="mse", init="zeros")
    assert "equal_predictions" in diagnose(net, ROWS, ROWS[:, 0])
    net.weights[0][0, 0] = 1
    diagnosis = diagnose(net, ROWS, ROWS[:, 0])
    assert "equal_predictions" not in diagnosis and diagnosis.healthy


# ---- arguments and forms -----------------------------------------------------------------------


def test_bad_arguments_get_a_sentence():
    net = net_for()
    with pytest.raises(TypeError, match=r"history must be a fastnn\.History, got \[1\]"):
        diagnose(net, ROWS, LABELS, history=[1])
    with pytest.raises(ValueError, match="lr must be a finite number of 0 or more"):
        diagnose(net, ROWS, LABELS, lr=-1)
    with pytest.raises(ValueError, match="X has 3 columns; this network reads 4"):
        diagnose(net, ROWS[:, :3], LABELS)
    with pytest.raises(ValueError, match="y must have a value a row; it is None"):
        diagnose(net, ROWS, None)


def test_without_a_history_and_a_rate_no_step_is_tried():
    diagnosis = diagnose(net_for(), ROWS, LABELS)
    assert diagnosis.lr is None
    assert not any("step" in check.what for check in diagnosis.checks)


def test_the_most_serious_comes_first_in_print_html_and_json():
    net, rows = net_for(init="zeros"), ROWS.copy()
    rows[:, 3] = 0
    diagnosis = diagnose(net, rows, LABELS)
    order = [finding.severity for finding in diagnosis.findings]
    assert order == sorted(order, key=["serious", "warning", "note"].index)
    assert order[0] == "serious" and order[-1] == "note" and not diagnosis.healthy
    assert f"{len(order)} findings in" in str(diagnosis)
    assert "The network predicts the same on every example" in diagnosis.to_html()
    plain = json.loads(json.dumps(diagnosis.to_dict()))
    assert plain["findings"][0]["severity"] == "serious"


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    net = net_for("sigmoid", sizes=(4, 8, 8, 2), init="lecun_normal")
    net.weights[1][...] *= 20
    assert_looks_as_accepted(diagnose(net, ROWS, LABELS).plot(), "diagnosis", tmp_path)


def test_a_net_that_is_not_finite_is_not_drawn():
    pytest.importorskip("matplotlib")
    net = net_for()
    net.params[0] = np.inf
    with pytest.raises(ValueError, match="nothing to plot"):
        diagnose(net, ROWS, LABELS).plot()
