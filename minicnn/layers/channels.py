"""Layers that rearrange channels: none computes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.errors import MinicnnError, ShapeError
from minicnn.geometry import Window
from minicnn.layers.base import Layer, Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import REQUIRED, Option, count, is_count
from minicnn.layers.terms import Terms, Unit, as_box


def _number(default: Any = REQUIRED) -> Option:
    return Option("a whole number of at least 0", lambda value: is_count(value, 0), default)


@dataclass(frozen=True, eq=False)
class PadChannels(Layer):
    """Add channels of zeros before and after those of the image, as the shortcuts of ResNets that have no weights do.

    Parameters
    ----------
    before, after : int

    Raises
    ------
    MinicnnError
        If either is no whole number of at least 0.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 3.3, option A.
    """

    before: int = 0
    after: int = 0

    word = "pad_channels"
    options = {"before": _number(0), "after": _number(0)}
    window = Window((1, 1))
    relevance = "backward"  # each channel keeps its own

    def __post_init__(self):
        if not is_count(self.before, 0) or not is_count(self.after, 0):
            raise MinicnnError(f"channels are added {self.before} before and {self.after} after; expected whole numbers of at least 0")

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*input_shape[:2], self.before + input_shape[2] + self.after)

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return np.pad(x, ((0, 0), (0, 0), (0, 0), (self.before, self.after))), x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (context[0], *self.output_shape(context[1:])))
        return np.ascontiguousarray(gradient[..., self.before : self.before + context[3]])

    def value_terms(self, x, unit):
        row, column, channel = unit[0], unit[1], unit[2] - self.before
        return _single(x[row, column, channel] if 0 <= channel < x.shape[2] else np.zeros((), x.dtype), (row, column, channel))

    def gradient_terms(self, gradient, x, unit):
        place = (*unit[:2], unit[2] + self.before)
        return _single(gradient[place], place)

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"before": self.before, "after": self.after}


@dataclass(frozen=True, eq=False)
class TakeChannels(Layer):
    """Take some channels of the image: those from `start` up to, not including, `stop`. Two of them split an image in two.

    Parameters
    ----------
    start, stop : int
        They count from 0; 0 <= start < stop.

    Raises
    ------
    MinicnnError
        If they are no such numbers.

    References
    ----------
    N. Ma, X. Zhang, H. Zheng, J. Sun, "ShuffleNet V2", arXiv:1807.11164, section 4 (the channel split).
    """

    start: int
    stop: int

    word = "take_channels"
    options = {"start": _number(), "stop": count()}
    window = Window((1, 1))
    relevance = "backward"  # what was not taken counts for nothing

    def __post_init__(self):
        if not is_count(self.start, 0) or not is_count(self.stop) or self.start >= self.stop:
            raise MinicnnError(f"channels are taken from {self.start} up to {self.stop}; expected whole numbers, 0 <= start < stop")

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        if self.stop > input_shape[2]:
            raise ShapeError(f"channels are taken from {self.start} up to {self.stop}; expected at most {input_shape[2]}, the image's")
        return (*input_shape[:2], self.stop - self.start)

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return np.ascontiguousarray(x[..., self.start : self.stop]), x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (context[0], *self.output_shape(context[1:])))
        return np.pad(gradient, ((0, 0), (0, 0), (0, 0), (self.start, context[3] - self.stop)))

    def value_terms(self, x, unit):
        place = (*unit[:2], unit[2] + self.start)
        return _single(x[place], place)

    def gradient_terms(self, gradient, x, unit):
        channel = unit[2] - self.start
        taken = 0 <= channel < gradient.shape[2]
        return _single(gradient[unit[0], unit[1], channel] if taken else np.zeros((), gradient.dtype), (*unit[:2], channel))

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"start": self.start, "stop": self.stop}


@dataclass(frozen=True, eq=False)
class ChannelShuffle(Layer):
    """Deal out the channels of groups in turn: the first of each group, then the second of each, and so on.

    So what convolutions in groups found comes together in the next ones. For 6 channels in 2 groups: 0 1 2, 3 4 5 become 0 3, 1 4, 2 5.

    Parameters
    ----------
    groups : int
        A divisor of the number of channels.

    Raises
    ------
    MinicnnError
        If it is no whole number of at least 1.

    References
    ----------
    X. Zhang, X. Zhou, M. Lin, J. Sun, "ShuffleNet", arXiv:1707.01083, section 3.1.
    """

    groups: int

    word = "channel_shuffle"
    options = {"groups": count()}
    window = Window((1, 1))
    relevance = "backward"  # each channel keeps its own

    def __post_init__(self):
        if not is_count(self.groups):
            raise MinicnnError(f"groups is {self.groups!r}; expected a whole number of at least 1")

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        if input_shape[2] % self.groups:
            raise ShapeError(f"{input_shape[2]} channels do not make {self.groups} groups; expected a divisor of {input_shape[2]}")
        return input_shape

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return _dealt(x, self.groups), x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, context)
        return _dealt(gradient, context[3] // self.groups)

    def value_terms(self, x, unit):
        place, group = divmod(unit[2], self.groups)
        source = (*unit[:2], group * (x.shape[2] // self.groups) + place)
        return _single(x[source], source)

    def gradient_terms(self, gradient, x, unit):
        group, place = divmod(unit[2], x.shape[2] // self.groups)
        target = (*unit[:2], place * self.groups + group)
        return _single(gradient[target], target)

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"groups": self.groups}


def _dealt(x: np.ndarray, groups: int) -> np.ndarray:
    """Take a channel of each group in turn."""
    return np.ascontiguousarray(x.reshape(*x.shape[:-1], groups, -1).swapaxes(-1, -2)).reshape(x.shape)


def _single(number: np.ndarray, place: Unit) -> Terms:
    """Return the terms of a number that is another one, found at this place."""
    return Terms(as_box(number), as_box(np.ones_like(number)), place, first=place[2])
