"""Pictures of every kind that people have, and their way to the form of the training images."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.pictures import ImageForm, Picture, conform, read_picture

Image = pytest.importorskip("PIL.Image")
ImageDraw = pytest.importorskip("PIL.ImageDraw")

DIGITS = ImageForm((28, 28), 0, 20, (14.0, 14.0), "mass")


def seven(size, box, width, ink, paper, mode="L"):
    """A seven of straight strokes, in the box (left, top, right, bottom)."""
    picture = Image.new(mode, size, paper)
    left, top, right, bottom = box
    foot = (left + 0.4 * (right - left), bottom)
    points = [(left, top), (right, top), foot]
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    return picture


def of(picture):
    """Return a picture, read from a file."""
    pixels = np.array(picture)
    return Picture(pixels, pixels.shape)


def centre_and_side(pixels, threshold=25):
    """The centre of mass, and the longer side of the ink of bright pixels on black."""
    rows, columns = np.nonzero(pixels > threshold)
    weights = pixels.astype(float) / pixels.sum()
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    side = max(np.ptp(rows), np.ptp(columns)) + 1
    return (float((weights * y).sum()), float((weights * x).sum())), side


class TestReading:
    def read(self, folder, picture, name="p.png", **options):
        picture.save(folder / name, **options)
        return read_picture(folder / name)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.tif", "p.webp"])
    def test_each_exif_orientation_gives_the_picture_the_right_way_up(
        self, tmp_path, orientation, name
    ):
        upright = np.zeros((24, 16), np.uint8)
        upright[:8, :8], upright[16:, 8:] = 255, 128  # no two of the eight ways are alike
        stored = {
            1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
            5: upright.T, 6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
        }[orientation]  # fmt: skip
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if name == "p.webp" else {"quality": 100}
        found = self.read(
            tmp_path, Image.fromarray(np.ascontiguousarray(stored)), name, exif=exif, **options
        )
        assert found.size == found.pixels.shape == (24, 16)
        np.testing.assert_allclose(found.pixels.astype(int), upright, atol=12)

    def test_dark_ink_on_transparency_is_on_white_paper(self, tmp_path):
        picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
        picture.putpixel((1, 2), (0, 0, 0, 255))
        picture.putpixel((1, 3), (0, 0, 0, 51))
        found = self.read(tmp_path, picture)
        expected = np.full((4, 4), 255)
        expected[2, 1], expected[3, 1] = 0, 204  # 255 (1 - 51/255)
        assert found.pixels.tolist() == expected.tolist()
        assert found.notes == ("transparent parts are taken as white",)

    def test_bright_ink_on_transparency_is_on_black(self, tmp_path):
        picture = Image.new("LA", (4, 4), (255, 0))
        picture.putpixel((1, 2), (250, 255))
        found = self.read(tmp_path, picture)
        assert found.pixels[2, 1] == 250
        assert found.pixels.sum() == 250
        assert found.notes == ("transparent parts are taken as black",)

    def test_an_alpha_channel_that_hides_nothing_changes_nothing(self, tmp_path):
        found = self.read(tmp_path, Image.new("RGBA", (3, 2), (255, 0, 0, 255)))
        assert found.pixels.tolist() == [[76] * 3] * 2  # 0.299 x 255
        assert found.notes == ()

    def test_a_palette_may_hold_the_transparent_colour(self, tmp_path):
        picture = Image.new("P", (3, 2), 1)
        picture.putpalette([10, 10, 10, 0, 0, 0])
        picture.putpixel((0, 0), 0)
        for name in ("p.png", "p.gif"):
            found = self.read(tmp_path, picture, name, transparency=1)
            assert found.pixels.tolist() == [[10, 255, 255], [255] * 3]

    @pytest.mark.parametrize("name", ["p.png", "p.tif"])
    def test_16_bits_are_scaled_to_8(self, tmp_path, name):
        levels = np.array([[0, 257, 32768], [65535, 25700, 128]], np.uint16)
        found = self.read(tmp_path, Image.fromarray(levels), name)
        assert found.pixels.tolist() == [[0, 1, 128], [255, 100, 0]]

    def test_float_levels_from_0_to_1_are_black_to_white_and_others_are_told(self, tmp_path):
        levels = np.array([[0, 0.5], [1, 0.2]], np.float32)
        found = self.read(tmp_path, Image.fromarray(levels), "p.tif")
        assert found.pixels.tolist() == [[0, 128], [255, 51]]
        assert found.notes == ()
        found = self.read(tmp_path, Image.fromarray(levels * 2000 - 1000), "q.tif")
        assert found.pixels.tolist() == [[0, 128], [255, 51]]
        assert found.notes == ("its grey levels from -1000 to 1000 are taken for black to white",)

    def test_levels_that_are_not_finite_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="grey levels are not finite"):
            self.read(tmp_path, Image.fromarray(np.array([[0, np.nan]], np.float32)), "p.tif")

    @pytest.mark.parametrize(
        ("mode", "colour", "grey"),
        [("1", 1, 255), ("L", 7, 7), ("RGB", (0, 255, 0), 150), ("CMYK", (0, 0, 0, 255), 0),
         ("CMYK", (0, 0, 0, 0), 255), ("YCbCr", (90, 128, 128), 90), ("I", 40, 40)],
    )  # fmt: skip
    def test_every_mode_becomes_its_grey(self, tmp_path, mode, colour, grey):
        picture = Image.new(mode, (5, 3), colour)
        name = "p.jpg" if mode == "YCbCr" else "p.tif"
        assert self.read(tmp_path, picture, name).pixels.tolist() == [[grey] * 5] * 3

    def test_of_a_film_the_first_picture_is_taken(self, tmp_path):
        frames = [Image.new("L", (3, 2), level) for level in (30, 90, 200)]
        found = self.read(tmp_path, frames[0], "p.gif", save_all=True, append_images=frames[1:])
        assert found.pixels.tolist() == [[30] * 3] * 2
        assert found.notes == ("the first of its 3 pictures is used",)

    def test_many_pixels_are_refused_unless_they_may_become_fewer(self, tmp_path):
        Image.new("L", (4000, 3000), 90).save(tmp_path / "p.png")
        with pytest.raises(ValueError, match="more than 8,388,608 pixels"):
            read_picture(tmp_path / "p.png")
        found = read_picture(tmp_path / "p.png", reduce=True)
        assert found.size == (3000, 4000)
        assert max(found.pixels.shape) <= 2 * 1024
        assert (found.pixels == 90).all()

    def test_a_jpeg_of_108_million_pixels_is_reduced_while_it_is_unpacked(self, tmp_path):
        Image.new("L", (12000, 9000), 90).save(tmp_path / "p.jpg")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read_picture(tmp_path / "p.jpg", reduce=True)
        assert found.size == (9000, 12000)
        assert max(found.pixels.shape) <= 2 * 1024

    def test_a_png_of_that_size_is_refused(self, tmp_path):
        Image.new("1", (12000, 9000)).save(tmp_path / "p.png")
        with pytest.raises(ValueError, match="more than 67,108,864 pixels"):
            read_picture(tmp_path / "p.png", reduce=True)

    @pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.gif", "p.tif", "p.webp", "p.bmp"])
    def test_what_is_cut_off_is_refused_in_one_sentence(self, tmp_path, name):
        path = tmp_path / name
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
        whole = path.read_bytes()
        for cut in (0, 5, 30, len(whole) // 2):
            path.write_bytes(whole[:cut])
            with pytest.raises(ValueError, match="is not a readable picture") as caught:
                read_picture(path)
            assert len(str(caught.value).splitlines()) == 1


class TestForm:
    def test_the_digits_share_size_and_centre_of_mass(self):
        (X, _), _ = fastnn.datasets.load_digits()
        assert ImageForm.of(X, (28, 28)) == DIGITS

    def test_black_ink_on_white_centred_by_its_box_is_found(self):
        images = np.full((30, 20, 20), 255)
        for i, image in enumerate(images):
            image[4:14, 10 - i % 5 : 10 + i % 5] = 0  # 10 rows, 0 to 8 columns
            image[4, 10 - i % 5 : 10] = 255  # the centre of mass lies elsewhere
        images[::5, 4:14, 9:11] = 0
        form = ImageForm.of(images.reshape(30, -1), (20, 20))
        assert (form.background, form.box) == (255, 10)
        assert form.centre == (8.5, 9.5)

    def test_ink_anywhere_of_any_size_leaves_the_background_alone(self):
        rng = np.random.default_rng(0)
        images = np.zeros((200, 30, 30))
        for image in images:
            y, x, side = rng.integers(1, 12), rng.integers(1, 12), rng.integers(2, 17)
            image[y : y + side, x : x + side] = 255
        assert ImageForm.of(images.reshape(200, -1), (30, 30)) == ImageForm((30, 30), 0)

    def test_photographs_share_nothing(self):
        X = np.random.default_rng(0).integers(0, 256, (50, 64), dtype=np.uint8)
        assert ImageForm.of(X, (8, 8)) == ImageForm((8, 8))

    def test_a_model_file_holds_it_and_what_was_tampered_with_is_refused(self):
        facts = DIGITS.to_dict()
        assert ImageForm.from_dict(facts) == DIGITS
        for name, value in (
            ("shape", [28]), ("shape", [0, 5]), ("background", 256), ("box", "x"), ("box", 99),
            ("centre", [1]), ("centre", None), ("centre", [np.inf, 1]), ("centred_by", "eye"),
        ):  # fmt: skip
            with pytest.raises(ValueError, match="is not the form of images"):
                ImageForm.from_dict({**facts, name: value})


class TestConform:
    def test_a_digit_of_the_data_set_is_left_as_it_is(self):
        (X, _), _ = fastnn.datasets.load_digits()
        for row in X[::50]:
            pixels = row.reshape(28, 28)
            found, notes = conform(Picture(pixels, (28, 28)), DIGITS)
            assert np.array_equal(found, pixels)
            assert notes == ()

    @pytest.mark.parametrize(
        "picture",
        [
            seven((280, 280), (90, 50, 200, 250), 22, 0, 255),
            seven((500, 300), (300, 30, 380, 150), 12, 255, 0),
            seven((28, 28), (2, 3, 11, 19), 2, 40, 220),
            seven((640, 480), (30, 30, 250, 430), 30, 60, 110),
        ],
        ids=["black on white", "in a corner", "28 x 28", "on grey paper"],
    )
    def test_ink_of_any_size_and_place_is_20_pixels_centred_by_mass_white_on_black(self, picture):
        pixels, notes = conform(of(picture), DIGITS)
        assert pixels.shape == (28, 28)
        assert pixels.dtype == np.uint8
        centre, side = centre_and_side(pixels)
        assert np.abs(np.array(centre) - 14).max() <= 0.6
        assert abs(side - 20) <= 1
        assert np.median(pixels) == 0
        assert pixels.max() == 255
        assert notes[-1] == "its ink is scaled to 20 pixels and centred as in training"

    def test_the_same_digit_larger_elsewhere_and_black_on_white_is_nearly_the_same(self):
        (X, _), _ = fastnn.datasets.load_digits()
        alike = []
        for row in X[::50]:
            digit = row.reshape(28, 28)
            large = np.pad(np.kron(digit, np.ones((9, 9), np.uint8)), ((0, 90), (200, 0)))
            found = conform(of(255 - large), DIGITS)[0]
            alike.append(np.corrcoef(found.ravel(), digit.ravel())[0, 1])
        assert np.median(alike) > 0.99
        # A centre between two pixels may be rounded to the other one.
        assert np.mean(np.array(alike) < 0.9) < 0.1

    def test_a_bright_border_is_told_and_what_the_caller_decides_is_not(self):
        picture = of(seven((28, 28), (4, 4, 20, 24), 3, 0, 255))
        told = "inverted, for its border is bright and that of the training images dark"
        assert told in conform(picture, DIGITS)[1]
        assert told not in conform(picture, DIGITS, invert=True)[1]
        kept = conform(picture, ImageForm((28, 28), 0), invert=False)
        assert np.array_equal(kept[0], picture.pixels)
        turned = conform(picture, ImageForm((28, 28), 0))
        assert np.array_equal(turned[0], 255 - picture.pixels)

    def test_images_that_are_black_on_white_have_bright_ink_inverted(self):
        form = ImageForm((28, 28), 255, 20, (14.0, 14.0), "mass")
        pixels, notes = conform(of(seven((99, 99), (20, 20, 70, 80), 6, 255, 0)), form)
        assert np.median(pixels) == 255
        assert pixels.min() == 0
        assert "inverted, for its border is dark and that of the training images bright" in notes

    def test_the_light_on_paper_may_fall_off(self):
        y, x = np.mgrid[:300, :400]
        paper = 230 - 0.2 * x - 0.15 * y  # 230 to 105: darker than the ink's 90 nowhere
        ink = np.array(seven((400, 300), (120, 60, 260, 240), 18, 1, 0))
        rng = np.random.default_rng(0)
        photo = np.where(ink > 0, paper * 0.45, paper) + rng.normal(0, 3, paper.shape)
        found = conform(of(np.clip(photo, 0, 255).astype(np.uint8)), DIGITS)[0]
        ideal = conform(of(255 * ink), DIGITS)[0]
        assert np.corrcoef(found.ravel(), ideal.ravel())[0, 1] > 0.95

    def test_a_speck_of_dust_is_not_ink(self):
        picture = seven((300, 300), (100, 60, 200, 240), 20, 0, 255)
        picture.putpixel((5, 290), 0)
        assert abs(centre_and_side(conform(of(picture), DIGITS)[0])[1] - 20) <= 1

    def test_an_empty_sheet_is_told(self):
        pixels, notes = conform(of(Image.new("L", (50, 80), 255)), DIGITS)
        assert pixels.shape == (28, 28)
        assert notes == ("it shows nothing but its background",)

    def test_without_a_common_ink_the_whole_picture_is_scaled_in_its_proportions(self):
        wide = np.zeros((10, 40), np.uint8)
        wide[:, 20:] = 200
        pixels = conform(of(wide), ImageForm((20, 20)))[0]
        assert (pixels[:7] == pixels[0, 0]).all()
        assert (pixels[8:12, :8] == 0).all()
        assert (pixels[8:12, 12:] == 200).all()


def test_drawn_digits_are_recognised_in_every_way_that_pictures_are_drawn(tmp_path):
    (X, y), _ = fastnn.datasets.load_digits()
    net = fastnn.MLP([784, 64, 10], output="softmax", seed=0)
    net.fit(X, y, epochs=10)
    ways = {
        "ink.png": seven((300, 400), (90, 80, 230, 330), 26, 0, 255),
        "chalk.png": seven((300, 400), (90, 80, 230, 330), 26, 255, 0),
        "alpha.png": seven((300, 400), (30, 80, 170, 330), 26, (0, 0, 0, 255), (0,) * 4, "RGBA"),
        "photo.jpg": seven((4000, 3000), (2500, 500, 3300, 2000), 150, 60, 170),
        "small.gif": seven((40, 40), (5, 3, 22, 33), 4, 0, 255),
        "bits.tif": seven((90, 90), (25, 15, 60, 75), 8, 1, 0, "1"),
    }
    for name, picture in ways.items():
        picture.save(tmp_path / name)
        pixels, _ = conform(read_picture(tmp_path / name, reduce=True), DIGITS)
        assert net.classify(pixels.reshape(1, -1)).tolist() == [7], name


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"there is no file {tmp_path}")):
        read_picture(tmp_path / "p.png")
