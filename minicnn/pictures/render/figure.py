"""Pictures with words and axes: panels composed into one figure, and bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minicnn.pictures.render.panel import Panel

if TYPE_CHECKING:  # at run time matplotlib is imported where something is drawn
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure, SubFigure

DOTS_PER_INCH = 120

#: In inches: what a figure's title takes, and a panel's caption with its color bar.
TITLE_HEIGHT = 0.32
MARGIN = 0.6

#: What a letter takes, on average, in inches: of the title, of a panel's caption; and what each further line of a caption takes.
TITLE_LETTER, CAPTION_LETTER, CAPTION_LINE = 0.082, 0.064, 0.14

#: The color of bars and of a single curve.
INK = "#31688e"


def figure(panels: Sequence[Panel], title: str, columns: int | None = None) -> np.ndarray:
    """Compose panels into one picture with a title, captions and color bars.

    Parameters
    ----------
    panels : sequence of Panel
        A large one gets a row of its own, at its own size.
    title : str
    columns : int, optional
        Panels in a row; by default up to 4 panels stand in one row, more in rows of 6.

    Returns
    -------
    uint8 array (H, W, 3)
        RGB.
    """
    small = [panel for panel in panels if not panel.large]
    columns = columns or (len(small) if len(small) <= 4 else 6)
    cell_width, cell_height = _cell_size(small)
    panels = [
        panel if panel.large else replace(panel, caption=wrapped(panel.caption, int(cell_width / CAPTION_LETTER))) for panel in panels
    ]
    rows = _rows(panels, columns)
    heights = [
        row[0].pixels.shape[0] / DOTS_PER_INCH + 1.25 * MARGIN if row[0].large else cell_height + _further_lines(row) for row in rows
    ]
    width = max(
        [columns * cell_width, TITLE_LETTER * len(title)] + [panel.pixels.shape[1] / DOTS_PER_INCH + 0.1 for panel in panels if panel.large]
    )
    canvas = new_canvas(width, sum(heights) + 0.4, title)
    parts = canvas.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, row in zip(parts, rows):
        across = 1 if row[0].large else max(columns, int(width / cell_width))
        first = max(0, across - columns) // 2
        axes = part.subplots(1, across, squeeze=False)[0]
        with_scales = any(panel.colors for panel in row)
        for place in axes:
            place.set_axis_off()
        for place, panel in zip(axes[first:], row):
            _show(part, place, panel, with_scales)
    return drawn_pixels(canvas)


def _cell_size(panels: Sequence[Panel]) -> tuple[float, float]:
    """Choose width and height, in inches, for panels that stand beside each other."""
    if not panels:
        return 0.0, 0.0
    side = 3.4 if len(panels) <= 4 else 2.2
    height, width = panels[0].pixels.shape[:2]
    aspect = min(max(height / width, 0.25), 4)
    cell_width = side / max(1, aspect**0.5)
    return cell_width, cell_width * aspect + MARGIN


def wrapped(text: str, longest: int) -> str:
    """Break a text into lines of so many letters, after spaces and dots where there are any."""
    if len(text) <= longest:
        return text
    end = max(text.rfind(" ", 0, longest), text.rfind(".", 0, longest)) + 1 or longest
    return f"{text[:end].rstrip(' ')}\n{wrapped(text[end:].lstrip(' '), longest)}"


def _further_lines(row: Sequence[Panel]) -> float:
    """Tell how much height the captions in a row take beyond their first lines, in inches."""
    return CAPTION_LINE * max(panel.caption.count("\n") for panel in row)


def _rows(panels: Sequence[Panel], columns: int) -> list[list[Panel]]:
    """Set panels in rows, large ones in rows of their own."""
    rows = []
    for large, run in groupby(panels, lambda panel: panel.large):
        group, step = list(run), 1 if large else columns
        rows += [group[i : i + step] for i in range(0, len(group), step)]
    return rows


def _show(figure_part: SubFigure, axes: Axes, panel: Panel, with_scale: bool) -> None:
    """Draw one panel with its caption and, unless its row does without, its color bar."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    coarse = max(panel.pixels.shape[:2]) < 300 and not panel.large
    axes.imshow(panel.pixels, interpolation="nearest" if coarse else None)
    axes.set_title(panel.caption, fontsize=8, parse_math=False)
    axes.set_axis_off()
    if not with_scale:
        return
    scale = ScalarMappable(Normalize(panel.low, panel.high), panel.colors or "gray")
    shape: dict[str, Any] = {"shrink": 0.4, "aspect": 40} if panel.large else {"shrink": 0.8, "aspect": 25}
    bar = figure_part.colorbar(scale, ax=axes, location="bottom", pad=0.02, extend=panel.beyond, **shape)
    bar.ax.tick_params(labelsize=6)
    bar.locator = MaxNLocator(nbins=3, steps=[1, 2, 5, 10])
    bar.set_label(panel.unit, fontsize=7, parse_math=False)
    if panel.colors is None:  # a photo has no scale, but keeps its place in the row
        bar.ax.set_visible(False)


def bars(names: Sequence[str], shares: Sequence[float], title: str) -> np.ndarray:
    """Draw horizontal bars, the first on top, for shares between 0 and 1; returns RGB pixels, uint8."""
    canvas = new_canvas(6.4, 0.8 + 0.4 * len(names), title)
    axes = canvas.add_subplot()
    positions = np.arange(len(names))[::-1]
    axes.barh(positions, shares, color=INK)
    axes.set_yticks(positions, names, parse_math=False)
    axes.set_xlim(0, 1.12)
    for position, share in zip(positions, shares):
        axes.text(share + 0.01, position, f"{share:.1%}", va="center", fontsize=8)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return drawn_pixels(canvas)


def new_canvas(width: float, height: float, title: str) -> Figure:
    """Make a figure, in inches, that has a title over an empty area and needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    below_title = 1 - TITLE_HEIGHT / height if title else 1
    canvas = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=ConstrainedLayoutEngine(rect=(0, 0, 1, below_title)))
    if title:
        canvas.text(0.5, 1 - TITLE_HEIGHT / 2 / height, title, fontsize=11, ha="center", va="center", parse_math=False)
    FigureCanvasAgg(canvas)
    return canvas


def drawn_pixels(canvas: Figure) -> np.ndarray:
    """Draw a figure that `new_canvas` made; returns RGB pixels, uint8."""
    agg = cast("FigureCanvasAgg", canvas.canvas)
    agg.draw()
    return np.asarray(agg.buffer_rgba())[..., :3].copy()
