"""What every layer can do.

A layer holds parameters and never anything about a call. What the backward pass must know of the forward pass travels in a *context*
that `forward` returns and `backward` is given::

    output, context = layer.forward(x)
    ...
    x_gradient = layer.backward(output_gradient, context)

So a layer may be called twice, from two threads, or be part of two networks, and nothing gets mixed up. The context is as little as
possible: the input, a shape, or the winners of a maximum. Nobody changes an array he was handed. Parameters are read-only views;
other values make another layer (`dataclasses.replace`) or another network (`Network.with_parameters`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from minicnn.errors import ShapeError
from minicnn.geometry import Window

Shape = tuple[int, ...]
Context = Any


class Layer:
    """One step of a network, forward and backward.

    Attributes
    ----------
    parameter_names : tuple of str
        The attributes that hold trainable arrays.
    statistic_names : tuple of str
        The attributes that hold arrays which training measures rather than follows a gradient to.
    window : Window or None
        How the layer slides over the image; one pixel for elementwise layers, None where each output sees the whole input.
    padding_value : float
        What its padding counts as.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()
    statistic_names: ClassVar[tuple[str, ...]] = ()
    window: Window | None = Window((1, 1))
    padding_value: ClassVar[float] = 0.0

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The trainable arrays by name."""
        return {name: getattr(self, name) for name in self.parameter_names}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All that the layer holds, by name: the parameters and the statistics."""
        return {name: getattr(self, name) for name in (*self.parameter_names, *self.statistic_names)}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Tell the shape of one image's output (without the batch axis).

        Raises
        ------
        ShapeError
            If the layer cannot take an input of this shape.
        """
        return input_shape

    def multiply_accumulates(self, input_shape: Shape) -> int:
        """Count the multiply-accumulate operations (MACs) for one image, biases not counted."""
        return 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Context]:
        """Compute the output for a batch, and the context that `backward` needs.

        Raises
        ------
        ShapeError
            If the layer cannot take an input of this shape.
        """
        raise TypeError(f"{type(self).__name__} defines no forward pass")

    def forward_unpadded(self, x: np.ndarray) -> np.ndarray:
        """Compute the output for a part of an image that has the padding, or the pixels around it, on it already."""
        return self.forward(x)[0]

    def training_forward(self, x: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, Context]:
        """Compute the output as during training, where some layers are random; the same as `forward` for all others."""
        return self.forward(x)

    def after_training_step(self, context: Context) -> Layer:
        """Return the layer with the statistics that it has after a training step with this context; the same for layers without any."""
        return self

    def backward(self, gradient: np.ndarray, context: Context) -> np.ndarray:
        """Turn the gradient with respect to the output into the gradient with respect to the input."""
        raise TypeError(f"{type(self).__name__} defines no backward pass")

    def parameter_gradients(self, gradient: np.ndarray, context: Context) -> dict[str, np.ndarray]:
        """Compute the gradient with respect to each parameter, summed over the batch."""
        return {}

    def decisions(self, context: Context) -> np.ndarray | None:
        """Tell which branch each element of the output took, for layers with kinks; None for smooth ones.

        Between two inputs with equal decisions the layer is smooth, so finite differences across them are meaningful.
        """
        return None


def exact_sum(array: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Sum along axes with 64-bit accumulators, so that float32 keeps its digits over large maps; the result has the array's type."""
    return array.sum(axis=axis, dtype=np.float64).astype(array.dtype)


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view of a parameter that cannot be written through, so that what is computed from it once stays right."""
    view = array.view()
    view.flags.writeable = False
    return view


def check_image_shape(input_shape: Shape, channels: int | None = None) -> None:
    """Raise ShapeError unless the shape is (height, width, channels), with the given number of channels if any."""
    if len(input_shape) != 3 or channels not in (None, input_shape[2]):
        wanted = f"(height, width, {'channels' if channels is None else channels})"
        raise ShapeError(f"the input of each image has shape {tuple(input_shape)}; expected {wanted}")


def check_gradient_shape(gradient: np.ndarray, expected: Shape) -> None:
    """Raise ShapeError unless the gradient has the shape of the output that it belongs to."""
    if gradient.shape != tuple(expected):
        raise ShapeError(f"the gradient has shape {gradient.shape}; expected {tuple(expected)}, the shape of the layer's output")
