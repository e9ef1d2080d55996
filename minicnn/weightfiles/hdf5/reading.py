"""HDF5 files as untrusted input: nothing outside the file is followed, and nothing is read before its size is known.

HDF5 can point to other places in several ways (soft and external links, external storage, virtual arrays), and can compress arrays, chunk
by chunk, through chains of filters. Only arrays that lie in the file itself are read, plain or compressed by gzip.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.hdf5.chunks import read_chunks
from minicnn.weightfiles.hdf5.headers import check_header, tree_of_chunks
from minicnn.weightfiles.hdf5.heaps import check_heaps
from minicnn.weightfiles.hdf5.superblock import Hdf5Bytes
from minicnn.weightfiles.stored import Budget, natural_order, shown

#: No attribute is larger, in bytes, nor are there more groups, one in another or altogether.
LARGEST_ATTRIBUTE, DEEPEST, MOST_GROUPS = 10_000_000, 16, 10_000

#: What h5py raises on damaged files.
DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    NotImplementedError,
)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Hdf5]:
    """Open a file for reading; every way in which that, or the reading, fails becomes one WeightFileError."""
    with _checked(np.memmap(path, np.uint8, mode="r"), path) as file:
        yield file


@contextlib.contextmanager
def opened_bytes(content: np.ndarray) -> Iterator[Hdf5]:
    """Open a file that lies in another, or in memory, given as an array of uint8; otherwise as `opened`."""
    with _checked(content, _Stream(content)) as file:
        yield file


@contextlib.contextmanager
def _checked(numbers: np.ndarray, source: Path | io.RawIOBase) -> Iterator[Hdf5]:
    """Check a file's bytes, then open it from where h5py finds the same."""
    content = Hdf5Bytes(numbers)
    check_heaps(content)
    check_header(content, content.root)
    try:
        with h5py.File(source, "r") as file:
            yield Hdf5(file, content)
    except WeightFileError:
        raise
    except DAMAGE as error:
        raise WeightFileError(f"it is damaged ({shown(error)}); download or copy it again") from None


class _Stream(io.RawIOBase):
    """Bytes as a file; what lies beyond the end is zeros, as HDF5 reads it from files."""

    def __init__(self, content: np.ndarray):
        self.content, self.place = content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.content.size}[whence]
        return self.place

    def tell(self) -> int:
        return self.place

    def readinto(self, buffer: Any) -> int:
        part = self.content[self.place : self.place + len(buffer)].tobytes()
        buffer[:] = part + bytes(len(buffer) - len(part))
        self.place += len(buffer)
        return len(buffer)


