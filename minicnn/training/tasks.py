"""What is to be learned: which photos there are, and how they become a batch for the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.pictures.photos import Preprocessing
from minicnn.training.augmentation import augmented
from minicnn.training.datasets import Dataset


class Task(Protocol):
    """What the loop must know."""

    @property
    def training(self) -> np.ndarray:
        """The positions of the examples to train on, int."""

    @property
    def validation(self) -> np.ndarray:
        """The positions of the examples to validate with, int; there may be none."""

    def batch(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return some examples, as the network takes them, and their labels: int (n,), or probabilities (n, classes)."""

    def training_batch(self, positions: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Do the same, with what is changed at random while training."""


@dataclass(frozen=True)
class PhotoTask:
    """Photos with labels.

    Attributes
    ----------
    dataset : Dataset
    training, validation : int array
    preprocessing : Preprocessing
    size : (height, width)
        Of the network's input.
    flip, crop, cutout : bool, int, int
        What is changed at random while training; see `minicnn.training.augmentation`.
    """

    dataset: Dataset
    training: np.ndarray
    validation: np.ndarray
    preprocessing: Preprocessing
    size: tuple[int, int]
    flip: bool = False
    crop: int = 0
    cutout: int = 0

    def __post_init__(self):
        for name in ("crop", "cutout"):
            if not 0 <= getattr(self, name) <= min(self.size):
                raise MinicnnError(f"{name} is {getattr(self, name)}; expected 0 to {min(self.size)}, the photos' shorter side")

    def batch(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return some photos, prepared, (n, H, W, C), and their labels."""
        return self.preprocessing.apply(self.dataset.pixels(positions, self.size)), self.dataset.labels[positions]

    def training_batch(self, positions: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Do the same, with photos changed at random."""
        x, labels = self.batch(positions)
        return augmented(x, generator, self.flip, self.crop, self.cutout), labels
