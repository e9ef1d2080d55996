"""Writing files whole or not at all, and never over what is there unless asked; and telling files apart."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from minicnn.errors import OutputError, printable
from minicnn.files.unfinished import own_prefix, remove_abandoned


def check_place(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError if no file can be written at the path: something is there that may not be replaced, or no writable folder.

    A device or a pipe is never replaced by a file, and a link leads to the file that it names.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a directory; expected the name of a file to write")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no ordinary file, but a device, a pipe or the like; expected the name of a file to write")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists; choose another name, or overwrite it (--overwrite, overwrite=True)")
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {folder}; make it, or choose another place")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {path}: {folder} is not writable; choose another place")


def file_sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return file_hash(path, "sha256").hexdigest()


def file_hash(path: str | os.PathLike, algorithm: str) -> hashlib._Hash:
    """Return the hash of a file, to which more can be added; the algorithm is one that `hashlib` has."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest


def readable_name(path: str | os.PathLike) -> str:
    """Return a file's name as text that can be shown and saved, also where it is not UTF-8, or holds what controls a terminal."""
    return printable(os.fsencode(Path(path).name).decode("utf-8", "replace"))


def write_file(path: str | os.PathLike, content: bytes, overwrite: bool = False) -> None:
    """Write a file whole or not at all; arguments and errors as for `staged_file`."""
    with staged_file(path, overwrite) as file:
        file.write(content)


@contextlib.contextmanager
def staged_file(path: str | os.PathLike, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Write a file beside its place first, then move it there, so that a broken attempt leaves nothing.

    Parameters
    ----------
    path : path
        Its folder must exist.
    overwrite : bool
        Whether a file that is there may be replaced.

    Yields
    ------
    file
        Open for writing and reading; it moves when the block ends well.

    Raises
    ------
    OutputError
        If the file exists, or its folder cannot be written, or the disk is full.
    """
    check_place(path, overwrite)
    path = Path(os.path.realpath(path))  # a link stays, and the file that it names is replaced
    with explain_failure(path):
        remove_abandoned(path.parent)
        handle, beside = tempfile.mkstemp(prefix=own_prefix(), dir=path.parent)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                os.fsync(handle)
            os.chmod(beside, path.stat().st_mode if path.exists() else allowed_mode(0o666))
            move(Path(beside), path, overwrite)
        finally:
            Path(beside).unlink(missing_ok=True)


@contextlib.contextmanager
def explain_failure(path: str | os.PathLike) -> Iterator[None]:
    """Turn an operating system's error while writing into an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; choose another place, or make room there") from None


def move(source: Path, target: Path, overwrite: bool) -> None:
    """Rename a file; without `overwrite` fail if by now there is something at the new name."""
    if overwrite:
        os.replace(source, target)
        return
    try:
        os.link(source, target)  # unlike a rename, fails if the name is taken
    except FileExistsError:
        raise OutputError(f"{target} exists by now; choose another name, or overwrite it (--overwrite, overwrite=True)") from None
    except OSError:  # a file system without links
        check_place(target, overwrite)
        os.replace(source, target)
    else:
        source.unlink()


def allowed_mode(wanted: int) -> int:
    """Return the permissions that a new file or folder gets, of those that are wanted."""
    return wanted & ~UMASK


def _umask() -> int:
    """Read which permissions the process takes from new files; to read it is to set it, for all threads, so this is done once."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


UMASK = _umask()