class Hdf5:
    """An HDF5 file, open for reading.

    Places in it are texts such as "model_weights/conv1"; "" is the root.

    Parameters
    ----------
    file : h5py.File
    content : Hdf5Bytes
        Of the same file.
    """

    def __init__(self, file: h5py.File, content: Hdf5Bytes):
        self.file, self.bytes = file, content
        self.budget = Budget(self.bytes.size)

    def item(self, place: str) -> h5py.Group | h5py.Dataset | None:
        """Find what is at a place; None if there is nothing."""
        return self._found(place)[0]

    def is_group(self, place: str) -> bool:
        """Tell whether there is a group."""
        return isinstance(self.item(place), h5py.Group)

    def members(self, place: str) -> list[str]:
        """List the names in a group."""
        group = self._group(place)
        if len(group) > MOST_GROUPS:
            raise WeightFileError(f"its group {shown(place)} has {len(group):,} members; expected at most {MOST_GROUPS:,}")
        return list(group)

    def metadata(self) -> dict[str, str]:
        """Read the attributes of the root that are texts."""
        values = {name: self._attribute(self.file, name) for name in self.file.attrs}
        decoded = {name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for name, value in values.items()}
        return {name: value for name, value in decoded.items() if isinstance(value, str)}

    def text_list(self, place: str, name: str) -> list[str] | None:
        """Read a list of texts from an attribute, or from its numbered pieces; None if there is none."""
        group = self._group(place)
        pieces = [name] if name in group.attrs else []
        while f"{name}{len(pieces)}" in group.attrs:
            pieces.append(f"{name}{len(pieces)}")
        if not pieces:
            return None
        texts = [text for piece in pieces for text in np.ravel(self._attribute(group, piece))]
        if any(not isinstance(text, (str, bytes)) for text in texts):
            raise WeightFileError(f"its list {shown(name)} does not consist of texts; get the file again")
        return [text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text) for text in texts]

    def number(self, place: str, name: str, most: int = 100) -> int | None:
        """Read a whole number from an attribute; None if there is none."""
        group = self._group(place)
        if name not in group.attrs:
            return None
        value = np.asarray(self._attribute(group, name))
        if value.size != 1 or value.dtype.kind not in "iu" or not 0 <= int(value.reshape(-1)[0]) <= most:
            raise WeightFileError(f"its attribute {shown(name)} is no number from 0 to {most}; get the file again")
        return int(value.reshape(-1)[0])

    def array(self, place: str, layer: str) -> np.ndarray:
        """Read an array.

        Float32 and other numbers that lie in the file in one piece are mapped into memory, not copied; they are read when they are used. So
        while they are in use the file may be replaced by another, but not be changed in place.
        """
        item, header = self._found(place)
        if not isinstance(item, h5py.Dataset) or item.external is not None:
            raise WeightFileError(f"it is damaged: layer {shown(layer)} does not consist of arrays in this file ({shown(place)})")
        if item.dtype.kind != "f" or item.dtype.itemsize > 8:
            whole = ". Where a layer such as Keras' Normalization counts, only the whole model (model.save('NAME.keras')) says what it does"
            raise WeightFileError(f"{shown(place)} holds {item.dtype}, expected floating-point numbers{whole * (item.dtype.kind in 'iu')}")
        if item.shape is None or 0 in item.shape:
            raise WeightFileError(f"{shown(place)} is empty; expected an array")
        size = math.prod(item.shape) * item.dtype.itemsize
        offset = item.id.get_offset()  # None if the numbers lie in several pieces, or compressed, or nowhere
        if offset is not None:
            if offset + size > self.bytes.size:
                raise WeightFileError(f"it is truncated or damaged: {shown(place)} of shape {item.shape} does not lie in the file")
            return self.bytes[offset : offset + size].view(item.dtype).reshape(item.shape)
        self.budget.take(size, place)
        if item.chunks is not None:
            self.budget.take(math.prod(item.chunks) * item.dtype.itemsize, place)
            return read_chunks(item, place, self.bytes, tree_of_chunks(self.bytes, header))
        array = np.empty(item.shape, item.dtype)
        item.read_direct(array)
        return array

    def _found(self, place: str) -> tuple[h5py.Group | h5py.Dataset | None, int]:
        """Find what is at a place, and where its header is, along hard links only, which cannot leave the file."""
        item: h5py.Group | h5py.Dataset = self.file
        header = self.bytes.root
        for part in place.split("/"):
            if part in ("", "."):
                continue
            group, name = item.id, part.encode("utf-8", "surrogateescape")
            link = group.links.get_info(name) if isinstance(item, h5py.Group) and group.links.exists(name) else None
            if link is None or link.type != h5py.h5l.TYPE_HARD:
                return None, 0
            header = link.u
            check_header(self.bytes, header)
            item = item[part]
        return item, header

    def _group(self, place: str) -> h5py.Group:
        item = self.item(place)
        if not isinstance(item, h5py.Group):
            raise WeightFileError(f"it is damaged: there is no group {shown(place)!r}; get the file again")
        return item

    def _attribute(self, item: h5py.Group, name: str) -> Any:
        """Read an attribute after a look at its size; None if it is of a type that is neither numbers nor texts."""
        attribute = item.attrs.get_id(name)
        if attribute.get_type().get_class() not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT):
            return None
        if math.prod(attribute.shape) * attribute.get_type().get_size() > min(LARGEST_ATTRIBUTE, self.bytes.size):
            raise WeightFileError(f"its attribute {shown(name)} claims to be larger than the file, or than {LARGEST_ATTRIBUTE:,} bytes")
        return item.attrs[name]


def natural_groups(file: Hdf5, name: str, skipped: str) -> list[str]:
    """Find all groups of a name, except below the root's group `skipped`, numbered ones in the order of their numbers."""
    found, seen = [], 0
    waiting = [(place, 1) for place in file.members("") if place != skipped]
    while waiting:
        place, depth = waiting.pop()
        seen += 1
        if seen > MOST_GROUPS or depth > DEEPEST:
            raise WeightFileError(f"it has more than {MOST_GROUPS:,} groups, or groups more than {DEEPEST} deep; expected Keras' weights")
        if not file.is_group(place):
            continue
        if place.endswith(f"/{name}"):
            found.append(place)
        else:
            waiting += [(f"{place}/{member}", depth + 1) for member in file.members(place)]
    return sorted(found, key=natural_order)
