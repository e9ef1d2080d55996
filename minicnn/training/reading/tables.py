"""Tables of text (.csv): paths of photos with their labels, or labels with the pixels themselves, as Kaggle has them."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import numpy as np

from minicnn.errors import DatasetError, several
from minicnn.training.datasets import Dataset, numbered
from minicnn.training.reading.arrays import labeled
from minicnn.training.reading.folders import of_files

#: What the column of labels is called in tables of pixels.
LABEL_NAMES = ("label", "class", "target", "y")

#: No line is longer, in characters; 512 x 512 pixels take at most a million.
LONGEST_LINE = 1 << 22


def read_table(path: Path, skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    """Read a .csv file; arguments and errors as for `read_dataset`."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(_lines(file, path))
            rows = (row for row in reader if row)
            first, number = next(rows, []), reader.line_num
            if len(first) > 3:
                return _read_pixels(path, rows, first, lambda: reader.line_num)
            lines = [(reader.line_num, row) for row in rows]
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no text in UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise DatasetError(f"{path} is no table of text ({error}); expected a path and a label in each row, with a comma between") from None
    return _read_paths(path, [(number, first), *lines] if first else [], skip_damaged, progress)


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """Read a file line by line; raises DatasetError at one that is very long, as in what is no text."""
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise DatasetError(f"{path} has a line of more than {LONGEST_LINE:,} characters; expected a table with short rows")
        yield line


def _read_paths(path: Path, lines: Sequence[tuple[int, list[str]]], skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    """Read rows of a photo's path, from the table's folder, and its label, given with the numbers of their lines."""
    heading = [cell.strip().lower() for cell in lines[0][1]] if lines else []
    first, second = (1, 0) if heading == ["label", "path"] else (0, 1)
    if sorted(heading) == ["label", "path"]:
        lines = lines[1:]
    for number, row in lines:
        if len(row) != 2:
            raise DatasetError(
                f"line {number} of {path} has {len(row)} column{'s' * (len(row) != 1)}; expected two with a comma between, the path of a "
                "photo and its label"
            )
    rows = [row for _, row in lines]
    photos = [path.parent / row[first].strip() for row in rows]
    if len(photos) > 1 and not photos[0].exists() and photos[1].exists():
        raise DatasetError(
            f"{path} begins with {','.join(rows[0])!r}, and there is no file {photos[0]}; if it is a heading, let it be 'path,label'"
        )
    if not photos:
        raise DatasetError(f"there is no photo in {path}; expected the path of a photo and its label in each row")
    missing = [photo for photo in photos if not photo.is_file()]
    if missing and (path.parent / rows[-1][second].strip()).is_file():
        raise DatasetError(f"the paths in {path} are in its second column; expected them in the first, or the heading 'label,path'")
    if missing:
        raise DatasetError(
            f"{len(missing)} of {several(len(photos), 'file')} that {path} names are not there, the first {missing[0]}; paths count from "
            "its folder"
        )
    return of_files(photos, *numbered([row[second].strip() for row in rows]), path, skip_damaged, progress)


def _read_pixels(path: Path, rows: Iterator[list[str]], first: Sequence[str], line: Callable[[], int]) -> Dataset:
    """Read rows of a label and the pixels of a square gray photo, which are all of the same length."""
    names = [cell.strip().lower() for cell in first]
    side = math.isqrt(len(names) - 1)
    if side * side != len(names) - 1:
        raise DatasetError(f"{path} has {len(names)} columns; expected a label and the pixels of a square gray photo, as 1 + 28 x 28")
    heading = not all(name.isdecimal() for name in names) or names == [str(i) for i in range(len(names))]
    column = _column_of_labels(path, names) if heading else 0
    pixels, labels = bytearray(), []
    for row in rows if heading else itertools.chain([list(first)], rows):
        try:
            labels.append(row.pop(column).strip())
            photo = bytes(map(int, row))
        except (ValueError, IndexError):
            photo = b""
        if len(photo) != side * side:
            raise DatasetError(f"line {line()} of {path} is no label with {side} x {side} pixels; expected whole numbers from 0 to 255")
        pixels += photo
    photos = np.frombuffer(pixels, np.uint8).reshape(len(labels), side, side)
    numbers = all(label.isdecimal() and len(label) < 10 for label in labels)
    found = labeled(photos, np.array(labels, np.int64 if numbers else None), None, path)
    return found if heading else replace(found, note=f"{path.name} has no heading, so its first column is taken for the labels")


def _column_of_labels(path: Path, names: Sequence[str]) -> int:
    """Find the column of labels by the heading; raises DatasetError unless there is one, and pixels with numbers in the others."""
    columns = [i for i, name in enumerate(names) if name in LABEL_NAMES]
    others = [name for i, name in enumerate(names) if i not in columns and not re.search("[0-9]", name)]
    if len(columns) == 1 and not others:
        return columns[0]
    what = f"a column {others[0]!r}" if others else f"{len(columns) or 'no'} columns of labels"
    raise DatasetError(
        f"the heading of {path} has {what}; expected one column called {' or '.join(LABEL_NAMES)}, and pixels with numbers, such as pixel0"
    )
