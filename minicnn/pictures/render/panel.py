"""A panel, and how numbers become its colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

#: Color maps that stay readable in grayscale and for the color-blind, because each grows steadily brighter: for numbers of one sign
#: black is 0, for maps over a photo dark blue is low and yellow high, for signed numbers blue is negative, gray 0, yellow positive.
MAP_COLORS = "inferno"
OVERLAY_COLORS = "plasma"
SIGNED_COLORS = "cividis"

#: Heavy-tailed maps are shown up to this quantile, or a few pixels would leave all others black. The values keep everything.
BRIGHT_QUANTILE = 0.995

#: On which sides of a color map's limits there are numbers beyond them.
Beyond = Literal["neither", "max", "both"]


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture with its scale.

    Attributes
    ----------
    caption : str
    pixels : uint8 array (H, W, 3)
        RGB.
    colors : str or None
        The name of the color map, or None where colors are not numbers.
    low, high : float
        The numbers at the color map's ends.
    unit : str
        What the numbers are.
    large : bool
        Whether it has details that need its pixels shown one to one.
    beyond : {"neither", "max", "both"}
        On which sides there are numbers beyond these ends.
    """

    caption: str
    pixels: np.ndarray
    colors: str | None = None
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    large: bool = False
    beyond: Beyond = "neither"


def color(values: np.ndarray, colors: str, low: float, high: float) -> np.ndarray:
    """Turn numbers (H, W) into RGB pixels, uint8 (H, W, 3); numbers beyond the limits get the color of the nearer limit."""
    from matplotlib import colormaps

    share = (values - low) / (high - low) if high > low else np.zeros(values.shape)
    return colormaps[colors](np.clip(share, 0, 1), bytes=True)[..., :3]


def largest_shown(values: np.ndarray) -> float:
    """Choose the upper limit for the colors of numbers that are at least 0: `BRIGHT_QUANTILE` of those above 0."""
    above = values[values > 0]
    return float(np.quantile(above, BRIGHT_QUANTILE)) if above.size else 0.0


def stretch(values: np.ndarray, height: int, width: int, extent: tuple[float, float, float, float] | None = None) -> np.ndarray:
    """Scale a coarse map to the size of a photo, interpolating linearly between the centers of its cells.

    Parameters
    ----------
    values : array (rows, columns)
    height, width : int
        The photo's size in pixels.
    extent : (top, bottom, left, right), optional
        The part of the photo that the cells divide up, in pixels; by default all of it. Outside, the border cells go on.

    Returns
    -------
    array (height, width)
    """
    top, bottom, left, right = extent or (0, height, 0, width)
    rows, columns = values.shape
    y = (np.arange(height) + 0.5 - top) / (bottom - top) * rows - 0.5
    x = (np.arange(width) + 0.5 - left) / (right - left) * columns - 0.5
    wide = np.stack([np.interp(x, np.arange(columns), row) for row in values])
    return np.stack([np.interp(y, np.arange(rows), column) for column in wide.T], axis=1)


def enlarge(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Make every pixel a square of factor x factor pixels."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def gradient_stops(colors: str, steps: int = 9) -> list[str]:
    """Sample a color map as "#rrggbb" strings, from low to high."""
    ramp = color(np.linspace(0, 1, steps)[None], colors, 0.0, 1.0)[0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in ramp]
