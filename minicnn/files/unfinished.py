"""What is being written is called after the process that writes it, so that what a dead one left can be removed."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
from pathlib import Path

import psutil

#: How all names of what is being written begin.
PREFIX = ".unfinished-"


def own_prefix() -> str:
    """Return how the names of what this process writes begin: with the machine and the process's number."""
    return f"{PREFIX}{_machine()}-{os.getpid()}-"


def remove_abandoned(folder: Path) -> None:
    """Remove from a folder what processes of this machine were writing when they were killed; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.name.startswith(PREFIX) and _is_abandoned(Path(entry.path)):
                remove(Path(entry.path))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _is_abandoned(path: Path) -> bool:
    """Tell whether the process that was writing here is gone, even if its number has been given to another since."""
    machine, _, process = path.name.removeprefix(PREFIX).rpartition("-")[0].rpartition("-")
    if machine != _machine() or not process.isdecimal():
        return False
    try:
        return psutil.Process(int(process)).create_time() > path.lstat().st_mtime + 1
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError, OverflowError):
        return False


def _machine() -> str:
    """Return this machine's name, of letters and digits only."""
    return re.sub("[^A-Za-z0-9]", "", platform.node()) or "machine"
