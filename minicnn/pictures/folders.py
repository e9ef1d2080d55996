"""Which files of a folder are meant: not those that systems and archives leave there."""

from __future__ import annotations

import os
from pathlib import Path

#: What Windows, macOS and archives put beside photos, in small letters. Hidden files, whose names begin with a dot, are passed over, too.
SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "$recycle.bin", "system volume information"})


def shown_entries(folder: str | os.PathLike) -> list[Path]:
    """List a folder's files and folders in the order of their names, without hidden ones and those of the system."""
    return sorted(path for path in Path(folder).iterdir() if not path.name.startswith(".") and path.name.lower() not in SYSTEM_NAMES)
