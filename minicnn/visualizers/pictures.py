"""What the visualizers that make pictures share: units that people know, a start, and a film of how the picture came to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from minicnn import regularisers
from minicnn.ascent import Climb, Recipe, natural_colours
from minicnn.errors import MinicnnError
from minicnn.model import Model
from minicnn.render import Display, Photo, Pictures, Signed, Tiles
from minicnn.resampling import resized

#: Whether the colours of a step are mixed as in photos.
Colours = Literal["natural", "free"]

#: In the order in which they are applied.
REGULARISERS = {
    "l2": regularisers.l2,
    "blur": regularisers.blur,
    "total_variation": regularisers.total_variation,
    "clip_norm": regularisers.clip_norm,
    "clip_contribution": regularisers.clip_contribution,
}

#: The settings that are counts of something that must be there.
COUNTS = ("scales", "octaves")

#: An animation has about so many pictures at most.
FRAMES = 60

#: Between the pictures of a mosaic, in pixels.
GAP = 2


def level(model: Model) -> float:
    """Tell how large one of 255 levels of brightness is in the network's units, on average over the colours; for a bare network 1."""
    if model.preprocessing is None:
        return 1.0
    low, high = colour_limits(model)
    return float(np.mean(high - low)) / 255


def colour_limits(model: Model) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Return black and white in the network's units, each (channels,); for a bare network there are no limits."""
    if model.preprocessing is None:
        return -np.inf, np.inf
    return model.preprocessing.limits


def recipe_in_levels(model: Model, *, step_size: float, colours: Colours = "free", **settings: Any) -> Recipe:
    """Make a recipe in the network's units.

    Parameters
    ----------
    model : Model
    step_size : float
        In levels of 255.
    colours : {"natural", "free"}
    settings
        The strengths of `REGULARISERS`, that of the total variation in levels; the others are the attributes of `Recipe`.
    """
    strengths = {name: settings.pop(name, 0.0) for name in REGULARISERS}
    strengths["total_variation"] *= level(model)
    low, high = colour_limits(model)
    known = colours == "natural" and model.preprocessing is not None
    mixing = natural_colours(model.preprocessing.names) if known else None
    return Recipe(
        step_size=step_size * level(model),
        colours=mixing,
        regularisers=[make(strengths[name]) for name, make in REGULARISERS.items() if strengths[name] > 0],
        low=low,
        high=high,
        **settings,
    )


def with_noise(model: Model, images: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Add noise of the given deviation, in levels of 255, to images. Its random numbers are those of step -1, so to say."""
    generator = np.random.default_rng([seed, 2**32 - 1])
    return images + (noise * level(model) * generator.standard_normal(images.shape)).astype(images.dtype)


def check_limits(settings: Mapping[str, tuple[float, float]]) -> None:
    """Raise MinicnnError unless each setting, given as (value, limit) by its name, lies between 0, or for counts 1, and its limit."""
    for name, (value, limit) in settings.items():
        least = 1 if name in COUNTS else 0
        if not least <= value <= limit:
            raise MinicnnError(f"{name} is {value}; expected {least} to {limit:g}")


class Film:
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
    climb : Climb or None
        The last that it saw.
    """

    def __init__(self, model: Model, steps: int, size: tuple[int, int], progress: Callable[[int, int], None] | None = None, take=True):
        self.model, self.steps, self.size, self.progress = model, steps, size, progress
        self.take = take and model.preprocessing is not None
        self.every = max(1, -(-steps // FRAMES))
        self.pictures: list[np.ndarray] = []
        self.climb: Climb | None = None

    def __call__(self, climb: Climb) -> None:
        self.climb, done = climb, len(climb.scores)
        if self.take and (done % self.every == 0 or done == self.steps):
            self.pictures.append(self.model.deprocess(resized(climb.x, self.size)))
        if self.progress:
            self.progress(done, self.steps)


def finished_image(model: Model, x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Display]]:
    """Say in numbers and in a picture what the ascent of one image (1, H, W, C) has come to.

    Returns
    -------
    values : dict of str to array
        "input" (H, W, C), and if the model knows pixels "image", uint8 RGB (H, W, 3).
    shows : dict of str to Display
        How the image is shown.
    """
    if model.preprocessing is None:
        return {"input": x[0]}, {"input": Signed("input")}
    return {"image": model.deprocess(x)[0], "input": x[0]}, {"image": Photo()}


def finished(
    model: Model, x: np.ndarray, scores: np.ndarray, labels: Sequence[str], with_photo: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, Display]]:
    """Say in numbers and pictures what ascents have come to.

    Parameters
    ----------
    model : Model
    x : array (N, H, W, C)
    scores : array (steps, N)
    labels : sequence of str
        One for each of the N.
    with_photo : bool
        Whether the photo is to stand beside them.

    Returns
    -------
    values : dict of str to array
        "input" and "scores"; and if the model knows pixels "images", uint8 (N, H, W, 3), and "picture", the same side by side.
    shows : dict of str to Display
    """
    values = {"input": x, "scores": scores}
    if model.preprocessing is None:
        return values, {"input": Tiles(labels)}
    images = model.deprocess(x)
    columns = math.ceil(math.sqrt(len(x) + with_photo))
    return {"images": images, "picture": mosaic(images), **values}, {"images": Pictures(labels, columns, with_photo)}


def stuck(moved: np.ndarray | None, labels: Sequence[str], advice: str) -> tuple[str, ...]:
    """Warn of the pictures that had no gradient to follow at any step; `moved` (N,) is that of a Climb."""
    names = [] if moved is None else [label for label, each in zip(labels, moved) if not each]
    return (f"the gradient for {', '.join(names)} was 0 at every step, so nothing was raised: {advice}",) if names else ()


def mosaic(pictures: np.ndarray) -> np.ndarray:
    """Set pictures, uint8 (N, H, W, 3), in rows with white lines between them, about as high as wide together; of one, that one."""
    count, height, width, _ = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (height + GAP), i % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet
