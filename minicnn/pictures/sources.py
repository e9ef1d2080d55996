"""What was given as photos: one, several, or a folder of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np

from minicnn.errors import ImageError, several
from minicnn.files.writing import readable_name
from minicnn.pictures.folders import shown_entries

T = TypeVar("T")


class Sources:
    """Where photos come from, one after the other.

    Parameters
    ----------
    given : path, PIL image, array, other object, or several of those
        Several are a list, a tuple, an iterator or an array with one more axis in front, (N, height, width, channels); a prepared array
        of one image is one. A path may be that of a folder: then its files in the order of their names, except hidden ones; or if it has
        none, those of the folders in it, as of class folders.
    prepared : bool
        Whether arrays are what `Model.prepare` returns; then each keeps its first axis.

    Attributes
    ----------
    sources : list of object
    folder : Path or None
    single : bool
        Whether it is one photo that was given as such.
    skipped : dict of int to str
        What the last iteration passed over, by position, and why.

    Raises
    ------
    ImageError
        If there is nothing to look at.
    """

    def __init__(self, given: Any, prepared: bool = False):
        self.folder = Path(given) if isinstance(given, (str, os.PathLike)) and os.path.isdir(given) else None
        self.single = False
        self.sources: list[Any]
        if self.folder is not None:
            self.sources = list(_files(self.folder))
        elif isinstance(given, np.ndarray) and given.ndim == 4 and not (prepared and len(given) == 1):
            if not prepared:
                _check_photos(given)
            self.sources = [given[i : i + 1] if prepared else given[i] for i in range(len(given))]
        elif isinstance(given, (list, tuple, Iterator)):
            self.sources = list(given)
        else:
            self.sources, self.single = [given], True
        self.skipped: dict[int, str] = {}
        if not self.sources:
            place = self.folder or ("the array" if isinstance(given, np.ndarray) else "the list")
            raise ImageError(f"there is no photo in {place}; expected at least one")

    def __len__(self) -> int:
        """Count what there is to read, including what may turn out to be no photo."""
        return len(self.sources)

    def each(self, load: Callable[[int], T]) -> Iterator[tuple[int, T]]:
        """Load one after the other by its position; yields positions and what was loaded.

        Files of a folder that are no photos, or damaged, are passed over; what was named is an error.

        Raises
        ------
        ImageError
            Of a photo that was named and cannot be loaded, or if a folder holds none that can.
        """
        self.skipped = {}
        for position in range(len(self)):
            try:
                loaded = load(position)
            except ImageError as error:
                if self.folder is None:
                    raise
                self.skipped[position] = str(error)
                continue
            yield position, loaded
        if len(self.skipped) == len(self):
            raise ImageError(f"no photo can be read in {self.folder}, of {several(len(self), 'file')} there; the first: {self.skipped[0]}")

    @property
    def remark(self) -> str | None:
        """What the last iteration passed over, in words; None if nothing."""
        return (
            f"passed over {len(self.skipped)} of {several(len(self), 'file')}: {'; '.join(self.skipped.values())}" if self.skipped else None
        )

    def name(self, position: int) -> str:
        """Name a photo: its file, with the path where another one has the same name; or "photo 3" if it came from no file."""
        return self._names[position]

    @cached_property
    def _names(self) -> list[str]:
        names = [readable_name(source) if is_path(source) else f"photo {i + 1}" for i, source in enumerate(self.sources)]
        counts = Counter(name for name, _ in {(name, str(source)) for name, source in zip(names, self.sources) if is_path(source)})
        return [self._path(source) if is_path(source) and counts[name] > 1 else name for name, source in zip(names, self.sources)]

    def _path(self, source: str | os.PathLike) -> str:
        path = source if self.folder is None else Path(source).relative_to(self.folder)
        return os.fsencode(path).decode("utf-8", "replace")


def is_path(source: Any) -> TypeGuard[str | os.PathLike]:
    """Tell whether a photo was given as a path."""
    return isinstance(source, (str, os.PathLike))


def _check_photos(array: np.ndarray) -> None:
    """Raise ImageError if an array (N, height, width, channels) holds no photos, but most likely what a network takes."""
    if array.dtype.kind == "f" and array.size and (array.min() < 0 or array.max() > 1):
        raise ImageError(
            f"the photos are an array with values from {array.min():.4g} to {array.max():.4g}; expected uint8 (0 to 255) or floating-point "
            "(0 to 1). If model.prepare made it, pass prepared=True"
        )


def _files(folder: Path) -> list[Path]:
    try:
        shown = shown_entries(folder)
        files = [path for path in shown if path.is_file()]
        return files or [path for below in shown if below.is_dir() for path in shown_entries(below) if path.is_file()]
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be read ({error.strerror or error}); check its permissions") from None
