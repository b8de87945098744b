"""Rules of accessibility that a program can check, on each tab: axe-core finds nothing to mend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tab_helpers import opened

# Each tab, and what is there when it has been drawn.
TABS = {
    "draw": ".neuron",
    "backprop": ".neuron",
    "batch": "table",
    "train": ".tile canvas",
    "walkers": "svg",
    "descend": "svg",
}


@pytest.fixture(scope="module")
def shown(browser: Any) -> Iterator[Any]:
    """The page on 300 digits, with axe-core."""
    package = pytest.importorskip("axe_playwright_python.base", reason="no axe-core is installed")
    with opened(browser, "digits", "index=17") as tab:
        tab.page.evaluate(package.AXE_SCRIPT)
        yield tab.page


def violations(page: Any, **options: Any) -> list[str]:
    options = {"resultTypes": ["violations"], **options}
    found = page.evaluate("(options) => axe.run(options)", options)["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_light_or_dark(shown: Any, tab: str) -> None:
    shown.locator(f"#tab-{tab}").click()
    shown.locator(f"#panel-{tab} {TABS[tab]}").first.wait_for()
    shown.emulate_media(color_scheme="light")
    assert violations(shown) == []
    shown.emulate_media(color_scheme="dark")
    assert violations(shown, runOnly=["color-contrast"]) == []  # all that it can change


def test_axe_looks_into_the_page_and_at_its_colours(shown: Any) -> None:
    shown.evaluate("""() => {
      const main = document.getElementById("fastnn").shadowRoot.querySelector("main");
      const [text, field] = ["p", "input"].map((tag) => document.createElement(tag));
      text.textContent = "grey";
      text.style.color = "#888";
      text.style.background = "#999";
      main.append(text, field);
      globalThis.bad = [text, field];
    }""")
    rules = {line.split(":")[0] for line in violations(shown)}
    shown.evaluate("bad.forEach((element) => element.remove())")
    assert rules == {"color-contrast", "label"}
