"""NumPy's own files, .npy and .npz, read without running any code in them."""

from __future__ import annotations

import os
import tokenize
import zipfile
from typing import BinaryIO

import numpy as np

#: What reading a damaged file raises.
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RecursionError,
    SyntaxError,
    MemoryError,
    tokenize.TokenError,
    zipfile.BadZipFile,
)

BEGINNINGS = (b"\x93NUMPY", b"PK")


def opened(path: str | os.PathLike) -> np.ndarray | np.lib.npyio.NpzFile:
    """Read an array, or open an archive of arrays, as there is; raises one of `DAMAGED` if the file is neither."""
    with open(path, "rb") as file:
        if not file.read(6).startswith(BEGINNINGS):
            raise ValueError("it is no .npy or .npz file")
    return np.load(path, allow_pickle=False)


def opened_archive(path: str | os.PathLike) -> np.lib.npyio.NpzFile:
    """Open an archive of arrays; raises one of `DAMAGED` if the file is none."""
    file = opened(path)
    if isinstance(file, np.ndarray):
        raise ValueError("it holds a single array; expected an .npz file, with several")
    return file


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of an array: its shape, whether it is stored column by column, and its type; raises one of `DAMAGED`."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, by_columns, dtype = readers[np.lib.format.read_magic(file)](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    return shape, by_columns, dtype
