"""What the layers share that mix the channels of a pixel, or all numbers of a row, and nothing else."""

from __future__ import annotations

import numpy as np

from minicnn.errors import ShapeError
from minicnn.geometry import Window
from minicnn.layers.base import Layer, Shape
from minicnn.layers.terms import Terms


class PerPixel(Layer):
    """A layer that makes the channels of each pixel from those of the same pixel; of rows of numbers, each row is one pixel.

    None of them is a weighted sum of its inputs. A number is taken apart as its tangent: the slopes times the inputs, and what is left.
    """

    window = Window((1, 1))

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError("each image reaches it as a single number; expected channels as its last axis")
        return input_shape

    def value_terms(self, x, unit):
        pixel, channel = x[unit[:-1]], unit[-1]
        output, context = self.forward(pixel[None])
        slopes = self.backward(np.eye(1, len(pixel), channel, pixel.dtype), context)[0]
        rest = float(output[0, channel]) - float((slopes * pixel).sum(dtype=np.float64))
        return Terms(_as_pixel(pixel, x.ndim), _as_pixel(slopes, x.ndim), (*unit[:-1], 0), rest)

    def gradient_terms(self, gradient, x, unit):
        pixel = x[unit[:-1]]
        _, context = self.forward(np.tile(pixel, (len(pixel), 1)))
        slopes = self.backward(np.eye(len(pixel), dtype=gradient.dtype), context)[:, unit[-1]]  # of every output with respect to the unit
        return Terms(_as_pixel(gradient[unit[:-1]], x.ndim), _as_pixel(slopes, x.ndim))


def _as_pixel(channels: np.ndarray, axes: int) -> np.ndarray:
    """View channels (C,) as a window of one pixel, (1, 1, C), where there are images."""
    return channels.reshape((1,) * (axes - 1) + channels.shape)
