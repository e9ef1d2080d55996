"""Settings of an ascent in units that people know: levels of 255, whatever the network's own units are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.visualizers.ascent import regularizers
from minicnn.visualizers.ascent.loop import AscentSettings, natural_colors

#: Whether the colors of a step are mixed as in photos.
Colors = Literal["natural", "free"]

#: In the order in which they are applied.
REGULARIZERS = {
    "l2": regularizers.l2,
    "blur": regularizers.blur,
    "total_variation": regularizers.total_variation,
    "clip_norm": regularizers.clip_norm,
    "clip_contribution": regularizers.clip_contribution,
}

#: The settings that are counts of something that must be there.
COUNTS = ("scales", "octaves")


def level(model: Model) -> float:
    """Tell how large one of 255 levels of brightness is in the network's units, on average over the colors; for a bare network 1."""
    if model.preprocessing is None:
        return 1.0
    low, high = color_limits(model)
    return float(np.mean(high - low)) / 255


def color_limits(model: Model) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Return black and white in the network's units, each (channels,); for a bare network there are no limits."""
    if model.preprocessing is None:
        return -np.inf, np.inf
    return model.preprocessing.limits


def settings_in_levels(model: Model, *, step_size: float, colors: Colors = "free", **settings: Any) -> AscentSettings:
    """Make settings in the network's units.

    Parameters
    ----------
    model : Model
    step_size : float
        In levels of 255.
    colors : {"natural", "free"}
    settings
        The strengths of `REGULARIZERS`, that of the total variation in levels; the others are the attributes of `AscentSettings`.
    """
    strengths = {name: settings.pop(name, 0.0) for name in REGULARIZERS}
    strengths["total_variation"] *= level(model)
    low, high = color_limits(model)
    mixing = natural_colors(model.preprocessing.names) if colors == "natural" and model.preprocessing is not None else None
    return AscentSettings(
        step_size=step_size * level(model),
        colors=mixing,
        regularizers=[make(strengths[name]) for name, make in REGULARIZERS.items() if strengths[name] > 0],
        low=low,
        high=high,
        **settings,
    )


def with_noise(model: Model, images: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Add noise of the given standard deviation, in levels of 255, to images.

    Its random numbers are those of a step of their own, the largest number.
    """
    generator = np.random.default_rng([seed, 2**32 - 1])
    return images + (noise * level(model) * generator.standard_normal(images.shape)).astype(images.dtype)


def check_limits(settings: Mapping[str, tuple[float, float]]) -> None:
    """Raise MinicnnError unless each setting, given as (value, limit) by its name, lies between 0, or for counts 1, and its limit."""
    for name, (value, limit) in settings.items():
        least = 1 if name in COUNTS else 0
        if not least <= value <= limit:
            raise MinicnnError(f"{name} is {value}; expected {least} to {limit:g}")
