"""Pictures: read from files as grey levels, and converted to the layout of training images.

Sizes: a picture is h x w pixels, uint8, 0 black to 255 white; its ink is all that differs from its
background. `ImageForm.of` measures the layout of training images, `conform` gives a picture the
same layout: MNIST's digits, for example, are white on black, their ink scaled to 20 pixels and
centred by its centre of mass. Nothing is guessed from the name of a data set.
"""

# Over 400 lines, half of them docstrings. The sections: reading, the form of training images, and
# bringing a picture to that form.

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from .paths import check_regular, expanded, one_line

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageForm", "Picture", "conform", "read_picture"]

Array = npt.NDArray[Any]
FilePath = str | os.PathLike[str]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
# No others: Pillow would pass PostScript to another program.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
# Pixels that are kept, and pixels that are unpacked for reduction, of up to 8 bytes each. A JPEG
# may have more, since its decoder can skip pixels.
_MOST_PIXELS, _MOST_UNPACKED = 1 << 23, 1 << 26
_WORKING_SIDE = 1024  # pixels, to find the ink in
_MEASURED = 1000  # training images
_FAINT = 0.1  # of the range of grey levels: fainter pixels of a training image are not ink
_SURE = 0.25  # of the ink's range: fainter pixels may be the paper's grain
_DUST = 0.001  # of the ink: this share at each side may be dust

