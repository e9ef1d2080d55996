"""NumPy's own files, .npy and .npz, read without running any code in them.

Such files come from anywhere. What the header of an array claims is compared with the bytes that are there, and with the memory that is
free, before anything is unpacked; checksums are compared; objects (pickles) are not read.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import psutil

#: What reading a damaged file raises, and working with what it holds.
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, MemoryError)

#: How archives begin, and single arrays.
ARCHIVE_START, ARRAY_START = b"PK", b"\x93NUMPY"

#: How many times its own size a member of an archive can unpack to at most, by the way it is compressed.
MOST_EXPANSION = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}

#: No header of an array is longer, in bytes.
LONGEST_HEADER = 10_000

#: Bytes that are read at once.
BLOCK = 1 << 20


class ObjectsError(ValueError):
    """An array of Python objects."""


def opened(path: str | os.PathLike) -> np.ndarray | Arrays:
    """Read an array, or open an archive of arrays, as there is; raises one of `DAMAGED` if the file is neither."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is no ordinary file")
    with open(path, "rb") as file:
        start = file.read(6)
    if start.startswith(ARCHIVE_START):
        return Arrays(path)
    if start != ARRAY_START:
        raise ValueError("it is no .npy or .npz file")
    with open(path, "rb") as file:
        return _read_array(file, os.path.getsize(path))


