"""Which images a network can take."""

from __future__ import annotations

from minicnn.errors import MinicnnError
from minicnn.geometry import Pair
from minicnn.network.network import Network

#: How many pixels more and fewer a side are tried.
FARTHEST = 512


def other_sizes(network: Network, size: Pair, channels: int) -> str:
    """Say which sizes work near one (height, width) that does not, to be appended to an error; empty if none is found."""
    sizes = near_sizes(network, size, channels)
    if not sizes:
        return ""
    square = size[0] == size[1]
    written = [str(height) if square else f"{height}x{width}" for height, width in sizes]
    if len(sizes) > 1:
        return f"; the nearest sizes that work are {' and '.join(written)} (--size {written[0]})"
    which = "smallest" if square and sizes[0] > size else "nearest"
    return f"; the {which} size that works is {written[0]} (--size {written[0]})"


def near_sizes(network: Network, size: Pair, channels: int) -> list[Pair]:
    """Find the next smaller and the next larger size (height, width) that a network can take, where there are such, or else the smallest.

    Sides are tried one by one, with square images, as nothing else tells what a network with several paths can take.
    """
    found = []
    for step in (-1, 1):
        height, width = (_next_side(network, side, step, channels) for side in size)
        if height and width and _takes(network, (height, width), channels):
            found.append((height, width))
    if not found and (side := _next_side(network, 1, 1, channels)):
        found.append((side, side))
    return found


def _next_side(network: Network, side: int, step: int, channels: int) -> int | None:
    """Find the nearest side from this one on, downward or upward, of square images that a network can take."""
    sides = range(side, max(0, side - FARTHEST), -1) if step < 0 else range(side, side + FARTHEST)
    return next((side for side in sides if _takes(network, (side, side), channels)), None)


def _takes(network: Network, size: Pair, channels: int) -> bool:
    try:
        network.shapes((*size, channels))
    except MinicnnError:
        return False
    return True
