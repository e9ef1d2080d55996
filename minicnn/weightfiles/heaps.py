"""HDF5's heaps of texts, checked before the HDF5 library sees them: on a damaged one it goes round in circles for ever (seen with 2.0).

A heap ("global heap collection") begins at a multiple of 8 bytes with GCOL, a version, and its size. Objects follow: a number (2 bytes), a
count (2), 4 bytes, the size (8), and the content, filled up to a multiple of 8. Number 0 is the free space at the end, whose size includes
this header. The library steps from object to object without asking whether the step leads forward.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicnn.errors import WeightFileError

#: GCOL, version 1, as a number of 8 bytes.
START = int.from_bytes(b"GCOL\x01\0\0\0", "little")
HEADER = 16

#: Numbers looked at in one go, which fit into the processor's cache.
BLOCK = 1 << 16


def check_heaps(content: np.ndarray) -> None:
    """Raise WeightFileError if one of the heaps in a file's bytes is damaged."""
    for start in _starts(content):
        if not _leads_to_its_end(content, start):
            raise WeightFileError(f"it is damaged: its heap of texts at byte {start:,} makes no sense; download or copy it again")


def _starts(content: np.ndarray) -> Iterator[int]:
    """Find where heaps begin."""
    numbers = content[: content.size // 8 * 8].view("<u8")
    for first in range(0, numbers.size, BLOCK):
        found = numbers[first : first + BLOCK] == START
        if found.any():
            yield from (8 * (first + int(i)) for i in np.flatnonzero(found))


def _leads_to_its_end(content: np.ndarray, start: int) -> bool:
    """Follow a heap's objects as the library does."""
    end = start + _number(content, start + 8)
    if end > content.size:
        return False
    position = start + HEADER
    while position + HEADER <= end:
        size, free = _number(content, position + 8), not content[position : position + 2].any()
        step = size if free else HEADER + (size + 7) // 8 * 8
        if step < HEADER or position + step > end:
            return False
        position += step
    return True


def _number(content: np.ndarray, start: int) -> int:
    return int.from_bytes(content[start : start + 8].tobytes(), "little")
