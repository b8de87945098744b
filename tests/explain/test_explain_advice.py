"""The advice of a diagnosis: one direction for the rate, and nothing that is so already.

No two sentences are against each other, over a grid of situations.
"""

import itertools
import re
import warnings

import numpy as np
import pytest

import fastnn
from fastnn.explain import diagnose
from fastnn.explain.advice import _ADVICE, Setting, advised
from fastnn.explain.checks import Check, Finding
from fastnn.history import History
from fastnn.init import INITS

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(120, 3))
LABELS = (ROWS @ [1.0, -1.0, 0.5] > 0).astype(int)

LARGER = re.compile(r"learning rate [^.;]*larger")
SMALLER = re.compile(r"smaller learning rate|(a tenth|a third) of the learning rate")


def text(diagnosis):
    return [f"{finding.sentence} {finding.advice}" for finding in diagnosis.findings]


def contradictions(net, diagnosis):
    """Return the advice that contradicts other advice or the setting."""
    said = text(diagnosis)
    everything = " ".join(said)
    found = []
    if LARGER.search(everything) and SMALLER.search(everything):
        found.append("a larger and a smaller rate")
    rates = set(
        re.findall(r"(a tenth|a third) of the learning rate|rate (10\b[^;.]*) larger", everything)
    )
    if len(rates) > 1:
        found.append(f"rates {rates}")
    if "rain longer" in everything and "top early" in everything:
        found.append("longer and shorter")
    for init in re.findall(r"init='(\w+)'", everything):
        if init == net.init:
            found.append(f"{init} where it is {init}")
    for new, old in re.findall(r"[Uu]se (\w+) instead of (\w+(?: and \w+)*)", everything):
        if set(old.split(" and ")) - set(net.activation) or new in old.split(" and "):
            found.append(f"{new} instead of {old} in {net.activation}")
    if len(set(re.findall(r"[Uu]se (\w+) instead", everything))) > 1:
        chain = re.findall(r"[Uu]se (\w+) instead of (\w+)", everything)
        if {new for new, _ in chain} & {old for _, old in chain}:
            found.append(f"there and back: {chain}")
    if "factor of 0" in everything or "1e−" in "".join(re.findall(r"factor of \S+", everything)):
        found.append("a factor below 1")
    found += [f"no advice: {finding}" for finding in diagnosis.findings if not finding.advice]
    return found


def histories():
    def record(loss, **others):
        history = History()
        for epoch, value in enumerate(loss):
            history.append({"loss": value, **{k: v[epoch] for k, v in others.items()}})
        return history

    return {
        "its own": None,
        "falls": record([1, 0.9, 0.8, 0.7]),
        "stays": record([1, 1, 0.999, 0.999]),
        "rises": record([1, 0.5, 0.8, 1.2]),
        "swings": record([1, 0.5, 0.8, 0.5, 0.8, 0.5]),
        "overfits": record([1, 0.5, 0.3, 0.1], val_loss=[1, 0.6, 0.7, 0.8]),
        "breaks off": record([1, float("nan")]),
    }


SITUATIONS = list(
    itertools.product(
        ["relu", "tanh", "sigmoid", "silu", "mixed"],
        [None, *INITS],
        [1, 6],
        ["classes", "numbers", "large numbers", "small numbers"],
        ["plain", "large", "unequal", "standardized"],
    )
)


def situation(activation, init, depth, goal, inputs, seed):
    if activation == "mixed":
        activation = ["relu", *["tanh"] * (depth - 1)]
    kind = {"output": "softmax"} if goal == "classes" else {}
    n_out = 2 if goal == "classes" else 1
    net = fastnn.MLP([3, *[6] * depth, n_out], activation=activation, init=init, seed=seed, **kind)
    X = ROWS * {"large": 1000.0, "unequal": [1.0, 1e-4, 1.0]}.get(inputs, 1.0)
    if inputs == "standardized":
        X = X * 1000
        net.standardize(X)
    scale = {"large numbers": 1e6, "small numbers": 1e-6}.get(goal, 1.0)
    return net, X, LABELS if goal == "classes" else ROWS[:, 0] * scale


