"""A folder for each class, and lists of photos: files are decoded once, all of them, to find those that are damaged."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from minicnn.errors import DatasetError, ImageError
from minicnn.files.writing import readable_name
from minicnn.pictures.folders import shown_entries
from minicnn.pictures.photos import load_photo
from minicnn.training.datasets import Dataset, checked, in_order_of_names

#: So many names of damaged files an error lists.
LISTED = 8


def read_folder(folder: Path, skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    """Read a folder of class folders; arguments and errors as for `read_dataset`."""
    names = in_order_of_names({entry.name for entry in shown_entries(folder) if entry.is_dir()})
    if not names:
        raise DatasetError(
            f"there are no class folders in {folder}; expected a folder for each class. If these are the photos of one, give the folder "
            "above"
        )
    photos: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        entries = shown_entries(folder / name)
        files = [file for file in entries if file.is_file()]
        if not files:
            inside = [entry.name for entry in entries if entry.is_dir()]
            advice = f"if the classes are {', '.join(inside[:3])} ..., give {folder / name}" if inside else "put photos of the class there"
            raise DatasetError(f"the class folder {folder / name} holds no files; {advice}, or remove it")
        photos += files
        labels += [label] * len(files)
    return of_files(photos, np.array(labels, np.int64), names, folder, skip_damaged, progress)


def of_files(
    photos: Sequence[Path],
    labels: np.ndarray,
    classes: Sequence[str],
    place: Path,
    skip_damaged: bool,
    progress: Callable[[int, int], None],
) -> Dataset:
    """Make a data set of files, after all of them have been decoded.

    Raises
    ------
    DatasetError
        If some cannot be read as photos and may not be left out, or all cannot.
    """
    damaged = find_damaged(photos, progress)
    if damaged and not skip_damaged:
        names = [readable_name(photos[i]) for i in list(damaged)[:LISTED]]
        more = f" and {len(damaged) - LISTED} more" if len(damaged) > LISTED else ""
        raise DatasetError(
            f"{len(damaged)} of {len(photos)} files of {place} cannot be read as photos: {', '.join(names)}{more}. Leave them out with "
            f"--skip-damaged (skip_damaged=True), or mend them; the first: {next(iter(damaged.values()))}"
        )
    whole = [i for i in range(len(photos)) if i not in damaged]
    if not whole:
        raise DatasetError(f"none of the {len(photos)} files of {place} can be read as a photo; the first: {damaged[0]}")
    found = checked([photos[i] for i in whole], labels[whole], classes, place)
    return Dataset(found.photos, found.labels, found.classes, {str(photos[i]): text for i, text in damaged.items()})


def find_damaged(photos: Sequence[Path], progress: Callable[[int, int], None]) -> dict[int, str]:
    """Decode all files, several at a time; returns what is wrong with those that cannot be read, by position."""

    def problem(path: Path) -> str | None:
        try:
            load_photo(path)
        except ImageError as error:
            return str(error)
        return None

    found: dict[int, str] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            futures = [pool.submit(contextvars.copy_context().run, problem, path) for path in photos]
            for i, future in enumerate(futures):
                if (text := future.result()) is not None:
                    found[i] = text
                progress(i + 1, len(photos))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found
