"""Photos with labels, of which a few at a time become pixels.

However many photos there are, only those of the current batch are in memory: files are read when their turn comes, arrays are mapped.
Where data sets come from, `minicnn.training.reading` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from minicnn.errors import DatasetError
from minicnn.models.classes import as_name, can_be_shown
from minicnn.pictures.photos import fit_photo, load_photo

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
    skipped : dict of str to str
        What was passed over, damaged files and what is no file, by their paths from where the data set is, and why.
    note : str
        What of the place it was taken from, where that could have been something else; for people.
    """

    photos: Sequence[Path] | np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

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


def numbered(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Turn labels into numbers."""
    classes = in_order_of_names(set(names))
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[name] for name in names], np.int64), classes


def in_order_of_names(names: set[str]) -> list[str]:
    """Sort class names, alphabetically, or if all are whole numbers by these."""
    return sorted(names, key=(lambda name: (int(name), name)) if all(name.isdecimal() and len(name) < 20 for name in names) else str)


def _alike(name: str) -> str:
    """Return what two class names that look the same have in common."""
    return as_name(name).lower()


def checked(photos: Sequence[Path] | np.ndarray, labels: np.ndarray, classes: Sequence[str], path: Path) -> Dataset:
    """Make a data set of what was found at a path, or raise DatasetError if it does not fit together."""
    if len(labels) == 0:
        raise DatasetError(f"there is no photo in {path}; expected photos with labels")
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
