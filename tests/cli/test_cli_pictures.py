"""``fastnn predict`` on pictures as people have them."""

from __future__ import annotations

import numpy as np
import pytest

import fastnn

Image = pytest.importorskip("PIL.Image")
ImageDraw = pytest.importorskip("PIL.ImageDraw")

pytestmark = pytest.mark.usefixtures("folder")
INVERTED = "inverted, for its border is bright and that of the training images dark"
CENTRED = "its ink is scaled to 20 pixels and centred as in training"


@pytest.fixture
def digits(run):
    """A recogniser of digits, the classic one."""
    assert run("train", "-q", "--epochs", 10)[0] == 0
    return "digits.safetensors"


def draw(name, size, points, width, ink=0, paper=255):
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    picture.save(name)


SEVEN = [(0.2, 0.15), (0.7, 0.15), (0.4, 0.8)]


@pytest.mark.parametrize(
    ("name", "size", "width"),
    [("a.png", (28, 28), 3), ("a.jpg", (4000, 3000), 220), ("a.gif", (90, 120), 9)],
)
def test_a_seven_in_ink_is_a_seven_and_a_line_says_what_was_done(run, digits, name, size, width):
    draw(name, size, [(x * size[0], y * size[1]) for x, y in SEVEN], width)
    flags = () if size == (28, 28) else ("--resize",)
    status, out, err = run("predict", digits, name, *flags)
    assert status == 0
    assert out.split()[:2] == [name, "7"]
    assert err == f"fastnn: {name}: {INVERTED}; {CENTRED}\n"


def test_as_is_leaves_a_picture_alone(run, digits):
    draw("a.png", (28, 28), [(x * 28, y * 28) for x, y in SEVEN], 3)
    pixels = np.array(Image.open("a.png")).reshape(1, -1)
    status, out, err = run("predict", digits, "a.png", "--as-is", "--csv")
    assert (status, err) == (0, "")
    values = [float(cell) for cell in out.splitlines()[1].split(",")[3:]]
    assert values == pytest.approx(fastnn.load(digits).predict(pixels)[0].tolist(), abs=1e-5)


def test_a_photo_without_resize_is_refused_with_its_size(run, digits):
    Image.new("L", (4000, 3000), 200).save("photo.png")
    status, _, err = run("predict", digits, "photo.png")
    assert status == 1
    assert "photo.png is 4000 x 3000 pixels; this model reads 28 x 28 (--resize" in err


def test_a_model_of_images_knows_their_form_and_refuses_one_that_was_tampered_with(run, digits):
    net = fastnn.load(digits)
    assert net.metadata["image_form"] == {
        "shape": [28, 28], "background": 0, "box": 20, "centre": [14.0, 14.0],
        "centred_by": "mass",
    }  # fmt: skip
    net.metadata["image_form"]["box"] = 99
    net.save("bad")
    draw("a.png", (28, 28), [(4, 4), (20, 20)], 3)
    status, _, err = run("predict", "bad", "a.png")
    assert status == 1
    assert "is not the form of images" in err


def test_inverting_and_leaving_alone_contradict_each_other(run):
    status, _, err = run("predict", "m", "a.png", "--invert", "--as-is")
    assert status == 2
    assert "--invert and --as-is contradict each other" in err