def opened_archive(path: str | os.PathLike) -> Arrays:
    """Open an archive of arrays; raises one of `DAMAGED` if the file is none."""
    found = opened(path)
    if isinstance(found, np.ndarray):
        raise ValueError("it holds a single array; expected an .npz file, with several")
    return found


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz file by name, each read when it is asked for.

    Parameters
    ----------
    file : path, or a file open for reading
    most : int, optional
        All arrays together may unpack to so many bytes.

    Raises
    ------
    OSError, ValueError
        If it is no such archive, or is damaged. Asking for an array raises KeyError if there is none of that name, and these.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO, most: int | None = None):
        self._file = file
        with _damage_explained():
            self._archive = zipfile.ZipFile(file)
            members = self._archive.infolist()
        self._members = {member.filename.removesuffix(".npy"): member for member in members}
        if len(self._members) != len(members):
            raise ValueError("it holds two arrays of one name")
        if most is not None and (size := sum(member.file_size for member in members)) > most:
            raise ValueError(f"its arrays unpack to {size:,} bytes; expected at most {most:,}")
        for member in members:
            if not member.filename.endswith(".npy"):
                raise ValueError(f"it holds {member.filename!r}, which is no array")
            if member.flag_bits & 1 or member.compress_type not in MOST_EXPANSION:
                raise ValueError(f"its array {member.filename!r} is encrypted, or compressed in a way that NumPy does not write")
            if member.file_size > MOST_EXPANSION[member.compress_type] * member.compress_size:
                raise ValueError(f"its array {member.filename!r} claims {member.file_size:,} bytes in {member.compress_size:,}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members  # Mapping's own would read the array

    def __enter__(self) -> Arrays:
        return self

    def __exit__(self, *ended: object) -> None:
        self._archive.close()

    def __getitem__(self, name: str) -> np.ndarray:
        with _damage_explained(), self._archive.open(self._members[name]) as member:
            return _read_array(member, self._members[name].file_size)  # type: ignore[arg-type]

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """Return an array's shape and type, without reading it; raises KeyError, OSError or ValueError as for reading it."""
        with _damage_explained(), self._archive.open(self._members[name]) as content:
            shape, _, dtype = _check_size(content, self._members[name].file_size)  # type: ignore[arg-type]
        return shape, dtype

    def mapped(self, name: str) -> np.ndarray:
        """Map an array into memory, so that only the parts that are used are read, after its checksum is compared.

        One that is compressed is unpacked into a temporary file first, which goes when nobody uses the array any more.

        Raises
        ------
        OSError, ValueError, KeyError
            As for reading it, and if there is no room for what it unpacks to.
        """
        member = self._members[name]
        self.header(name)
        with _damage_explained(), self._archive.open(member) as content:
            if member.compress_type == zipfile.ZIP_STORED and isinstance(self._file, (str, os.PathLike)):
                while content.read(BLOCK):  # compares the checksum at the end
                    pass
                return _map_stored(Path(self._file), member)
            with tempfile.TemporaryFile() as unpacked:
                if member.file_size > shutil.disk_usage(tempfile.gettempdir()).free:
                    raise ValueError(
                        f"its {name} unpack to {member.file_size:,} bytes, for which there is no room in {tempfile.gettempdir()}"
                    )
                shutil.copyfileobj(content, unpacked, BLOCK)
                unpacked.seek(0)
                return _map_from_here(unpacked)


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of an array: its shape, whether it is stored column by column, and its type; raises ValueError if it is damaged."""
    with _damage_explained():
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"its header is of version {version}")
        begin = file.read(2 if version == (1, 0) else 4)
        if (size := int.from_bytes(begin, "little")) > LONGEST_HEADER:
            raise ValueError(f"its header claims {size:,} characters")
        shape, by_columns, dtype = read(io.BytesIO(begin + file.read(size)), max_header_size=LONGEST_HEADER)
    if dtype.hasobject:
        raise ObjectsError("it holds Python objects, which are not read (allow_pickle)")
    if dtype.itemsize == 0:
        raise ValueError(f"it holds {dtype}, texts without characters; expected numbers or texts")
    if dtype.kind == "V":
        raise ValueError(f"it holds records of type {dtype}; expected numbers or texts")
    if any(side < 0 for side in shape):
        raise ValueError(f"its header claims the shape {shape}")
    return shape, by_columns, dtype


def _check_size(file: BinaryIO, size: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of an array that takes so many bytes with it; raises ValueError unless the numbers that it claims fill the rest."""
    shape, by_columns, dtype = read_header(file)
    claimed, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed != there:
        raise ValueError(f"it claims an array of shape {shape}, {claimed:,} bytes, and holds {there:,}")
    return shape, by_columns, dtype


def _read_array(file: BinaryIO, size: int) -> np.ndarray:
    """Read an array that takes so many bytes with its header."""
    shape, by_columns, dtype = _check_size(file, size)
    count = math.prod(shape)
    if count * dtype.itemsize > psutil.virtual_memory().available:
        raise MemoryError(f"it holds an array of {count * dtype.itemsize:,} bytes, more than the memory that is free")
    content, done = np.empty(count * dtype.itemsize, np.uint8), 0
    while block := file.read(BLOCK):  # to the end, where an archive compares its checksum
        content[done : done + len(block)] = np.frombuffer(block, np.uint8)
        done += len(block)
    if done < content.size:  # what is left is whatever was in memory before
        raise ValueError(f"it claims {content.size:,} bytes of numbers, and holds {done:,}")
    if dtype.kind == "U" and content.view(np.dtype("u4").newbyteorder(dtype.byteorder)).max(initial=0) > sys.maxunicode:
        raise ValueError("its texts hold characters that do not exist")  # Python fails at such a text anywhere later
    array = content.view(dtype)
    return array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)


def _map_stored(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    """Map a member of an archive that is stored as it is."""
    with open(path, "rb") as file:
        file.seek(member.header_offset + 26)  # where a member's own header says how long its name and the rest of the header are
        name_size, rest_size = (int.from_bytes(file.read(2), "little") for _ in range(2))
        file.seek(name_size + rest_size, os.SEEK_CUR)
        return _map_from_here(file)


def _map_from_here(file: BinaryIO) -> np.ndarray:
    """Map the array whose header begins here into memory; it stays when the file is closed."""
    shape, by_columns, dtype = read_header(file)
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing to map
    return np.memmap(file, dtype, mode="r", offset=file.tell(), shape=shape, order="F" if by_columns else "C")


@contextlib.contextmanager
def _damage_explained() -> Iterator[None]:
    """Turn whatever reading a damaged archive or header raises, of which there is no complete list, into a ValueError."""
    try:
        yield
    except (OSError, ValueError, KeyError, MemoryError):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"it is damaged: {error}") from None
    except Exception as error:
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from None