_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True, eq=False)
class Picture:
    """Grey levels of a picture.

    Attributes
    ----------
    pixels : ndarray, shape (h, w), uint8
        Grey levels, turned upright by the picture's EXIF orientation.
    size : (height, width)
        Size in the file, upright: `pixels` may be fewer.
    notes : tuple of str
        Decisions made in reading, as messages for the user.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


# Reading -----------------------------------------------------------------------------------------


def read_picture(path: FilePath, *, reduce: bool = False) -> Picture:
    """Read a picture as grey levels.

    The EXIF orientation is applied. Colours become grey by ITU-R 601; grey levels of 16 bits are
    scaled to 8, levels of other ranges from their lowest to their highest. Transparent parts show
    paper: white behind dark ink, black behind bright ink. Of a film, the first picture is read.

    Parameters
    ----------
    path : path
        A PNG, JPEG, BMP, GIF, TIFF or WebP file; Pillow reads it.
    reduce : bool, default False
        Whether a picture with a side of more than 1,024 pixels may be made smaller, each pixel the
        mean of several, which takes less memory.

    Returns
    -------
    Picture

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a picture, is damaged, or has more than 8,388,608 pixels (67,108,864 if it
        may be reduced, and a JPEG then 178,956,970).
    ImportError
        If Pillow is not installed.

    Examples
    --------
    >>> picture = read_picture("seven.png")  # doctest: +SKIP
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("reading images needs Pillow: pip install 'fastnn-mlp[image]'") from None
    path = expanded(path)
    check_regular(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pixels are counted below, and EXIF may be damaged
            # From an open file: Pillow maps a TIFF given by name, and then confuses its rotations.
            with open(path, "rb") as file, Image.open(file, formats=_FORMATS) as picture:
                return _read(picture, reduce)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not a readable picture: {one_line(error)}") from error


def _read(picture: Image.Image, reduce: bool) -> Picture:
    from PIL import ImageOps

    notes: list[str] = []
    width, height = picture.size
    if reduce and picture.format == "JPEG":
        picture.draft(None, (_WORKING_SIDE, _WORKING_SIDE))  # no smaller than that
    most = _MOST_UNPACKED if reduce else _MOST_PIXELS
    if picture.width * picture.height > most:
        raise ValueError(f"it has more than {most:,} pixels")
    if getattr(picture, "n_frames", 1) > 1:
        notes.append(f"the first of its {picture.n_frames:,} pictures is used")  # type: ignore[attr-defined]
    picture.load()
    lying = picture.size
    ImageOps.exif_transpose(picture, in_place=True)
    size = (height, width) if picture.size == lying else (width, height)
    return Picture(_grey(picture, reduce, notes), size, tuple(notes))


def _grey(picture: Image.Image, reduce: bool, notes: list[str]) -> npt.NDArray[np.uint8]:
    if picture.mode in (*_16_BITS, "I", "F"):
        return _from_numbers(picture, reduce, notes)
    if picture.has_transparency_data:
        picture = _smaller(picture.convert("RGBA"), reduce)
        return _on_paper(np.asarray(picture.convert("LA"), dtype=np.float64), notes)
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    return np.array(_smaller(picture, reduce).convert("L"), dtype=np.uint8)


def _smaller(picture: Image.Image, reduce: bool) -> Image.Image:
    factor = max(picture.size) // _WORKING_SIDE
    return picture.reduce(factor) if reduce and factor > 1 else picture


def _from_numbers(picture: Image.Image, reduce: bool, notes: list[str]) -> npt.NDArray[np.uint8]:
    """Scale grey levels of other types than bytes to 0 to 255."""
    bits = picture.mode in _16_BITS
    values = np.asarray(_smaller(picture.convert("I") if bits else picture, reduce))
    if not np.isfinite(values).all():
        raise ValueError("some of its grey levels are not finite")
    low, high = float(values.min()), float(values.max())
    if bits or (picture.mode == "I" and picture.format == "PNG"):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 1 and picture.mode == "F":
        low, high = 0.0, 1.0
    elif not (low >= 0 and high <= 255):
        notes.append(f"its grey levels from {low:g} to {high:g} are taken for black to white")
    else:
        low, high = 0.0, 255.0
    levels = (values.astype(np.float64) - low) * (255 / max(high - low, 1e-300))
    return np.rint(levels).astype(np.uint8)


def _on_paper(grey_and_alpha: Array, notes: list[str]) -> npt.NDArray[np.uint8]:
    """Lay the opaque parts on white, or on black if they are bright."""
    grey, alpha = grey_and_alpha[..., 0], grey_and_alpha[..., 1] / 255
    if (alpha == 1).all():
        return grey.astype(np.uint8)
    bright = alpha.any() and float((grey * alpha).sum() / alpha.sum()) >= 128
    notes.append(f"transparent parts are taken as {'black' if bright else 'white'}")
    return np.rint(grey * alpha + (0 if bright else 255) * (1 - alpha)).astype(np.uint8)


# The form of training images ---------------------------------------------------------------------


@dataclass(frozen=True)
class ImageForm:
    """The layout that the images of a training set share.

    Attributes
    ----------
    shape : (height, width)
    background : int or None
        The common grey level of their borders; None if there is none.
    box : int or None
        The longer side of their ink in pixels; None if it differs from image to image.
    centre : (row, column) or None
        The centre of their ink; None if it differs from image to image.
    centred_by : {"mass", "box"} or None
        Whether the centre is the ink's centre of mass, or the middle of the box around it.
    """

    shape: tuple[int, int]
    background: int | None = None
    box: int | None = None
    centre: tuple[float, float] | None = None
    centred_by: Literal["mass", "box"] | None = None

    @classmethod
    def of(cls, X: npt.ArrayLike, shape: tuple[int, int]) -> ImageForm:
        """Return the layout of images, measured on at most 1,000 of them.

        Parameters
        ----------
        X : array-like, shape (n, height * width)
            Grey levels 0 to 255.
        shape : (height, width)

        Returns
        -------
        ImageForm
            The layout that at least 9 in 10 of the images share, with the longer side of the ink
            and its centre to 1 pixel. The background is that of at least 7 in 10 of the border's
            pixels, to 32 grey levels.

        Examples
        --------
        >>> from fastnn import datasets
        >>> (X, y), _ = datasets.load_digits()
        >>> form = ImageForm.of(X, (28, 28))
        >>> form.background, form.box, form.centre, form.centred_by
        (0, 20, (14.0, 14.0), 'mass')
        """
        shape = (int(shape[0]), int(shape[1]))
        rows = np.asarray(X)
        images = np.asarray(rows[:: -(-len(rows) // _MEASURED)], dtype=np.float64)
        images = images.reshape(-1, *shape)
        border = np.concatenate([_border(image) for image in images])
        background = float(np.median(border))
        if np.mean(np.abs(border - background) <= 32) < 0.7:
            return cls(shape)
        ink = np.abs(images - background)
        ink[ink < 255 * _FAINT] = 0
        ink = ink[ink.any(axis=(1, 2))]
        known = cls(shape, background=round(background))
        if not len(ink):
            return known
        boxes = np.array([_box(image, dust=0) for image in ink])
        sides = (boxes[:, 1::2] - boxes[:, ::2]).max(axis=1)
        box = round(float(np.median(sides)))
        ways: tuple[tuple[Literal["mass", "box"], Array], ...] = (
            ("mass", np.array([_mass_centre(image) for image in ink])),
            ("box", (boxes[:, ::2] + boxes[:, 1::2] - 1) / 2),
        )
        for way, centres in ways:
            centre = np.round(np.median(centres, axis=0) * 2) / 2
            centred = (np.abs(centres - centre) <= 1).all(axis=1)
            if np.mean(centred) >= 0.9 and np.mean(np.abs(sides - box) <= 1) >= 0.9:
                middle = (float(centre[0]), float(centre[1]))
                return cls(shape, round(background), box, middle, way)
        return known

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as JSON values, for the metadata of a model."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> ImageForm:
        """Return the layout from the result of `to_dict`; raise ValueError if it is not valid.

        Examples
        --------
        >>> ImageForm.from_dict({"shape": [28, 28], "background": 0}).background
        0
        """
        try:
            height, width = (int(size) for size in facts["shape"])
            levels = (facts.get("background"), facts.get("box"))
            background, box = (None if level is None else int(level) for level in levels)
            centre, way = facts.get("centre"), facts.get("centred_by")
            middle = None if centre is None else (float(centre[0]), float(centre[1]))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            raise ValueError(f"{facts!r} is not the form of images") from None
        if (
            min(height, width) < 1
            or not 0 <= (background or 0) <= 255
            or not 1 <= (box or 1) <= max(height, width)
            or way not in (None, "mass", "box")
            or len({box is None, middle is None, way is None}) != 1
            or (box is not None and background is None)
            or not np.isfinite(middle or 0).all()
        ):
            raise ValueError(f"{facts!r} is not the form of images")
        return cls((height, width), background, box, middle, way)


def _border(image: Array) -> Array:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _box(ink: Array, dust: float) -> tuple[int, int, int, int]:
    """Return the rows and columns (top, bottom, left, right) of the ink, without dust."""
    edges: list[int] = []
    for axis in (1, 0):
        share = np.cumsum(ink.sum(axis=axis, dtype=np.float64))
        share /= share[-1]
        first = int(np.searchsorted(share, dust, side="right"))
        edges += [first, int(np.searchsorted(share, 1 - max(dust, 1e-12))) + 1]
    return edges[0], edges[1], edges[2], edges[3]


def _mass_centre(ink: Array) -> tuple[float, float]:
    rows, columns = ink.sum(axis=1), ink.sum(axis=0)
    total = rows.sum()
    return (
        float(rows @ np.arange(len(rows)) / total),
        float(columns @ np.arange(len(columns)) / total),
    )


# Bringing a picture to that form -----------------------------------------------------------------


def conform(
    picture: Picture, form: ImageForm, *, invert: bool | None = None
) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Convert a picture to the layout of the images of a training set.

    A picture with a bright border is inverted if the images have a dark one, and the reverse. If
    the images share the size and the centre of their ink, the picture's ink is cut out, scaled and
    centred in the same way, and its contrast is stretched; shades of the paper are removed.
    Otherwise the whole picture is scaled to their shape, in its own proportions.

    Parameters
    ----------
    picture : Picture
        From `read_picture`.
    form : ImageForm
    invert : bool, optional
        Whether to invert it. Default: decided by the border.

    Returns
    -------
    pixels : ndarray, shape `form.shape`, uint8
    notes : tuple of str
        The conversions, as messages for the user; empty if the pixels are those of the picture.

    Examples
    --------
    >>> pixels, notes = conform(read_picture("7.jpg"), form)  # doctest: +SKIP
    """
    pixels, notes = picture.pixels, list(picture.notes)
    bright = _has_bright_border(pixels)
    if invert or (
        invert is None and None not in (bright, form.background) and bright != _is_bright(form)
    ):
        pixels = 255 - pixels
        if not invert:
            which = ("bright", "dark") if bright else ("dark", "bright")
            notes.append(
                f"inverted, for its border is {which[0]} and that of the training images {which[1]}"
            )
    if form.box is not None:
        ink = _ink(pixels, _is_bright(form))
        if not ink.any():
            notes.append("it shows nothing but its background")
        elif not (pixels.shape == form.shape and _is_laid_out(pixels, form)):
            notes.append(f"its ink is scaled to {form.box} pixels and centred as in training")
            return _laid_out(ink, form), tuple(notes)
    if pixels.shape != form.shape:
        pixels = _scaled(pixels, form.shape)
    return pixels, tuple(notes)


def _is_bright(form: ImageForm) -> bool:
    return form.background is not None and form.background >= 128


def _has_bright_border(pixels: Array) -> bool | None:
    """Return whether the border is at the bright end of the levels; None for a single level."""
    low, high, border = float(pixels.min()), float(pixels.max()), float(np.median(_border(pixels)))
    return None if high - low < 255 * _FAINT else border - low > high - border


def _ink(pixels: Array, bright: bool) -> Array:
    """Return the distance of each pixel from the background, from 0 to 1 for the largest."""
    image = pixels.astype(np.float64)
    height, width = image.shape
    # The light on paper is uneven: the background is a plane through the border's levels.
    grid = np.stack([np.ones_like(image), *np.mgrid[:height, :width]], axis=-1)
    edge = np.stack([_border(grid[..., k]) for k in range(3)], axis=-1)
    levels = _border(image)
    plain = np.abs(levels - np.median(levels)) < 255 / 4  # ink that touches the border is none
    plane = np.linalg.lstsq(edge[plain], levels[plain], rcond=None)[0]
    away = image - grid @ plane
    noise = 3 * float(np.std(levels[plain] - edge[plain] @ plane))
    ink = np.maximum((-away if bright else away) - noise, 0)
    most = float(ink.max())
    return ink / most if most >= 255 * _FAINT else np.zeros_like(ink)


def _is_laid_out(pixels: Array, form: ImageForm) -> bool:
    """Return whether a picture of the right shape already has the layout of training images."""
    assert form.background is not None and form.box is not None and form.centre is not None
    ink = np.abs(pixels.astype(np.float64) - form.background)
    ink[ink < 255 * _FAINT] = 0
    if not ink.any() or abs(float(np.median(_border(pixels))) - form.background) > 32:
        return False
    top, bottom, left, right = _box(ink, dust=0)
    middle = (top + bottom - 1) / 2, (left + right - 1) / 2
    centre = np.array(_mass_centre(ink) if form.centred_by == "mass" else middle)
    fits = abs(max(bottom - top, right - left) - form.box) <= 1
    return fits and bool((np.abs(centre - form.centre) <= 1).all())


def _laid_out(ink: Array, form: ImageForm) -> npt.NDArray[np.uint8]:
    from PIL import Image

    assert form.background is not None and form.box is not None and form.centre is not None
    top, bottom, left, right = _box(np.where(ink > _SURE, ink, 0), _DUST)
    cut = ink[top:bottom, left:right]
    scale = form.box / max(cut.shape)
    height, width = (max(round(scale * side), 1) for side in cut.shape)
    resized = Image.fromarray(cut.astype(np.float32)).resize((width, height))
    small = np.maximum(np.asarray(resized, dtype=np.float64), 0)
    # Thin strokes have become faint: a tenth of the ink is to have its full colour.
    small = np.minimum(small / np.quantile(small[small > _FAINT * small.max()], 0.9), 1)
    centre = (
        _mass_centre(small) if form.centred_by == "mass" else ((height - 1) / 2, (width - 1) / 2)
    )
    # Pasted into a larger frame: ink that leaves the image at a side is cut off, as in training.
    margin = max(form.shape) + form.box
    frame = np.zeros((form.shape[0] + 2 * margin, form.shape[1] + 2 * margin))
    y, x = (
        margin + min(max(round(to - at), -margin), margin)
        for to, at in zip(form.centre, centre, strict=True)
    )
    frame[y : y + height, x : x + width] = small
    image = frame[margin : margin + form.shape[0], margin : margin + form.shape[1]]
    to = 0 if _is_bright(form) else 255
    return np.rint(form.background + (to - form.background) * image).astype(np.uint8)


def _scaled(pixels: Array, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Scale a whole picture into a shape; the margin gets the level of its border."""
    from PIL import Image

    scale = min(shape[0] / pixels.shape[0], shape[1] / pixels.shape[1])
    height, width = (max(round(scale * side), 1) for side in pixels.shape)
    small = np.asarray(Image.fromarray(pixels).resize((width, height)))
    image = np.full(shape, np.uint8(np.median(_border(pixels))))
    y, x = (shape[0] - height) // 2, (shape[1] - width) // 2
    image[y : y + height, x : x + width] = small
    return image
