"""MNIST's files: a short header, then all numbers one after the other.

    bytes       0  0  8  3   0 0 234 96   0 0 0 28   0 0 0 28   numbers, one byte each
    meaning     type, axes   60,000       28         28         row by row

The type 8 stands for unsigned bytes, the only one that photos and their labels come in. The files of one data set are called alike:
train-images-idx3-ubyte and train-labels-idx1-ubyte, t10k-... for testing, each perhaps compressed by gzip (.gz).

References
----------
Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from minicnn.errors import DatasetError, listed, several
from minicnn.training.datasets import Dataset
from minicnn.training.reading.arrays import labeled
from minicnn.training.reading.parts import PART_NAMES, Part

IMAGES = re.compile(r"(.*)images([-.])idx3([-.])ubyte(\.gz)?", re.IGNORECASE)
LABELS = re.compile(r"(.*)labels([-.])idx1([-.])ubyte(\.gz)?", re.IGNORECASE)


def is_idx(path: Path) -> bool:
    """Tell by the name whether a file is one of MNIST's kind."""
    return bool(IMAGES.fullmatch(path.name) or LABELS.fullmatch(path.name))


def find_idx(folder: Path, part: Part) -> Path | None:
    """Find the photos of a part among a folder's files; None if it holds no such files.

    Raises
    ------
    DatasetError
        If it holds those of another part, or of several data sets.
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and IMAGES.fullmatch(path.name)]
    unpacked = [path for path in files if path.suffix.lower() != ".gz" or path.with_suffix("") not in files]
    found = [path for path in unpacked if re.search(rf"(^|[-_.])({'|'.join(PART_NAMES[part])})[-_.]images", path.name, re.IGNORECASE)]
    if files and len(found) != 1:
        names, begins = listed([path.name for path in unpacked]), " or ".join(PART_NAMES[part][:2])
        raise DatasetError(f"{folder} holds {names}; expected one such file whose name begins with {begins}, or name it")
    return found[0] if found else None


def read_idx(path: Path) -> Dataset:
    """Read photos and the labels beside them, given the path of either; errors as for `read_dataset`."""
    images, labels = _pair(path)
    return replace(labeled(_read(images, axes=3), _read(labels, axes=1), None, path), note=images.name)


def _pair(path: Path) -> tuple[Path, Path]:
    """Find the files of the photos and of their labels, given the path of either; both may be compressed."""
    match = IMAGES.fullmatch(path.name) or LABELS.fullmatch(path.name)
    assert match is not None, f"{path.name} is not called as MNIST's files are"
    begin, dash, dot, compressed = match.groups()
    names = f"{begin}images{dash}idx3{dot}ubyte", f"{begin}labels{dash}idx1{dot}ubyte"
    found = []
    for name in names:
        places = [path, *(path.with_name(name + end) for end in dict.fromkeys((compressed or "", "", ".gz")))]
        place = next((place for place in places if place.name.removesuffix(".gz") == name and place.is_file()), None)
        if place is None:
            raise DatasetError(f"there is no {name} beside {path}; photos and labels come in two files that are called alike")
        found.append(place)
    return found[0], found[1]


def _read(path: Path, axes: int) -> np.ndarray:
    """Read the numbers of one file; raises DatasetError if it is damaged, or has another number of axes."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb") as file:
            start, sides = file.read(4), file.read(4 * axes)
            if len(start + sides) < 4 + 4 * axes:
                raise DatasetError(
                    f"{path} ends after {several(len(start + sides), 'byte')}; expected a header of {4 + 4 * axes}, and then numbers. Get "
                    "the file again"
                )
            if start != bytes([0, 0, 8, axes]):
                raise DatasetError(f"{path} begins with {start!r}; expected {bytes([0, 0, 8, axes])!r}, bytes in {axes} axes")
            shape = tuple(int.from_bytes(sides[i : i + 4], "big") for i in range(0, len(sides), 4))
            size = math.prod(shape)
            if size > psutil.virtual_memory().available or (path.suffix.lower() != ".gz" and size > os.path.getsize(path)):
                raise DatasetError(f"{path} claims {size:,} numbers, shape {shape}; expected as many as it holds, and room for them")
            content = file.read(size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{path} is damaged ({error}); get the file again") from None
    if len(content) != size:
        raise DatasetError(
            f"{path} claims {size:,} numbers, shape {shape}, and holds {'more' if len(content) > size else len(content)}; get it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)
