"""The gradients of one scalar with respect to every layer's output, computed from the top down, as far down as anybody asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np

from minicnn.errors import UnknownNameError

#: Layers from the top down with the gradients of their outputs, then None with that of the input.
Walk = Iterator[tuple[str | None, np.ndarray]]


class Gradients:
    """Gradients by layer name; `input` is the one with respect to the network's input.

    The backward pass goes on when a layer is asked for that it has not reached yet, and what it has passed is kept. So a class activation
    map at the last convolution costs a few layers, and the saliency of the same class afterwards only the rest. Threads may share it; after
    an interruption, such as Ctrl-C, it begins anew.

    Parameters
    ----------
    begin : function
        Begins the backward pass.
    """

    def __init__(self, begin: Callable[[], Walk]):
        self._begin = begin
        self._walk: Walk | None = None
        self._found: dict[str | None, np.ndarray] = {}
        self._one_at_a_time = threading.Lock()

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
        with self._one_at_a_time:
            while layer not in self._found and None not in self._found:
                self._step()
        if layer not in self._found:
            raise UnknownNameError(f"no gradient reaches {layer!r}; it reaches {', '.join(name for name in self._found if name)}")
        return self._found[layer]

    def _step(self) -> None:
        """Go back through one layer more."""
        walk = self._walk or self._begin()
        self._walk = None  # if this is interrupted, the next begins anew
        name, gradient = next(walk)
        self._found[name] = gradient
        self._walk = None if name is None else walk
