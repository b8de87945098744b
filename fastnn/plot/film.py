"""Film of a gradient descent: the landscape, with paths that grow step by step."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import paths, progress
from ..checks import check_number
from .descent import Limits, Scene
from .style import pyplot

if TYPE_CHECKING:
    from ..explain.descent import Descent

_FRAMES = 120  # of a film, at most
_DPI = 80


def film(
    descent: Descent,
    path: str | os.PathLike[str],
    *,
    fps: float = 10,
    limits: Limits | None = None,
    progress: bool = True,
) -> None:
    """Write the descent as a film: `landscape` with the paths growing step by step.

    Of more than 120 steps, 120 evenly spread ones are shown.

    Parameters
    ----------
    descent : Descent
    path : path-like
        Ends with .gif, or with .mp4 (which needs the program ffmpeg).
    fps : float, default 10
        Pictures a second, above 0.
    limits : ((x_min, x_max), (y_min, y_max)), optional
        As of `landscape`.
    progress : bool, default True
        Show a bar on stderr, or in the notebook.

    Raises
    ------
    ValueError
        Another ending, or MP4 without ffmpeg; nothing is written.
    OSError
        The film cannot be written; an old file is unchanged.
    ImportError
        matplotlib is not installed.
    """
    target = Path(path)
    fps = check_number("fps", fps, "a number above 0", lambda rate: rate > 0)
    ending = target.suffix.lower()
    if ending not in (".gif", ".mp4"):
        raise ValueError(f"path must end with .gif or .mp4, got {str(path)!r}")
    plt = pyplot()
    if ending == ".mp4" and shutil.which(str(plt.rcParams["animation.ffmpeg_path"])) is None:
        raise ValueError(
            f"path {str(path)!r}: MP4 needs the program ffmpeg, which is not here; "
            "a path that ends with .gif needs nothing more"
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path {str(path)!r}: there is no folder {str(target.parent)!r}")
    scene = Scene(descent, limits)
    # matplotlib needs the right ending, so it writes to another folder, and the file is moved.
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"film{ending}"
        _write(scene, made, fps, progress)
        paths.replace(target, made.read_bytes())


def _write(scene: Scene, path: Path, fps: float, show: bool) -> None:
    from matplotlib.animation import FFMpegWriter

    most = max(len(line.path) for line in scene.lines)
    frames = np.unique(np.linspace(1, most, min(most, _FRAMES)).round().astype(int))
    frames = np.append(frames, [most] * ceil(fps))  # the last picture is shown for a second
    scene.freeze()
    scene.show(most)
    film: Any = FFMpegWriter
    writer = _GifWriter(scene.figure, fps) if path.suffix == ".gif" else film(fps=fps)
    with (
        progress.bar(show, epochs=len(frames), examples=1, unit="picture") as bar,
        writer.saving(scene.figure, path, dpi=_DPI),
    ):
        for done, points in enumerate(frames, 1):
            scene.show(int(points))
            writer.grab_frame()
            bar.epoch_end(done, {})


class _GifWriter:
    """A writer of a GIF whose pictures all have the colours of the first figure.

    matplotlib's writer chooses 256 colours for each picture: the first has little yellow, and its
    legend turned green.
    """

    def __init__(self, figure: Any, fps: float) -> None:
        self._figure, self._fps = figure, fps
        self._pictures: list[Any] = []
        self._palette = self._drawn().quantize(256)

    def _drawn(self) -> Any:
        from PIL import Image

        drawn = io.BytesIO()
        self._figure.savefig(drawn, format="png", dpi=_DPI)
        return Image.open(drawn).convert("RGB")

    @contextmanager
    def saving(self, figure: Any, path: Path, dpi: int) -> Iterator[None]:
        """Write the film at the end, as matplotlib's writers do."""
        yield
        first, *others = self._pictures
        each = 1000 / self._fps  # milliseconds
        first.save(path, save_all=True, append_images=others, duration=each, loop=0)

    def grab_frame(self) -> None:
        """Add the current figure as a picture."""
        self._pictures.append(self._drawn().quantize(palette=self._palette, dither=0))
