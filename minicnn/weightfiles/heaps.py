"""HDF5's heaps of texts, checked before the HDF5 library sees them: in damaged ones it goes round in circles for ever (seen with 2.0).

A *global heap* holds texts of any length. It begins with GCOL, a version, and its size. Objects follow: a number (2 bytes), a count (2), 4
bytes, the size (8), and the content, filled up to a multiple of 8. Number 0 is the free space at the end, whose size includes this header.
The library steps from object to object without asking whether the step leads forward.

A *local heap* holds the names in a group. It begins with HEAP, a version, the size of its content, where in it the first free block lies, and
where the content lies in the file. A free block begins with where the next one lies (1 after the last), and its own size. The library follows
them without asking whether it has been there, and takes memory at each step.

All begin at multiples of 8 bytes, and numbers have 8 bytes. Version 3.0 of the format's specification calls them III.E and III.D.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicnn.errors import WeightFileError

#: How heaps begin, with their version, as numbers of 8 bytes.
GLOBAL, LOCAL = (int.from_bytes(start, "little") for start in (b"GCOL\x01\0\0\0", b"HEAP\0\0\0\0"))
HEADER = 16

#: Where the next free block lies if there is none.
NO_MORE = 1

#: Numbers looked at in one go, which fit into the processor's cache.
BLOCK = 1 << 16


def check_heaps(content: np.ndarray) -> None:
    """Raise WeightFileError if one of the heaps in a file's bytes is damaged."""
    origin = _origin(content)
    for start in _starts(content, GLOBAL):
        if not _leads_to_its_end(content, start):
            raise WeightFileError(f"it is damaged: its heap of texts at byte {start:,} makes no sense; download or copy it again")
    for start in _starts(content, LOCAL):
        if _goes_in_circles(content, start, origin):
            raise WeightFileError(f"it is damaged: its heap of names at byte {start:,} makes no sense; download or copy it again")


def _origin(content: np.ndarray) -> int:
    """Find the byte from which places in the file count: its signature's, at 0, 512, 1024, 2048 or so on."""
    start = 0
    while start < content.size and content[start : start + 8].tobytes() != b"\x89HDF\r\n\x1a\n":
        start = 2 * start or 512
    return start


def _starts(content: np.ndarray, first_number: int) -> Iterator[int]:
    """Find where heaps begin."""
    numbers = content[: content.size // 8 * 8].view("<u8")
    for first in range(0, numbers.size, BLOCK):
        found = numbers[first : first + BLOCK] == first_number
        if found.any():
            yield from (8 * (first + int(i)) for i in np.flatnonzero(found))


def _leads_to_its_end(content: np.ndarray, start: int) -> bool:
    """Follow a global heap's objects as the library does."""
    end = start + _number(content, start + 8)
    if end > content.size:
        return True  # the library refuses that
    position = start + HEADER
    while position + HEADER <= end:
        size, free = _number(content, position + 8), not content[position : position + 2].any()
        step = size if free else HEADER + (size + 7) // 8 * 8
        if step < HEADER or position + step > end:
            return False
        position += step
    return True


def _goes_in_circles(content: np.ndarray, start: int, origin: int) -> bool:
    """Follow a local heap's free blocks as the library does, which itself refuses those that lie outside the heap."""
    size, free, place = (_number(content, start + offset) for offset in (8, 16, 24))
    if origin + place + size > content.size:
        return False
    seen: set[int] = set()
    while free != NO_MORE and free + HEADER <= size:
        if free in seen:
            return True
        seen.add(free)
        free = _number(content, origin + place + free)
    return False


def _number(content: np.ndarray, start: int) -> int:
    return int.from_bytes(content[start : start + 8].tobytes(), "little")
