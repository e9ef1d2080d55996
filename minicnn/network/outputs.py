"""What the layers of a network put out in one pass, without what can be had again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from minicnn.kernels import use_algorithm
from minicnn.layers import Layer


class Outputs(Mapping[str, np.ndarray]):
    """The layers' outputs by name, in order. What the pass left out is computed when it is asked for, by the same algorithm, and then kept.

    Parameters
    ----------
    layers : mapping of str to Layer
    kept : dict of str to array
    inputs : mapping of str to array
        What reached the layers that the pass left out.
    algorithm : str
        That was pinned in the pass; see `minicnn.use_algorithm`.
    """

    def __init__(self, layers: Mapping[str, Layer], kept: dict[str, np.ndarray], inputs: Mapping[str, np.ndarray], algorithm: str):
        self._layers, self._kept, self._inputs, self._algorithm = dict(layers), kept, dict(inputs), algorithm

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._kept:
            x = self._inputs[name]
            with use_algorithm(self._algorithm):
                self._kept[name] = self._layers[name].forward(x)[0]
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __repr__(self) -> str:
        return f"Outputs of {', '.join(f'{name} {self.shape(name)}' for name in self)}"

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a layer's output; nothing is computed for it."""
        if name in self._kept:
            return self._kept[name].shape
        x = self._inputs[name]
        return len(x), *self._layers[name].output_shape(x.shape[1:])

    def of(self, layers: Mapping[str, Layer]) -> Outputs:
        """Return those of some of the layers."""
        kept, inputs = ({name: array for name, array in arrays.items() if name in layers} for arrays in (self._kept, self._inputs))
        return Outputs(layers, kept, inputs, self._algorithm)
