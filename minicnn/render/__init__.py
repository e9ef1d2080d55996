"""Arrays in, pictures out. Nothing here knows where the numbers come from.

A visualization is shown as one or more panels: a picture, a caption, and, if colours stand for numbers, which colours for which
numbers. A *display* says how an array becomes panels. Panels go into a web page one by one, or are composed into one figure.
"""

from minicnn.render.displays import (
    Curve,
    Display,
    Map,
    Numbers,
    Overlay,
    Photo,
    Range,
    Signed,
)
from minicnn.render.figure import bars, figure
from minicnn.render.files import animation, check_video_encoder, jpeg, png
from minicnn.render.grid import Grid
from minicnn.render.marks import Marks
from minicnn.render.panel import Panel, colour, gradient_stops, stretch
from minicnn.render.tiles import Pictures, Tiles

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
    "colour",
    "figure",
    "gradient_stops",
    "jpeg",
    "png",
    "stretch",
]
