"""Where the units of a graph's layers lie: how large each layer's output is, and what a unit sees of the input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property

from minicnn.errors import ShapeError, UnknownNameError
from minicnn.geometry import ReceptiveField, Window
from minicnn.layers import BatchNorm, Dropout, Join
from minicnn.layers.base import Shape
from minicnn.network.graph import INPUT, Graph, Node


class SpatialGraph(Graph):
    """A graph whose layers are asked how they change an image's size; see `minicnn.network.network.Network`."""

    def __init__(self, nodes: Mapping[str, Node] | Iterable[tuple[str, Node]]):
        super().__init__(nodes)
        self._known_shapes: dict[Shape, dict[str, Shape]] = {}

    def shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Tell the shape of each layer's output for one image of the given shape (height, width, channels).

        Raises
        ------
        ShapeError
            If a layer cannot take its input; the message names the layer.
        """
        input_shape = tuple(input_shape)
        if input_shape not in self._known_shapes:
            shapes = {INPUT: input_shape}
            for name, layer in self.layers.items():
                try:
                    shapes[name] = layer.described("output_shape")(*[shapes[source] for source in self.inputs[name]])
                except ShapeError as error:
                    raise ShapeError(f"{name}: {error}") from None
            del shapes[INPUT]
            self._known_shapes[input_shape] = shapes
        return dict(self._known_shapes[input_shape])

    def receptive_fields(self) -> dict[str, ReceptiveField | None]:
        """Tell what a unit of each layer sees of the input; None where that is not one box for all, or may be the whole input.

        So it is after a layer that enlarges the image, and where layers whose units lie at different distances flow together.
        """
        fields: dict[str, ReceptiveField | None] = {INPUT: ReceptiveField()}
        for name, layer in self.layers.items():
            window, below = layer.described("window"), [fields[source] for source in self.inputs[name]]
            known = [field for field in below if field is not None]
            together = len(known) == len(below) and len({field.jump for field in known}) == 1
            fields[name] = ReceptiveField.union(known).through(window) if window is not None and together else None
        del fields[INPUT]
        return fields

    @cached_property
    def jumps(self) -> Mapping[str, tuple[Fraction, Fraction]]:
        """How many pixels of the input lie between neighboring units, vertically and horizontally, of the input and of all image layers."""
        jumps = {INPUT: (Fraction(1), Fraction(1))}
        for name in self.image_layers:
            (down, across), layer = jumps[self.inputs[name][0]], self.layers[name]
            window, (rows, columns) = layer.described("window") or Window((1, 1)), layer.described("enlarges")
            jumps[name] = (down * window.stride[0] / rows, across * window.stride[1] / columns)
        return jumps

    @property
    def image_layers(self) -> list[str]:
        """The layers whose outputs are images: all until one makes rows of numbers of them; of several inputs the first one tells."""
        images = {INPUT: True}
        for name, layer in self.layers.items():
            images[name] = images[self.inputs[name][0]] and not layer.flattens
        return [name for name in self.layers if images[name]]

    @property
    def last_convolution(self) -> str:
        """The last layer whose maps are still images and mean most: the last convolution, or the activation (ReLU) after it.

        All of the result passes through it: where layers flow together after the last convolution, it is above that. Maps of the classes
        themselves, of which the result is only the mean, do not count, if there is a layer before.

        Raises
        ------
        UnknownNameError
            If the network has no convolution, or there is no such layer.
        """
        names, needed = list(self.layers), self.ancestors(list(self.layers)[-1:])
        last = ([name for name in self.convolutions if name in needed] or self.convolutions)[-1]
        images = [name for name in self.separators if name in self.image_layers]
        means_alone = names[-1] not in self.image_layers and not any(self.layers[name].arrays for name in names[names.index(last) + 1 :])
        before = [name for name in images if names.index(name) < names.index(last) and not isinstance(self.layers[name], Dropout)]
        if means_alone and before:
            return before[-1]
        found = last
        for name in images:
            if names.index(name) < names.index(last):
                continue
            if self.layers[name].activation:
                return name
            if name != last and not isinstance(self.layers[name], (BatchNorm, Join)):
                break
            found = name if found not in images else found
        if found not in images:
            raise UnknownNameError(
                f"there is no layer of images that all of the result passes through; choose one of {', '.join(self.image_layers)}"
            )
        return found
