"""Arrays in, pictures out. Nothing here knows where the numbers come from.

A visualization is shown as one or more panels: a picture, a caption, and, if colours stand for numbers, which colours for which
numbers. Panels go into a web page one by one, or are composed into one figure.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, PngImagePlugin

#: Colour maps that stay readable in greyscale and for the colour-blind: black or dark blue is low, yellow is high.
MAP_COLOURS = "inferno"
OVERLAY_COLOURS = "plasma"

#: Heavy-tailed maps are shown up to this quantile, or a few pixels would leave all others black. The values keep everything.
BRIGHT_QUANTILE = 0.995

#: How strongly an overlay covers the photo, 0 to 1.
OVERLAY_STRENGTH = 0.55

#: What a figure's title takes, in inches.
TITLE_HEIGHT = 0.32


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture with its scale.

    Attributes
    ----------
    caption : str
    pixels : uint8 array (H, W, 3)
        RGB.
    colours : str or None
        The name of the colour map, or None for a photo.
    low, high : float
        The numbers at the colour map's ends.
    unit : str
        What the numbers are.
    """

    caption: str
    pixels: np.ndarray
    colours: str | None = None
    low: float = 0.0
    high: float = 1.0
    unit: str = ""


def colour(values: np.ndarray, colours: str, low: float, high: float) -> np.ndarray:
    """Turn numbers (H, W) into RGB pixels, uint8 (H, W, 3); numbers beyond the limits get the colour of the nearer limit."""
    from matplotlib import colormaps

    share = (values - low) / (high - low) if high > low else np.zeros(values.shape)
    return colormaps[colours](np.clip(share, 0, 1), bytes=True)[..., :3]


def map_panels(values: np.ndarray, photo: np.ndarray | None, unit: str = "", extent: tuple | None = None) -> list[Panel]:
    """Show a map of numbers that are at least 0, one for each pixel, beside the photo."""
    high = float(np.quantile(values, BRIGHT_QUANTILE))
    if high == 0:
        high = float(values.max())
    shown = Panel("map", colour(values, MAP_COLOURS, 0.0, high), MAP_COLOURS, 0.0, high, unit)
    return [*_photo_panels(photo), shown]


def overlay_panels(values: np.ndarray, photo: np.ndarray | None, unit: str = "", extent: tuple | None = None) -> list[Panel]:
    """Lay a coarse map over the greyed photo, beside the photo itself; without a photo, show the map alone."""
    low, high = float(values.min()), float(values.max())
    if photo is None:
        return [Panel("map", colour(values, OVERLAY_COLOURS, low, high), OVERLAY_COLOURS, low, high, unit)]
    height, width = photo.shape[:2]
    heat = colour(stretch(values, height, width, extent), OVERLAY_COLOURS, low, high)
    grey = photo.mean(axis=2, keepdims=True)
    mixed = np.rint(OVERLAY_STRENGTH * heat + (1 - OVERLAY_STRENGTH) * grey).astype(np.uint8)
    return [*_photo_panels(photo), Panel("overlay", mixed, OVERLAY_COLOURS, low, high, unit)]


def layer_panels(
    values: Mapping[str, np.ndarray], photo: np.ndarray | None, unit: str = "", extent: tuple | None = None
) -> list[Panel]:
    """Show one map for each layer, in its own size and with its own scale."""
    panels = []
    for name, output in values.items():
        low, high = float(output.min()), float(output.max())
        caption = f"{name}  {output.shape[0]} x {output.shape[1]}"
        panels.append(Panel(caption, colour(output, OVERLAY_COLOURS, low, high), OVERLAY_COLOURS, low, high, unit))
    return [*_photo_panels(photo), *panels]


def stretch(values: np.ndarray, height: int, width: int, extent: tuple[float, float, float, float] | None = None) -> np.ndarray:
    """Scale a coarse map to the size of a photo, interpolating linearly between the centres of its cells.

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


def figure(panels: Sequence[Panel], title: str, columns: int | None = None) -> np.ndarray:
    """Compose panels into one picture with a title, captions and colour bars.

    Parameters
    ----------
    panels : sequence of Panel
    title : str
    columns : int, optional
        Panels in a row; by default up to 4 panels stand in one row, more in rows of 6.

    Returns
    -------
    uint8 array (H, W, 3)
        RGB.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    columns = columns or (len(panels) if len(panels) <= 4 else 6)
    rows = math.ceil(len(panels) / columns)
    side = 3.4 if len(panels) <= 4 else 2.2
    height, width = panels[0].pixels.shape[:2]
    aspect = min(max(height / width, 0.25), 4)
    cell_width = side / max(1, aspect**0.5)
    canvas = _canvas(columns * cell_width, rows * (cell_width * aspect + 0.6) + 0.4, title)
    for i, panel in enumerate(panels):
        axes = canvas.add_subplot(rows, columns, i + 1)
        axes.imshow(panel.pixels, interpolation="nearest")
        axes.set_title(panel.caption, fontsize=8, parse_math=False)
        axes.set_axis_off()
        scale = ScalarMappable(Normalize(panel.low, panel.high), panel.colours or "gray")
        bar = canvas.colorbar(scale, ax=axes, location="bottom", shrink=0.8, aspect=25, pad=0.02)
        bar.ax.tick_params(labelsize=6)
        bar.locator = _few_ticks()
        bar.set_label(panel.unit, fontsize=7, parse_math=False)
        if panel.colours is None:  # a photo has no scale, but keeps its place in the row
            bar.ax.set_visible(False)
    return _pixels(canvas)


def bars(names: Sequence[str], shares: Sequence[float], title: str) -> np.ndarray:
    """Draw horizontal bars, the first on top, for shares between 0 and 1; returns RGB pixels, uint8."""
    canvas = _canvas(6.4, 0.8 + 0.4 * len(names), title)
    axes = canvas.add_subplot()
    positions = np.arange(len(names))[::-1]
    axes.barh(positions, shares, color="#31688e")
    axes.set_yticks(positions, names, parse_math=False)
    axes.set_xlim(0, 1.12)
    for position, share in zip(positions, shares):
        axes.text(share + 0.01, position, f"{share:.1%}", va="center", fontsize=8)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return _pixels(canvas)


def png(pixels: np.ndarray, texts: Mapping[str, str] | None = None) -> bytes:
    """Encode RGB pixels as a PNG file, with texts in its metadata."""
    information = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        information.add_itxt(key, text)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=information)
    return buffer.getvalue()


def gradient_stops(colours: str, steps: int = 9) -> list[str]:
    """Sample a colour map as "#rrggbb" strings, from low to high."""
    ramp = colour(np.linspace(0, 1, steps)[None], colours, 0.0, 1.0)[0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in ramp]


def _photo_panels(photo: np.ndarray | None) -> list[Panel]:
    return [] if photo is None else [Panel("photo", photo)]


def _canvas(width: float, height: float, title: str):
    """Make a figure, in inches, that has a title over an empty area and needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(width, height), dpi=120, layout="constrained")
    canvas.get_layout_engine().set(rect=(0, 0, 1, 1 - TITLE_HEIGHT / height))
    canvas.text(0.5, 1 - TITLE_HEIGHT / 2 / height, title, fontsize=11, ha="center", va="center", parse_math=False)
    FigureCanvasAgg(canvas)
    return canvas


def _few_ticks():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=3)


def _pixels(canvas) -> np.ndarray:
    canvas.canvas.draw()
    return np.asarray(canvas.canvas.buffer_rgba())[..., :3].copy()
