"""Files that `fastnn lab` opens from its page: chosen or dropped, or refused by a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tab_helpers import opened

import fastnn
from fastnn.cli.lab import _opened

DROP = """text => {
  const moved = new DataTransfer();
  moved.items.add(new File([text], "dots.csv"));
  const page = document.getElementById("fastnn").shadowRoot.querySelector(".page");
  page.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true }));
}"""


def test_a_chosen_model_and_dropped_data_are_shown_in_the_same_tab(
    browser: Any, tmp_path: Path
) -> None:
    model = fastnn.MLP([4, 7, 3], activation="relu", output="softmax", seed=5)
    model.classes = ["iris", "rose", "tulip"]
    model.save(tmp_path / "other.safetensors")
    with opened(browser, "flowers", "tab=backprop&index=3", opener=_opened) as tab:
        tab.page.locator("input[type=file]").set_input_files(tmp_path / "other.safetensors")
        tab.page.get_by_text("4 – 7 – 3").wait_for()
        assert np.array_equal(tab.session.subject.net.params, model.params)
        assert tab.session.subject.examples.n == 90
        tab.page.locator("#panel-backprop .neuron").first.wait_for()
        rows = [f"{k}.5,{-k}.25,{'red' if k % 3 else 'blue'}" for k in range(1, 40)]
        tab.page.evaluate(DROP, "\n".join(["width,height,colour", *rows]))
        tab.page.get_by_text("2 –").first.wait_for()
        tab.page.locator("#panel-backprop .neuron").first.wait_for()
        assert tab.session.subject.classes == ("blue", "red")
        tab.page.locator("#tab-draw").click()
        tab.page.get_by_role("heading", name="The network says").wait_for()


def test_what_cannot_be_opened_is_refused_and_nothing_changes(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "odd.safetensors").write_bytes(b"no model")
    with opened(browser, "flowers", "tab=train", opener=_opened) as tab:
        before = tab.session.subject
        tab.page.locator("input[type=file]").set_input_files(tmp_path / "odd.safetensors")
        tab.page.get_by_role("alert").filter(has_text="odd.safetensors").wait_for()
        assert tab.session.subject is before
        tab.click("One epoch")
        tab.page.locator("#panel-train dd:text-is('90')").wait_for()
