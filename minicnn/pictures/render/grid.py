"""Maps in rows and columns that have names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minicnn.pictures.render.panel import MAP_COLORS, Panel, color, largest_shown
from minicnn.pictures.render.tiles import GAP, INK, LABEL_HEIGHT, LARGEST, PAPER, SMALLEST, sized

#: How wide all columns together are, about, in pixels; and how many there are at most.
WIDTH, MOST_COLUMNS = 1000, 20


@dataclass(frozen=True)
class Grid:
    """Maps of numbers of at least 0, (rows, columns, H, W), each from black for 0 to the brightest color at its own largest numbers.

    Of many columns some are shown, evenly spaced, the first and the last among them.

    Attributes
    ----------
    rows, columns : sequence of str
        Their names.
    """

    rows: Sequence[str]
    columns: Sequence[str]

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        shown = evenly(len(self.columns), MOST_COLUMNS)
        columns = [self.columns[i] for i in shown]
        side = min(max(WIDTH / len(columns), SMALLEST), LARGEST)
        tiles = [[color(each, MAP_COLORS, 0.0, largest_shown(each)) for each in (sized(row[i], side) for i in shown)] for row in values]
        font = ImageFont.load_default(size=LABEL_HEIGHT - 2)
        height, width = (extent + GAP for extent in tiles[0][0].shape[:2])
        upright = max(font.getlength(name) for name in columns) + GAP > width
        labels = [_label(name, font, upright) for name in columns]
        top = max(label.height for label in labels) + GAP
        left = max(int(font.getlength(name)) for name in self.rows) + 2 * GAP
        sheet = Image.new("RGB", (left + width * len(columns), top + height * len(self.rows)), PAPER)
        for i, label in enumerate(labels):
            sheet.paste(label, (left + i * width + upright * (width - label.width) // 2, top - GAP - label.height))
        draw = ImageDraw.Draw(sheet)
        for j, (name, row) in enumerate(zip(self.rows, tiles, strict=True)):
            draw.text((left - GAP, top + (j + 0.5) * height), name, fill=INK, font=font, anchor="rm")
            for i, tile in enumerate(row):
                sheet.paste(Image.fromarray(tile), (left + i * width, top + j * height))
        which = "" if len(columns) == len(self.columns) else f"; {len(columns)} of {len(self.columns)} columns"
        return [Panel(f"{caption}, each on a scale of its own: black is 0{which}", np.asarray(sheet), large=True)]


def evenly(count: int, most: int) -> list[int]:
    """Choose at most so many of the numbers from 0 to count - 1, evenly spaced, the first and the last among them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()


def _label(name: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, upright: bool) -> Image.Image:
    """Write a name, from below upward if it stands upright."""
    label = Image.new("RGB", (int(font.getlength(name)) + GAP, LABEL_HEIGHT), PAPER)
    ImageDraw.Draw(label).text((0, LABEL_HEIGHT), name, fill=INK, font=font, anchor="lb")
    return label.transpose(Image.Transpose.ROTATE_90) if upright else label
