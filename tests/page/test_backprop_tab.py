"""The tab Backprop says, stop by stop, what fastnn.explain.nudges and sensitivity say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from page_networks import NETWORKS

from fastnn import explain
from fastnn.words import number

Open = Callable[..., Any]
EXAMPLE = 17


def table(page: Any) -> list[list[str]]:
    """Open the table behind the picture, and return its rows; the first has the headings."""
    details = page.locator("#panel-backprop details.behind")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.locator("tbody tr").first.wait_for()
    return details.locator("table").evaluate(
        "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )


def texts(page: Any, place: str) -> list[str]:
    return page.locator(f"#panel-backprop {place}").all_text_contents()


def reached(page: Any, heading: str) -> None:
    """Wait until the stop with a heading is shown."""
    page.get_by_role("heading", name=heading, exact=True).wait_for()


def nudges_of(network: str, layer: int = -1, neuron: int | None = None) -> explain.Nudges:
    net, X, y = NETWORKS[network]()
    return explain.nudges(net, X[EXAMPLE], y[EXAMPLE], layer=layer, neuron=neuron)


def column(values: Any) -> list[str]:
    return [number(float(value)) for value in values]


def shown(page: Any, k: int) -> list[str]:
    """Return a column of the table behind the picture."""
    return [row[k] for row in table(page)[1:]]


KINDS = ["digits", "flowers", "values", "plane"]


class TestStops:
    """Of each kind of network, the numbers and sentences of the stops are those of explain."""

    def test_the_example_begins_with_the_answer(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}")
        assert texts(page, ".says") == ["The network says 8, which is right."]
        net, X, _ = NETWORKS["digits"]()
        assert shown(page, 1)[:10] == column(net.predict(X[EXAMPLE : EXAMPLE + 1])[0])

    @pytest.mark.parametrize("network", KINDS)
    def test_the_cost_is_that_of_the_cost_table(self, open_page: Open, network: str) -> None:
        page = open_page(network, f"tab=backprop&index={EXAMPLE}&step=2")
        net, X, y = NETWORKS[network]()
        costs = explain.cost_table(net, X[EXAMPLE : EXAMPLE + 1], y[EXAMPLE : EXAMPLE + 1])
        assert shown(page, 1) == column(costs.says[0])
        assert shown(page, 2) == column(costs.should_say[0])
        assert shown(page, 3) == column(costs.squared[0])
        assert texts(page, "svg .big")[0].endswith(f"= {number(float(costs.costs[0]))}")
        assert texts(page, ".says")[0] in " ".join(str(costs).split())

    @pytest.mark.parametrize("network", KINDS)
    def test_how_far_off_is_y_less_a(self, open_page: Open, network: str) -> None:
        page = open_page(network, f"tab=backprop&index={EXAMPLE}&step=3")
        wishes = nudges_of(network)
        assert wishes.should_say is not None
        off = {u.index: u.off_by for u in wishes.ranking}
        assert shown(page, 3) == column([off[j] for j in range(len(off))])
        assert texts(page, ".says")[0].startswith(wishes.sentence())

    @pytest.mark.parametrize("network", KINDS)
    def test_delta_is_that_of_every_layer(self, open_page: Open, network: str) -> None:
        for wishes in nudges_of(network).layers():
            state = f"tab=backprop&index={EXAMPLE}&step=4&layer={wishes.layer}"
            page = open_page(network, state)
            slopes = {u.index: u.slope for u in wishes.ranking}
            assert shown(page, 3) == column(wishes.bias_nudge)
            if wishes.function != "softmax":
                assert shown(page, 2) == column([slopes[j] for j in range(len(slopes))])
            if wishes.should_say is None:
                assert texts(page, ".says")[0].startswith(wishes.sentence())
                after = nudges_of(network, layer=wishes.layer + 1)
                assert shown(page, 1) == column(after.activation_nudges)

    @pytest.mark.parametrize("network", KINDS)
    def test_bias_weights_and_activations_are_asked_in_proportion(
        self, open_page: Open, network: str
    ) -> None:
        layer = 1 if network != "digits" else 2
        neuron = nudges_of(network, layer=layer).ranking[-1].index
        wishes = nudges_of(network, layer=layer, neuron=neuron)
        state = f"tab=backprop&index={EXAMPLE}&layer={layer}&unit={neuron}"
        bias = open_page(network, f"{state}&step=5")
        assert shown(bias, 1)[neuron] == number(float(wishes.bias_nudge))
        weights = open_page(network, f"{state}&step=6")
        assert shown(weights, 1) == column(wishes.source_activations)
        assert shown(weights, 2) == column(wishes.weights)
        assert shown(weights, 3) == column(wishes.weight_nudges)
        activations = open_page(network, f"{state}&step=7")
        assert shown(activations, 3) == column(wishes.activation_nudges)

    @pytest.mark.parametrize("network", KINDS)
    def test_the_wishes_of_all_neurons_add_up(self, open_page: Open, network: str) -> None:
        page = open_page(network, f"tab=backprop&index={EXAMPLE}&step=8")
        wishes = nudges_of(network)
        assert shown(page, 1) == column(wishes.activation_nudges)
        for j, part in enumerate(wishes.parts):
            assert shown(page, 2 + j) == column(part)

    def test_the_walk_goes_back_to_the_pixels(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=9")
        for layer in (2, 1):
            page.get_by_role("button", name=f"Do the same for hidden layer {layer}").click()
            reached(page, f"What is asked of hidden layer {layer}?")
            page.locator(".stops button").nth(8).click()
        reached(page, "Back at the inputs")
        formula = page.locator("#panel-backprop [data-key=panel-1]").get_attribute("aria-label")
        most = np.abs(nudges_of("digits", layer=1).activation_nudges).max()
        assert f"up to ±{number(float(most))}" in formula

    @pytest.mark.parametrize("network", KINDS)
    def test_all_parameters_are_ranked_as_by_sensitivity(
        self, open_page: Open, network: str
    ) -> None:
        page = open_page(network, f"tab=backprop&index={EXAMPLE}&step=10")
        net, X, y = NETWORKS[network]()
        ranking = explain.sensitivity(net, X[EXAMPLE : EXAMPLE + 1], y[EXAMPLE : EXAMPLE + 1])
        found = table(page)[1:]
        assert [row[0] for row in found] == [slope.name for slope in ranking.entries]
        assert [row[2] for row in found] == column([slope.value for slope in ranking.entries])
        first, second = ranking.pair()
        assert texts(page, ".says") == [ranking.sentence(first.index, second.index)]

    def test_a_wiggled_parameter_moves_the_cost_as_the_network_does(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=11")
        before = page.locator("svg .promised").count()
        slider = page.get_by_role("slider", name="Change")
        slider.focus()
        for _ in range(8):
            page.keyboard.press("ArrowRight")
        assert before == 1
        net, X, y = NETWORKS["digits"]()
        row = slice(EXAMPLE, EXAMPLE + 1)
        slope = explain.sensitivity(net, X[row], y[row]).entries[0]
        again = copy.deepcopy(net)
        again.params[slope.index] += 0.2
        promised = net.cost(X[row], y[row]) + 0.2 * slope.value
        assert texts(page, ".equation") == [
            f"{slope.name} changed by +0.2: the cost is {number(again.cost(X[row], y[row]))}; "
            f"the slope promises {number(promised)}."
        ]


class TestFormulas:
    """Each number shows the formula that it comes from, with the numbers in it."""

    def test_delta_of_the_quadratic_cost_is_a_product(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=4")
        page.locator("#panel-backprop [data-key=row-8]").hover()
        one = next(u for u in nudges_of("digits").ranking if u.index == 8)
        assert one.off_by is not None
        assert one.slope is not None
        wanted = f"2 · {number(one.off_by)} · {number(one.slope)} = {number(one.by)}"
        assert wanted in texts(page, ".formula-line")[0]

    def test_delta_of_softmax_with_cross_entropy_is_the_difference(self, open_page: Open) -> None:
        page = open_page("flowers", f"tab=backprop&index={EXAMPLE}&step=4")
        row = page.locator("#panel-backprop [data-key=row-0]")
        row.focus()
        one = next(u for u in nudges_of("flowers").ranking if u.index == 0)
        assert one.should_say is not None
        wanted = f"−δ = y − a = {number(one.should_say)} − {number(one.says)} = {number(one.by)}"
        assert texts(page, ".formula-line")[0].endswith(wanted)
        assert row.get_attribute("aria-description").endswith(wanted)

    def test_the_bright_neurons_are_those_that_fire_most(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=6")
        ringed = page.locator("#panel-backprop .neuron.chosen").evaluate_all(
            "all => all.map(one => Number(one.dataset.key.split('-')[1]))"
        )
        fires = nudges_of("digits").source_activations
        assert sorted(ringed) == sorted(np.argsort(-fires)[:3].tolist())


class TestSteering:
    def test_arrow_keys_walk_through_the_stops_and_each_is_spoken(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=1")
        page.get_by_role("button", name="Next ›").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        reached(page, "How far off is each output?")
        assert "How far off is each output?" in page.locator(".live").text_content()
        assert "step=3" in page.url
        page.keyboard.press("ArrowLeft")
        reached(page, "The cost says how wrong that is")

    def test_a_neuron_is_chosen_from_the_picture_by_keyboard(self, open_page: Open) -> None:
        page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=3")
        page.locator("#panel-backprop [data-key=row-5]").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**unit=5*")
        page.get_by_role("button", name="Next ›").click()
        page.get_by_role("button", name="Next ›").click()
        reached(page, "First way to help output 5: its bias")

    def test_a_link_restores_stop_layer_and_neuron(self, open_page: Open) -> None:
        state = f"tab=backprop&index={EXAMPLE}&step=7&layer=2&unit=3"
        page = open_page("digits", state)
        wanted = "Third way to help hidden 2 neuron 3: the activations before it"
        reached(page, wanted)
        assert sorted(page.url.split("#")[1].split("&")) == sorted(state.split("&"))

    def test_a_lesson_shows_its_stop_alone(self, open_page: Open) -> None:
        page = open_page("digits", f"only=backprop&step=4&index={EXAMPLE}")
        reached(page, "Times the slope σ′(z): the wish for z")
        for place in ("[role=tablist]", "header", "footer", ".chooser", ".stops"):
            assert page.locator(place).filter(visible=True).count() == 0
        assert page.locator("svg .row").count() == 10

    def test_an_input_of_ones_own_is_asked_for_its_target(self, open_page: Open) -> None:
        page = open_page("flowers", "tab=backprop&x=5,3,4,1")
        assert page.get_by_text("This input is your own. Say what").is_visible()
        page.get_by_label("should say").select_option("virginica")
        page.locator(".stops button").nth(2).click()
        net, _, _ = NETWORKS["flowers"]()
        wishes = explain.nudges(net, np.array([5.0, 3, 4, 1]), "virginica")
        off = {u.index: u.off_by for u in wishes.ranking}
        assert shown(page, 3) == column([off[j] for j in range(3)])

    def test_of_a_wide_layer_the_most_urgent_are_drawn_and_all_can_be_chosen(
        self, open_page: Open
    ) -> None:
        page = open_page("wide", f"tab=backprop&index={EXAMPLE}&step=4&layer=1")
        wishes = nudges_of("wide", layer=1)
        drawn = page.locator("#panel-backprop svg .row").evaluate_all(
            "all => all.map(one => Number(one.dataset.key.split('-')[1]))"
        )
        assert set(drawn) <= {u.index for u in wishes.ranking[:16]}
        assert page.get_by_text(f"{len(drawn)} of 100").is_visible()
        least = wishes.ranking[-1].index
        page.locator("#panel-backprop").get_by_label("Neuron", exact=True).select_option(str(least))
        assert page.locator(f"#panel-backprop [data-key=row-{least}]").count() == 1


def test_a_picture_is_saved_as_svg_with_texts_and_as_json(open_page: Open) -> None:
    page = open_page("digits", f"tab=backprop&index={EXAMPLE}&step=3")
    files = {}
    for kind in ("SVG", "JSON", "PNG"):
        with page.expect_download() as saved:
            page.locator("#panel-backprop").get_by_role("button", name=f"as {kind}").click()
        files[kind] = saved.value.path().read_bytes()
    assert "output 8</text>" in files["SVG"].decode()
    assert b'"difference"' in files["JSON"]
    assert files["PNG"].startswith(b"\x89PNG")
