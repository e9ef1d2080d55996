"""What every layer can do.

A layer holds parameters and never anything about a call. What the backward pass must know of the forward pass travels in a *context*
that `forward` returns and `backward` is given::

    output, context = layer.forward(x)
    ...
    x_gradient = layer.backward(output_gradient, context)

So a layer may be called twice, from two threads, or be part of two networks, and nothing gets mixed up. The context is as little as
possible: the input, a shape, or the winners of a maximum. Nobody changes an array it was given. Parameters are read-only views; other
values make another layer (`Layer.replace`) or another network (`Network.with_parameters`).

A layer also describes itself, so that little else in the package has to know it by name: how it is written in a description, how it slides
over an image, how its numbers come about, how relevance passes through it. What a layer does not say is taken to be unknown: an unknown
window may see the whole input, so nothing is cut short for it. A class with `forward` and `backward` is a layer.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from minicnn.errors import DescriptionError, MinicnnError, ShapeError
from minicnn.geometry import Pair, Window
from minicnn.layers.options import Option, placeholder
from minicnn.layers.terms import Terms, Unit, as_box

if TYPE_CHECKING:
    from typing_extensions import Self

Shape = tuple[int, ...]
Context = Any

#: A layer that does not say the shape of its output is run on zeros, at most so many numbers: 0.8 GB.
LARGEST_TRIED = 2 * 10**8

#: How the relevance of a layer's outputs passes to its inputs, see `minicnn.network.relevance`: shared out by weighted contributions, by
#: the rule that was chosen; shared out by plain contributions; by those of a sum's inputs; as it is; by the layer's own backward pass; or
#: by a method relevance(self, relevance, context).
Relevance = Literal["weighted", "shared", "added", "unchanged", "backward"] | Callable[..., Any]


class Layer:
    """One step of a network, forward and backward.

    Attributes
    ----------
    parameter_names : tuple of str
        The attributes that hold trainable arrays.
    statistic_names : tuple of str
        The attributes that hold arrays which training measures rather than follows a gradient to.
    word : str
        What descriptions of networks call it; empty for layers of one's own, which go by their class.
    options : dict of str to Option, or None
        What a description may say of it; None for what its `__init__` takes.
    window : Window or None
        How the layer slides over the image; one pixel for elementwise layers, None where an output may see the whole input.
    enlarges : pair of int
        How many rows, and columns, of the output there are for one of the input, where the image becomes larger: units lie so many
        times closer to each other than those below.
    elementwise : bool
        Whether each number is made from the one at the same place alone.
    activation : bool
        Whether it is the nonlinearity after a convolution, so that its output is what the convolution found.
    flattens : bool
        Whether images become rows of numbers, so that there is no image above it.
    padding_value : float
        What its padding counts as.
    relevance : Relevance or None
        How relevance passes through it; None if that is not known.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()
    statistic_names: ClassVar[tuple[str, ...]] = ()
    word: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Option] | None] = None
    window: Window | None = None
    enlarges: Pair = (1, 1)
    elementwise: ClassVar[bool] = False
    activation: ClassVar[bool] = False
    flattens: ClassVar[bool] = False
    padding_value: ClassVar[float] = 0.0
    relevance: ClassVar[Relevance | None] = None

    def __repr__(self) -> str:
        usual = {name: parameter.default for name, parameter in inspect.signature(type(self)).parameters.items()}
        shown = {name: getattr(self, name) for name in usual if hasattr(self, name)}
        shown = {name: value for name, value in shown.items() if isinstance(value, np.ndarray) or value != usual[name]}
        words = [f"{name} {value.shape}" if isinstance(value, np.ndarray) else f"{name}={value!r}" for name, value in shown.items()]
        return f"{type(self).__name__}({', '.join(words)})"

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The trainable arrays by name."""
        return {name: getattr(self, name) for name in self.parameter_names}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All that the layer holds, by name: the parameters and the statistics."""
        arrays = {name: getattr(self, name) for name in (*self.parameter_names, *self.statistic_names)}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise MinicnnError(f"{name} of a {type(self).__name__} is a {type(array).__name__}; expected a NumPy array")
        return arrays

    def described(self, name: str) -> Any:
        """Return what the layer says of its forward pass under a name, such as "window"; a method of that name is bound to the layer.

        What a parent class says of a forward pass that this class has replaced does not count; then it is what `Layer` says: not known.
        """
        cls = type(self)
        source = next(i for i, parent in enumerate(cls.__mro__) if name in vars(parent))
        forward_passes = sum("forward" in vars(parent) for parent in cls.__mro__[: source + 1])
        if forward_passes <= 1:
            return getattr(self, name)
        unknown = vars(Layer)[name]
        return unknown.__get__(self, cls) if hasattr(unknown, "__get__") else unknown

    def replace(self, **values: Any) -> Self:
        """Return the same layer with other values of some attributes.

        A layer that keeps what its `__init__` takes in attributes of the same names is made anew by it, others are copied.
        """
        if not values:
            return self
        names = list(inspect.signature(type(self)).parameters)
        if set(values) <= set(names) and all(hasattr(self, name) for name in names):
            return type(self)(**{name: values.get(name, getattr(self, name)) for name in names})
        other = copy.copy(self)
        for name in [name for name in vars(other) if isinstance(getattr(type(other), name, None), cached_property)]:
            del vars(other)[name]  # it was computed from the old values
        for name, value in values.items():
            object.__setattr__(other, name, value)
        return other

    def output_shape(self, input_shape: Shape) -> Shape:
        """Tell the shape of one image's output (without the batch axis).

        Raises
        ------
        ShapeError
            If the layer cannot take an input of this shape.
        """
        if math.prod(input_shape) > LARGEST_TRIED:
            raise ShapeError(f"an input of shape {tuple(input_shape)} is too large to try; give a {type(self).__name__} an output_shape")
        try:
            with np.errstate(all="ignore"):  # there may be no values in its arrays
                return self.forward(np.zeros((1, *input_shape), np.float32))[0].shape[1:]
        except (ValueError, IndexError, TypeError) as error:
            found = f"{type(error).__name__}: {error}"
            raise ShapeError(f"a {type(self).__name__} cannot take an input of shape {tuple(input_shape)} ({found})") from error

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
        raise MinicnnError(f"a {type(self).__name__} has no forward pass; give its class forward(x), which returns (output, context)")

    @property
    def local_window(self) -> Window | None:
        """The window, if the layer can run on a part of an image alone: one that pads needs a `forward_unpadded` of its own for that."""
        window = self.described("window")
        return None if window is not None and window.pads and type(self).forward_unpadded is Layer.forward_unpadded else window

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
        raise MinicnnError(f"a {type(self).__name__} has no way back; give its class backward(gradient, context)")

    def parameter_gradients(self, gradient: np.ndarray, context: Context) -> dict[str, np.ndarray]:
        """Compute the gradient with respect to each parameter, summed over the batch."""
        return {}

    def decisions(self, context: Context) -> np.ndarray | None:
        """Tell which branch each element of the output took, for layers with kinks; None for smooth ones.

        Between two inputs with equal decisions the layer is smooth, so finite differences across them are meaningful.
        """
        return None

    def initial_arrays(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the arrays that training starts from, float32; those of a layer of one's own are the ones that it was made with.

        Raises
        ------
        MinicnnError
            If it has none with values, as when it was read from a description.
        """
        if not all(np.isfinite(array).all() for array in self.arrays.values()):
            raise MinicnnError(
                f"it is not known which arrays a {type(self).__name__} starts from; give its class initial_arrays(generator), which "
                "returns them"
            )
        return self.arrays

    def fused(self, following: Layer) -> Callable[[np.ndarray], np.ndarray] | None:
        """Return one function that computes this layer and the one after it in one go; None if there is none.

        In a trace the context of this layer is then its input, and that of the one after it is that layer's output; the backward passes of
        both must work with these.
        """
        return None

    def absorb(self, norm: Layer) -> Layer | None:
        """Return one layer that computes this layer and a batch normalization after it; None if there is none."""
        return None

    def value_terms(self, x: np.ndarray, unit: Unit) -> Terms:
        """Take one number of the output apart.

        Parameters
        ----------
        x : array (H, W, C) or (inputs,)
            The layer's input, for one image.
        unit : tuple of int
            Of the layer's output.

        Returns
        -------
        Terms
            Their sum is the output.

        Raises
        ------
        MinicnnError
            If the layer does not say how its numbers come about.
        """
        raise self._unknown_terms()

    def gradient_terms(self, gradient: np.ndarray, x: np.ndarray, unit: Unit) -> Terms:
        """Take one number of the gradient of the layer's input apart.

        Parameters
        ----------
        gradient : array
            The gradient with respect to the layer's output, for one image.
        x : array (H, W, C) or (inputs,)
            The layer's input.
        unit : tuple of int
            Of the layer's input.

        Returns
        -------
        Terms
            Their inputs are numbers of `gradient`; their sum is the gradient with respect to the unit. Of a layer with a window, entry
            (ky, kx) belongs to the output whose window holds the unit in its row ky and column kx; 0 if there is none.

        Raises
        ------
        MinicnnError
            If the layer does not say how its numbers come about.
        """
        raise self._unknown_terms()

    def _unknown_terms(self) -> MinicnnError:
        return MinicnnError(
            f"how a {type(self).__name__} makes its numbers is not known; choose another layer, or give the class value_terms and "
            "gradient_terms"
        )

    @classmethod
    def from_options(cls, input_shape: Shape, options: Mapping[str, Any]) -> Self:
        """Make a layer without values in its arrays.

        Parameters
        ----------
        input_shape : tuple of int
            Of what reaches the layer, without the batch axis.
        options : dict of str to object
            Of a layer of one's own: what `__init__` takes, with the shape in place of an array.

        Raises
        ------
        DescriptionError, ShapeError
            If an option is wrong, or the layer cannot take such an input.
        """
        arrays, parameters, values = (*cls.parameter_names, *cls.statistic_names), inspect.signature(cls).parameters, {}
        for name, value in options.items():
            value = tuple(value) if isinstance(parameters[name].default, tuple) else value  # descriptions know lists only
            values[name] = placeholder(*value) if name in arrays else value
        return cls(**values)

    def to_options(self) -> dict[str, Any]:
        """Return the options that `from_options` makes this layer of.

        A layer of one's own keeps what its `__init__` takes in attributes of the same names.

        Raises
        ------
        DescriptionError
            If it does not, or if there are values that no description can hold.
        """
        options = {}
        for parameter in inspect.signature(type(self)).parameters.values():
            value = getattr(self, parameter.name, inspect.Parameter.empty)
            value = list(value.shape) if isinstance(value, np.ndarray) and parameter.name in self.arrays else value
            if value is None and parameter.default is None:
                continue
            if not isinstance(value, (bool, int, float, str, list, tuple)):
                found = "is missing" if value is inspect.Parameter.empty else f"holds a {type(value).__name__}"
                raise DescriptionError(
                    f"the attribute {parameter.name} of a {type(self).__name__} {found}; a layer can be saved if it keeps what its "
                    "__init__ takes, numbers, texts and lists of them, in attributes of the same names"
                )
            if value != parameter.default:
                options[parameter.name] = value
        return options


class Elementwise(Layer):
    """A layer that makes each number from the one at the same place alone, so what reaches it and what it puts out have the same shape."""

    window = Window((1, 1))
    elementwise = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def value_terms(self, x: np.ndarray, unit: Unit) -> Terms:
        output, context = self.forward(x[None])
        slope = self.backward(np.ones_like(output), context)[0][unit]
        return Terms(as_box(x[unit]), as_box(slope), unit, float(output[0][unit] - slope * x[unit]), first=unit[-1])

    def gradient_terms(self, gradient: np.ndarray, x: np.ndarray, unit: Unit) -> Terms:
        _, context = self.forward(x[None])
        passed = self.backward(np.ones_like(gradient)[None], context)[0][unit]
        return Terms(as_box(gradient[unit]), as_box(passed), first=unit[-1])


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
        raise ShapeError(f"each image reaches it with shape {tuple(input_shape)}; expected {wanted}")


def check_channels(input_shape: Shape, channels: int) -> None:
    """Raise ShapeError unless the last axis of images, or of rows of numbers, has the given number of channels."""
    if not input_shape or input_shape[-1] != channels:
        raise ShapeError(f"each image reaches it with shape {tuple(input_shape)}; expected {channels} channels as its last axis")


def check_gradient_shape(gradient: np.ndarray, expected: Shape) -> None:
    """Raise ShapeError unless the gradient has the shape of the output that it belongs to."""
    if gradient.shape != tuple(expected):
        raise ShapeError(f"the gradient has shape {gradient.shape}; expected {tuple(expected)}, the shape of the layer's output")
