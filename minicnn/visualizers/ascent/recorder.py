"""Watching an ascent: its progress, and pictures of how an image came to be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.models.model import Model
from minicnn.pictures.resampling import resized
from minicnn.visualizers.ascent.loop import AscentState

#: An animation has about so many pictures at most.
FRAMES = 60


def part_of(progress: Callable[[int, int], None] | None, part: int, parts: int) -> Callable[[int, int], None] | None:
    """Return what reports the progress of one of several parts of equal length, counted from 0, as that of the whole."""
    if progress is None:
        return None

    def report(done: int, total: int) -> None:
        progress(part * total + done, parts * total)

    return report


class Recorder:
    """Takes pictures of an ascent as it goes on, and reports its progress; a callback for `ascend`.

    Parameters
    ----------
    model : Model
        Pictures of a bare network's input cannot be taken.
    steps : int
        Of the whole ascent.
    size : (height, width)
        Of the pictures.
    progress : function, optional
        Called as progress(done, total).
    take : bool
        Whether to take pictures at all.

    Attributes
    ----------
    pictures : list of uint8 array (N, H, W, 3)
        At most `FRAMES`, from the first steps to the last.
    state : AscentState or None
        The last that it saw.
    """

    def __init__(self, model: Model, steps: int, size: tuple[int, int], progress: Callable[[int, int], None] | None = None, take=True):
        self.model, self.steps, self.size, self.progress = model, steps, size, progress
        self.take = take and model.preprocessing is not None
        self.every = max(1, -(-steps // FRAMES))
        self.pictures: list[np.ndarray] = []
        self.state: AscentState | None = None

    def __call__(self, state: AscentState) -> None:
        self.state, done = state, len(state.scores)
        if self.take and (done % self.every == 0 or done == self.steps):
            self.pictures.append(self.model.deprocess(resized(state.x, self.size)))
        if self.progress:
            self.progress(done, self.steps)
