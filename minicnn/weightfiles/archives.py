"""Zip archives, which PyTorch's and NumPy's files are; members are checked against the file's size before anything is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.inflate import inflate
from minicnn.weightfiles.stored import Budget, shown

#: No directory of an archive is larger, in bytes; VGG19's, with 38 arrays, takes 3 KB.
LARGEST_DIRECTORY = 1 << 20

LOCAL_HEADER = b"PK\x03\x04"


class _ShortReads(io.FileIO):
    """A file whose reader asks for a bounded number of bytes at once: the size of a zip's directory is the file's own claim."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY:
            raise WeightFileError(f"its directory claims {size:,} bytes; expected at most {LARGEST_DIRECTORY:,}")
        return super().read(size)


class Archive:
    """A zip archive.

    Parameters
    ----------
    path : Path

    Raises
    ------
    WeightFileError
        If it is damaged.
    """

    def __init__(self, path: Path):
        self.bytes = np.memmap(path, np.uint8, mode="r")
        self.budget = Budget(self.bytes.size)
        try:
            with _ShortReads(path) as file, zipfile.ZipFile(file) as archive:
                self.members = dict(archive.NameToInfo)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            if isinstance(error, WeightFileError):
                raise
            raise WeightFileError(f"it is a damaged or truncated zip archive ({shown(error)}); get the file again") from None

    def stored(self, name: str) -> np.ndarray:
        """View a member's bytes in the file.

        Raises
        ------
        WeightFileError
            If there is no such member, or it is compressed or encrypted, or does not lie in the file.
        """
        member = self._member(name)
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise WeightFileError(f"its part {shown(name)} is compressed; expected one that is only stored")
        return self._raw(member)

    def content(self, name: str) -> np.ndarray:
        """Return a member's bytes, decompressed if need be.

        Raises
        ------
        WeightFileError
            As for `stored`, or if it is not what its header claims.
        """
        member = self._member(name)
        if member.compress_type == zipfile.ZIP_STORED:
            return self.stored(name)
        self.budget.take(member.file_size, f"its part {name}")
        raw = self._raw(member)
        if member.compress_type != zipfile.ZIP_DEFLATED:
            raise WeightFileError(
                f"its part {shown(name)} is compressed in a way that minicnn does not read; save it again without compression"
            )
        content = inflate(raw.tobytes(), member.file_size, -15)
        if content is None:
            raise WeightFileError(f"its part {shown(name)} is not what the archive's directory claims; get the file again")
        return np.frombuffer(content, np.uint8)

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self.members:
            raise WeightFileError(f"its part {shown(name)} is missing; get the file again")
        member = self.members[name]
        if member.flag_bits & 1:
            raise WeightFileError(f"its part {shown(name)} is encrypted; expected plain data")
        return member

    def _raw(self, member: zipfile.ZipInfo) -> np.ndarray:
        """View a member's bytes as they lie in the file, after its local header: 30 bytes, a name, and an extra field."""
        start = member.header_offset
        header = self.bytes[max(start, 0) : start + 30].tobytes()
        if start >= 0 and len(header) == 30 and header.startswith(LOCAL_HEADER):
            start += 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
            if start + member.compress_size <= self.bytes.size:
                return self.bytes[start : start + member.compress_size]
        raise WeightFileError(f"its part {shown(member.filename)} lies outside the file; get the file again")
