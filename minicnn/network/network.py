"""A network: named layers, run forward and backward.

Calling a network keeps nothing. A `Trace` keeps what one forward pass left behind, and the backward pass starts from it::

    trace = network.trace(x)                              # outputs and contexts, by layer name
    gradient = network.backward(trace, {"fc8": one_hot})  # gradient of the chosen score with respect to x

The gradients to start from are called *seeds*. They may sit at any layers, several at once; each layer's gradient is its seed plus
what comes back from the layers that took its output. Which these are, `minicnn.network.graph` says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicnn.errors import MinicnnError, ShapeError, UnknownNameError
from minicnn.kernels import current_algorithm
from minicnn.layers import Join, Layer
from minicnn.layers.base import Context
from minicnn.network.gradients import Gradients, Walk
from minicnn.network.graph import INPUT
from minicnn.network.outputs import Outputs
from minicnn.network.spatial import SpatialGraph
from minicnn.pictures.tables import folded_table

__all__ = ["Network", "Rule", "Rules", "Trace"]

#: Another way to go backward through one layer: (layer, gradient, context) -> gradient of the input, or of a join a tuple of them. Rules
#: may count on the context of convolutions, dense layers, average pools and joins, which is the layer's input, or inputs, and on that of
#: ReLUs, which is the layer's output.
Rule = Callable[[Any, np.ndarray, Context], Any]

#: Rules by the type of the layers, for its subclasses too, or by the name of one.
Rules = Mapping[type | str, Rule]


class Step(NamedTuple):
    """A part of a forward pass that keeps nothing: what it computes, of what, and whose outputs nobody needs afterwards."""

    name: str
    sources: tuple[str, ...]
    compute: Callable[..., np.ndarray]
    done: Sequence[str]


@dataclass(frozen=True, eq=False)
class Trace:
    """What one forward pass left behind.

    Attributes
    ----------
    network : Network
    input : array (N, H, W, C)
    outputs : Outputs
        A mapping: each layer's output, by name, in order. What the pass left out, as a convolution's output that only a ReLU takes, is
        computed when it is asked for.
    contexts : dict of str to object
        What each layer's backward pass needs.
    known : dict
        What has been computed from this trace and may be asked for again, such as the gradients of a class.
    """

    network: Network
    input: np.ndarray
    outputs: Outputs
    contexts: Mapping[str, Context]
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Trace(input {self.input.shape}, {len(self.outputs)} layers, {self.last if self.outputs else 'output'} {self.result.shape})"

    def _repr_html_(self) -> str:
        rows = [{"layer": name, "what": repr(self.network.layers[name]), "output": str(self.outputs.shape(name))} for name in self.outputs]
        return folded_table(repr(self), rows)

    def inputs_of(self, layer: str) -> tuple[np.ndarray, ...]:
        """Return what reached a layer: one array, or several that flow together there."""
        return tuple(self.input if source == INPUT else self.outputs[source] for source in self.network.inputs[layer])

    def input_of(self, layer: str) -> np.ndarray:
        """Return what reached a layer that takes one input, or of several the first."""
        return self.inputs_of(layer)[0]

    def after(self, layer: str) -> Trace:
        """Return the same pass through the layers above one: its input is that layer's output, and no layer above runs again."""
        head = self.network.split(layer)[1]
        return Trace(head, self.outputs[layer], self.outputs.of(head.layers), {name: self.contexts[name] for name in head.layers})

    @property
    def last(self) -> str:
        """The name of the last layer."""
        return list(self.outputs)[-1]

    @property
    def result(self) -> np.ndarray:
        """The last layer's output; of a network without layers its input."""
        return self.outputs[self.last] if self.outputs else self.input


