"""Maps in rows and columns that have names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minicnn.pictures.render.panel import MAP_COLORS, Panel, color, largest_shown
from minicnn.pictures.render.tiles import GAP, INK, LABEL_HEIGHT, LARGEST, PAPER, SMALLEST, sized

#: How wide all columns together are, about, in pixels.
WIDTH = 1000


@dataclass(frozen=True)
class Grid:
    """Maps of numbers of at least 0, (rows, columns, H, W), each from black for 0 to the brightest color at its own largest numbers.

    Attributes
    ----------
    rows, columns : sequence of str
        Their names.
    """

    rows: Sequence[str]
    columns: Sequence[str]

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        side = min(max(WIDTH / len(self.columns), SMALLEST), LARGEST)
        font = ImageFont.load_default(size=LABEL_HEIGHT - 2)
        tiles = [[color(each, MAP_COLORS, 0.0, largest_shown(each)) for each in (sized(map_, side) for map_ in row)] for row in values]
        height, width = (extent + GAP for extent in tiles[0][0].shape[:2])
        width = max(width, *(int(font.getlength(name)) + 2 * GAP for name in self.columns))
        left = max(int(font.getlength(name)) for name in self.rows) + 2 * GAP
        sheet = Image.new("RGB", (left + width * len(self.columns), LABEL_HEIGHT + GAP + height * len(self.rows)), PAPER)
        draw = ImageDraw.Draw(sheet)
        for i, name in enumerate(self.columns):
            draw.text((left + i * width, LABEL_HEIGHT), name, fill=INK, font=font, anchor="lb")
        for j, (name, row) in enumerate(zip(self.rows, tiles, strict=True)):
            top = LABEL_HEIGHT + GAP + j * height
            draw.text((left - GAP, top + height / 2), name, fill=INK, font=font, anchor="rm")
            for i, (_, tile) in enumerate(zip(self.columns, row, strict=True)):
                sheet.paste(Image.fromarray(tile), (left + i * width, top))
        return [Panel(f"{caption}, each on a scale of its own: black is 0", np.asarray(sheet), large=True)]
