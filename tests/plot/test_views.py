"""Properties of all pictures: shown once, readable text, one meaning of a colour."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pictures import assert_nothing_is_cut_off

import fastnn
from fastnn import explain, plot

matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
from fastnn.plot import style  # noqa: E402

COLUMN = 6.3  # inches, of a page
rng = np.random.default_rng(0)


def trained(sizes, X, y, **more):
    net = fastnn.MLP(sizes, dtype="float64", seed=1, **more)
    net.history = net.fit(X, y, epochs=2, batch_size=20, validation_data=(X, y))
    return net


def small_digits():
    X = rng.uniform(size=(40, 64)) ** 4  # mostly dark
    y = np.arange(40) % 3
    more = {"activation": "sigmoid", "output": "sigmoid", "loss": "quadratic"}
    return trained([64, 12, 12, 3], X, y, **more), X, y


def table():
    X = rng.normal(size=(40, 4))
    y = np.array(["setosa", "versicolor", "of the genus virginica"])[np.arange(40) % 3]
    return trained([4, 6, 5, 3], X, y, activation=["tanh", "relu"], output="softmax"), X, y


def values():
    X = rng.normal(size=(40, 3))
    return trained([3, 4, 2], X, X[:, :2] * 30, activation="tanh"), X, X[:, :2] * 30


def deep():
    X = rng.normal(size=(40, 4))
    return trained([4, *[10] * 9, 3], X, np.arange(40) % 3), X, np.arange(40) % 3


def pictures() -> dict[str, Callable[[], Any]]:
    """Every picture, of networks of several kinds where their pictures differ, by name."""
    made: dict[str, Callable[[], Any]] = {}
    kinds = {
        small_digits: (),  # all
        table: (),
        values: ("history", "cost", "nudges of all", "network", "mistakes"),
        deep: ("sensitivity", "diagnose", "network"),
    }
    for make, shown in kinds.items():
        net, X, y = make()
        inside = explain.look_inside(net, X, y, example=3)
        more: dict[str, Callable[[], Any]] = {
            "history": net.history.plot,
            "cost": explain.cost_table(net, X, y).plot,
            "sensitivity": explain.sensitivity(net, X, y, top=6).plot,
            "nudges": explain.nudges(net, X[3], y[3], neuron=1).plot,
            "nudges of all": explain.nudges(net, X[3], y[3]).plot,
            "nudges of inputs": explain.nudges(net, X[3], y[3], layer=1).plot,
            "nudge table": explain.nudge_table(net, X, y).plot,
            "wide nudge table": explain.nudge_table(net, X, y, examples=range(20)).plot,
            "diagnose": explain.diagnose(net, X, y).plot,
            "network": inside.plot,
        }
        for kind in ("first_layer", "units", "mistakes", "confusion"):
            more[kind] = partial(inside.plot, kind)
        if make is small_digits:
            more["paths"] = explain.descent_paths(net, X, y, epochs=2).plot
            more["descent"] = explain.descend("x**2 + 3*y**2", (2, 1), lr=0.1).plot
            two = fastnn.MLP([2, 4, 3], output="softmax", seed=0)
            more["input plane"] = explain.input_plane(two, X[:, :2], y).plot
        made |= {
            f"{make.__name__}: {view}": draw
            for view, draw in more.items()
            if not shown or view in shown
        }
    return made


@cache
def drawn(name: str) -> Any:
    """One of the pictures, laid out, with all of its ticks."""
    figure = PICTURES[name]()
    figure.draw_without_rendering()
    return figure


PICTURES = pictures()
every_picture = pytest.mark.parametrize("name", PICTURES)


def texts(figure: Any) -> list[Any]:
    """The texts that can be seen, those of ticks included."""
    found = figure.findobj(matplotlib.text.Text)
    return [text for text in found if text.get_visible() and text.get_text().strip()]


# ---- shown once --------------------------------------------------------------------------------


def test_pyplot_knows_no_picture_however_many_are_drawn():
    plt = pytest.importorskip("matplotlib.pyplot")
    for _ in range(25):
        PICTURES["table: history"]()
    assert plt.get_fignums() == []


def test_drawing_leaves_the_users_own_figure_the_current_one():
    plt = pytest.importorskip("matplotlib.pyplot")
    mine = plt.figure()
    PICTURES["table: cost"]()
    assert plt.gcf() is mine and plt.get_fignums() == [mine.number]


def test_a_notebook_shows_it_by_what_it_is():
    figure = PICTURES["values: network"]()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert not hasattr(figure, "_repr_html_") or figure._repr_html_() is None


NOTEBOOK = {  # a cell, and how many pictures it shows
    "import fastnn\nnet = fastnn.MLP([2, 3, 1], seed=0)": 0,
    "history = net.fit([[0, 1], [1, 0]], [0, 1], epochs=2)": 0,
    "history.plot()": 1,
    "table = fastnn.explain.cost_table(net, [[0, 1]], [1])\ntable.plot()": 1,
    "figure = table.plot()": 0,
    "figure": 1,
    "for _ in range(25):\n    table.plot()": 0,
    "%matplotlib inline\nhistory.plot()": 1,
    "import matplotlib.pyplot as plt\ntable.plot()": 1,
    "plt.figure().add_subplot().figure": 2,  # so this test would notice
}


def test_a_cell_of_a_notebook_shows_its_picture_exactly_once():
    nbclient = pytest.importorskip("nbclient", reason="runs notebooks")
    pytest.importorskip("ipykernel", reason="runs notebooks")
    from nbformat import v4

    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in NOTEBOOK])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [
        sum("image/png" in output.get("data", {}) for output in cell.outputs)
        for cell in notebook.cells
    ]
    assert dict(zip(NOTEBOOK, shown, strict=True)) == NOTEBOOK


def test_in_a_script_show_opens_a_window_with_it_and_leaves_it_usable(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, opened = PICTURES["table: units"](), []
    monkeypatch.setattr(plt, "show", lambda: opened.append(plt.gcf().canvas.manager.canvas.figure))
    figure.show()
    assert opened == [figure]
    plt.close("all")
    assert figure._repr_png_()


def test_pictures_can_be_pickled():
    import pickle

    figure = pickle.loads(pickle.dumps(PICTURES["table: history"]()))
    assert figure._repr_png_()


# ---- text --------------------------------------------------------------------------------------


@every_picture
def test_no_text_is_smaller_than_7_points_in_a_column_of_6_3_inches(name):
    figure = drawn(name)
    shrunk = min(1.0, COLUMN / figure.get_size_inches()[0])
    small = {text.get_text(): text.get_fontsize() * shrunk for text in texts(figure)}
    assert min(small.values()) >= 7, min(small, key=lambda text: small[text])


@every_picture
def test_no_text_leaves_its_picture(name):
    assert_nothing_is_cut_off(drawn(name))


@every_picture
def test_an_svg_holds_its_text_as_text(name):
    figure, file = drawn(name), io.BytesIO()
    figure.savefig(file, format="svg")
    root = ElementTree.fromstring(file.getvalue())
    held = "".join("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text"))
    title = figure.get_suptitle() or figure.axes[0].get_xlabel()
    for word in title.split():
        assert word in held


# ---- colours -----------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_up_and_down_are_one_pair_of_colours_and_nothing_is_the_background(theme):
    from matplotlib.colors import to_hex

    with plot.theme(theme):
        up, down = style.signs()
        colours = style.diverging()
        ends = [to_hex(colours(x)).upper() for x in (0.0, 1.0)]
        assert ends == [down, up]
        assert_allclose(colours(0.5)[:3], matplotlib.colors.to_rgb(style.paper()), atol=0.01)
        net, X, y = small_digits()
        figure = explain.nudges(net, X[3], y[3], layer=1).plot()
        bars = {to_hex(bar.get_facecolor()).upper() for bar in figure.axes[3].patches}
        assert bars <= {up, down}
        maps = [image.get_cmap() for ax in figure.axes for image in ax.images]
        assert sum(colour_map.name == "down to up" for colour_map in maps) == 2
        diagram = explain.nudges(net, X[3], y[3]).plot()
        arrows = {
            to_hex(text.arrow_patch.get_edgecolor()).upper()
            for text in diagram.axes[0].texts
            if getattr(text, "arrow_patch", None)
        }
        assert arrows and arrows <= {up, down}
    if theme == "light":
        page = explain.nudge_table(net, X, y).to_html()
        for colour in (up, down):
            channels = ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
            assert f"rgba({channels}," in page


@every_picture
def test_a_dark_picture_is_dark_wherever_it_is_saved(name):
    with plot.theme("dark"):
        figure = PICTURES[name]()
    figure.savefig(file := io.BytesIO(), format="png", dpi=50)  # outside of the theme
    file.seek(0)
    pixels = matplotlib.image.imread(file)[..., :3] @ [0.299, 0.587, 0.114]
    assert np.median(pixels) < 0.3
    filled = "mistakes", "confusion", "first_layer", "inputs", "sensitivity", "nudge table"
    if not any(word in name for word in filled):
        assert np.mean(pixels > 0.8) < 0.1
    for text in texts(figure):
        if not text.get_bbox_patch() and text.get_color() not in ("black", "white"):
            assert style._luminance(text.get_color()) > 0.5, text.get_text()


def test_without_a_theme_pictures_follow_the_settings_of_matplotlib():
    with matplotlib.style.context("dark_background"):
        assert PICTURES["table: units"]().get_facecolor() == (0, 0, 0, 1)
    assert PICTURES["table: units"]().get_facecolor() == (1, 1, 1, 1)


def test_a_theme_that_there_is_not_is_refused():
    with (
        pytest.raises(ValueError, match="name must be one of light, dark; got 'blue'"),
        plot.theme("blue"),
    ):
        raise AssertionError


def test_a_theme_ends_with_its_block():
    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError), plot.theme("dark"):
        raise KeyError
    assert dict(matplotlib.rcParams) == before


def greys_of_network(figure):
    """{activation as written: brightness} of the circles of `look_inside`."""
    from matplotlib.patches import Circle

    (ax,) = figure.axes
    circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    return {written[c.center]: c.get_facecolor()[0] for c in circles}


def greys_of_lamps(figure, axes=-1):
    """The same of the circles of `nudges` and of `cost_table`."""
    from matplotlib.collections import PathCollection

    ax, found = figure.axes[axes], {}
    written = {text.get_position(): text.get_text() for text in ax.texts}
    for lamps in ax.collections:
        if isinstance(lamps, PathCollection):
            for place, colour in zip(lamps.get_offsets(), lamps.get_facecolors(), strict=False):
                found[written[tuple(place)]] = colour[0]
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "functions",
    [["tanh", "relu", "sigmoid"], ["elu", "softplus", "softmax"], ["gelu", "tanh", "tanh"]],
)
def test_an_activation_has_one_brightness_in_all_pictures(functions, theme):
    *hidden, output = functions
    net = fastnn.MLP(
        [3, 5, 4, 2],
        activation=hidden,
        output=output,
        loss="mse",
        dtype="float64",
        seed=4,
    )
    net.params[:] *= 2
    X, y = np.array([[0.9, -1.2, 2.5]]), np.array([[1.0, 0.0]])
    with plot.theme(theme):
        network = greys_of_network(explain.look_inside(net, X, y).plot())
        others = [greys_of_lamps(explain.nudges(net, X, y, layer=l).plot()) for l in (1, 2, 3)]
        others.append(greys_of_lamps(explain.cost_table(net, X, y).plot()))
    for greys in others:
        known = {text: grey for text, grey in greys.items() if text in network}
        assert known
        for text, grey in known.items():
            assert network[text] == pytest.approx(grey, abs=0.01), text


def test_of_tanh_minus_one_is_black_and_one_white_everywhere():
    assert style.span(np.array([-0.97, 0.5]), "tanh") == (-1, 1)
    assert_allclose(style.shades([-1, -0.97, 0, 1], (-1, 1)), [0, 0.015, 0.5, 1])
    assert style.span(np.array([0.2, 0.5]), "sigmoid") == (0, 1)
    assert style.span(np.array([0.0, 5.0]), "relu") == (0, 5)
    assert style.span(np.array([-0.3, 0.1]), "elu") == (-0.3, 1)
