"""Sums written out for people: matrices side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def side_by_side(matrices: Mapping[str, np.ndarray]) -> str:
    """Write small matrices beside each other, each under its name, numbers flush right."""
    blocks = []
    for name, matrix in matrices.items():
        cells = [[number(value) for value in row] for row in np.atleast_2d(matrix)]
        width = max(len(cell) for row in cells for cell in row)
        lines = ["  ".join(cell.rjust(width) for cell in row) for row in cells]
        length = max(len(name), len(lines[0]))
        blocks.append([name.ljust(length), *(line.ljust(length) for line in lines)])
    return "\n".join("    ".join(parts).rstrip() for parts in zip(*blocks))


def number(value: float) -> str:
    """Write a number with four digits that count; integers without a point."""
    value = float(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"
