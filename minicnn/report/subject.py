"""What a report is about: a photo, what the network makes of it, and how the methods are to look at it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minicnn.files.resources import PHOTO_CREDITS, shipped_photo
from minicnn.files.writing import readable_name
from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.pictures.photos import Photo, load_photo


@dataclass(frozen=True)
class Answer:
    """What the model says about the photo.

    Attributes
    ----------
    top : list of (str, float)
        The likeliest classes and their probabilities.
    class_count : int
    target : int
        The class that the maps are about.
    """

    top: list[tuple[str, float]]
    class_count: int
    target: int


@dataclass(frozen=True, eq=False)
class Subject:
    """What the page is about, and how its methods are to look at it.

    Attributes
    ----------
    model : Model
    photo : path, PIL image or RGB array
    style : the same, or None
        The second photo.
    trace : Trace
        The one forward pass of the photo, for all methods that look at this very image.
    pixels : uint8 array (H, W, 3)
        The photo as the network sees it.
    answer : Answer or None
        Nothing, if the network has no classes.
    seed : int
    quick : bool
    """

    model: Model
    photo: Photo
    style: Photo | None
    trace: Trace
    pixels: np.ndarray
    answer: Answer | None
    seed: int
    quick: bool

    @property
    def photo_name(self) -> str:
        """What the page calls the photo."""
        return readable_name(self.photo) if isinstance(self.photo, (str, os.PathLike)) else "the photo"

    @property
    def credit(self) -> str | None:
        """The author of a photo that ships with the package."""
        if not isinstance(self.photo, (str, os.PathLike)):
            return None
        return next((credit for name, credit in PHOTO_CREDITS.items() if shipped_photo(name) == Path(self.photo)), None)

    @property
    def identity(self) -> dict[str, str | int | bool | None]:
        """What must be the same for two reports to be the same, as far as that can be told."""
        return {
            "model": self.model.name,
            "weights": self.model.weights_sha256,
            "photo": _sha256(np.asarray(load_photo(self.photo))),
            "style": None if self.style is None else _sha256(np.asarray(load_photo(self.style))),
            "size": "{} x {}".format(*self.trace.input.shape[1:3]),
            "answer": _sha256(self.trace.result),
            "target": None if self.answer is None else self.answer.target,
            "seed": self.seed,
            "quick": self.quick,
        }


def look_at(
    model: Model, photo: Photo, target: str | int | None, size: int | tuple[int, int] | None, style: Photo | None, seed: int, quick: bool
) -> Subject:
    """Run the network on the photo, once."""
    x = model.prepare(photo, size)
    trace = model.network.trace(x)
    answer = _answer(model, trace, target) if target is not None or model.is_classifier(x.shape) else None
    return Subject(model, photo, style, trace, model.deprocess(x)[0], answer, seed, quick)


def _answer(model: Model, trace: Trace, target: str | int | None) -> Answer:
    """Ask the model about the photo; raises UnknownNameError if it has no classes, or not that one."""
    model.check_classifier(trace.input.shape)
    probabilities = model.read_probabilities(trace.result)
    index = int(probabilities.argmax()) if target is None else model.class_index(target)
    return Answer(model.ranked(probabilities, 5), len(probabilities), index)


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
