"""Tables of text (.csv): paths of photos with their labels, or labels with the pixels themselves, as Kaggle has them."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from minicnn.errors import DatasetError
from minicnn.training.datasets import Dataset, numbered
from minicnn.training.reading.arrays import labeled
from minicnn.training.reading.folders import of_files

#: What the column of labels is called in tables of pixels.
LABEL_NAMES = ("label", "class", "target", "y")


def read_table(path: Path, skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    """Read a .csv file; arguments and errors as for `read_dataset`."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            first = next((row for row in reader if row), [])
            if len(first) > 3:
                return _read_pixels(path, first)
            lines = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no text in UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise DatasetError(f"{path} is no table of text ({error}); expected a path and a label in each row, with a comma between") from None
    return _read_paths(path, [(1, first), *lines] if first else [], skip_damaged, progress)


def _read_paths(path: Path, lines: Sequence[tuple[int, list[str]]], skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    """Read rows of a photo's path, from the table's folder, and its label, given with the numbers of their lines."""
    if lines and [cell.strip().lower() for cell in lines[0][1]] == ["path", "label"]:
        lines = lines[1:]
    for number, row in lines:
        if len(row) != 2:
            raise DatasetError(
                f"line {number} of {path} has {len(row)} column{'s' * (len(row) != 1)}; expected two with a comma between, the path of a "
                "photo and its label"
            )
    rows = [row for _, row in lines]
    photos = [path.parent / row[0].strip() for row in rows]
    if len(photos) > 1 and not photos[0].exists() and photos[1].exists():
        raise DatasetError(
            f"{path} begins with {','.join(rows[0])!r}, and there is no file {photos[0]}; if it is a heading, let it be 'path,label'"
        )
    if not photos:
        raise DatasetError(f"there is no photo in {path}; expected the path of a photo and its label in each row")
    missing = [photo for photo in photos if not photo.is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(photos)} files that {path} names are not there, the first {missing[0]}; paths count from its folder"
        )
    return of_files(photos, *numbered([row[1].strip() for row in rows]), path, skip_damaged, progress)


def _read_pixels(path: Path, first: Sequence[str]) -> Dataset:
    """Read rows of a label and the pixels of a square gray photo.

    The column of labels is the one that the heading calls so, or without a heading the first.
    """
    names = [cell.strip().lower() for cell in first]
    heading = not all(name.isdecimal() for name in names)
    column = next((names.index(name) for name in LABEL_NAMES if name in names), 0)
    side = math.isqrt(len(names) - 1)
    if side * side != len(names) - 1:
        raise DatasetError(f"{path} has {len(names)} columns; expected a label and the pixels of a square gray photo, as 1 + 28 x 28")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are no rows, we say ourselves
            table = np.loadtxt(path, np.int32, delimiter=",", skiprows=int(heading), ndmin=2, encoding="utf-8-sig")
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read as labels and pixels ({error}); expected whole numbers with commas between") from None
    if table.size and table.shape[1:] != (len(names),):
        raise DatasetError(f"the rows of {path} have {table.shape[1]} columns, its first {len(names)}; expected as many in all")
    table = table.reshape(-1, len(names))
    pixels = np.delete(table, column, axis=1)
    if pixels.size and (pixels.min() < 0 or pixels.max() > 255):
        raise DatasetError(f"the pixels of {path} run from {pixels.min()} to {pixels.max()}; expected 0 to 255")
    return labeled(pixels.astype(np.uint8).reshape(-1, side, side), table[:, column], None, path)
