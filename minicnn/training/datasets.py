"""Photos with labels: where they come from, and how a few of them at a time become pixels.

    =====================  ==========================================================================================
    folder                 a folder for each class, which has its name, with photos in it and nothing else
    .npz                   ``images`` (N, H, W, 3) or (N, H, W), uint8; ``labels`` (N,), numbers or names; and perhaps ``classes``
    .csv                   a photo's path, from the CSV file's folder, and its label in each row; a row "path,label" may come first
    =====================  ==========================================================================================

However many photos there are, only those of the current batch are in memory: files are read when their turn comes, arrays are mapped.
Before that only the files' first bytes are looked at: they tell whether a file is a photo, but not whether it is complete.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minicnn.errors import DatasetError, ImageError
from minicnn.files import npy
from minicnn.models.classes import as_name, can_be_shown
from minicnn.pictures.decoding import check_photo
from minicnn.pictures.folders import shown_entries
from minicnn.pictures.photos import fit_photo, load_photo

EXPECTED = "expected a folder of class folders, an .npz file (images, labels) or a .csv file (path, label)"

#: No data set has more classes.
MOST_CLASSES = 100_000

#: Photos of an array that are read at once for a checksum.
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Dataset:
    """Photos with labels.

    Attributes
    ----------
    photos : sequence of paths, or uint8 array (N, H, W, 3) or (N, H, W)
    labels : int array (N,)
        Positions in `classes`.
    classes : tuple of str
    """

    photos: Sequence[Path] | np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, positions: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Read some photos, each cut to its center and scaled to (height, width), as `Model.prepare` does.

        Returns
        -------
        uint8 array (n, height, width, 3)
            RGB.
        """
        if isinstance(self.photos, np.ndarray) and self.photos.shape[1:3] == tuple(size):
            found = np.asarray(self.photos[positions])
            return found if found.ndim == 4 else np.repeat(found[..., None], 3, axis=3)
        photos = (load_photo(self.photos[int(i)]) for i in positions)
        return np.stack([np.asarray(fit_photo(photo, *size)) for photo in photos])

    def split(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Choose at random which photos to train on and which to validate with; returns the positions of both.

        Of each class the given share is set apart, rounded, so that rare classes are in both.

        Raises
        ------
        DatasetError
            If the share is not from 0 to 0.9, none is left to train on, or all are of one class.
        """
        if not 0 <= share <= 0.9:
            raise DatasetError(f"the share of the photos to validate with is {share}; expected 0 to 0.9")
        if len(np.unique(self.labels)) < 2:
            raise DatasetError(
                f"there are photos of one class only, {self.classes[self.labels[0]]}; expected at least two classes to train on"
            )
        generator = np.random.default_rng(seed)
        apart = []
        for label in range(len(self.classes)):
            members = generator.permutation(np.flatnonzero(self.labels == label))
            apart.append(members[: round(share * len(members))])
        validation = np.sort(np.concatenate(apart))
        training = np.setdiff1d(np.arange(len(self)), validation)
        if len(training) == 0:
            raise DatasetError(f"with a share of {share} for validation none of {len(self)} photos is left to train on; set fewer apart")
        return training, validation

    def in_order(self, classes: Sequence[str]) -> Dataset:
        """Return the same photos with the same classes in another order."""
        order = {_alike(name): label for label, name in enumerate(classes)}
        return replace(self, labels=np.array([order[_alike(name)] for name in self.classes])[self.labels], classes=tuple(classes))

    def fingerprint(self) -> str:
        """Return a checksum over labels, classes and pixels, or of files their names and sizes: it tells whether the data are the same."""
        digest = hashlib.sha256(np.ascontiguousarray(self.labels, np.int64).tobytes())
        if isinstance(self.photos, np.ndarray):
            words = [str(self.photos.shape)]
            for start in range(0, len(self), BLOCK):
                digest.update(np.ascontiguousarray(self.photos[start : start + BLOCK]).data)
        else:
            words = [f"{path.name} {path.stat().st_size}" for path in self.photos]
        digest.update("\0".join([*self.classes, *words]).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def read_dataset(path: str | os.PathLike) -> Dataset:
    """Find the photos and labels at a path.

    Parameters
    ----------
    path : path
        A folder of class folders, an .npz file or a .csv file; see above.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If there is nothing of the kind, or it is damaged or does not fit together.
    """
    path = Path(path)
    if path.is_dir():
        return _from_folder(path)
    if not path.exists():
        raise DatasetError(f"there is no {path}; {EXPECTED}")
    readers = {".npz": _from_npz, ".csv": _from_csv}
    if path.suffix.lower() not in readers:
        raise DatasetError(f"{path} is no photos with labels; {EXPECTED}")
    try:
        return readers[path.suffix.lower()](path)
    except DatasetError:
        raise
    except (*npy.DAMAGED, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read ({error}); {EXPECTED}") from None


def _from_folder(folder: Path) -> Dataset:
    names = _in_order({entry.name for entry in shown_entries(folder) if entry.is_dir()})
    if not names:
        raise DatasetError(
            f"there are no class folders in {folder}; expected a folder for each class. If these are the photos of one, give the folder "
            "above"
        )
    photos: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        files = [file for file in shown_entries(folder / name) if file.is_file()]
        if not files:
            raise DatasetError(
                f"the class folder {folder / name} holds no files; put photos of the class there, in no folders below it, or remove it"
            )
        photos += files
        labels += [label] * len(files)
    _check_photos(photos, folder)
    return _checked(photos, np.array(labels, np.int64), names, folder)


def _check_photos(files: Sequence[Path], place: object) -> None:
    """Look at how all files begin, before a long training meets one that is no photo."""
    errors = []
    for file in files:
        try:
            check_photo(file)
        except ImageError as error:
            errors.append(str(error))
    if errors:
        raise DatasetError(
            f"{len(errors)} of {len(files)} files of {place} cannot be read as photos: {errors[0]}. Remove such files, or mend them"
        )


def _from_csv(path: Path) -> Dataset:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no text in UTF-8; save it as UTF-8") from None
    if lines and [cell.strip().lower() for cell in lines[0][1]] == ["path", "label"]:
        del lines[0]
    for number, row in lines:
        if len(row) != 2:
            raise DatasetError(
                f"line {number} of {path} has {len(row)} column{'s' * (len(row) != 1)}; expected two with a comma between, the path of a "
                "photo and its label"
            )
    rows = [row for _, row in lines]
    photos = [path.parent / row[0].strip() for row in rows]
    if len(photos) > 1 and not photos[0].exists() and photos[1].exists():
        raise DatasetError(
            f"{path} begins with {','.join(rows[0])!r}, and there is no file {photos[0]}; if it is a heading, let it be 'path,label'"
        )
    _check_photos(photos, f"{path} (paths count from its folder)")
    return _checked(photos, *_numbered([row[1].strip() for row in rows]), path)


def _from_npz(path: Path) -> Dataset:
    with npy.opened_archive(path) as file:
        if not {"images", "labels"} <= set(file):
            raise DatasetError(f"{path} holds {', '.join(file) or 'nothing'}; expected images and labels")
        labels = _short_array(file, "labels", path)
        names = _short_array(file, "classes", path) if "classes" in file else None
    photos = _mapped(path, "images")
    if photos.dtype != np.uint8 or 0 in photos.shape[1:] or not (photos.ndim == 3 or (photos.ndim == 4 and photos.shape[3] == 3)):
        raise DatasetError(
            f"the images of {path} have shape {photos.shape} and type {photos.dtype}; expected (N, H, W, 3) or (N, H, W), uint8"
        )
    if labels.ndim != 1 or len(labels) != len(photos) or labels.dtype.kind not in "iuUS":
        raise DatasetError(
            f"{path} has labels of shape {labels.shape} and type {labels.dtype} for {len(photos)} images; expected one number or name each"
        )
    if labels.dtype.kind in "US":
        if names is not None:
            raise DatasetError(f"{path} has names as labels and a list of classes; expected numbers, or no list")
        return _checked(photos, *_numbered(labels.astype(str).tolist()), path)
    if names is not None and (names.ndim != 1 or names.dtype.kind not in "iuUS"):
        raise DatasetError(f"{path} has classes of shape {names.shape} and type {names.dtype}; expected a list of names")
    largest = int(labels.max(initial=0))
    if largest >= MOST_CLASSES:
        raise DatasetError(
            f"the labels of {path} go up to {largest:,}; expected numbers from 0 on, one for each class, below {MOST_CLASSES:,}"
        )
    classes = range(largest + 1) if names is None else names.astype(str)
    return _checked(photos, labels.astype(np.int64), [str(name) for name in classes], path)


def _short_array(file: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    """Read an array that fits into memory."""
    try:
        return file[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise DatasetError(
            f"the {name} of {path} are Python objects, which are not read; save them as numbers, or as names with {name}.astype(str)"
        ) from None


def _mapped(path: Path, name: str) -> np.ndarray:
    """Map an array of an .npz file into memory, so that only the parts that are used are read.

    One that is compressed is unpacked into a temporary file first, which goes when nobody uses the array any more.
    """
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        place = archive.getinfo(f"{name}.npy")
        if place.compress_type == zipfile.ZIP_STORED:
            with open(path, "rb") as file:
                file.seek(place.header_offset + 26)  # where a member's own header says how long its name and the rest of the header are
                name_size, rest_size = struct.unpack("<2H", file.read(4))
                file.seek(name_size + rest_size, os.SEEK_CUR)
                return _map_from_here(file)
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(member, unpacked)
            unpacked.seek(0)
            return _map_from_here(unpacked)


def _map_from_here(file: BinaryIO) -> np.ndarray:
    """Map the array whose header begins here into memory; it stays when the file is closed."""
    shape, by_columns, dtype = npy.read_header(file)
    return np.memmap(file, dtype, mode="r", offset=file.tell(), shape=shape, order="F" if by_columns else "C")


def _numbered(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Turn labels into numbers."""
    classes = _in_order(set(names))
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[name] for name in names], np.int64), classes


