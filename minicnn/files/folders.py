"""Folders that are filled whole: a reader finds all of the old files, or all of the new ones."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from minicnn.errors import OutputError
from minicnn.files.unfinished import own_prefix, remove, remove_abandoned
from minicnn.files.writing import allowed_mode, check_place, explain_failure, move


@contextlib.contextmanager
def staged_folder(
    folder: str | os.PathLike, names: Collection[str], overwrite: bool = False, earlier: Collection[str] = ()
) -> Iterator[Path]:
    """Fill a folder with files, all of them or none.

    The files are written to a folder beside it, which then takes its place at once. If there is more in the folder than may go, or it is
    the one that the process works in, its files are replaced one by one instead.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    names : collection of str
        The files that will be written; none of them may exist, except with `overwrite` and those in `earlier`.
    overwrite : bool
    earlier : collection of str
        Files in it that an earlier run wrote, and that go, whether they are written anew or not.

    Yields
    ------
    Path
        A hidden folder to write to. When the block fails, it vanishes, and the folder is as before.

    Raises
    ------
    OutputError
        If a file exists, or the folder cannot be written, or the disk is full.
    """
    if not os.fspath(folder):
        raise OutputError("the name of the folder is empty; expected the folder to write to, or '.' for the current one")
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; expected a directory to write to")
    for name in names if folder.exists() else ():
        check_place(folder / name, overwrite or name in earlier)
    ours = {*earlier, *(names if overwrite else ())}
    with explain_failure(folder):
        made = [path for path in folder.parents if not path.exists()]
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = folder.parent if _may_go(folder, ours) else folder
        for where in filter(Path.exists, (folder.parent, folder)):
            remove_abandoned(where)
        stage = Path(tempfile.mkdtemp(prefix=own_prefix(), dir=place))
        try:
            yield stage
            if place != folder and _may_go(folder, ours):
                _take_place(stage, folder)
            else:
                _replace_files(stage, folder, ours)
        except BaseException:
            remove(stage)
            for path in made:
                with contextlib.suppress(OSError):  # not empty: somebody else wrote there
                    path.rmdir()
            raise
        remove(stage)


def _may_go(folder: Path, ours: Collection[str]) -> bool:
    """Tell whether another folder may take this one's place: it holds only our files, and nobody is in it."""
    if not folder.exists():
        return True
    entries = list(os.scandir(folder))
    inside = os.path.ismount(folder) or folder == Path(os.path.realpath(os.curdir))
    return not inside and os.access(folder.parent, os.W_OK) and all(entry.name in ours and entry.is_file() for entry in entries)


def _take_place(stage: Path, folder: Path) -> None:
    """Give the stage the folder's name, at once where the system can do that."""
    stage.chmod(folder.stat().st_mode & 0o7777 if folder.exists() else allowed_mode(0o777))
    if not folder.exists():
        stage.rename(folder)
    elif not _exchange(stage, folder):
        aside = Path(tempfile.mkdtemp(prefix=own_prefix(), dir=folder.parent)) / folder.name
        folder.rename(aside)
        try:
            stage.rename(folder)
        except BaseException:
            aside.rename(folder)
            raise
        finally:
            remove(aside.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swap the names of two folders at once; False if this system, or this file system, cannot do that."""
    here, swap = -100, 2  # Linux' AT_FDCWD, and RENAME_EXCHANGE, which macOS calls RENAME_SWAP
    names = os.fsencode(first), os.fsencode(second)
    try:
        system = ctypes.CDLL(None)
        if sys.platform == "linux":
            return system.renameat2(here, names[0], here, names[1], swap) == 0
        return sys.platform == "darwin" and system.renamex_np(*names, swap) == 0
    except (AttributeError, OSError, TypeError):  # Windows, or an older system
        return False


def _replace_files(stage: Path, folder: Path, ours: Collection[str]) -> None:
    """Put the stage's files in place of ours; if one cannot be moved, undo what was done."""
    before = stage / ".replaced"
    before.mkdir()
    sources = sorted(path for path in stage.iterdir() if path != before)
    moved: list[Path] = []
    try:
        for name in sorted(ours):
            if (folder / name).is_file():
                os.replace(folder / name, before / name)
        for source in sources:
            moved.append(source)
            move(source, folder / source.name, overwrite=False)
    except BaseException:
        for source in moved:
            if not source.exists():  # it did move
                (folder / source.name).unlink()
        for old in before.iterdir():
            os.replace(old, folder / old.name)
        raise
