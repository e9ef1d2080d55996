"""What the readers have in common: what is expected, and the two parts that many data sets come in."""

from __future__ import annotations

from typing import Literal

EXPECTED = (
    "expected a folder of class folders, an .npz file (images, labels), a .csv file (path, label), or MNIST's files (images-idx3-ubyte)"
)

#: The part of a data set to train on, or to test with.
Part = Literal["train", "test"]

#: What parts are called in the names of files and folders, the best first.
PART_NAMES: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("t10k", "test", "testing", "val", "valid", "validation"),
}
