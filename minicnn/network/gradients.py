"""The gradients of one scalar with respect to every layer's output, computed from the top down, as far as anybody asks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicnn.errors import UnknownNameError


class Gradients:
    """Gradients by layer name; `input` is the one with respect to the network's input.

    The backward pass goes on when a layer is asked for that it has not reached yet, and what it has passed is kept. So a class activation
    map at the last convolution costs a few layers, and the saliency of the same class afterwards only the rest.

    Parameters
    ----------
    walk : iterator of (str or None, array)
        Layers from the top down with the gradients of their outputs, then None with that of the input.
    """

    def __init__(self, walk: Iterator[tuple[str | None, np.ndarray]]):
        self._walk = walk
        self._found: dict[str | None, np.ndarray] = {}

    def __getitem__(self, layer: str) -> np.ndarray:
        """Return the gradient with respect to a layer's output; raises UnknownNameError for layers that it does not pass."""
        return self._reach(layer)

    @property
    def input(self) -> np.ndarray:
        """The gradient with respect to the network's input, (N, H, W, C)."""
        return self._reach(None)

    def items(self) -> list[tuple[str, np.ndarray]]:
        """Return all layers that the gradient reaches, from the top down, each with the gradient of its output."""
        self._reach(None)
        return [(name, gradient) for name, gradient in self._found.items() if name is not None]

    def _reach(self, layer: str | None) -> np.ndarray:
        while layer not in self._found:
            step = next(self._walk, None)
            if step is None:
                raise UnknownNameError(f"no gradient reaches {layer!r}; it reaches {', '.join(name for name in self._found if name)}")
            name, gradient = step
            self._found[name] = gradient
        return self._found[layer]
