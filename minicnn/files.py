"""Writing files whole or not at all, and never over what is there unless asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from minicnn.errors import OutputError


def check_free(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError if there is something at the path and it may not be overwritten."""
    if os.path.isdir(path):
        raise OutputError(f"{path} is a directory; expected the name of a file to write")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists; choose another name, or overwrite it (--overwrite, overwrite=True)")


def write_file(path: str | os.PathLike, content: bytes, overwrite: bool = False) -> None:
    """Write a file beside its place first, then rename it, so that a broken attempt leaves nothing.

    Parameters
    ----------
    path : path
        Its folder must exist.
    content : bytes
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists, or its folder cannot be written, or the disk is full.
    """
    path = Path(path)
    check_free(path, overwrite)
    with explain_failure(path):
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            os.chmod(beside, 0o666 & ~_umask())
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise


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
        and so does `folder` if it was made here.

    Raises
    ------
    OutputError
        If a file exists, or the folder cannot be written, or the disk is full.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; expected a directory to write to")
    for name in names:
        check_free(folder / name, overwrite)
    with explain_failure(folder):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        stage = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
            yield stage
            for file in sorted(stage.iterdir()):
                os.replace(file, folder / file.name)
            stage.rmdir()
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
