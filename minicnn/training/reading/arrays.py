"""Photos and labels as arrays: our own .npz files, and those that others publish."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from minicnn.errors import DatasetError, listed
from minicnn.files import npy
from minicnn.training.datasets import MOST_CLASSES, Dataset, checked, numbered
from minicnn.training.reading.parts import Part

#: What the arrays are called: ours, and for each part Keras' and MedMNIST's.
OURS = ("images", "labels")
IN_PARTS: dict[Part, tuple[tuple[str, str], ...]] = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}

#: No name of a class has more characters, or bytes.
LONGEST_NAME = 1000


def read_arrays(path: Path, part: Part) -> Dataset:
    """Read an .npz file; arguments and errors as for `read_dataset`."""
    with npy.opened_archive(path) as file:
        pairs = (OURS, *IN_PARTS[part])
        images, labels = next((names for names in pairs if set(names) <= set(file)), ("", ""))
        if not images:
            expected = ", or ".join(" and ".join(pair) for pair in pairs)
            raise DatasetError(f"{path} holds {listed(list(file)) or 'nothing'}; expected {expected}")
        axis = _color_axis(*file.header(images), path)
        short = [_short(file, name, path) for name in (labels, "classes") if name in file]
        found = labeled(_channels_last(file.mapped(images), axis), short[0], short[1] if len(short) > 1 else None, path)
        return replace(found, note="" if images == OURS[0] else f"{images} and {labels} of {path.name}")


def _short(file: npy.Arrays, name: str, path: Path) -> np.ndarray:
    """Read an array of one number or name for each photo or class, or a row of numbers."""
    try:
        dtype = file.header(name)[1]
    except npy.ObjectsError:
        raise DatasetError(
            f"the {name} of {path} are Python objects, which are not read; save them as numbers, or as names with {name}.astype(str)"
        ) from None
    if dtype.itemsize > LONGEST_NAME * np.dtype("U1").itemsize:
        raise DatasetError(f"the {name} of {path} have type {dtype}; expected names of at most {LONGEST_NAME:,} characters")
    return file[name]


def _color_axis(shape: tuple[int, ...], dtype: np.dtype, path: Path) -> int | None:
    """Tell which axis of images, uint8, their colors are in; None for gray ones (N, H, W).

    Raises
    ------
    DatasetError
        If the images are of another kind, or the colors may be in either of two axes.
    """
    axes = [axis for axis in (1, 3) if len(shape) == 4 and shape[axis] in (1, 3)]
    if dtype != np.uint8 or 0 in shape[1:] or not (len(shape) == 3 or axes):
        advice = ""
        if dtype.kind == "f":
            advice = "; of numbers from 0 to 1 save (255 * images).round().astype(np.uint8)"
        elif dtype.kind in "iu" and dtype.itemsize > 1:
            advice = "; of numbers from 0 to 255 save images.astype(np.uint8)"
        elif len(shape) == 4 and shape[3] == 4:
            advice = "; of colors with transparency save images[..., :3]"
        raise DatasetError(
            f"the images of {path} have shape {shape} and type {dtype}; expected (N, H, W, 3), (N, 3, H, W) or (N, H, W), uint8{advice}"
        )
    if len(axes) == 2 and not shape[1] == shape[2] == shape[3] == 1:
        raise DatasetError(f"the images of {path} have shape {shape}, whose colors may be first or last; expected images of another height")
    return axes[-1] if axes else None


def _channels_last(photos: np.ndarray, axis: int | None) -> np.ndarray:
    """Return photos as (N, H, W, 3) or (N, H, W)."""
    if axis is None:
        return photos
    photos = np.moveaxis(photos, axis, 3)
    return photos[..., 0] if photos.shape[3] == 1 else photos


def labeled(photos: np.ndarray, labels: np.ndarray, names: np.ndarray | None, path: Path) -> Dataset:
    """Make a data set of photos and their labels: numbers or names, (N,) or (N, 1), or a column for each class with a single 1 in a row."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "iufb" and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all():
        names = np.arange(labels.shape[1]) if names is None else names
        labels = labels.argmax(axis=1)
    if labels.dtype.kind == "f" and labels.ndim == 1 and np.isfinite(labels).all() and (labels == labels.round()).all():
        labels = labels.astype(np.int64) if np.abs(labels).max(initial=0) < MOST_CLASSES else labels
    if labels.ndim != 1 or len(labels) != len(photos) or labels.dtype.kind not in "iuUS":
        raise DatasetError(
            f"{path} has labels of shape {labels.shape} and type {labels.dtype} for {len(photos)} images; expected one number or name "
            "each, or one column for each class with a single 1 in a row"
        )
    if labels.dtype.kind in "US":
        if names is not None:
            raise DatasetError(f"{path} has names as labels and a list of classes; expected numbers, or no list")
        return checked(photos, *numbered(labels.astype(str).tolist()), path)
    if names is not None and (names.ndim != 1 or names.dtype.kind not in "iuUS"):
        raise DatasetError(f"{path} has classes of shape {names.shape} and type {names.dtype}; expected a list of names")
    largest = int(labels.max(initial=0))
    if largest >= MOST_CLASSES:
        raise DatasetError(
            f"the labels of {path} go up to {largest:,}; expected numbers from 0 on, one for each class, below {MOST_CLASSES:,}"
        )
    classes = range(largest + 1) if names is None else names.astype(str)
    return checked(photos, labels.astype(np.int64), [str(name) for name in classes], path)
