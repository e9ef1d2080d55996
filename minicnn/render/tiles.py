"""Many small pictures of equal kind, as one picture: the channels of a layer, the filters of a bank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minicnn.render.displays import around_grey
from minicnn.render.panel import (
    MAP_COLOURS,
    SIGNED_COLOURS,
    Panel,
    colour,
    enlarge,
    largest_shown,
)

#: Tiles are enlarged or reduced to between so many pixels a side, so that all together have about this area, in pixels.
SMALLEST, LARGEST = 40, 112
AREA = 900 * 700

#: Over each tile, for its label; around each tile; the page's and the labels' colour; the label of a marked tile.
LABEL_HEIGHT, GAP = 13, 3
PAPER, INK, MARK = (255, 255, 255), (40, 44, 48), (200, 60, 0)


@dataclass(frozen=True)
class Tiles:
    """Pictures (N, H, W) of numbers, or (N, H, W, 3) of signed colours, in rows, with one scale for all.

    Attributes
    ----------
    labels : sequence of str
        Written over the tiles.
    marked : sequence of int
        Positions of tiles that are crossed out.
    unit : str
    signed : bool
        Whether the numbers may be negative; then the limits lie evenly around 0.
    """

    labels: Sequence[str]
    marked: Sequence[int] = ()
    unit: str = ""
    signed: bool = False

    def panels(self, values, caption, photo):
        limit = largest_shown(np.abs(values))
        side = min(max(math.sqrt(AREA / len(values)), SMALLEST), LARGEST)
        tiles = [sized(tile, side) for tile in values]
        if values.ndim == 4:
            caption = f"{caption} (grey is 0, full colour {limit:.3g})"
            return [Panel(caption, self._arranged([around_grey(tile, limit) for tile in tiles]), large=True)]
        low, colours = (-limit, SIGNED_COLOURS) if self.signed else (0.0, MAP_COLOURS)
        pixels = self._arranged([colour(tile, colours, low, limit) for tile in tiles])
        beyond = "neither" if np.abs(values).max() <= limit else "both" if self.signed else "max"
        return [Panel(caption, pixels, colours, low, limit, self.unit, large=True, beyond=beyond)]

    def _arranged(self, tiles: list[np.ndarray]) -> np.ndarray:
        """Set coloured tiles in rows, about a third wider than high together."""
        height, width = tiles[0].shape[0] + LABEL_HEIGHT + GAP, tiles[0].shape[1] + GAP
        columns = min(len(tiles), max(1, round(math.sqrt(1.33 * len(tiles) * height / width))))
        rows = math.ceil(len(tiles) / columns)
        sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=LABEL_HEIGHT - 2)
        for i, (tile, label) in enumerate(zip(tiles, self.labels, strict=True)):
            left, top = GAP + i % columns * width, GAP + i // columns * height + LABEL_HEIGHT
            sheet.paste(Image.fromarray(tile), (left, top))
            draw.text((left, top - 1), label, fill=MARK if i in self.marked else INK, font=font, anchor="lb")
            if i in self.marked:
                right, bottom = left + tile.shape[1] - 1, top + tile.shape[0] - 1
                draw.line([(left, top), (right, bottom)], fill=MARK)
                draw.line([(left, bottom), (right, top)], fill=MARK)
        return np.asarray(sheet)


def sized(tile: np.ndarray, wanted: float) -> np.ndarray:
    """Bring a tile to about the wanted size: enlarge its pixels, or average over them."""
    side = max(tile.shape[:2])
    if side <= wanted:
        return enlarge(tile, round(wanted / side))
    height, width = (max(1, round(extent * wanted / side)) for extent in tile.shape[:2])
    planes = [tile] if tile.ndim == 2 else np.moveaxis(tile, 2, 0)
    reduced = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BOX)) for plane in planes
    ]
    return reduced[0] if tile.ndim == 2 else np.stack(reduced, axis=2)