class Network(SpatialGraph):
    """Named layers in an order in which data can flow: a line, or any graph without circles.

    Parameters
    ----------
    nodes : mapping of str to Layer or (Layer, name, ...), or pairs of them
        Each layer comes after those that it takes its inputs from: those whose names are beside it ("input" for the network's own), or
        else the one before it. The last layer's output is the network's. Only `nodes` makes the same network again; `layers` alone would
        make a line.

    Examples
    --------
    >>> network = Network({"conv1": Conv2D(weight, bias, padding=1), "relu1": ReLU()})
    >>> network(x).shape
    (1, 224, 224, 64)
    >>> Network({**network.nodes, "conv2": Conv2D(weight2, bias2, padding=1), "add": (Add(), "conv2", "relu1")})
    Network of 4 layers
    """

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
        values, name = {INPUT: x}, INPUT
        for name, sources, step, done in self._steps:
            values[name] = step(*[values[source] for source in sources])
            for source in done:
                del values[source]
        return values[name]

    @cached_property
    def _steps(self) -> list[Step]:
        """What is computed, in order; two layers that are fused are one step."""
        steps: list[tuple[str, tuple[str, ...], Callable[..., np.ndarray]]] = []
        for name, layer in self.layers.items():
            if name in self._fused:
                first, together = self._fused[name]
                steps.append((name, self.inputs[first], together))
            elif name not in self._left_out:
                steps.append((name, self.inputs[name], partial(_output, layer)))
        last_use = {source: name for name, sources, _ in steps for source in sources}
        return [
            Step(name, sources, compute, [source for source in dict.fromkeys(sources) if last_use[source] == name])
            for name, sources, compute in steps
        ]

    @cached_property
    def _fused(self) -> dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]]:
        """Layers that are computed together with the one below, which nothing else takes: the name of that one, and what computes both.

        So a ReLU with its convolution; see `Layer.fused`. Layers that do something else in training stay alone.
        """
        fused: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {}
        for name, layer in self.layers.items():
            taker = self.only_consumer(name)
            if taker is None or name in fused or not all(_same_in_training(self.layers[each]) for each in (name, taker)):
                continue
            together = layer.described("fused")(self.layers[taker])
            if together is not None:
                fused[taker] = name, together
        return fused

    @cached_property
    def _left_out(self) -> frozenset[str]:
        """The layers that are fused with the one above, so that their own output does not appear."""
        return frozenset(below for below, _ in self._fused.values())

    def trace(self, x: np.ndarray, generator: np.random.Generator | None = None) -> Trace:
        """Run forward and keep what the way back needs, and the layers' outputs.

        Parameters
        ----------
        x : array (N, H, W, C), float32 or float64
            Kept, not copied: do not write into it as long as the trace is used.
        generator : numpy.random.Generator, optional
            If given, layers behave as in training, and those that are random (dropout) draw from it.

        Raises
        ------
        ShapeError
            If a layer cannot take its input; the message names the layer.
        """
        self._check_input(x)
        kept: dict[str, np.ndarray] = {}
        contexts: dict[str, Context] = {}
        left_out: dict[str, np.ndarray] = {}
        for name, layer in self.layers.items():
            inputs = [x if source == INPUT else kept[source] for source in self.inputs[name] if source not in left_out]
            if name in self._left_out:
                (left_out[name],) = (contexts[name],) = inputs
            elif name in self._fused:
                below, together = self._fused[name]
                kept[name] = contexts[name] = together(left_out[below])
            else:
                forward = layer.forward if generator is None else partial(layer.training_forward, generator=generator)
                kept[name], contexts[name] = _checked(name, layer, forward(*inputs))
        return Trace(self, x, Outputs(self.layers, kept, left_out, current_algorithm()), contexts)

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
            if seed.shape != trace.outputs.shape(name):
                raise ShapeError(f"the seed for {name} has shape {seed.shape}; expected its output's, {trace.outputs.shape(name)}")

    def _walk_back(self, contexts: Mapping[str, Context], seeds: Mapping[str, np.ndarray], rules: Rules) -> Walk:
        """Yield (layer, gradient of its output) from the last seeded layer down to the first, then (None, gradient of the input).

        A layer's gradient is complete when all that took its output have been passed, as they stand above it; until then it is pending.
        """
        pending = dict(seeds)
        for name, layer in reversed(list(self.layers.items())):
            if name not in pending:
                continue
            gradient = pending.pop(name)
            yield name, gradient
            rule = rules.get(name) or next((rules[kind] for kind in type(layer).__mro__ if kind in rules), None)
            back = layer.backward(gradient, contexts[name]) if rule is None else rule(layer, gradient, contexts[name])
            for source, part in zip(self.inputs[name], back if isinstance(layer, Join) else (back,)):
                pending[source] = pending[source] + part if source in pending else part
        if INPUT in pending:
            yield None, pending[INPUT]

    def after_training_step(self, trace: Trace) -> Network:
        """Return the network with the statistics that its layers have after a training step that left this trace."""
        return self.with_layers({name: layer.after_training_step(trace.contexts[name]) for name, layer in self.layers.items()})

    def split(self, name: str) -> tuple[Network, Network]:
        """Cut after the named layer: `head(trunk(x))` equals `network(x)`.

        Returns
        -------
        trunk, head : Network
            They share the layers with this network. The trunk ends with the named layer.

        Raises
        ------
        UnknownNameError
            If there is no such layer, or if something flows past it; see `Graph.separators`.
        """
        return self.up_to([name]), Network(self.above(name))

    def up_to(self, names: Collection[str]) -> Network:
        """Return the part of the network that computes the named layers, shared with this network; it ends with the last of them."""
        return Network({name: self.nodes[name] for name in self.ancestors(names)})

    def with_layers(self, layers: Mapping[str, Layer]) -> Network:
        """Return a network with other layers in place of some; each takes its inputs from where the old one did."""
        return Network({name: (layers.get(name, layer), *self.inputs[name]) for name, layer in self.layers.items()})

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
        return self.with_layers({name: self.layers[name].replace(**values) for name, values in parameters.items()})

    def astype(self, dtype: DTypeLike) -> Network:
        """Return a network with all arrays in another floating-point type."""
        return self.with_parameters(
            {layer: {name: array.astype(dtype) for name, array in arrays.items()} for layer, arrays in self.arrays.items()}
        )

    def _check_input(self, x: np.ndarray) -> None:
        if not isinstance(x, np.ndarray) or x.ndim < 2 or x.dtype not in (np.float32, np.float64):
            found = f"an array of shape {x.shape} and type {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise ShapeError(f"the network got {found}; expected a float32 or float64 array (N, height, width, channels)")
        self.shapes(x.shape[1:])


def _checked(name: str, layer: Layer, made: Any) -> tuple[np.ndarray, Context]:
    """Return what a forward pass made; raises MinicnnError if that is no pair."""
    if not isinstance(made, tuple) or len(made) != 2:
        found = type(made).__name__
        raise MinicnnError(f"{name}: the forward pass of a {type(layer).__name__} returned a {found}; expected (output, context)")
    return made


def _same_in_training(layer: Layer) -> bool:
    return type(layer).training_forward is Layer.training_forward


def _output(layer: Layer, *xs: np.ndarray) -> np.ndarray:
    """Run a layer forward and drop what the way back would need."""
    return layer.forward(*xs)[0]
