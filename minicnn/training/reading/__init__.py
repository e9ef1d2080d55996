"""Where photos with labels come from.

    =====================  ============================================================================================================
    folder                 a folder for each class, which has its name, with photos in it; or folders train and test with such in them; or
                           MNIST's files
    .npz                   ``images`` and ``labels``, and perhaps ``classes``; or ``x_train``, ``y_train``, ``x_test``, ``y_test`` (Keras),
                           or ``train_images``, ``train_labels``, ``test_images``, ``test_labels`` (MedMNIST)
    .csv                   a photo's path and its label in each row; or a label and the pixels of a gray photo
    idx3-ubyte, also .gz   MNIST's format: photos, with the labels in a file of the same name beside them
    =====================  ============================================================================================================

Data sets that come in two parts, for training and for testing, are read in the part that is asked for. Files of photos are decoded once
before anything is done with them, so that a long training does not end at one that is damaged.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from minicnn.errors import DatasetError
from minicnn.files import npy
from minicnn.training.datasets import Dataset
from minicnn.training.reading.arrays import read_arrays
from minicnn.training.reading.folders import read_folder
from minicnn.training.reading.idx import find_idx, is_idx, read_idx
from minicnn.training.reading.parts import EXPECTED, Part
from minicnn.training.reading.tables import read_table

__all__ = ["Part", "read_dataset"]


def read_dataset(
    path: str | os.PathLike,
    part: Part = "train",
    skip_damaged: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Find the photos and labels at a path.

    Parameters
    ----------
    path : path
        A folder or a file; see above.
    part : {"train", "test"}
        Of data sets that come in two parts.
    skip_damaged : bool
        Whether files that cannot be read as photos are left out, rather than an error.
    progress : function(done, total), optional
        Is told of files that have been decoded.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If there is nothing of the kind, or it is damaged or does not fit together.
    """
    path = Path(path)
    progress = progress or (lambda done, total: None)
    try:
        if not path.exists():
            raise DatasetError(f"there is no {path}; {EXPECTED}")
        if path.is_dir():
            images = find_idx(path, part)
            return read_folder(path, part, skip_damaged, progress) if images is None else read_idx(images)
        if not path.is_file():
            raise DatasetError(f"{path} is no ordinary file; {EXPECTED}")
        if is_idx(path):
            return read_idx(path)
        if path.suffix.lower() == ".npz":
            return read_arrays(path, part)
        if path.suffix.lower() == ".csv":
            return read_table(path, skip_damaged, progress)
    except DatasetError:
        raise
    except npy.DAMAGED as error:
        raise DatasetError(f"{path} cannot be read ({error}); {EXPECTED}") from None
    raise DatasetError(f"{path} is no photos with labels; {EXPECTED}")
