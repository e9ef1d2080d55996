"""What a forward pass leaves behind."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn.layers.base import Context
from minicnn.network.graph import INPUT
from minicnn.pictures.tables import folded_table

if TYPE_CHECKING:
    from minicnn.network.network import Network


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

    def inputs_of(self, layer: str) -> tuple[np.ndarray, ...]:
        """Return what reached a layer: one array, or several that flow together there."""
        return tuple(self.input if source == INPUT else self.outputs[source] for source in self.network.inputs[layer])

    def input_of(self, layer: str) -> np.ndarray:
        """Return what reached a layer that takes one input, or of several the first."""
        return self.inputs_of(layer)[0]

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
        """The last layer's output; of a network without layers its input."""
        return self.outputs[self.last] if self.outputs else self.input
