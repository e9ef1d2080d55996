"""Arrays that an HDF5 file holds compressed, chunk by chunk.

An array is cut into equal boxes, chunks, the last ones reaching over its edges, and each is compressed on its own, by filters one after the
other. HDF5's own decompression would go on as long as something comes out, so only the compressed chunks are taken from the library.
"""

from __future__ import annotations

import itertools
import math

import h5py
import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.inflate import inflate
from minicnn.weightfiles.stored import shown

#: The filters that are undone: h5py's names for gzip, and for putting equal bytes of all numbers side by side before it.
GZIP, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE


def filters_of(item: h5py.Dataset) -> list[int]:
    """List the filters that were applied to an array's chunks, in that order."""
    plan = item.id.get_create_plist()
    return [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]


def read_compressed(item: h5py.Dataset, place: str) -> np.ndarray:
    """Read an array chunk by chunk.

    Raises
    ------
    WeightFileError
        If other filters were applied than gzip, and shuffling before it, or if a chunk does not hold what it should.
    """
    filters = filters_of(item)
    if filters not in ([GZIP], [SHUFFLE, GZIP]):
        raise WeightFileError(f"{shown(place)} is compressed in a way that minicnn does not read; expected gzip, with or without shuffling before it, or nothing")
    size = math.prod(item.chunks) * item.dtype.itemsize
    array = np.empty(item.shape, item.dtype)
    raw = np.empty(2 * size + 1024, np.uint8)  # what does not shrink grows by far less
    for corner in itertools.product(*map(range, itertools.repeat(0), item.shape, item.chunks)):
        try:
            skipped, content = item.id.read_direct_chunk(corner, out=raw)
        except (OSError, RuntimeError, ValueError):  # h5py's ways to say so
            raise WeightFileError(f"{shown(place)} lacks its chunk at {corner}, or it is damaged; get the file again") from None
        numbers = _undone(bytes(content), [name for i, name in enumerate(filters) if not skipped >> i & 1], item.dtype, size)
        if numbers is None:
            raise WeightFileError(f"it is damaged: {shown(place)} cannot be decompressed; get the file again")
        box = array[tuple(slice(start, start + length) for start, length in zip(corner, item.chunks, strict=True))]
        box[...] = numbers.reshape(item.chunks)[tuple(map(slice, box.shape))]
    return array


def _undone(content: bytes, filters: list[int], dtype: np.dtype, size: int) -> np.ndarray | None:
    """Undo the filters of a chunk, the last one first; None if it is damaged."""
    for name in reversed(filters):
        content = inflate(content, size) if name == GZIP else _unshuffled(content, dtype)
        if content is None:
            return None
    return np.frombuffer(content, dtype) if len(content) == size else None


def _unshuffled(content: bytes, dtype: np.dtype) -> bytes:
    """Put the bytes of each number together again: all first bytes come first, then all second ones."""
    count = len(content) // dtype.itemsize
    return np.frombuffer(content, np.uint8, count * dtype.itemsize).reshape(dtype.itemsize, count).T.tobytes()
