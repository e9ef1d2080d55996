"""Photos and labels as arrays: our own .npz files, and those that come with Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minicnn.errors import DatasetError
from minicnn.files import npy
from minicnn.training.datasets import MOST_CLASSES, Dataset, checked, numbered
from minicnn.training.reading.parts import Part

#: What the arrays are called: ours, and Keras' for each part.
OURS = ("images", "labels")
KERAS: dict[Part, tuple[str, str]] = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}


def read_arrays(path: Path, part: Part) -> Dataset:
    """Read an .npz file; arguments and errors as for `read_dataset`."""
    with npy.opened_archive(path) as file:
        images, labels = next((names for names in (OURS, KERAS[part]) if set(names) <= set(file)), (None, None))
        if images is None or labels is None:
            raise DatasetError(f"{path} holds {', '.join(file) or 'nothing'}; expected images and labels, or {' and '.join(KERAS[part])}")
        names = file.get("classes")
        photos = channels_last(file.mapped(images), path)
        return labeled(photos, _short(file, labels, path), names, path)


def _short(file: npy.Arrays, name: str, path: Path) -> np.ndarray:
    """Read an array that fits into memory."""
    try:
        return file[name]
    except ValueError as error:
        if "objects" not in str(error):
            raise
        raise DatasetError(
            f"the {name} of {path} are Python objects, which are not read; save them as numbers, or as names with {name}.astype(str)"
        ) from None


def channels_last(photos: np.ndarray, path: Path) -> np.ndarray:
    """Return photos as (N, H, W, 3) or (N, H, W), uint8; raises DatasetError unless they are that, or the same with the colors first."""
    last, first = photos.ndim == 4 and photos.shape[3] in (1, 3), photos.ndim == 4 and photos.shape[1] in (1, 3)
    if photos.dtype.kind != "u" or photos.dtype.itemsize != 1 or 0 in photos.shape[1:] or not (photos.ndim == 3 or last or first):
        advice = ""
        if photos.dtype.kind == "f":
            advice = "; of numbers from 0 to 1 save (255 * images).round().astype(np.uint8)"
        elif photos.dtype.kind in "iu" and photos.dtype.itemsize > 1:
            advice = "; of numbers from 0 to 255 save images.astype(np.uint8)"
        raise DatasetError(
            f"the images of {path} have shape {photos.shape} and type {photos.dtype}; expected (N, H, W, 3), (N, 3, H, W) or (N, H, W), "
            f"uint8{advice}"
        )
    if last and first and photos.shape[1:3] != photos.shape[2:]:  # 3 x W x 3 may be either
        raise DatasetError(
            f"the images of {path} have shape {photos.shape}, whose colors may be first or last; expected images of another height"
        )
    if first and not last:
        photos = np.moveaxis(photos, 1, 3)
    return photos[..., 0] if photos.ndim == 4 and photos.shape[3] == 1 else photos


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
