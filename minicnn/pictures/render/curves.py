"""Lines over steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn.pictures.render.figure import INK, drawn_pixels, new_canvas
from minicnn.pictures.render.grid import evenly
from minicnn.pictures.render.panel import Panel

if TYPE_CHECKING:  # at run time matplotlib is imported where something is drawn
    from matplotlib.axes import Axes

#: The looks of several curves: colors by Okabe and Ito, which the color-blind can tell apart, and dashes and marks for grayscale.
LINE_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f")
DASHES = ("-", "--", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)), ":")
LINE_MARKS = ("o", "s", "^", "D", "v", "P", "X")
LEGEND_COLUMNS = 6

#: Diagrams beside each other are no wider together, in inches.
WIDEST = 10.0

#: So many steps with names are named, at most; what a letter of these takes, in inches, and how many there is room for anyway.
MOST_NAMED, LETTER, LETTERS = 20, 0.07, 8


@dataclass(frozen=True)
class Curve:
    """A line over steps, (N,); several named ones, (lines, N); or several diagrams of them beside each other, (diagrams, lines, N).

    Attributes
    ----------
    unit : str
    steps : str
        What the steps are.
    lines, diagrams : sequence of str
        Their names.
    at : sequence of float or str, or None
        Where the steps are, or what they are called; None for 1, 2, ...
    low, high : float or None
        The ends of the vertical axis; None for what fits.
    stretched : bool
        Whether the beginning of the horizontal axis is stretched, as the square root does it; for numbers from 0 up.
    """

    unit: str = ""
    steps: str = "step"
    lines: Sequence[str] = ()
    diagrams: Sequence[str] = ("",)
    at: Sequence[float] | Sequence[str] | None = None
    low: float | None = None
    high: float | None = None
    stretched: bool = False

    def panels(self, values: np.ndarray, caption: str, photo: np.ndarray | None) -> list[Panel]:
        return [Panel(caption, curves(np.array(values, ndmin=3), self), large=bool(self.lines))]


def curves(values: np.ndarray, shown: Curve) -> np.ndarray:
    """Draw diagrams (diagrams, lines, N) beside each other, as the display says, with one legend for all; returns RGB pixels, uint8.

    Lines differ in dashes and marks, too, for those who see no colors.
    """
    diagrams, lines, count = values.shape
    legend_rows = math.ceil(lines / LEGEND_COLUMNS) if shown.lines else 0
    names = [name for name in shown.at or () if isinstance(name, str)]
    below = LETTER * max(0, max(map(len, names), default=0) - LETTERS)
    canvas = new_canvas(min(4.4 * diagrams, WIDEST), 3.3 + 0.25 * legend_rows + below, "")
    places = np.arange(1, count + 1) if shown.at is None or isinstance(shown.at[0], str) else np.asarray(shown.at)
    for axes, title, each in zip(canvas.subplots(1, diagrams, squeeze=False)[0], shown.diagrams, values, strict=True):
        for i, line in enumerate(each):
            style = _line_style(i, count) if shown.lines else {"color": INK}
            axes.plot(places, line, label=shown.lines[i] if shown.lines else None, **style)
        axes.set_title(title, fontsize=9, parse_math=False)
        axes.set_xlabel(shown.steps, parse_math=False)
        axes.set_ylabel(shown.unit, parse_math=False)
        axes.set_ylim(shown.low, _top(each, shown))
        axes.grid(alpha=0.3)
        _name_steps(axes, places, shown)
    if shown.lines:
        handles, labels = axes.get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=min(lines, LEGEND_COLUMNS), fontsize=8, handlelength=3.5)
    return drawn_pixels(canvas)


def _top(lines: np.ndarray, shown: Curve) -> float | None:
    """Choose where the vertical axis ends: where the display says, or if it only says where it begins, a little above all lines.

    None stands for what fits.
    """
    if shown.high is not None or shown.low is None or not lines.max() > shown.low:
        return shown.high
    return shown.low + 1.05 * float(lines.max() - shown.low)


def _line_style(i: int, count: int) -> dict[str, Any]:
    """Choose how the i-th of several lines of `count` points looks."""
    return {
        "color": LINE_COLORS[i % len(LINE_COLORS)],
        "linestyle": DASHES[i % len(DASHES)],
        "marker": LINE_MARKS[i % len(LINE_MARKS)],
        "markersize": 4.5,
        "markevery": max(1, count // 8),
        "linewidth": 1.4,
    }


def _name_steps(axes: Axes, places: np.ndarray, shown: Curve) -> None:
    """Write under the horizontal axis what its steps are."""
    from matplotlib.ticker import MaxNLocator

    if shown.at is None:
        if len(places) == 1:
            axes.set_xlim(places[0] - 0.5, places[0] + 0.5)  # or it would be divided into tenths
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    elif isinstance(shown.at[0], str):
        named = evenly(len(places), MOST_NAMED)
        axes.set_xticks(places[named], [str(shown.at[i]) for i in named], rotation=90, fontsize=7, parse_math=False)
    elif shown.stretched:
        axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
        ticks = places[-1] * np.linspace(0, 1, 6) ** 2
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
