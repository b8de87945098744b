"""The tab Batch: the deck, the wishes of a batch, and a step along their average."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
from tab_helpers import Opened, opened

from fastnn import explain
from fastnn.words import number

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def unit(tab: Opened) -> float:
    """Return the unit that the page names below the table."""
    found = re.search(r"units of 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", tab.text("#panel-batch"))
    return 10.0 ** int(found[1].translate(SUPERSCRIPTS)) if found else 1.0


def values(row: list[str]) -> list[float]:
    return [float(text.replace("−", "-")) for text in row]


def test_the_batches_of_an_epoch_hold_every_row_once(browser: Any) -> None:
    with opened(browser, "flowers", "tab=batch&size=25") as tab:
        tab.page.locator("#panel-batch .wishes tbody tr").first.wait_for()
        for _ in range(3):
            with tab.page.expect_response("**/call/batch"):
                tab.click("Next batch")
        asked = {tuple(given["rows"]) for given in tab.arguments("batch")}  # the first maybe twice
        rows = [row for batch in asked for row in batch]
        assert sorted(rows) == list(range(90))
        assert rows != sorted(rows)


@pytest.mark.parametrize("network", ["digits", "flowers", "prices"])
def test_the_wishes_and_their_average_are_those_of_nudge_table(browser: Any, network: str) -> None:
    with opened(browser, network, "tab=batch&size=8") as tab:
        tab.page.locator("#panel-batch .wishes tbody tr").first.wait_for()
        rows = tab.arguments("batch")[-1]["rows"]
        net = tab.session.subject.net
        table = explain.nudge_table(net, tab.X[rows], tab.y[rows], examples=range(8))
        full = -net.gradient(tab.X, tab.y).flat
        shown, one = tab.rows("#panel-batch .wishes")[1:], unit(tab)
        for cells, parameter, nudges, average in zip(
            shown, table.parameters, table.nudges, table.average, strict=False
        ):
            expected = np.array([*nudges, average, full[parameter.index]]) / one
            assert cells[0] == parameter.name
            assert values(cells[1:]) == pytest.approx(expected, abs=0.00501)
        assert len(shown) == 8


def test_a_step_changes_the_costs_as_told(browser: Any) -> None:
    with opened(browser, "flowers", "tab=batch&size=10&lr=0.25") as tab:
        tab.page.locator("#panel-batch .wishes tbody tr").first.wait_for()
        rows = tab.arguments("batch")[-1]["rows"]
        net = copy.deepcopy(tab.session.subject.net)
        X, y = tab.X[rows], tab.y[rows]
        gradient = net.gradient(X, y).flat
        before = [net.cost(X, y), net.cost(tab.X, tab.y)]
        slopes = [gradient @ gradient, gradient @ net.gradient(tab.X, tab.y).flat]
        net.params = net.params - 0.25 * gradient
        after = [net.cost(X, y), net.cost(tab.X, tab.y)]
        promised = [cost - 0.25 * slope for cost, slope in zip(before, slopes, strict=True)]
        tab.click("Take the step")
        shown = [row[1:] for row in tab.behind("#panel-batch")]
        assert shown == [
            [number(float(x)) for x in line] for line in zip(before, promised, after, strict=True)
        ]
        assert np.array_equal(tab.session.subject.net.params, net.params)
