"""Writing files whole or not at all, and never over what is there unless asked; and telling files apart."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from minicnn.errors import OutputError


def check_place(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError if no file can be written at the path: one is there and may not be replaced, or there is no writable folder."""
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a directory; expected the name of a file to write")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists; choose another name, or overwrite it (--overwrite, overwrite=True)")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {path.parent}; make it, or choose another place")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: {path.parent} is not writable; choose another place")


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
    """Return a file's name as text that can be shown and saved, also where it is not UTF-8."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


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
    path = Path(path)
    check_place(path, overwrite)
    with explain_failure(path):
        handle, beside = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                os.fsync(handle)
            os.chmod(beside, path.stat().st_mode if path.exists() else 0o666 & ~_umask())
            _move(Path(beside), path, overwrite)
        finally:
            Path(beside).unlink(missing_ok=True)


@contextlib.contextmanager
def staged_folder(folder: str | os.PathLike, names: list[str], overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder with files, all of them or none.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    names : list of str
        The files that will be written; none of them may exist, unless `overwrite`.
    overwrite : bool

    Yields
    ------
    Path
        A hidden folder inside it to write to. When the block ends well, its files move to `folder`; when it fails, they vanish,
        what they had replaced comes back, and `folder` goes if it was made here.

    Raises
    ------
    OutputError
        If a file exists, or the folder cannot be written, or the disk is full.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; expected a directory to write to")
    for name in names if folder.exists() else ():
        check_place(folder / name, overwrite)
    with explain_failure(folder):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        stage = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
            yield stage
            _move_all(sorted(stage.iterdir()), folder, overwrite)
            shutil.rmtree(stage)
        except BaseException:
            if stage is not None:
                shutil.rmtree(stage, ignore_errors=True)
            for path in made:
                with contextlib.suppress(OSError):  # not empty: somebody else wrote there
                    path.rmdir()
            raise


@contextlib.contextmanager
def explain_failure(path: str | os.PathLike) -> Iterator[None]:
    """Turn an operating system's error while writing into an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; choose another place, or make room there") from None


def _move(source: Path, target: Path, overwrite: bool) -> None:
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


def _move_all(sources: list[Path], folder: Path, overwrite: bool) -> None:
    """Move files into a folder; if one cannot be moved, undo what was done."""
    moved: list[Path] = []
    try:
        for source in sources:
            target = folder / source.name
            if overwrite and target.exists():
                os.replace(target, source.with_name(f"{source.name}.replaced"))
            moved.append(target)
            _move(source, target, overwrite)
    except BaseException:
        for target in moved:
            source = sources[0].with_name(target.name)
            if not source.exists():  # it did move
                target.unlink()
            if (before := source.with_name(f"{source.name}.replaced")).exists():
                os.replace(before, target)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
