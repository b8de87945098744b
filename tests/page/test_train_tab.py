"""The tab Train: steps, epochs, their history, rewinding and saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tab_helpers import Opened, opened

import fastnn


def fact(tab: Opened, name: str) -> str:
    return tab.text(f"#panel-train dl div:has(dt:text-is('{name}')) dd")


def until(tab: Opened, name: str, value: str) -> None:
    tab.page.locator(
        f"#panel-train dl div:has(dt:text-is('{name}')) dd:text-is('{value}')"
    ).wait_for()


def test_one_step_takes_one_batch(browser: Any) -> None:
    with opened(browser, "flowers", "tab=train") as tab:
        tab.click("One step")
        until(tab, "steps", "1")
        assert (fact(tab, "examples"), fact(tab, "epochs")) == ("10", "0")


def test_the_same_epochs_after_a_rewind_have_the_same_history(browser: Any) -> None:
    with opened(browser, "flowers", "tab=train") as tab:
        start = tab.session.subject.net.params.copy()
        histories = []
        for _ in range(2):
            for epoch in range(1, 4):
                tab.click("One epoch")
                until(tab, "epochs", str(epoch))
            histories.append(tab.behind("#panel-train"))
            tab.click("Rewind")
            until(tab, "epochs", "0")
        assert len(histories[0]) == 3
        assert histories[0] == histories[1]
        assert np.array_equal(tab.session.subject.net.params, start)


def test_play_trains_until_pause(browser: Any) -> None:
    with opened(browser, "flowers", "tab=train") as tab:
        tab.click("Play")
        tab.click("Pause")
        tab.page.get_by_role("button", name="Play", exact=True).wait_for()
        before = tab.session.subject.net.params.copy()
        assert int(fact(tab, "examples").replace(",", "")) > 0
        assert np.array_equal(tab.session.subject.net.params, before)


def test_what_is_saved_is_the_network_as_it_is(browser: Any, tmp_path: Path) -> None:
    with opened(browser, "flowers", "tab=train") as tab:
        tab.click("One epoch")
        until(tab, "epochs", "1")
        with tab.page.expect_download() as download:
            tab.click("Save the network")
        download.value.save_as(tmp_path / "saved.safetensors")
        saved = fastnn.load(tmp_path / "saved.safetensors")
        assert np.array_equal(saved.params, tab.session.subject.net.params)


@pytest.mark.parametrize(
    ("network", "place", "n"),
    [("digits", ".tile canvas", 16), ("moons", ".map", 6), ("flowers", ".weight-bars rect", 4)],
)
def test_each_kind_of_inputs_has_its_picture_of_the_weights(
    browser: Any, network: str, place: str, n: int
) -> None:
    with opened(browser, network, "tab=train") as tab:
        assert tab.page.locator(f"#panel-train {place}").count() == n
