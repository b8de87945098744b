"""The tab Draw: drawings reach the network as the package would bring them there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from page_networks import NETWORKS

from fastnn.pictures import ImageForm, Picture, conform
from fastnn.words import number

Open = Callable[..., Any]

# Recorded strokes, in parts of the pad's side: a list of lines for each digit.
STROKES = {
    0: [[(0.5, 0.2), (0.35, 0.3), (0.3, 0.5), (0.35, 0.7), (0.5, 0.8), (0.65, 0.7), (0.7, 0.5),
         (0.65, 0.3), (0.5, 0.2)]],
    1: [[(0.5, 0.15), (0.5, 0.5), (0.5, 0.85)]],
    2: [[(0.3, 0.3), (0.4, 0.2), (0.6, 0.2), (0.68, 0.35), (0.55, 0.55), (0.3, 0.8), (0.72, 0.8)]],
    7: [[(0.3, 0.2), (0.7, 0.2), (0.58, 0.5), (0.45, 0.85)]],
}  # fmt: skip

INK = """async ink => {
  const { conform } = await import("fastnn/conform.mjs");
  const pad = { rows: ink.rows, columns: ink.columns, values: Float64Array.from(ink.values) };
  return Array.from(conform(pad, ink.form));
}"""


def draw(page: Any, strokes: list[list[tuple[float, float]]]) -> None:
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".pad").bounding_box()
    for stroke in strokes:
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*at[0])
        page.mouse.down()
        for place in at[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()


@pytest.mark.parametrize("digit", STROKES)
def test_recorded_strokes_are_read_as_their_digit(open_page: Open, digit: int) -> None:
    page = open_page("reader", "tab=draw")
    draw(page, STROKES[digit])
    page.get_by_role("heading", name=f"The network says {digit}.").wait_for()
    assert page.get_by_text("centred by its centre of mass").is_visible()


@pytest.mark.parametrize("shape", [(280, 280), (28, 28), (200, 90)])
def test_a_drawing_takes_the_form_that_the_package_gives_it(
    open_page: Open, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    rows, columns = shape
    pixels = np.zeros(shape, dtype=np.uint8)
    y, x = np.mgrid[:rows, :columns]
    ring = np.abs(np.hypot((y - rows / 2.2) / rows, (x - columns / 1.8) / columns) - 0.25) < 0.06
    pixels[ring] = 255
    pixels[rows // 2 : rows // 2 + 4, columns // 3 : columns // 2] = rng.integers(90, 255)
    page = open_page("reader", "tab=draw")
    net, _, _ = NETWORKS["reader"]()
    facts = net.metadata["image_form"]
    ink = (pixels / 255).ravel().tolist()
    sent = {"rows": rows, "columns": columns, "values": ink, "form": facts}
    found = np.rint(255 * np.array(page.evaluate(INK, sent))).reshape(28, 28)
    wanted, _ = conform(Picture(pixels, shape), ImageForm.from_dict(facts))
    assert np.abs(found - wanted).max() <= 1


def test_a_digit_is_drawn_by_keyboard(open_page: Open) -> None:
    page = open_page("reader", "tab=draw")
    page.get_by_role("button", name="Clear").click()
    page.locator(".pad").focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    for _ in range(16):
        page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name="The network says 1.").wait_for()


def test_the_next_mistake_is_one(open_page: Open) -> None:
    page = open_page("digits", "tab=draw&index=0")
    page.locator("#panel-draw").get_by_role("button", name="Next mistake").click()
    page.wait_for_url(lambda url: "index=0" not in url.split("&"))
    index = int(page.url.split("index=")[1].split("&")[0])
    net, X, y = NETWORKS["digits"]()
    wrong = np.flatnonzero(net.classify(X) != y)
    assert index == wrong[wrong > 0][0]


def test_a_chosen_neuron_shows_its_sum(open_page: Open) -> None:
    page = open_page("digits", "tab=draw&index=17&neuron=2-5")
    net, X, _ = NETWORKS["digits"]()
    before, a = (layer[0] for layer in net.activations(X[17:18])[1:3])
    z = before.astype(np.float64) @ net.weights[1][:, 5] + net.biases[1][5]
    wanted = f"a = σ(Σ w a + b) = σ({number(float(z))}) = {number(float(a[5]))}"
    assert page.locator("#panel-draw .equation").text_content().startswith(wanted)


def test_tables_have_sliders_by_name_and_switches(open_page: Open) -> None:
    page = open_page("flowers", "tab=draw&index=0")
    slider = page.get_by_role("slider", name="petal length")
    slider.fill("5")
    page.wait_for_url(re.compile(r"[#&]x="))
    x = [float(v) for v in parse_qs(page.url.split("#")[1])["x"][0].split(",")]
    net, _, _ = NETWORKS["flowers"]()
    said = net.classify(np.array([x]))[0]
    page.get_by_role("heading", name=f"The network says {said}.").wait_for()
    switches = open_page("values", "tab=draw&index=0")
    assert switches.get_by_role("switch").count() == 1


def test_a_place_on_the_plane_is_chosen_by_arrow_keys(open_page: Open) -> None:
    page = open_page("plane", "tab=draw&index=3")
    page.locator(".plane-frame").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"[#&]x="))
    assert page.locator(".plane .dot").count() > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["draw", "backprop&step=4", "backprop&step=8"])
def test_nothing_is_wider_than_a_telephone(open_page: Open, tab: str, scheme: str) -> None:
    page = open_page("digits", f"tab={tab}", wide=360, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
