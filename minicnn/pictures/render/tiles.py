"""Many small pictures of equal kind, as one picture: the channels of a layer, the filters of a bank."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minicnn.pictures.render.displays import around_gray
from minicnn.pictures.render.panel import (
    MAP_COLORS,
    SIGNED_COLORS,
    Beyond,
    Panel,
    color,
    enlarge,
    largest_shown,
)

#: Tiles are enlarged or reduced to between so many pixels a side, so that all together have about this area, in pixels.
SMALLEST, LARGEST = 40, 112
AREA = 900 * 700

#: Finished pictures are enlarged to about so many pixels a side, if they are smaller.
SMALLEST_PICTURE = 96

#: Over each tile, for its label; around each tile; the page's and the labels' color; the label of a marked tile.
LABEL_HEIGHT, GAP = 13, 3
PAPER, INK, MARK = (255, 255, 255), (40, 44, 48), (200, 60, 0)


@dataclass(frozen=True)
class Tiles:
    """Pictures (N, H, W) of numbers, or (N, H, W, 3) of signed colors, in rows, with one scale for all.

    Of other numbers of channels, (N, H, W, C), each channel gets a tile of its own; a single one is as (N, H, W). There may be rows of
    pictures, (rows, N, H, W, C).

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

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        if values.ndim == 5:
            return self.panels(values.reshape(-1, *values.shape[2:]), caption, photo)
        if values.ndim == 4 and values.shape[3] == 1:
            values = values[..., 0]
        if values.ndim == 4 and values.shape[3] != 3:
            labels = [f"{label} ch {channel}" for label in self.labels for channel in range(values.shape[3])]
            each = dataclasses.replace(self, labels=labels, marked=(), signed=True)
            return each.panels(np.moveaxis(values, 3, 1).reshape(-1, *values.shape[1:3]), caption, photo)
        limit = largest_shown(np.abs(values))
        side = min(max(math.sqrt(AREA / len(values)), SMALLEST), LARGEST)
        tiles = [sized(tile, side) for tile in values]
        if values.ndim == 4:
            caption = f"{caption} (gray is 0, full color {limit:.3g})"
            return [Panel(caption, _arranged([around_gray(tile, limit) for tile in tiles], self.labels, self.marked), large=True)]
        low, colors = (-limit, SIGNED_COLORS) if self.signed else (0.0, MAP_COLORS)
        pixels = _arranged([color(tile, colors, low, limit) for tile in tiles], self.labels, self.marked)
        beyond: Beyond = "neither" if np.abs(values).max() <= limit else "both" if self.signed else "max"
        return [Panel(caption, pixels, colors, low, limit, self.unit, large=True, beyond=beyond)]


@dataclass(frozen=True)
class Pictures:
    """Finished pictures, uint8 RGB (N, H, W, 3), in rows; or (rows, N, H, W, 3), each row by itself.

    Attributes
    ----------
    labels : sequence of str
        Written over the pictures.
    columns : int or None
        How many stand in a row; None for what looks well.
    with_photo : bool
        Whether the photo, if there is one, is the first of them.
    leading : array (rows, h, w, 3) or None
        Pictures of any size, one to begin each row with.
    """

    labels: Sequence[str]
    columns: int | None = None
    with_photo: bool = False
    leading: np.ndarray | None = None

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        labels, tiles, columns = list(self.labels), list(values), self.columns
        if values.ndim == 5:
            rows = [list(row) for row in values]
            if self.leading is not None:
                rows = [[_fitted(first, values.shape[2:4]), *row] for first, row in zip(self.leading, rows, strict=True)]
            tiles, columns = [tile for row in rows for tile in row], len(rows[0])
        if self.with_photo and photo is not None:
            labels, tiles = ["photo", *labels], [photo, *tiles]
        tiles = [enlarge(tile, max(1, round(SMALLEST_PICTURE / max(tile.shape)))) for tile in tiles]
        return [Panel("", _arranged(tiles, labels, columns=columns), large=True)]


def _fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a picture to (height, width)."""
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC))


def _arranged(tiles: Sequence[np.ndarray], labels: Sequence[str], marked: Sequence[int] = (), columns: int | None = None) -> np.ndarray:
    """Set colored tiles in rows, by default about a third wider than high together."""
    height, width = tiles[0].shape[0] + LABEL_HEIGHT + GAP, tiles[0].shape[1] + GAP
    columns = columns or min(len(tiles), max(1, round(math.sqrt(1.33 * len(tiles) * height / width))))
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=LABEL_HEIGHT - 2)
    for i, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        left, top = GAP + i % columns * width, GAP + i // columns * height + LABEL_HEIGHT
        sheet.paste(Image.fromarray(tile), (left, top))
        draw.text((left, top - 1), _cut(label, font, width), fill=MARK if i in marked else INK, font=font, anchor="lb")
        if i in marked:
            right, bottom = left + tile.shape[1] - 1, top + tile.shape[0] - 1
            draw.line([(left, top), (right, bottom)], fill=MARK)
            draw.line([(left, bottom), (right, top)], fill=MARK)
    return np.asarray(sheet)


def _cut(label: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Leave out the beginning of a label that is wider than its tile: names of layers differ in their ends."""
    if font.getlength(label) <= width:
        return label
    return next((end for start in range(1, len(label)) if font.getlength(end := f"..{label[start:]}") <= width), "")


def sized(tile: np.ndarray, wanted: float) -> np.ndarray:
    """Bring a tile to about the wanted size: enlarge its pixels, or average over them."""
    side = max(tile.shape[:2])
    if side <= wanted:
        return enlarge(tile, round(wanted / side))
    height, width = (max(1, round(extent * wanted / side)) for extent in tile.shape[:2])
    planes = [tile] if tile.ndim == 2 else np.moveaxis(tile, 2, 0)
    reduced = [np.asarray(Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BOX)) for plane in planes]
    return reduced[0] if tile.ndim == 2 else np.stack(reduced, axis=2)
