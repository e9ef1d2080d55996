"""What a network does to its input at first, as the preprocessing of photos.

A file's network takes pixels of 0-255, or of 0-1; it does not say which, but its numbers do. Subtracting 123.7, or dividing by 58, makes
sense only for 0-255; subtracting 0.485 and dividing by 0.229 only for 0-1. What is neither is no preprocessing.
"""

from __future__ import annotations

import numpy as np

#: A mean above this is one of pixels of 0-255; dividing by more than the second number is, by less than the third is not.
LARGEST_MEAN, COARSE, FINE = 1.0, 16.0, 2.0


def preprocessing_table(scale: np.ndarray, shift: np.ndarray, reverses: bool, takes_bytes: bool) -> dict[str, object] | None:
    """Write scale * x + shift down as a preprocessing; None if it is none.

    Parameters
    ----------
    scale, shift : array (channels,)
        In the network's order of colors.
    reverses : bool
        Whether the network turns the order of colors around before.
    takes_bytes : bool
        Whether its input is of integers, so 0-255.
    """
    if scale.size not in (1, 3) or (scale <= 0).any() or (reverses and scale.size != 3):
        return None
    mean, std = -shift / scale + 0.0, 1 / scale
    if takes_bytes or std.min() >= COARSE or (mean.max() > LARGEST_MEAN and std.min() >= 1):
        uniform = not mean.any() and (std == std[0]).all()
        factor, std = (scale[0], np.ones_like(std)) if uniform else (1.0, std)
    elif std.max() <= FINE and mean.max() <= LARGEST_MEAN:
        factor = 1 / 255
    else:
        return None
    order = slice(None, None, -1 if reverses else 1)  # tables have red first
    return {
        "colors": "gray" if scale.size == 1 else "bgr" if reverses else "rgb",
        "scale": _short(factor),
        "mean": [_short(number) for number in mean[order]],
        "std": [_short(number) for number in std[order]],
    }


def _short(number: float) -> float:
    """Round to the digits that float32 holds, so that 0.485 does not become 0.48500001."""
    return float(f"{number:.7g}")
