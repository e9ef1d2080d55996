"""A folder for each class, and lists of photos: files are decoded once, all of them, to find those that are damaged."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from minicnn.errors import DatasetError, ImageError, several
from minicnn.pictures.folders import shown_entries
from minicnn.pictures.photos import load_photo
from minicnn.training.datasets import Dataset, checked, in_order_of_names
from minicnn.training.reading.parts import PART_NAMES, Part

#: So many names of damaged files an error lists.
LISTED = 8

#: So many files are handed to the threads that decode at once, as each takes some memory while it waits.
BLOCK = 1024


def read_folder(folder: Path, part: Part, skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    """Read a folder of class folders, or one that holds such a folder for each part; arguments and errors as for `read_dataset`."""
    chosen = _folder_of(folder, part)
    found = _read_class_folders(chosen, skip_damaged, progress)
    return found if chosen == folder else replace(found, note=f"the folder {chosen.name} of {folder}")


def _folder_of(folder: Path, part: Part) -> Path:
    """Choose the folder of a part if a folder holds nothing but such, with folders in them, else the folder itself."""
    inside = {entry.name.lower(): entry for entry in shown_entries(folder) if entry.is_dir()}
    known = {name for names in PART_NAMES.values() for name in names}
    if not inside or not set(inside) <= known or any(file.is_file() for each in inside.values() for file in shown_entries(each)):
        return folder
    for name in PART_NAMES[part]:
        if name in inside:
            return inside[name]
    raise DatasetError(f"{folder} holds the folders {', '.join(inside)}; expected one called {' or '.join(PART_NAMES[part])}")


def _read_class_folders(folder: Path, skip_damaged: bool, progress: Callable[[int, int], None]) -> Dataset:
    names = in_order_of_names({entry.name for entry in shown_entries(folder) if entry.is_dir()})
    if not names:
        raise DatasetError(
            f"there are no class folders in {folder}; expected a folder for each class. If these are the photos of one, give the folder "
            "above"
        )
    photos: list[Path] = []
    labels: list[int] = []
    passed_over: dict[str, str] = {}
    for label, name in enumerate(names):
        entries = shown_entries(folder / name)
        files = [file for file in entries if file.is_file()]
        if not files:
            inside = [entry.name for entry in entries if entry.is_dir()]
            advice = f"if the classes are {', '.join(inside[:3])} ..., give {folder / name}" if inside else "put photos of the class there"
            raise DatasetError(f"the class folder {folder / name} holds no files; {advice}, or remove it")
        passed_over |= {str(entry.relative_to(folder)): _what_it_is(entry) for entry in entries if entry not in files}
        photos += files
        labels += [label] * len(files)
    found = of_files(photos, np.array(labels, np.int64), names, folder, skip_damaged, progress)
    return replace(found, skipped={**passed_over, **found.skipped})


def _what_it_is(entry: Path) -> str:
    """Say what an entry of a folder is that is no file."""
    return "a folder" if entry.is_dir() else "no ordinary file" if entry.exists() else "a link to what is not there"


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
        names = [str(name_within(place, photos[i])) for i in list(damaged)[:LISTED]]
        more = f" and {len(damaged) - LISTED} more" if len(damaged) > LISTED else ""
        raise DatasetError(
            f"{len(damaged)} of {several(len(photos), 'file')} of {place} cannot be read as photos: {', '.join(names)}{more}. Leave them "
            f"out with --skip-damaged (skip_damaged=True), or mend them; the first: {next(iter(damaged.values()))}"
        )
    whole = [i for i in range(len(photos)) if i not in damaged]
    if not whole:
        raise DatasetError(f"no photo can be read in {place}, of {several(len(photos), 'file')} there; the first: {damaged[0]}")
    found = checked([photos[i] for i in whole], labels[whole], classes, place)
    return replace(found, skipped={str(name_within(place, photos[i])): text for i, text in damaged.items()})


def name_within(place: Path, photo: Path) -> Path:
    """Return the path of a photo as seen from the folder, or the folder of the file, in which it was found, if it lies there."""
    folder = place if place.is_dir() else place.parent
    return photo.relative_to(folder) if photo.is_relative_to(folder) else photo


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
            for start in range(0, len(photos), BLOCK):
                futures = [pool.submit(contextvars.copy_context().run, problem, path) for path in photos[start : start + BLOCK]]
                for i, future in enumerate(futures, start):
                    if (text := future.result()) is not None:
                        found[i] = text
                    progress(i + 1, len(photos))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found
