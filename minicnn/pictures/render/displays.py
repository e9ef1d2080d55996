"""Displays: how one array of a result becomes panels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minicnn.pictures.render.panel import (
    MAP_COLORS,
    OVERLAY_COLORS,
    SIGNED_COLORS,
    Beyond,
    Panel,
    color,
    enlarge,
    largest_shown,
    stretch,
)

#: How strongly an overlay covers the photo, 0 to 1.
OVERLAY_STRENGTH = 0.55

#: The ground under what is transparent: the side of its squares in pixels, and their grays.
CHECKER, CHECKER_GRAYS = 8, (200, 240)

#: Side of a matrix whose cells hold numbers, in pixels, about; and the smallest and largest letters.
NUMBERS_SIDE = 264
SMALLEST_LETTERS, LARGEST_LETTERS = 9, 22


class Display(Protocol):
    """Turns one array, the caption that it should have, and the photo that it is about (or None) into panels."""

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]: ...


@dataclass(frozen=True)
class Photo:
    """RGB pixels, float or integer (H, W, 3), 0 to 255, shown as they are; with transparency, (H, W, 4), over a checkered ground."""

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        if values.shape[2] == 4:
            opaque = values[..., 3:] / 255
            values = opaque * values[..., :3] + (1 - opaque) * _checkered(*values.shape[:2])
        return [Panel(caption, np.clip(np.rint(values), 0, 255).astype(np.uint8))]


@dataclass(frozen=True)
class Map:
    """Numbers of at least 0 for each pixel, (H, W): black is 0, the brightest color `high`, or what `largest_shown` says."""

    unit: str = ""
    high: float | None = None

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        high = largest_shown(values) if self.high is None else self.high
        beyond: Beyond = "max" if values.max() > high else "neither"
        return [Panel(caption, color(values, MAP_COLORS, 0.0, high), MAP_COLORS, 0.0, high, self.unit, beyond=beyond)]


@dataclass(frozen=True)
class Signed:
    """Signed numbers for each pixel, (H, W), with limits of equal size on both sides of 0, which is gray.

    Of several channels, (H, W, C), three are shown as red, green and blue around a middle gray, others one by one; a single one as (H, W).
    """

    unit: str = ""
    limit: float | None = None

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        limit = largest_shown(np.abs(values)) if self.limit is None else self.limit
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[..., 0]
        if values.ndim == 3 and values.shape[2] != 3:
            each = Signed(self.unit, limit)
            return [panel for i in range(values.shape[2]) for panel in each.panels(values[..., i], f"{caption}, channel {i}", photo)]
        if values.ndim == 3:
            unit = f"{self.unit}; gray is 0, full color {limit:.3g}".removeprefix("; ")
            return [Panel(f"{caption} ({unit})", around_gray(values, limit))]
        beyond: Beyond = "both" if np.abs(values).max() > limit else "neither"
        return [Panel(caption, color(values, SIGNED_COLORS, -limit, limit), SIGNED_COLORS, -limit, limit, self.unit, beyond=beyond)]


@dataclass(frozen=True)
class Range:
    """Numbers for each pixel, (H, W), on a scale of their own: from the smallest to the largest, or from `low` to `high`.

    If some are negative, and no limits are given, the limits are of equal size on both sides of 0, which is gray.
    """

    unit: str = ""
    colors: str = OVERLAY_COLORS
    low: float | None = None
    high: float | None = None

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        low, high = _limits(values, self.low, self.high)
        caption, colors = f"{caption}  {values.shape[0]} x {values.shape[1]}", self.colors
        if self.low is None and low < 0:
            low, high, colors = min(low, -high), max(-low, high), SIGNED_COLORS
        return [Panel(caption, color(values, colors, low, high), colors, low, high, self.unit)]


@dataclass(frozen=True)
class Overlay:
    """A coarse map (rows, columns) stretched over the grayed photo; without a photo, the map alone.

    Attributes
    ----------
    unit : str
    extent : (top, bottom, left, right) or None
        The part of the photo that the map covers, in pixels; None for all of it.
    raw : bool
        Whether to show the map's own cells beside it.
    low, high : float or None
        The numbers at the colors' ends; None for the smallest and the largest.
    """

    unit: str = ""
    extent: tuple[float, float, float, float] | None = None
    raw: bool = False
    low: float | None = None
    high: float | None = None

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        low, high = _limits(values, self.low, self.high)
        pixels = color(values, OVERLAY_COLORS, low, high)
        beyond: Beyond = "max" if values.max() > high else "neither"
        cells = Panel("grid" if self.raw else caption, pixels, OVERLAY_COLORS, low, high, self.unit, beyond=beyond)
        if photo is None:
            return [cells]
        height, width = photo.shape[:2]
        heat = color(stretch(values, height, width, self.extent), OVERLAY_COLORS, low, high)
        gray = photo.mean(axis=2, keepdims=True)
        mixed = np.rint(OVERLAY_STRENGTH * heat + (1 - OVERLAY_STRENGTH) * gray).astype(np.uint8)
        over = dataclasses.replace(cells, caption=caption, pixels=mixed)
        return [over, cells] if self.raw else [over]


@dataclass(frozen=True)
class Numbers:
    """A small matrix whose numbers are written into its cells, on colors with equal limits on both sides of 0."""

    unit: str = ""
    limit: float | None = None

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        values = np.atleast_2d(values)
        limit = float(np.abs(values).max()) if self.limit is None else self.limit
        cells = color(values, SIGNED_COLORS, -limit, limit)
        side = max(1, NUMBERS_SIDE // max(values.shape))
        picture = Image.fromarray(enlarge(cells, side))
        texts = [[f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}" for value in row + 0.0] for row in values]
        letters = 1.5 * side / max(len(text) for row in texts for text in row)
        font = ImageFont.load_default(size=min(max(letters, SMALLEST_LETTERS), LARGEST_LETTERS))
        draw = ImageDraw.Draw(picture)
        for (row, column), _ in np.ndenumerate(values):
            ink = "black" if cells[row, column].mean() > 110 else "white"
            draw.text(((column + 0.5) * side, (row + 0.5) * side), texts[row][column], fill=ink, font=font, anchor="mm")
        return [Panel(caption, np.asarray(picture), SIGNED_COLORS, -limit, limit, self.unit)]


def _limits(values: np.ndarray, low: float | None, high: float | None) -> tuple[float, float]:
    """Return the numbers at the colors' ends: the given ones, or the smallest and the largest."""
    return float(values.min()) if low is None else low, float(values.max()) if high is None else high


def _checkered(height: int, width: int) -> np.ndarray:
    """Make a board of light and dark squares, (height, width, 1)."""
    rows, columns = np.arange(height)[:, None] // CHECKER, np.arange(width) // CHECKER
    return np.where((rows + columns) % 2, *CHECKER_GRAYS)[..., None]


def around_gray(values: np.ndarray, limit: float) -> np.ndarray:
    """Turn signed RGB numbers (..., 3) into pixels: 0 is middle gray, `limit` full color, -limit none."""
    share = values / limit if limit > 0 else values
    return np.rint(127.5 + 127.5 * np.clip(share, -1, 1)).astype(np.uint8)
