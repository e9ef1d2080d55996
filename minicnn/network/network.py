"""A network: named layers in order, run forward and backward.

Calling a network keeps nothing. A `Trace` keeps what one forward pass left behind, and the backward pass starts from it::

    trace = network.trace(x)                              # outputs and contexts, by layer name
    gradient = network.backward(trace, {"fc8": one_hot})  # gradient of the chosen score with respect to x

The gradients to start from are called *seeds*. They may sit at any layers, several at once; each layer's gradient is its seed plus
what comes back from the layers above it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import takewhile
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicnn.errors import MinicnnError, ShapeError, UnknownNameError
from minicnn.geometry import ReceptiveField
from minicnn.layers import BatchNorm, Conv2D, Layer
from minicnn.layers.base import Context, Shape
from minicnn.network.gradients import Gradients, Walk
from minicnn.pictures.tables import folded_table

#: Another way to go backward through one layer: (layer, gradient, context) -> gradient of the input. Rules may count on the context of
#: convolutions, dense layers and average pools: it is the layer's input.
Rule = Callable[[Any, np.ndarray, Context], np.ndarray]

#: Rules by the type of the layers, for its subclasses too, or by the name of one.
Rules = Mapping[type | str, Rule]


@dataclass(frozen=True, eq=False)
class Trace:
    """What one forward pass left behind.

    Attributes
    ----------
    network : Network
    input : array (N, H, W, C)
    outputs : dict of str to array
        Each layer's output, by name, in order.
    contexts : dict of str to object
        What each layer's backward pass needs.
    known : dict
        What has been computed from this trace and may be asked for again, such as the gradients of a class.
    """

    network: Network
    input: np.ndarray
    outputs: Mapping[str, np.ndarray]
    contexts: Mapping[str, Context]
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Trace(input {self.input.shape}, {len(self.outputs)} layers, {self.last if self.outputs else 'output'} {self.result.shape})"

    def _repr_html_(self) -> str:
        rows = [{"layer": name, "what": repr(self.network.layers[name]), "output": str(self.outputs[name].shape)} for name in self.outputs]
        return folded_table(repr(self), rows)

    def input_of(self, layer: str) -> np.ndarray:
        """Return what reached a layer."""
        names = list(self.outputs)
        place = names.index(layer)
        return self.input if place == 0 else self.outputs[names[place - 1]]

    def after(self, layer: str) -> Trace:
        """Return the same pass through the layers above one: its input is that layer's output, and nothing is computed again."""
        head = self.network.split(layer)[1]
        outputs, contexts = ({name: of[name] for name in head.layers} for of in (self.outputs, self.contexts))
        return Trace(head, self.outputs[layer], outputs, contexts)

    @property
    def last(self) -> str:
        """The name of the last layer."""
        return list(self.outputs)[-1]

    @property
    def result(self) -> np.ndarray:
        """The last layer's output."""
        return self.outputs[self.last]


