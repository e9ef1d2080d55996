"""Which layer takes what from which: a line, or any graph without circles.

The layers stand in an order in which data can flow, each after those that it takes its inputs from::

    {"conv1": conv, "relu1": relu, "conv2": conv, "add": (add, "conv2", "relu1"), "relu2": relu}

               +------------------+
               |                  v
    input -> conv1 -> relu1 -> conv2 -> add -> relu2
                        |                ^
                        +----------------+

A layer without names beside it takes the output of the layer before; the last layer's output is the network's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from minicnn.errors import UnknownNameError
from minicnn.layers import Conv2D, Join, Layer

#: What the network's own input is called.
INPUT = "input"

#: A layer, or a layer and the names of what it takes.
Node = Layer | tuple[Any, ...]


class Graph:
    """Named layers, and where each takes its inputs from.

    Parameters
    ----------
    nodes : mapping of str to Node, or pairs of them

    Attributes
    ----------
    layers : dict of str to Layer
    inputs : dict of str to tuple of str
        The names of what each layer takes: other layers, or "input".

    Raises
    ------
    UnknownNameError
        If a layer takes something that does not come before it, or has a name that stands for something else.
    """

    def __init__(self, nodes: Mapping[str, Node] | Iterable[tuple[str, Node]]):
        layers: dict[str, Layer] = {}
        inputs: dict[str, tuple[str, ...]] = {}
        before = INPUT
        for name, node in dict(nodes).items():
            layer, *sources = (node if isinstance(node, tuple) else (node,)) or (None,)
            if not isinstance(layer, Layer) or not all(isinstance(source, str) for source in sources):
                raise UnknownNameError(f"{name} is {node!r}; expected a layer, or a tuple of a layer and the names of what it takes")
            inputs[name] = tuple(sources) or (before,)
            check_node(name, type(layer), inputs[name], layers)
            layers[name] = layer
            before = name
        self.layers: Mapping[str, Layer] = MappingProxyType(layers)
        self.inputs: Mapping[str, tuple[str, ...]] = MappingProxyType(inputs)

    @property
    def nodes(self) -> dict[str, tuple[Any, ...]]:
        """What the same graph can be made of: each layer with the names of what it takes."""
        return {name: (layer, *self.inputs[name]) for name, layer in self.layers.items()}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """The layers that take each layer's output, or the network's input, in order; one that takes it twice stands there twice."""
        consumers: dict[str, list[str]] = {name: [] for name in (INPUT, *self.layers)}
        for name, sources in self.inputs.items():
            for source in sources:
                consumers[source].append(name)
        return {name: tuple(takers) for name, takers in consumers.items()}

    def only_consumer(self, name: str) -> str | None:
        """Return the one layer that takes a layer's output; None if there are several, or none."""
        takers = self.consumers[name]
        return takers[0] if len(takers) == 1 else None

    def ancestors(self, names: Collection[str]) -> list[str]:
        """List all layers that the named ones are computed from, and these, in order; raises UnknownNameError for other names."""
        for name in names:
            self.check_name(name)
        needed = set(names)
        for name in reversed(list(self.layers)):
            if name in needed:
                needed.update(self.inputs[name])
        return [name for name in self.layers if name in needed]

    def above(self, name: str) -> dict[str, tuple[Any, ...]]:
        """Return the nodes that are not needed for a layer, with its output as their input: what is above a cut there.

        Raises
        ------
        UnknownNameError
            If one of them takes something else from below the cut.
        """
        below = {INPUT, *self.ancestors([name])}
        head: dict[str, tuple[Any, ...]] = {}
        for other, sources in self.inputs.items():
            if other in below:
                continue
            if past := [source for source in sources if source in below and source != name]:
                raise UnknownNameError(
                    f"the network cannot be cut after {name}, as {other} takes {', '.join(past)} past it; choose one of "
                    f"{', '.join(self.separators) or 'no layer'}"
                )
            head[other] = (self.layers[other], *(INPUT if source == name else source for source in sources))
        return head

    @cached_property
    def last_use(self) -> Mapping[str, str]:
        """The last layer that takes each layer's output, or the network's input; those that nobody takes are left out."""
        return {source: name for name, sources in self.inputs.items() for source in sources}

    @cached_property
    def separators(self) -> list[str]:
        """The layers that all of the result passes through: nothing that is above one takes anything from below it."""
        needed = self.ancestors(list(self.layers)[-1:])
        last_use = {source: place for place, name in enumerate(needed) for source in self.inputs[name]}
        found, furthest = [], last_use.get(INPUT, 0)
        for place, name in enumerate(needed):
            if furthest <= place:
                found.append(name)
            furthest = max(furthest, last_use.get(name, place))
        return found

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

    def check_name(self, name: str) -> None:
        """Raise UnknownNameError, with the list of layers, unless a layer has this name."""
        if name not in self.layers:
            raise UnknownNameError(f"there is no layer {name!r}; the layers are {', '.join(self.layers)}")


def check_node(name: str, layer: type[Layer], sources: tuple[str, ...], before: Collection[str]) -> None:
    """Raise UnknownNameError unless a layer can take what it names, of those that come before it, and as many of these as it must."""
    if name == INPUT:
        raise UnknownNameError(f"a layer is called {INPUT!r}, which stands for the network's own input; give it another name")
    for source in sources:
        if source != INPUT and source not in before:
            raise UnknownNameError(
                f"{name} takes {source!r}, which does not come before it; expected {INPUT!r} or one of {', '.join(before) or 'no layers'}"
            )
    if (len(sources) > 1) != issubclass(layer, Join):
        wanted = "at least two inputs" if issubclass(layer, Join) else "one input"
        raise UnknownNameError(f"{name} ({layer.__name__}) takes {', '.join(sources)}; expected {wanted}")
