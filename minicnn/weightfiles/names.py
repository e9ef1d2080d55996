"""The order of names with numbers in them."""

from __future__ import annotations

import re


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort "conv2d", "conv2d_2", "conv2d_10" in this order."""
    return [(int(part[:18]), part) if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"([0-9]+)", name)]
