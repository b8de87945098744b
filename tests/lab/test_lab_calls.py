"""Calls of the page: their numbers and sentences are those of fastnn and fastnn.explain."""

from __future__ import annotations

import numpy as np
import pytest
from lab_helpers import Call, caller, digits, flowers, moons, prices

import fastnn
from fastnn import MLP, SGD, explain
from fastnn.explain import descend, input_plane, nudge_table, nudges, sensitivity
from fastnn.explain.answers.subject import Subject
from fastnn.explain.functions import Surface
from fastnn.explain.view_data import untrained
from fastnn.lab.session import Session


class TestExample:
    def test_an_example_is_the_row_and_its_target_as_the_network_compares_them(
        self, subject: Subject, call: Call
    ) -> None:
        for index in (0, subject.examples.n - 1):
            found = call("example", index=index)
            assert np.array_equal(found["x"], subject.examples.X[index])
            view = nudges(subject.net, subject.examples.X[index], subject.y_of(index))
            assert np.array_equal(found["y"], np.asarray(view.should_say, found["y"].dtype))
            assert found["test"] == (index >= subject.n_train)
            if subject.classes:
                assert found["target"] == subject.classes[found["label_index"]]

    def test_forward_gives_the_activations_and_the_answer(
        self, subject: Subject, call: Call
    ) -> None:
        net, x = subject.net, subject.examples.X[3]
        found = call("forward", x=call("example", index=3)["x"])
        for layer, a in zip(found["layers"], net.activations(x[None]), strict=True):
            assert np.array_equal(layer["a"], a[0])
        view = nudges(net, x, subject.y_of(3))
        for layer, here in zip(found["layers"][:0:-1], view.layers(), strict=True):
            assert np.array_equal(layer["z"], here.z)
            if here.slopes is not None:
                assert np.array_equal(layer["slope"], here.slopes)
        assert np.array_equal(found["predict"], net.predict(x[None])[0])
        if subject.classes:
            said = subject.classes[found["answer"]]
            assert said == str(net.classify(x[None])[0])
            assert found["words"] == f"The network says {said}."

    def test_backpropagation_is_that_of_nudges_layer_by_layer(
        self, subject: Subject, call: Call
    ) -> None:
        view = nudges(subject.net, subject.examples.X[2], subject.y_of(2))
        shown = call("example", index=2)
        for found in (
            call("backprop", index=2),
            call("backprop", x=shown["x"], target=shown["target"]),
        ):
            assert found["cost"] == subject.net.cost(subject.x_of(2), subject.y_of(2))
            assert np.array_equal(found["says"], view.says)
            assert np.array_equal(found["difference"], view.should_say - view.says.astype(float))
            for layer, here in zip(found["layers"][::-1], view.layers(), strict=True):
                assert np.array_equal(layer["delta"], here.delta)
                assert np.array_equal(layer["bias"], here.bias_nudge)
                assert np.array_equal(layer["weights"], here.weight_nudges)
                assert np.array_equal(layer["activations"], here.activation_nudges)
                assert np.array_equal(layer["parts"], here.parts)
                assert layer["ranking"].tolist() == [u.index for u in here.ranking]
                assert layer["words"] == [table.note for table in here.tables()]
                assert here.sentence() in layer["words"][0]

    def test_the_strongest_and_the_pair_are_those_of_sensitivity(
        self, subject: Subject, call: Call
    ) -> None:
        ranking = sensitivity(subject.net, subject.x_of(2), subject.y_of(2))
        strongest = call("backprop", index=2)["strongest"]
        assert [one["name"] for one in strongest] == [slope.name for slope in ranking.entries]
        assert [one["value"] for one in strongest] == [slope.value for slope in ranking.entries]
        pair = call("pairs", index=2)
        names = pair["first"]["name"], pair["second"]["name"]
        assert pair["words"] == ranking.sentence(*names)
        assert pair["ratio"] == ranking.ratio(*names)

    def test_a_weight_that_is_moved_gives_the_cost_there_and_its_slope(
        self, subject: Subject, call: Call
    ) -> None:
        before = subject.net.params.copy()
        found = call("wiggle", layer=1, i=1, j=2, low=-1.0, high=1.5, n=6, index=4)
        assert np.array_equal(subject.net.params, before)
        ranking = sensitivity(subject.net, subject.x_of(4), subject.y_of(4))
        assert found["slope"] == ranking.entry("weights[0][1, 2]").value
        assert found["now"] == subject.net.weights[0][1, 2]
        try:
            for value, cost in zip(found["values"], found["costs"], strict=True):
                subject.net.weights[0][1, 2] = value
                assert cost == subject.net.cost(subject.x_of(4), subject.y_of(4))
        finally:
            subject.net.params = before

    def test_a_bias_has_no_source(self, subject: Subject, call: Call) -> None:
        last = len(subject.net.sizes) - 1
        found = call("wiggle", layer=last, i=None, j=0, low=-1, high=1, index=0)
        assert found["name"] == f"biases[{last - 1}][0]"
        assert found["now"] == subject.net.biases[-1][0]

    def test_a_layer_is_its_weights_and_biases(self, subject: Subject, call: Call) -> None:
        found = call("layer", layer=2)
        assert np.array_equal(found["w"], subject.net.weights[1])
        assert np.array_equal(found["b"], subject.net.biases[1])