def _in_order(names: set[str]) -> list[str]:
    """Sort class names, alphabetically, or if all are whole numbers by these."""
    return sorted(names, key=(lambda name: (int(name), name)) if all(name.isdecimal() and len(name) < 20 for name in names) else str)


def _alike(name: str) -> str:
    """Return what two class names that look the same have in common."""
    return as_name(name).lower()


def _checked(photos: Sequence[Path] | np.ndarray, labels: np.ndarray, classes: Sequence[str], path: Path) -> Dataset:
    """Make a data set of what was found at a path, or raise DatasetError if it does not fit together."""
    if len(labels) == 0:
        raise DatasetError(f"there is no photo in {path}; {EXPECTED}")
    if len(classes) > MOST_CLASSES:
        raise DatasetError(f"{path} has {len(classes):,} classes; expected at most {MOST_CLASSES:,}")
    alike: dict[str, str] = {}
    for name in classes:
        if not can_be_shown(name):
            raise DatasetError(
                f"{path} has a class {name!r}, which holds control characters, or is not UTF-8; expected a name that can be shown"
            )
        if not name.strip():
            raise DatasetError(f"{path} has a class without a name; expected names that differ")
        other = alike.setdefault(_alike(name), name)
        if other is not name:
            raise DatasetError(f"{path} has two classes {other!r} and {name!r}; expected names that differ")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise DatasetError(
            f"the labels of {path} run from {labels.min()} to {labels.max()}; expected 0 to {len(classes) - 1}, a number for each of "
            f"{len(classes)} class{'es' * (len(classes) > 1)}"
        )
    return Dataset(photos, labels, tuple(classes))
