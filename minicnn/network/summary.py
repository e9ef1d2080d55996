"""A network in numbers, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minicnn.errors import ShapeError
from minicnn.geometry import ReceptiveField
from minicnn.layers.base import Shape
from minicnn.network.graph import INPUT
from minicnn.network.network import Network


@dataclass(frozen=True)
class LayerSummary:
    """One layer in numbers.

    Attributes
    ----------
    name : str
    output_shape : tuple of int
        Of one image.
    parameters : int
    multiply_accumulates : int
        For one image.
    receptive_field : ReceptiveField or None
        None where every unit sees the whole input.
    """

    name: str
    output_shape: Shape
    parameters: int
    multiply_accumulates: int
    receptive_field: ReceptiveField | None


def summarize(network: Network, input_shape: Shape) -> Iterator[LayerSummary]:
    """Count what each layer of a network does to one image (height, width, channels), layer by layer.

    Raises
    ------
    ShapeError
        At the first layer that cannot take its input; the message names the layer.
    """
    fields = network.receptive_fields()
    shapes = {INPUT: tuple(input_shape)}
    for name, layer in network.layers.items():
        below = [shapes[source] for source in network.inputs[name]]
        try:
            shapes[name] = layer.described("output_shape")(*below)
        except ShapeError as error:
            reaches = " and ".join(" x ".join(map(str, shape)) for shape in below)
            raise ShapeError(f"{name} does not fit what reaches it, {reaches}: {error}") from None
        count = sum(array.size for array in layer.parameters.values())
        yield LayerSummary(name, shapes[name], count, layer.described("multiply_accumulates")(*below), fields[name])
