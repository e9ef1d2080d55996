"""Arrays that an HDF5 file holds in chunks, most often to compress them.

An array is cut into equal boxes, chunks, the last ones reaching over its edges, and each is compressed on its own, by filters one after
the other. A tree, here a B-tree of version 1, says where the chunks are. A node of it begins with TREE, its type (1: of chunks), its level
(0: a leaf), how many children it has (2 bytes), and its two neighbors (8 each). Keys and children follow in turn. A key has the size of a
chunk (4), which filters it went without (4), and its corner, 8 bytes for each axis, and once more for the bytes in a number. A leaf's child
is a chunk's place, another node's that of a node one level below.

The HDF5 library follows trees that contain themselves, believes what they say of a chunk's size, and decompresses as long as something
comes out, so all of this is read without it. Version 3.0 of the format's specification describes the tree as III.A.1.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from typing import NamedTuple

import h5py
import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.hdf5.superblock import Hdf5Bytes
from minicnn.weightfiles.inflate import inflate
from minicnn.weightfiles.stored import shown

#: The filters that are undone: h5py's names for gzip, and for putting equal bytes of all numbers side by side before it.
GZIP, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE

#: The node's part before the first key.
NODE = 24

#: A chunk that does not shrink may grow, but by far less than to twice its size and this.
SLACK = 1024


class Chunk(NamedTuple):
    """A chunk: its corner in the array, where it lies in the file, how many bytes it has, and the filters it went without, one bit each."""

    corner: tuple[int, ...]
    start: int
    size: int
    skipped: int


def read_chunks(item: h5py.Dataset, place: str, file: Hdf5Bytes, tree: int) -> np.ndarray:
    """Read an array chunk by chunk.

    Parameters
    ----------
    item : h5py.Dataset
    place : str
        What to call it.
    file : Hdf5Bytes
        The file that it is in.
    tree : int
        Where the tree of its chunks begins.

    Raises
    ------
    WeightFileError
        If other filters were applied than gzip, and shuffling before it, or if a chunk does not hold what it should.
    """
    plan = item.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if filters not in ([], [GZIP], [SHUFFLE, GZIP]):
        raise WeightFileError(
            f"{shown(place)} is compressed in a way that minicnn does not read; expected gzip, with or without shuffling before it, or "
            "nothing"
        )
    grid = [range(0, length, step) for length, step in zip(item.shape, item.chunks, strict=True)]
    missing = np.ones([len(corners) for corners in grid], bool)
    array = np.empty(item.shape, item.dtype)
    for chunk in itertools.islice(_chunks(file, tree, item.ndim), missing.size):
        numbers = _numbers(file, chunk, filters, item.dtype, math.prod(item.chunks))
        if numbers is None or not all(map(operator.contains, grid, chunk.corner)):
            raise WeightFileError(f"it is damaged: {shown(place)} has a chunk at {chunk.corner} that makes no sense; get the file again")
        box = array[tuple(slice(start, start + step) for start, step in zip(chunk.corner, item.chunks, strict=True))]
        box[...] = numbers.reshape(item.chunks)[tuple(map(slice, box.shape))]
        missing[tuple(map(range.index, grid, chunk.corner))] = False
    if missing.any():
        raise WeightFileError(f"{shown(place)} lacks {missing.sum():,} of its {missing.size:,} chunks; get the file again")
    return array


def _chunks(file: Hdf5Bytes, node: int, axes: int, level: int | None = None) -> Iterator[Chunk]:
    """Find all chunks below a node of a tree, which is of some level."""
    start = file.origin + node
    found, children = file.number(start + 5, 1), file.number(start + 6, 2)
    if not file.begins(start, b"TREE\x01") or level not in (None, found) or not children:
        raise WeightFileError(f"it is damaged: its tree of chunks makes no sense at byte {start:,}; download or copy it again")
    key = 8 + 8 * (axes + 1)
    for first in range(start + NODE, start + NODE + children * (key + 8), key + 8):
        child = file.number(first + key)
        if found:
            yield from _chunks(file, child, axes, found - 1)
        else:
            corner = tuple(file.number(first + 8 + 8 * axis) for axis in range(axes))
            yield Chunk(corner, file.origin + child, file.number(first, 4), file.number(first + 4, 4))


def _numbers(file: Hdf5Bytes, chunk: Chunk, filters: list[int], dtype: np.dtype, count: int) -> np.ndarray | None:
    """Read a chunk, and undo its filters, the last one first; None if it is damaged."""
    size = count * dtype.itemsize
    if chunk.size > 2 * size + SLACK:
        return None
    content = file[chunk.start : chunk.start + chunk.size].tobytes()
    for name in reversed([name for i, name in enumerate(filters) if not chunk.skipped >> i & 1]):
        undone = inflate(content, size) if name == GZIP else _unshuffled(content, dtype)
        if undone is None:
            return None
        content = undone
    return np.frombuffer(content, dtype) if len(content) == size else None


def _unshuffled(content: bytes, dtype: np.dtype) -> bytes:
    """Put the bytes of each number together again: all first bytes come first, then all second ones."""
    count = len(content) // dtype.itemsize
    return np.frombuffer(content, np.uint8, count * dtype.itemsize).reshape(dtype.itemsize, count).T.tobytes()
