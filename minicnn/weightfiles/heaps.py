"""HDF5's heaps of texts, checked before the HDF5 library sees them: on a damaged one it goes round in circles for ever (seen with 2.0).

A heap ("global heap collection") begins at a multiple of 8 bytes with GCOL, a version, and its size. Objects follow: a number (2 bytes), a
count (2), 4 bytes, the size (8), and the content, filled up to a multiple of 8. Number 0 is the free space at the end, whose size includes
this header. The library steps from object to object without asking whether the step leads forward.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from minicnn.errors import WeightFileError

START = b"GCOL\x01\0\0\0"
HEADER = 16


def check_heaps(path: Path) -> None:
    """Raise WeightFileError if one of a file's heaps is damaged."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(START)
        while start >= 0:
            if start % 8 == 0 and not _leads_to_its_end(content, start):
                raise WeightFileError(f"it is damaged: its heap of texts at byte {start:,} makes no sense; download or copy it again")
            start = content.find(START, start + 1)


def _leads_to_its_end(content: mmap.mmap, start: int) -> bool:
    """Follow a heap's objects as the library does."""
    end = start + int.from_bytes(content[start + 8 : start + HEADER], "little")
    if end > len(content):
        return False
    position = start + HEADER
    while position + HEADER <= end:
        size = int.from_bytes(content[position + 8 : position + HEADER], "little")
        free = content[position : position + 2] == b"\0\0"
        step = size if free else HEADER + (size + 7) // 8 * 8
        if step < HEADER or position + step > end:
            return False
        position += step
    return True
