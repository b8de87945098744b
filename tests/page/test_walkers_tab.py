"""The tab Two walkers: both ways, their costs and the words about them are descent_paths'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tab_helpers import opened

import fastnn
from fastnn import explain
from fastnn.explain.view_data import untrained
from fastnn.words import number


@pytest.mark.parametrize("plane", ["noise", "principal"])
def test_costs_and_words_are_those_of_descent_paths(browser: Any, plane: str) -> None:
    with opened(browser, "flowers", f"tab=walkers&plane={plane}&batch=9&rate=0.2&seed=3") as tab:
        tab.page.locator("#panel-walkers .band").first.wait_for()
        start = untrained(tab.session.subject.net, 3)
        paths = explain.descent_paths(start, tab.X, tab.y, batch_sizes=[None, 9], lr=0.2, seed=3)
        seen = paths.on(plane)
        rows = tab.behind("#panel-walkers")
        expected = [
            [path.name, str(k), str(path.examples[k]), number(float(cost))]
            for path in seen.paths
            for k, cost in zip(path.costed, path.costs, strict=True)
        ]
        shown = [[row[0], row[1], row[2].replace(",", ""), row[4]] for row in rows]
        assert shown == expected[: len(shown)]
        words = tab.page.locator("#panel-walkers").text_content()
        assert all(table.note in words for table in seen.tables())


def test_at_the_end_of_the_race_both_have_arrived(browser: Any) -> None:
    with opened(browser, "flowers", "tab=walkers&batch=9&rate=0.2&by=examples") as tab:
        tab.page.locator("#panel-walkers .band").first.wait_for()
        assert tab.page.locator("#panel-walkers dd:has-text('(arrived)')").count() == 2
        clock = tab.page.get_by_role("slider", name="Clock")
        clock.focus()
        tab.page.keyboard.press("Home")
        standing = tab.page.locator("#panel-walkers dd").all_text_contents()
        assert all(text.startswith("0 steps, 0 examples, 0 s") for text in standing)


def test_two_weights_span_a_plane(browser: Any) -> None:
    state = "tab=walkers&plane=given&weights=weights[1][0, 0];biases[1][2]&batch=9&rate=0.2"
    with opened(browser, "flowers", state) as tab:
        tab.page.locator("#panel-walkers .band").first.wait_for()
        axes = tab.page.locator("#panel-walkers .contours .axis").all_text_contents()
        assert axes == ["weights[1][0, 0], less its mean", "biases[1][2], less its mean"]


def test_on_the_plane_of_two_weights_a_way_is_that_of_these_weights(browser: Any) -> None:
    with opened(browser, "flowers", "tab=draw") as tab:
        how = {"batch_size": 9, "lr": 0.2, "seed": 0, "epochs": 2}
        names = ["weights[1][0, 0]", "biases[1][2]"]
        found = tab.session.call("walkers", {"plane": "given", "weights": names, **how})
        net = untrained(tab.session.subject.net, 0)
        before = np.array([net.weights[1][0, 0], net.biases[1][2]])
        net.fit(tab.X, tab.y, epochs=2, batch_size=None, optimizer=fastnn.SGD(0.2))
        moved = np.array([net.weights[1][0, 0], net.biases[1][2]]) - before
        points = found["paths"][0]["points"]
        assert points[-1] - points[0] == pytest.approx(moved, rel=1e-9)


def test_a_weight_that_there_is_not_is_refused_in_one_sentence(browser: Any) -> None:
    state = "tab=walkers&plane=given&weights=weights[9][0, 0];biases[1][2]"
    with opened(browser, "flowers", state) as tab:
        alert = tab.page.locator(".alert[role=alert]:has-text('weights[9]')")
        alert.wait_for()
