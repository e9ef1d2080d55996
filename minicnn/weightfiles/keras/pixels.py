"""Layers at the beginning that only scale pixels; together they are the network's preprocessing.

The numbers that leave them are (scale x pixel - mean) / std, each step changes these three:

    Rescaling               k y + o          scale k,   mean k - o std,    std
    Normalization           (y - m) / d      scale,     mean + m std,      std d
    Normalization, inverted  m + d y         scale,     mean - m std / d,  std / d

mean and std have a number for each channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicnn.weightfiles.keras.entries import Entry, is_number

#: What the channels of a network's input are taken for, by their number.
COLORS = {1: "gray", 3: "rgb"}

#: Keras never divides by less.
SMALLEST_DEVIATION = 1e-7


@dataclass(frozen=True, eq=False)
class Pixels:
    """What has become of pixels: (scale x pixel - mean) / std.

    Attributes
    ----------
    entry : Entry or None
        The last layer that changed them.
    scale : float
    mean, std : array (channels,) or of one number for all channels
    """

    entry: Entry | None = None
    scale: float = 1.0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(1))
    std: np.ndarray = field(default_factory=lambda: np.ones(1))

    def rescaled(self, entry: Entry) -> Pixels:
        """After a Rescaling."""
        factor, offset = (_numbers(entry, key, default) for key, default in (("scale", None), ("offset", 0.0)))
        if (factor <= 0).any():
            raise entry.refusal("does not scale by a number above 0")
        if (factor == factor[0]).all():
            return Pixels(entry, self.scale * float(factor[0]), self.mean * factor[0] - offset * self.std, self.std)
        return Pixels(entry, self.scale, self.mean - offset * self.std / factor, self.std / factor)

    def normalized(self, entry: Entry, mean: np.ndarray, variance: np.ndarray) -> Pixels:
        """After a Normalization."""
        if not np.isfinite(mean).all() or not np.isfinite(variance).all() or (variance < 0).any():
            raise entry.refusal("has a mean or a variance that is not finite, or a negative variance")
        deviation = np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)
        if entry.flag("invert", False):
            return Pixels(entry, self.scale, self.mean - mean * self.std / deviation, self.std / deviation)
        return Pixels(entry, self.scale, self.mean + mean * self.std, self.std * deviation)

    def table(self, channels: int | None) -> dict[str, Any] | None:
        """Write it as in descriptions of networks; None if pixels were not changed."""
        if self.entry is None:
            return None
        if channels not in COLORS:
            raise self.entry.refusal(f"scales images of {channels or 'unknown'} channels; expected 3, or 1 for gray")
        try:
            mean, std = (np.broadcast_to(numbers, channels).tolist() for numbers in (self.mean, self.std))
        except ValueError:
            raise self.entry.refusal(f"has {max(self.mean.size, self.std.size)} numbers for {channels} channels") from None
        if not all(map(is_number, [self.scale, *mean, *std])) or min(self.scale, *std) <= 0:
            raise self.entry.refusal("makes numbers of pixels that are too large or too small")
        return {"colors": COLORS[channels], "scale": self.scale, "mean": mean, "std": std}


def given_statistics(entry: Entry) -> tuple[np.ndarray, np.ndarray] | None:
    """Read mean and variance of a Normalization from its settings; None if it has learned them, so that they are arrays of the file."""
    if entry.config.get("mean") is None and entry.config.get("variance") is None:
        return None
    return _numbers(entry, "mean", None), _numbers(entry, "variance", None)


def _numbers(entry: Entry, key: str, default: float | None) -> np.ndarray:
    """Read a setting that is a number, or a number for each channel, with axes of length 1 around them."""
    value = entry.config.get(key, default)
    if isinstance(value, dict) and isinstance(value.get("config"), dict):  # an array, as Keras 3 writes it
        value = value["config"].get("value")
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(map(is_number, numbers)):
        raise entry.refusal(f"has a {key} that is no number, and no list of numbers")
    return np.array(numbers, np.float64)
