"""The bytes of an HDF5 file, and its own header, the *superblock*, which says where everything else begins.

Numbers and places have 8 bytes in nearly all files, the least significant first; places count from the superblock. Chapter II of version
3.0 of the format's specification describes it. An extension, which may say for example that parts of the file are kept in another way, is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from minicnn.errors import WeightFileError

SIGNATURE = b"\x89HDF\r\n\x1a\n"

#: A place that is none.
NOWHERE = (1 << 64) - 1

#: What to do about a file that is not read.
REMEDY = "download it again, or save it anew with h5py's own settings, without libver"


class Hdf5Bytes:
    """The bytes of an HDF5 file.

    Parameters
    ----------
    content : array of uint8
        All of them.

    Raises
    ------
    WeightFileError
        If there is no superblock, or an unusual one, or if the file is shorter than it says.

    Attributes
    ----------
    origin : int
        The byte where the superblock begins: 0, 512, 1024, 2048 or so on.
    root : int
        The place of the root's header.
    """

    def __init__(self, content: np.ndarray):
        self.content, self.size, self.origin = content, content.size, 0
        while self.origin < self.size and not self.begins(self.origin, SIGNATURE):
            self.origin = 2 * self.origin or 512
        version = self.number(self.origin + 8, 1)
        sizes, base, root = (13, 24 + 4 * version, 64 + 4 * version) if version < 2 else (9, 12, 36)
        extended = version > 1 and self.number(self.origin + 20) != NOWHERE
        if not self.begins(self.origin + sizes, b"\x08\x08") or extended:
            raise WeightFileError(f"it is damaged, or an HDF5 file of an unusual kind; {REMEDY}")
        self.root = self.number(self.origin + root)
        length = self.origin + self.number(self.origin + base + 16) - self.number(self.origin + base)
        if length > self.size:
            raise WeightFileError(f"it is truncated: {self.size:,} bytes of {length:,}; download or copy it again")

    def __getitem__(self, part: slice) -> np.ndarray:
        return self.content[part]

    def begins(self, start: int, text: bytes) -> bool:
        """Tell whether these bytes are there."""
        return self[start : start + len(text)].tobytes() == text

    def places_of(self, text: bytes) -> Iterator[int]:
        """Find where these bytes are, anywhere in the file."""
        return (found.start() for found in re.finditer(re.escape(text), self.content.data))

    def number(self, start: int, size: int = 8) -> int:
        """Read a whole number; what lies beyond the end counts as 0."""
        return int.from_bytes(self[start : start + size].tobytes(), "little")
