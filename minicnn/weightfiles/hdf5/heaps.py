"""HDF5's heaps of texts, checked before the HDF5 library sees them: in damaged ones it goes round in circles for ever (seen with 2.0).

A *global heap* holds texts of any length. It begins with GCOL, a version, and its size. Objects follow: a number (2 bytes), a count (2), 4
bytes, the size (8), and the content, filled up to a multiple of 8. Number 0 is the free space at the end, whose size includes this header.
The library steps from object to object without asking whether the step leads forward.

A *local heap* holds the names in a group. It begins with HEAP, a version, the size of its content, where in it the first free block lies,
and where the content lies in the file. A free block begins with where the next one lies (1 after the last), and its own size. The library
follows them without asking whether it has been there, and takes memory at each step.

Version 3.0 of the format's specification calls them III.E and III.D.
"""

from __future__ import annotations

from minicnn.errors import WeightFileError
from minicnn.weightfiles.hdf5.superblock import Hdf5Bytes

#: How heaps begin, with their versions; and how long that is, with their size.
GLOBAL, LOCAL = b"GCOL\x01\0\0\0", b"HEAP\0\0\0\0"
HEADER = 16

#: Where the next free block lies if there is none.
NO_MORE = 1


def check_heaps(file: Hdf5Bytes) -> None:
    """Raise WeightFileError if one of the heaps in a file is damaged."""
    for start in file.places_of(GLOBAL):
        if not _texts_end(file, start):
            raise WeightFileError(f"it is damaged: its heap of texts at byte {start:,} makes no sense; download or copy it again")
    for start in file.places_of(LOCAL):
        if not _names_end(file, start):
            raise WeightFileError(f"it is damaged: its heap of names at byte {start:,} makes no sense; download or copy it again")


def _texts_end(file: Hdf5Bytes, start: int) -> bool:
    """Follow a global heap's objects, and tell whether they lead to its end, in the file."""
    end = start + file.number(start + 8)
    position = start + HEADER
    while position + HEADER <= end <= file.size:
        size, free = file.number(position + 8), not file[position : position + 2].any()
        step = size if free else HEADER + (size + 7) // 8 * 8
        if step < HEADER or position + step > end:
            return False
        position += step
    return end <= file.size


def _names_end(file: Hdf5Bytes, start: int) -> bool:
    """Follow a local heap's free blocks, and tell whether they come to an end; the library refuses those that lie outside the heap."""
    size, free, place = (file.number(start + offset) for offset in (8, 16, 24))
    seen: set[int] = set()
    while free != NO_MORE and free + HEADER <= size and free not in seen:
        seen.add(free)
        free = file.number(file.origin + place + free)
    return free not in seen and file.origin + place + size <= file.size
