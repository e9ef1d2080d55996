"""Which images a network can take."""

from __future__ import annotations

from minicnn.errors import MinicnnError
from minicnn.network.network import Network

#: The largest side, in pixels, that is tried.
LARGEST_SIDE = 512


def smallest_side(network: Network, channels: int) -> int | None:
    """Find the side, in pixels, of the smallest square image that a network can take; None if there is none up to `LARGEST_SIDE`."""
    return next((side for side in range(1, LARGEST_SIDE + 1) if _takes(network, side, channels)), None)


def _takes(network: Network, side: int, channels: int) -> bool:
    try:
        network.shapes((side, side, channels))
    except MinicnnError:
        return False
    return True
