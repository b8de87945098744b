"""The tab Descend: paths that are clicked or chosen by keys are those of fastnn.explain.descend."""

from __future__ import annotations

from typing import Any

import pytest
from tab_helpers import Opened, opened

from fastnn.explain import descend
from fastnn.explain.functions import EXAMPLES
from fastnn.words import number


def walkers(tab: Opened) -> list[list[str]]:
    """Return the table of walkers: name, start, η, μ, steps, end, f."""
    tab.page.locator("#panel-descend .scroll tbody tr").first.wait_for()
    return tab.rows("#panel-descend .scroll[aria-label=Walkers]")[1:]


def last_start(tab: Opened) -> list[float]:
    start: list[float] = tab.arguments("descend")[-1]["start"]
    return start


@pytest.mark.parametrize("name", ["saddle", "rosenbrock"])
def test_every_step_and_the_words_are_those_of_descend(browser: Any, name: str) -> None:
    with opened(browser, "moons", f"tab=descend&f={name}&starts=1,0.5,0.002,0.5") as tab:
        expected = descend(EXAMPLES[name], (1, 0.5), 0.002, momentum=0.5)
        (walker,) = walkers(tab)
        assert walker[4] == f"{len(expected.values[0]) - 1:,}"
        assert walker[6] == number(float(expected.values[0][-1]))
        steps = tab.behind("#panel-descend")
        for k, row in enumerate(steps):
            place, slope = expected.paths[0][k], -expected.gradients[0][k]
            told = [*place, expected.values[0][k], *slope]
            assert row == [str(k), *(number(float(value)) for value in told)]
        reason = expected.reasons[0]
        assert tab.text("#panel-descend .words") == reason[0].upper() + reason[1:]


def test_a_click_and_the_keys_begin_a_walk_each(browser: Any) -> None:
    with opened(browser, "moons", "tab=descend&f=bowl") as tab:
        assert len(walkers(tab)) == 1
        picture = tab.page.locator("#panel-descend .contours")
        picture.click(position={"x": 200, "y": 150})
        tab.page.locator("#panel-descend .scroll tbody tr:nth-child(2)").wait_for()
        clicked = last_start(tab)
        tab.page.keyboard.press("Shift+ArrowRight")
        tab.page.keyboard.press("ArrowUp")
        tab.page.keyboard.press("Enter")
        tab.page.locator("#panel-descend .scroll tbody tr:nth-child(3)").wait_for()
        assert last_start(tab) == pytest.approx([0.6, 0.12])
        assert clicked != last_start(tab)


def test_a_wrong_function_is_refused_in_the_words_of_explain(browser: Any) -> None:
    with opened(browser, "moons", "tab=descend") as tab:
        walkers(tab)
        tab.page.get_by_label("Function f(x, y)").select_option("own")
        for text in ("x**2 +", "x.__class__", "sin x", "bowls", ""):
            with pytest.raises(ValueError) as refused:
                descend(text, (0, 0))
            tab.page.get_by_label("f(x, y) =").fill(text)
            with tab.page.expect_response("**/call/surface"):
                tab.click("Draw it")
            tab.page.get_by_text(str(refused.value), exact=True).wait_for()


def test_a_rate_that_is_too_large_is_told(browser: Any) -> None:
    with opened(browser, "moons", "tab=descend&f=bowl&starts=1,1,1.2,0") as tab:
        walkers(tab)
        expected = descend("bowl", (1, 1), 1.2)
        assert expected.words == ["diverged"]
        told = tab.text("#panel-descend .words")
        assert told.lower() == expected.reasons[0].lower()