class TestMistakes:
    def test_the_next_mistake_is_the_next_test_example_that_is_answered_wrongly(self) -> None:
        subject = digits()
        call = caller(Session(subject))
        X, y = subject.examples.at(slice(300, 360))
        wrong = 300 + np.flatnonzero(subject.net.classify(X) != y)
        assert len(wrong) > 1
        at, seen = 0, []
        for _ in wrong:
            found = call("next_mistake", after=at)
            at = found["index"]
            seen.append(at)
            assert found["count"] == len(wrong)
        assert seen == wrong.tolist()
        assert call("next_mistake", after=at)["index"] == wrong[0]

    def test_of_values_the_costliest_come_first(self) -> None:
        subject = prices()
        call = caller(Session(subject))
        X, y = subject.examples.at(slice(60, 80))
        order = 60 + np.argsort(-subject.net.cost(X, y, per_example=True))
        assert call("next_mistake", after=0)["index"] == order[0]
        assert call("next_mistake", after=int(order[3]))["index"] == order[4]


class TestBatch:
    def test_a_deck_is_every_training_row_once_and_the_same_for_a_seed(
        self, subject: Subject, call: Call
    ) -> None:
        found = call("deck", seed=5, batch_size=7)
        assert sorted(found["order"]) == list(range(subject.n_train))
        assert found["batches"] == -(-subject.n_train // 7)
        assert np.array_equal(found["order"], call("deck", seed=5, batch_size=7)["order"])
        assert not np.array_equal(found["order"], call("deck", seed=6, batch_size=7)["order"])

    def test_the_wishes_of_a_batch_are_those_of_the_table_in_one_unit(
        self, subject: Subject, call: Call
    ) -> None:
        rows = call("deck", seed=1)["order"][:9]
        found = call("batch", rows=rows, columns=4)
        X, y = subject.examples.at(rows)
        table = nudge_table(subject.net, X, y, examples=range(4))
        assert np.array_equal(found["wishes"], table.nudges.T)
        assert np.array_equal(found["average"], table.average)
        assert [p["name"] for p in found["parameters"]] == [p.name for p in table.parameters]
        largest = max(np.abs(found[name]).max() for name in ("wishes", "average", "full"))
        assert 1 <= largest / 10.0 ** found["unit"] < 10

    def test_full_is_minus_the_gradient_of_all_and_the_angle_lies_between(
        self, subject: Subject, call: Call
    ) -> None:
        rows = call("deck", seed=1)["order"][:9]
        found = call("batch", rows=rows)
        net = subject.net
        full = net.gradient(*subject.training).flat.astype(float)
        of_batch = net.gradient(*subject.examples.at(rows)).flat.astype(float)
        places = [subject.names.index(p["name"]) for p in found["parameters"]]
        assert np.array_equal(found["full"], -full[places])
        cosine = full @ of_batch / np.linalg.norm(full) / np.linalg.norm(of_batch)
        assert found["cosine"] == pytest.approx(cosine)
        assert found["degrees"] == pytest.approx(np.degrees(np.arccos(cosine)))
        assert f"{len(rows)} examples" in found["words"][0]

    def test_a_small_step_changes_the_costs_as_promised(self) -> None:
        subject = digits("float64")
        call = caller(Session(subject))
        rows = np.arange(10)
        before = subject.net.params.copy()
        gradient = subject.net.gradient(*subject.examples.at(rows)).flat
        found = call("step", rows=rows, lr=1e-4)
        assert np.allclose(subject.net.params, before - 1e-4 * gradient, rtol=0, atol=1e-15)
        change = found["cost_after"] - found["cost_before"]
        assert change == pytest.approx(found["promised"], rel=1e-2)
        of_all = found["full_after"] - found["full_before"]
        assert of_all == pytest.approx(found["full_promised"], rel=1e-2)
        assert found["full_after"] == subject.net.cost(*subject.training)


class TestPlaces:
    def test_the_plane_of_an_output_is_that_of_input_plane(self) -> None:
        subject = moons()
        found = caller(Session(subject))("plane", layer=2, neuron=0, n=11)
        view = input_plane(subject.net, *subject.training, test=subject.test, grid=11)
        assert np.array_equal(found["values"], view.values[:, :, 0])
        assert np.array_equal(found["x"], view.across)
        assert np.array_equal(found["y"], view.up)
        assert np.array_equal(found["points"]["label"], subject.examples.labels)
        assert np.array_equal(found["points"]["x"], subject.examples.X[:, 0])

    def test_the_plane_of_a_hidden_neuron_is_its_activation_there(self) -> None:
        subject = moons()
        found = caller(Session(subject))("plane", layer=1, neuron=3, n=7)
        place = np.array([[found["x"][5], found["y"][2]]])
        assert found["values"][2, 5] == subject.net.activations(place)[1][0, 3]

    def test_a_network_of_other_inputs_has_no_plane(self) -> None:
        with pytest.raises(ValueError, match="2 inputs"):
            caller(Session(flowers()))("plane", layer=1, neuron=0)

    @pytest.mark.parametrize("plane", ["principal", "noise"])
    def test_the_walkers_are_those_of_descent_paths(self, plane: str) -> None:
        subject = moons()
        call = caller(Session(subject))
        asked = {"batch_size": 5, "lr": 0.2, "seed": 4, "epochs": 2, "grid": 4}
        found = call("walkers", plane=plane, **asked)
        view = explain.descent_paths(
            untrained(subject.net, 4),
            *subject.training,
            batch_sizes=[None, 5],
            lr=0.2,
            seed=4,
            epochs=2,
            grid=4,
            plane=plane,
        )
        for path, expected in zip(found["paths"], view.paths, strict=True):
            assert path["name"] == expected.name
            assert np.array_equal(path["points"], expected.points)
            assert np.array_equal(path["cost"], expected.costs)
            assert len(path["points"]) == len(path["examples"]) == expected.steps[-1] + 1
        assert np.array_equal(found["surface"]["cost"], view.surface)
        assert found["words"][1] == view.tables()[1].note

    def test_walkers_may_start_where_the_network_is(self) -> None:
        subject = moons()
        found = caller(Session(subject))("walkers", fresh=False, epochs=1, lr=0.1, grid=3)
        cost = subject.net.cost(*subject.training)
        assert found["paths"][0]["cost"][0] == pytest.approx(cost, rel=1e-6)

    def test_a_descent_is_that_of_descend(self) -> None:
        call = caller(Session(moons()))
        found = call("descend", function="ravine", start=[8, 1], lr=0.9, momentum=0.2, steps=30)
        view = descend("ravine", (8, 1), 0.9, 30, momentum=0.2)
        assert np.array_equal(found["path"], view.paths[0])
        assert np.array_equal(found["gradients"], view.gradients[0])
        assert found["words"].lower() == view.reasons[0].lower()

    def test_a_surface_is_the_function_on_a_grid(self) -> None:
        call = caller(Session(moons()))
        found = call("surface", function="log(x) + y", n=5, x=[-1, 1], y=[0, 2])
        with np.errstate(all="ignore"):
            expected = Surface("log(x) + y").on_grid(found["x"], found["y"])
        assert np.array_equal(found["z"], expected, equal_nan=True)
        assert np.isnan(found["z"][0, 0])


class TestMeta:
    def test_meta_says_what_the_network_and_its_inputs_are(
        self, subject: Subject, call: Call
    ) -> None:
        meta = call("meta")
        assert meta["network"]["sizes"] == list(subject.net.sizes)
        assert meta["network"]["functions"] == [*subject.net.activation, subject.net.output]
        assert meta["version"] == fastnn.__version__
        assert meta["task"] == ("classes" if subject.classes else "values")
        assert meta["data"] == {
            "name": subject.name,
            "n": subject.examples.n,
            "n_train": subject.n_train,
        }

    def test_columns_have_their_names_and_ranges_in_the_units_of_the_data(self) -> None:
        subject = flowers()
        inputs = caller(Session(subject))("meta")["inputs"]
        assert inputs["names"] == ["width", "height", "weight", "age"]
        assert np.array_equal(inputs["low"], subject.examples.X.min(axis=0))
        assert np.array_equal(inputs["high"], subject.examples.X.max(axis=0))
        assert np.array_equal(inputs["typical"], np.median(subject.examples.X, axis=0))

    def test_pixels_are_bytes_of_an_image(self) -> None:
        inputs = caller(Session(digits()))("meta")["inputs"]
        assert inputs["image"] == [28, 28, 1]
        assert (inputs["low"], inputs["high"]) == (0, 255)

    def test_a_new_network_reads_bytes_as_after_its_first_fit(self) -> None:
        (X, y), _ = fastnn.datasets.load_digits()
        net = MLP([784, 4, 10], output="softmax", seed=0)
        subject = Subject(net, X[:20], y[:20])
        found = caller(Session(subject))("forward", x=X[0].astype(np.float32))
        net.fit(X[:20], y[:20], epochs=1, optimizer=SGD(1e-30))
        assert np.allclose(found["predict"], net.predict(X[:1])[0], rtol=1e-6)


class TestWrongCalls:
    WRONG = (
        ("nothing", {}),
        ("call", {}),
        ("_frame", {}),
        ("__class__", {}),
        ("example", {}),
        ("example", {"index": -1}),
        ("example", {"index": 10**9}),
        ("example", {"index": True}),
        ("example", {"index": "0"}),
        ("forward", {"x": np.zeros(3, np.float32)[:1]}),
        ("forward", {"x": "x"}),
        ("forward", {"x": None}),
        ("forward", {"x": [[0.0]]}),
        ("forward", {"x": np.full(4, np.nan)}),
        ("forward", {"x": np.zeros(4), "y": 1}),
        ("backprop", {}),
        ("backprop", {"x": np.zeros(4)}),
        ("backprop", {"x": np.zeros(4), "target": "violet"}),
        ("backprop", {"x": np.zeros(4), "target": 3}),
        ("backprop", {"x": np.zeros(4), "target": [1, 2]}),
        ("backprop", {"x": np.zeros(4), "target": {"a": 1}}),
        ("layer", {"layer": 0}),
        ("layer", {"layer": 3}),
        ("layer", {"layer": 1.0}),
        ("wiggle", {"layer": 1, "i": 9, "j": 0, "low": 0, "high": 1, "index": 0}),
        ("wiggle", {"layer": 1, "i": 0, "j": -1, "low": 0, "high": 1, "index": 0}),
        ("wiggle", {"layer": 1, "i": 0, "j": 0, "low": 1, "high": 0, "index": 0}),
        ("wiggle", {"layer": 1, "i": 0, "j": 0, "low": "a", "high": 0, "index": 0}),
        ("wiggle", {"layer": 1, "i": 0, "j": 0, "low": 0, "high": 1, "n": 10**9, "index": 0}),
        ("deck", {"seed": -1}),
        ("batch", {"rows": []}),
        ("batch", {"rows": [90]}),
        ("batch", {"rows": [0.5]}),
        ("batch", {"rows": [0], "lr": 0}),
        ("batch", {"rows": [0], "columns": 0}),
        ("step", {"rows": [0], "lr": "fast"}),
        ("step", {"rows": [0], "lr": 1e300}),
        ("train", {"play": 1.5}),
        ("train", {"lr": -1}),
        ("train", {"batch_size": 0}),
        ("train", {"speed": "slow"}),
        ("advance", {}),
        ("advance", {"steps": 0}),
        ("advance", {"steps": 1, "epochs": 1}),
        ("rewind", {"seed": "1"}),
        ("plane", {"layer": 1, "neuron": 0}),
        ("walkers", {"grid": 1}),
        ("walkers", {"plane": "moon", "epochs": 1, "lr": 0.1, "grid": 3}),
        ("walkers", {"net": 1}),
        ("descend", {"function": "x.__class__", "start": [0, 0]}),
        ("descend", {"function": "x", "start": [0, 0], "steps": 10**9}),
        ("descend", {"function": None, "start": [0, 0]}),
        ("descend", {"function": "x", "start": [None, 0]}),
        ("surface", {"function": "x", "n": 10**6}),
        ("surface", {"function": "x", "x": [1, 0]}),
        ("surface", {"function": "x", "x": ["a", "b"]}),
        ("open", {"name": "a.csv", "bytes": b"a,b"}),
        ("frame", {"wait": 1e9}),
        ("frame", {"known": -1}),
    )

    @pytest.mark.parametrize(("name", "arguments"), WRONG)
    def test_a_wrong_call_is_one_sentence_and_changes_nothing(
        self, name: str, arguments: dict[str, object]
    ) -> None:
        subject = flowers()
        call = caller(Session(subject))
        before = subject.net.params.copy()
        with pytest.raises((ValueError, TypeError)) as error:
            call(name, **arguments)
        assert "\n" not in str(error.value)
        assert str(error.value).isascii()
        assert np.array_equal(subject.net.params, before)
        assert call("frame")["step"] == 0
        assert not call("frame")["running"]
