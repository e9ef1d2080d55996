"""Arrays in, pictures out: displays, panels, figures, and their files.

Uses `minicnn.errors` only; where the numbers come from it does not know.

A visualization is shown as one or more panels: a picture, a caption, and, if colors stand for numbers, which colors for which
numbers. A *display* says how an array becomes panels. Panels go into a web page one by one, or are composed into one figure.
"""

from minicnn.pictures.render.curves import Curve, curves
from minicnn.pictures.render.displays import (
    Display,
    Map,
    Numbers,
    Overlay,
    Photo,
    Range,
    Signed,
)
from minicnn.pictures.render.figure import bars, figure
from minicnn.pictures.render.files import animation, check_video_encoder, jpeg, png
from minicnn.pictures.render.grid import Grid
from minicnn.pictures.render.marks import Marks
from minicnn.pictures.render.panel import Panel, color, gradient_stops, stretch
from minicnn.pictures.render.tiles import Pictures, Tiles

__all__ = [
    "Curve",
    "Display",
    "Grid",
    "Map",
    "Marks",
    "Numbers",
    "Overlay",
    "Panel",
    "Photo",
    "Pictures",
    "Range",
    "Signed",
    "Tiles",
    "animation",
    "bars",
    "check_video_encoder",
    "color",
    "curves",
    "figure",
    "gradient_stops",
    "jpeg",
    "png",
    "stretch",
]
