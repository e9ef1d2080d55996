"""Boxes, paths and ellipses drawn on the photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from minicnn.pictures.render.displays import Map
from minicnn.pictures.render.panel import Panel

#: Small photos are enlarged to about this many pixels a side before anything is drawn on them.
DRAWN_SIDE = 672

BOX, PATH, ELLIPSE = (255, 220, 0), (0, 200, 255), (255, 90, 160)


@dataclass(frozen=True)
class Marks:
    """A map (H, W) of numbers of at least 0, and on the photo what it is about: a box, a path from point to point, an ellipse.

    Attributes
    ----------
    box : (top, bottom, left, right)
        In pixels.
    path : sequence of (row, column)
        In pixels, the middle of a pixel being 0.5 from its edges.
    ellipse : mapping
        Of a Gaussian: "center" (row, column), "deviations", the standard deviations along both axes, and "angle", that of the first axis
        from the vertical, in radians.
    unit : str
    """

    box: tuple[float, float, float, float]
    path: Sequence[tuple[float, float]] = ()
    ellipse: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        (shown,) = Map(self.unit).panels(values, caption, photo)
        under = shown.pixels if photo is None else photo
        return [Panel("box: yellow; path: blue; Gaussian, two deviations: pink", self._drawn(under)), shown]

    def _drawn(self, pixels: np.ndarray) -> np.ndarray:
        scale = max(1, round(DRAWN_SIDE / max(pixels.shape[:2])))
        size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(picture)
        top, bottom, left, right = (edge * scale for edge in self.box)
        draw.rectangle([(left, top), (right - 1, bottom - 1)], outline=BOX, width=3)
        if self.ellipse:
            draw.line([(x * scale, y * scale) for y, x in self._outline()], fill=ELLIPSE, width=3)
        points = [(x * scale, y * scale) for y, x in self.path]
        if len(points) > 1:
            draw.line(points, fill=PATH, width=2)
        for x, y in points:
            draw.ellipse([(x - 4, y - 4), (x + 4, y + 4)], outline=PATH, width=2)
        return np.asarray(picture)

    def _outline(self) -> list[tuple[float, float]]:
        """Return points (row, column) on the ellipse at two standard deviations."""
        turn = np.linspace(0, 2 * np.pi, 90)
        first, second = (2 * deviation for deviation in self.ellipse["deviations"])
        angle = self.ellipse["angle"]
        along, across = first * np.cos(turn), second * np.sin(turn)
        rows = self.ellipse["center"][0] + along * np.cos(angle) - across * np.sin(angle)
        columns = self.ellipse["center"][1] + along * np.sin(angle) + across * np.cos(angle)
        return list(zip(rows.tolist(), columns.tolist()))
