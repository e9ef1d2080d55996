"""A network in numbers, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

from minicnn.geometry import ReceptiveField
from minicnn.layers.base import Shape
from minicnn.network import Network


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


def summarise(network: Network, input_shape: Shape) -> list[LayerSummary]:
    """Count what each layer of a network does to one image (height, width, channels).

    Raises
    ------
    ShapeError
        If a layer cannot take its input; the message names the layer.
    """
    shapes = network.shapes(input_shape)
    fields = network.receptive_fields()
    rows = []
    shape = tuple(input_shape)
    for name, layer in network.layers.items():
        count = sum(array.size for array in layer.parameters.values())
        rows.append(LayerSummary(name, shapes[name], count, layer.multiply_accumulates(shape), fields[name]))
        shape = shapes[name]
    return rows