class Network:
    """An ordered set of named layers.

    Parameters
    ----------
    layers : mapping of str to Layer, or pairs of them
        In the order in which the data flows.

    Examples
    --------
    >>> network = Network({"conv1": Conv2D(weight, bias, padding=1), "relu1": ReLU()})
    >>> network(x).shape
    (1, 224, 224, 64)
    """

    def __init__(self, layers: Mapping[str, Layer] | Iterable[tuple[str, Layer]]):
        self.layers: Mapping[str, Layer] = MappingProxyType(dict(layers))
        self._known_shapes: dict[Shape, dict[str, Shape]] = {}

    def __repr__(self) -> str:
        first, *_, last = [*self.layers, *self.layers] or ["nothing", "nothing"]
        return f"Network({len(self.layers)} layers from {first} to {last}, {self.parameter_count:,} parameters)"

    def _repr_html_(self) -> str:
        return folded_table(repr(self), [{"layer": name, "what": repr(layer)} for name, layer in self.layers.items()])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Compute the last layer's output (logits, for a classifier) and keep nothing.

        Parameters
        ----------
        x : array (N, H, W, C), float32 or float64
            In the network's own units: see `Model.prepare`.

        Raises
        ------
        ShapeError
            If a layer cannot take its input; the message names the layer.
        """
        self._check_input(x)
        for step in self._steps:
            x = step(x)
        return x

    @cached_property
    def _steps(self) -> list[Callable[[np.ndarray], np.ndarray]]:
        """The layers as functions, in order; two that can be fused, such as a convolution and the ReLU after it, are one.

        The definition is the plain loop of `trace`, and gives the same numbers.
        """
        layers = list(self.layers.values())
        steps = []
        while layers:
            layer = layers.pop(0)
            if layers and (fused := layer.described("fused")(layers[0])) is not None:
                layers.pop(0)
                steps.append(fused)
            else:
                steps.append(partial(_output, layer))
        return steps

    def trace(self, x: np.ndarray, generator: np.random.Generator | None = None) -> Trace:
        """Run forward and keep every layer's output and context.

        Parameters
        ----------
        x : array (N, H, W, C), float32 or float64
        generator : numpy.random.Generator, optional
            If given, layers behave as in training, and those that are random (dropout) draw from it.

        Raises
        ------
        ShapeError
            If a layer cannot take its input; the message names the layer.
        """
        self._check_input(x)
        outputs, contexts = {}, {}
        output = x
        for name, layer in self.layers.items():
            made = layer.forward(output) if generator is None else layer.training_forward(output, generator)
            if not isinstance(made, tuple) or len(made) != 2:
                found = type(made).__name__
                raise MinicnnError(f"{name}: the forward pass of a {type(layer).__name__} returned a {found}; expected (output, context)")
            outputs[name], contexts[name] = made
            output = outputs[name]
        return Trace(self, x, outputs, contexts)

    def backward(self, trace: Trace, seeds: Mapping[str, np.ndarray], rules: Rules | None = None) -> np.ndarray:
        """Propagate gradients back to the input.

        Parameters
        ----------
        trace : Trace
            Of this network.
        seeds : dict of str to array
            Gradients of some scalar with respect to the outputs of layers, by layer name.
        rules : dict of type or str to function, optional
            Replaces the backward pass of all layers of a type and its subclasses, as in ``{ReLU: guided}``, or of one layer by its name,
            which goes first;
            see `minicnn.rules`.

        Returns
        -------
        array (N, H, W, C)
            Gradient of the same scalar with respect to the input.

        Raises
        ------
        UnknownNameError, ShapeError
            If a seed belongs to no layer, or has not the shape of that layer's output.
        """
        self._check_seeds(trace, seeds, rules or {})
        return deque(self._walk_back(trace.contexts, seeds, rules or {}), maxlen=1).pop()[1]

    def gradients(self, trace: Trace, seeds: Mapping[str, np.ndarray], rules: Rules | None = None) -> Gradients:
        """Return the gradients with respect to all layers' outputs, computed as far down as asked; arguments as for `backward`."""
        self._check_seeds(trace, seeds, rules or {})
        return Gradients(partial(self._walk_back, trace.contexts, seeds, rules or {}))

    def parameter_gradients(self, trace: Trace, seeds: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
        """Compute the gradient with respect to every parameter, as {layer: {parameter: array}}; arguments as for `backward`."""
        gradients = {}
        first = next(iter(self.parameters), None)
        self._check_seeds(trace, seeds, {})
        for name, gradient in self._walk_back(trace.contexts, seeds, {}):
            if name is not None and self.layers[name].parameter_names:
                gradients[name] = self.layers[name].parameter_gradients(gradient, trace.contexts[name])
            if name == first:
                break  # what lies below has no parameters
        return gradients

    def _check_seeds(self, trace: Trace, seeds: Mapping[str, np.ndarray], rules: Rules) -> None:
        for layer in rules:
            if isinstance(layer, str):
                self.check_name(layer)
        if not seeds:
            raise UnknownNameError("there is no gradient to start from; give seeds as {layer name: gradient}")
        for name, seed in seeds.items():
            self.check_name(name)
            if seed.shape != trace.outputs[name].shape:
                raise ShapeError(f"the seed for {name} has shape {seed.shape}; expected its output's, {trace.outputs[name].shape}")

    def _walk_back(self, contexts: Mapping[str, Context], seeds: Mapping[str, np.ndarray], rules: Rules) -> Walk:
        """Yield (layer, gradient of its output) from the last seeded layer down to the first, then (None, gradient of the input)."""
        gradient: np.ndarray | None = None
        for name, layer in reversed(list(self.layers.items())):
            if name in seeds:
                gradient = seeds[name] if gradient is None else gradient + seeds[name]
            if gradient is not None:
                yield name, gradient
                rule = rules.get(name) or next((rules[kind] for kind in type(layer).__mro__ if kind in rules), None)
                context = contexts[name]
                gradient = layer.backward(gradient, context) if rule is None else rule(layer, gradient, context)
        if gradient is not None:
            yield None, gradient

    def after_training_step(self, trace: Trace) -> Network:
        """Return the network with the statistics that its layers have after a training step that left this trace."""
        return Network({name: layer.after_training_step(trace.contexts[name]) for name, layer in self.layers.items()})

    def split(self, name: str) -> tuple[Network, Network]:
        """Cut after the named layer: `head(trunk(x))` equals `network(x)`.

        Returns
        -------
        trunk, head : Network
            They share the layers with this network. The trunk ends with the named layer.
        """
        self.check_name(name)
        pairs = list(self.layers.items())
        cut = list(self.layers).index(name) + 1
        return Network(pairs[:cut]), Network(pairs[cut:])

    def up_to(self, names: Collection[str]) -> Network:
        """Return the part of the network that computes the named layers: all up to the last of them, shared with this network."""
        for name in names:
            self.check_name(name)
        return self.split(max(names, key=list(self.layers).index))[0]

    def shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Tell the shape of each layer's output for one image of the given shape (height, width, channels).

        Raises
        ------
        ShapeError
            If a layer cannot take its input; the message names the layer.
        """
        shape = tuple(input_shape)
        if shape not in self._known_shapes:
            shapes = {}
            for name, layer in self.layers.items():
                try:
                    shape = shapes[name] = layer.described("output_shape")(shape)
                except ShapeError as error:
                    raise ShapeError(f"{name}: {error}") from None
            self._known_shapes[tuple(input_shape)] = shapes
        return dict(self._known_shapes[tuple(input_shape)])

    def receptive_fields(self) -> dict[str, ReceptiveField | None]:
        """Tell what a unit of each layer sees of the input; None from the first layer on whose units may see all of it."""
        fields = {}
        field: ReceptiveField | None = ReceptiveField()
        for name, layer in self.layers.items():
            window = layer.described("window")
            field = None if field is None or window is None else field.through(window)
            fields[name] = field
        return fields

    @property
    def image_layers(self) -> list[str]:
        """The layers whose outputs are images: all below the first that makes rows of numbers of them."""
        return list(takewhile(lambda name: not self.layers[name].flattens, self.layers))

    def of_type(self, *types: type[Layer]) -> list[str]:
        """Name the layers of some types."""
        return [name for name, layer in self.layers.items() if isinstance(layer, types)]

    @property
    def convolutions(self) -> list[str]:
        """The convolutions, at least one.

        Raises
        ------
        UnknownNameError
            If the network has none.
        """
        if not (names := self.of_type(Conv2D)):
            raise UnknownNameError(f"the network has no convolution; its layers are {', '.join(self.layers)}")
        return names

    @property
    def first_convolution(self) -> str:
        """The first convolution; raises UnknownNameError if there is none."""
        return self.convolutions[0]

    @property
    def last_convolution(self) -> str:
        """The last convolution, or the activation (ReLU) that follows it: where maps are still images and mean most.

        Raises
        ------
        UnknownNameError
            If the network has no convolution.
        """
        last, names = self.convolutions[-1], list(self.layers)
        above = [name for name in names[names.index(last) + 1 :] if not isinstance(self.layers[name], BatchNorm)]
        return above[0] if above and self.layers[above[0]].activation else last

    @property
    def parameters(self) -> dict[str, dict[str, np.ndarray]]:
        """All trainable arrays, as {layer: {parameter: array}}, layers without any left out."""
        return {name: layer.parameters for name, layer in self.layers.items() if layer.parameter_names}

    @property
    def parameter_count(self) -> int:
        """How many trainable numbers there are."""
        return sum(array.size for arrays in self.parameters.values() for array in arrays.values())

    @property
    def arrays(self) -> dict[str, dict[str, np.ndarray]]:
        """All arrays, the parameters and what training measured (statistics), as {layer: {name: array}}, layers without any left out."""
        return {name: layer.arrays for name, layer in self.layers.items() if layer.arrays}

    def with_parameters(self, parameters: Mapping[str, Mapping[str, Any]]) -> Network:
        """Return a network with other parameters, statistics or constants, given as {layer: {name: value}}; all else is shared."""
        for name in parameters:
            self.check_name(name)
        return Network({name: layer.replace(**parameters.get(name, {})) for name, layer in self.layers.items()})

    def astype(self, dtype: DTypeLike) -> Network:
        """Return a network with all arrays in another floating-point type."""
        return self.with_parameters(
            {layer: {name: array.astype(dtype) for name, array in arrays.items()} for layer, arrays in self.arrays.items()}
        )

    def check_name(self, name: str) -> None:
        """Raise UnknownNameError, with the list of layers, unless a layer has this name."""
        if name not in self.layers:
            raise UnknownNameError(f"there is no layer {name!r}; the layers are {', '.join(self.layers)}")

    def _check_input(self, x: np.ndarray) -> None:
        if not isinstance(x, np.ndarray) or x.ndim < 2 or x.dtype not in (np.float32, np.float64):
            found = f"an array of shape {x.shape} and type {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise ShapeError(f"the network got {found}; expected a float32 or float64 array (N, height, width, channels)")
        self.shapes(x.shape[1:])


def _output(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Run a layer forward and drop what the way back would need."""
    return layer.forward(x)[0]