@pytest.mark.parametrize("chunk", range(8))
def test_no_two_sentences_contradict_each_other_and_nothing_is_advised_that_is_so(chunk):
    records = list(histories().values())
    rates = [None, 1e-6, 1e-3, 0.1, 1e3]
    for number, case in enumerate(SITUATIONS[chunk::8]):
        net, X, y = situation(*case, seed=number)
        history = records[number % len(records)]  # the whole product would take minutes
        rate = rates[number // 2 % len(rates)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            diagnosis = diagnose(net, X, y, history=history, lr=rate)
        assert not contradictions(net, diagnosis), (case, text(diagnosis))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rate", [0.01, 1e-4, 3.0])
def test_neither_do_they_after_a_training_of_xor(seed, rate):
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    net = fastnn.MLP([2, 3, 1], output="sigmoid", seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastnn.DivergenceWarning)
        net.fit(X, y, epochs=40, optimizer=fastnn.Adam(rate))
    diagnosis = diagnose(net, X, y)
    assert not contradictions(net, diagnosis), text(diagnosis)


def advice(*topics, learnt=0.0, **setting):
    given = {"init": "he_normal", "activation": ("relu",), "output": "identity", **setting}
    checks = [Check("", "", "", Finding(topic, "warning", "")) for topic in topics]
    made = advised(checks, Setting(**given), learnt=learnt)
    return {c.finding.topic: c.finding.advice for c in made if c.finding is not None}


def test_all_pairs_of_findings_agree_on_the_rate_and_on_the_time():
    for pair in itertools.combinations(_ADVICE, 2):
        said = " ".join(advice(*pair).values())
        assert not (LARGER.search(said) and SMALLER.search(said)), (pair, said)
        assert not ("rain longer" in said and "top early" in said), (pair, said)
        assert all(advice(*pair).values()), pair


def test_a_cost_that_rises_refutes_a_step_that_is_too_short():
    assert "step_too_short" in advice("step_too_short")
    for topic in ("loss_rises", "loss_oscillates", "diverged", "step_too_long"):
        assert "step_too_short" not in advice("step_too_short", topic)


def test_an_initialisation_is_advised_only_in_place_of_one_that_knows_no_widths():
    better = fastnn.init.DEFAULT_INIT
    for topic in ("dead_units", "equal_predictions", "exploding_gradient", "zero_gradient"):
        for init in INITS:
            expected = init in ("standard_normal", "zeros")
            assert (f"init={better!r}" in advice(topic, init=init)[topic]) == expected, (
                topic,
                init,
            )


def test_an_activation_is_advised_only_in_place_of_one_that_the_network_has():
    topic = "vanishing_gradient"
    assert "instead" not in advice(topic, activation=("relu", "silu"))[topic]
    mixed = advice(topic, activation=("relu", "sigmoid", "tanh"))[topic]
    assert "se relu instead of sigmoid and tanh" in mixed
    both = advice(topic, "dead_units", activation=("relu", "tanh"))
    assert "se leaky_relu instead of tanh" in both[topic]
    assert "se leaky_relu instead of relu" in both["dead_units"]


def test_what_is_done_already_is_not_advised_again():
    assert "Stop early" in advice("overfitting")["overfitting"]
    again = advice("overfitting", stopped=True, dropout=True, weight_decay=True)["overfitting"]
    assert "early" not in again and "more dropout" in again and "more weight decay" in again
    assert "batches" in advice("loss_oscillates")["loss_oscillates"]
    assert "batches" not in advice("loss_oscillates", full_batch=True)["loss_oscillates"]
    assert "from these rows" in advice("large_inputs", scaled_inputs=True)["large_inputs"]


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_targets_of_another_scale_are_to_be_scaled_and_the_rate_is_left_alone(scale):
    x = np.linspace(-1, 1, 200)[:, None]
    net = fastnn.MLP([1, 16, 1], seed=0)
    net.fit(x, scale * x[:, 0], epochs=10)
    diagnosis = diagnose(net, x, scale * x[:, 0])
    topic = "large_targets" if scale > 1 else "small_targets"
    assert topic in diagnosis
    assert any("net.standardize(X, y)" in finding.advice for finding in diagnosis.findings)
    assert not any("rate" in finding.advice for finding in diagnosis.findings)
    assert diagnosis.findings[0].topic == topic


def test_scaled_targets_are_looked_at_as_the_network_reads_them():
    x = np.linspace(-1, 1, 200)[:, None]
    net = fastnn.MLP([1, 4, 1], seed=0)
    net.standardize(x, 1e6 * x[:, 0])
    assert "large_targets" not in diagnose(net, x, 1e6 * x[:, 0])
    again = advice("large_targets", scaled_targets=True)["large_targets"]
    assert again == "Take the scaling of the targets from these rows: net.standardize(X, y)."


def test_targets_that_the_network_has_learnt_need_no_scaling():
    x = np.linspace(-1, 1, 200)[:, None]
    net = fastnn.MLP([1, 1], seed=0)
    net.params = [1000.0, 0.0]
    assert "large_targets" not in diagnose(net, x, 1000 * x[:, 0])


def test_numbers_that_the_mean_would_say_better_are_told():
    x = np.linspace(-1, 1, 200)[:, None]
    net = fastnn.MLP([1, 1], seed=0)
    net.params = [-1.0, 0.0]  # R² = 1 − 4 / 1 = −3
    (finding,) = (f for f in diagnose(net, x, x[:, 0]).findings if f.topic == "no_better_than_mean")
    assert "always predicting the mean would be as good, or better" in finding.sentence
    net.params = [1.0, 0.0]
    assert "no_better_than_mean" not in diagnose(net, x, x[:, 0])


def test_an_accuracy_just_below_the_majority_is_told_with_digits_that_differ():
    y = np.array([0] * 9396 + [1] * 604)
    X = np.zeros((10000, 1))
    X[-630:, 0] = 1  # 26 zeros and all ones are said to be 1 …
    X[-40:, 0] = 0  # … but 40 ones are said to be 0
    net = fastnn.MLP([1, 1], output="sigmoid", seed=0)
    net.params = [20.0, -10.0]
    diagnosis = diagnose(net, X, y)
    assert "no_better_than_majority" not in diagnosis  # 99.34 % against 93.96 %
    net.params = [-1.0, -10.0]
    (finding,) = (f for f in diagnose(net, X, y).findings if f.topic == "no_better_than_majority")
    assert finding.sentence == "94% of the predictions are right; always '0' would be right in 94%."
    X[:30, 0] = -100  # 30 zeros more are said to be 1
    (finding,) = (f for f in diagnose(net, X, y).findings if f.topic == "no_better_than_majority")
    assert finding.sentence == (
        "93.66% of the predictions are right; always '0' would be right in 93.96%."
    )


def test_far_off_values_in_a_standardized_column_are_no_other_scale():
    rows = ROWS.copy()
    rows[0, 0], rows[:, 1] = 400.0, np.sign(rows[:, 1]) * 0.5
    net = fastnn.MLP([3, 4, 2], output="softmax", seed=0)
    net.standardize(rows)
    assert "unequal_scales" not in diagnose(net, rows, LABELS)


def test_weights_of_classes_are_no_advice_against_an_accuracy_below_the_majority():
    """They find more of the rare class at the cost of the share that is right."""
    y = np.array([0] * 90 + [1] * 10)
    X = 1e5 * np.random.default_rng(0).normal(size=(100, 1))
    net = fastnn.MLP([1, 1], output="sigmoid", seed=0)
    net.params = [0.0, 0.1]
    diagnosis = diagnose(net, X, y)
    advice = {finding.topic: finding.advice for finding in diagnosis.findings}
    assert advice["no_better_than_majority"] == "Scale the inputs: net.standardize(X) before fit."
    assert 'class_weight="balanced"' in advice["class_imbalance"]
    net.params = [0.0, -0.1]
    advice = {finding.topic: finding.advice for finding in diagnose(net, X, y).findings}
    assert advice["silent_outputs"].endswith('use class_weight="balanced".')
