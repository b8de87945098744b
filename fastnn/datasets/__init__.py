"""Data sets by name, IDX files, and tables: CSV, TSV, .npz and .npy.

Sizes: n examples, images of h x w pixels. Everything is returned as the bytes that were stored:
images uint8 (n, h*w), C-contiguous and writable, labels int64 (n,).

Files are not trusted: sizes in headers are compared with the file before memory is taken,
compressed data is unpacked in bounded steps up to what its header claims, downloads are compared
with published checksums and become visible only when they are complete.
"""

from .data import Data, load_data, load_rows
from .idx import load_idx, read_idx
from .published import cache_folder, load_digits, load_fashion_mnist, load_mnist
from .tables import Table, load_table

__all__ = [
    "Data",
    "Table",
    "cache_folder",
    "load_data",
    "load_digits",
    "load_fashion_mnist",
    "load_idx",
    "load_mnist",
    "load_rows",
    "load_table",
    "read_idx",
]
