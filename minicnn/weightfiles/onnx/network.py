"""The network that is read so far: its layers and steps, and where the tensor stands that the next node takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from minicnn.weightfiles.onnx.axes import Axes, flat_order
from minicnn.weightfiles.onnx.preprocessing import preprocessing_table
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.stored import CONVOLUTION, DENSE, Step, StoredLayer, stored_layer

#: With such an epsilon and one minus it as the variance, a batch normalization divides by exactly 1.
EXACT_EPSILON = 2.0**-17


class ReadNetwork:
    """A network that grows from input to output.

    Two things wait for the step after them: numbers that channels are multiplied by and that are added to them, and a padding.

    Parameters
    ----------
    axes : Axes
        Of its input.
    takes_bytes : bool
        Whether its input is of integers.
    """

    def __init__(self, axes: Axes, takes_bytes: bool = False):
        self.axes, self.takes_bytes = axes, takes_bytes
        self.layers: list[StoredLayer] = []
        self.steps: list[Step] = []
        self.channels_first: bool | None = None
        self.preprocessing: dict[str, object] | None = None
        self.reverses_colors = self.ended = False
        self.padding: dict[str, tuple[int, int]] = {}
        self._scale_and_shift: tuple[np.ndarray, np.ndarray] | None = None
        self._names: set[str] = set()

    def add(
        self,
        word: str,
        options: Mapping[str, Any] | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
        name: str = "",
        epsilon: float | None = None,
    ) -> None:
        """Note a step, and the layer whose arrays it has."""
        if self.ended:
            raise RefusedError("comes after a Softmax, which must be the end")
        self.settle()
        if self.padding:
            raise RefusedError("comes after a padding, which only convolutions and pools can have")
        self._note(word, options or {}, arrays, name, epsilon)

    def _note(
        self, word: str, options: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None, name: str, epsilon: float | None
    ) -> None:
        name = "" if name in self._names else name
        self._names.add(name)
        if arrays is not None:
            self.layers.append(stored_layer(name or f"{word} {len(self.layers) + 1}", arrays, epsilon))
        self.steps.append(Step(word, options, name))

    def arrange(self, axes: Axes, name: str = "") -> None:
        """Take the same numbers with other axes; once all of an image are in one, it is flattened."""
        if not axes.is_image:
            self.axes = axes
            return
        for group in axes.groups:
            if {"C", "H", "W"} <= set(group):
                if "N" in group:
                    raise RefusedError("mixes the numbers of several images")
                order = flat_order(group, axes.sizes)
                self.add("flatten", name=name)
                self.channels_first = order
                size = Axes((group,), axes.sizes).shape[0]
                groups = tuple(("C",) if other is group else other for other in axes.groups)
                axes = Axes(groups, {"N": axes.sizes["N"], "C": size})
                break
        self.axes = axes

    def expect(self, groups: tuple[tuple[str, ...], ...], words: str) -> None:
        """Raise RefusedError unless the axes are these."""
        if self.axes.groups != groups:
            raise RefusedError(f"takes the axes {axes_text(self.axes.groups)}; expected {axes_text(groups)}, {words}")

    def scale(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Multiply, then add, single numbers or such that differ by channel."""
        if self.ended or self.padding:
            raise RefusedError("comes after a Softmax or a padding; expected it before")
        scale, shift = (self._by_channel(np.asarray(array, np.float64)) for array in (scale, shift))
        with np.errstate(all="ignore"):
            if self._scale_and_shift is not None:
                before, added = self._scale_and_shift
                scale, shift = before * scale, added * scale + shift
        if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
            raise RefusedError("computes with numbers that are not finite")
        self._scale_and_shift = scale, shift

    def _by_channel(self, array: np.ndarray) -> np.ndarray:
        """Spread numbers over the channels, given an array that is spread over the whole tensor."""
        channels = self.axes.sizes["C"]
        shape = (1,) * (len(self.axes.groups) - array.ndim) + array.shape
        if channels < 1 and array.size > 1:
            channels = array.size
        fits = len(shape) == len(self.axes.groups) and all(
            size == 1 or (group == ("C",) and size == channels) for size, group in zip(shape, self.axes.groups)
        )
        if not fits or channels < 1:
            raise RefusedError(f"takes numbers of shape {array.shape}; expected a single one, or one for each channel")
        return np.broadcast_to(array.reshape(-1), (channels,))

    def reverse_colors(self) -> None:
        """Turn the order of the channels around."""
        if self.steps or self.axes.sizes["C"] != 3:
            raise RefusedError("turns the order of channels around, expected it only for the three colors of the input")
        self.reverses_colors = not self.reverses_colors
        if self._scale_and_shift is not None:
            scale, shift = self._scale_and_shift
            self._scale_and_shift = scale[::-1], shift[::-1]

    def finish(self) -> None:
        """Settle what waits for a step when there is none any more, and leave out the names of modules that hold other layers."""
        if self.padding:
            raise RefusedError("is a padding at the end; expected a convolution or a pool after it")
        if ("N",) not in self.axes.groups:
            raise RefusedError(f"gives the axes {axes_text(self.axes.groups)}; expected images one by one")
        self.settle()
        words = [step.word for step in self.steps]
        if self.channels_first and DENSE not in words[words.index("flatten") :]:
            raise RefusedError(
                "ends with the numbers of a flattened image, which minicnn has in another order; expected a dense layer after it"
            )
        holders = {name[:i] for name in self._names for i, character in enumerate(name) if character == "."}
        self.steps = [dataclasses.replace(step, name="") if step.name in holders else step for step in self.steps]

    def settle(self) -> None:
        """Make what channels were multiplied by and what was added a preprocessing, biases, or a batch normalization."""
        (scale, shift), self._scale_and_shift = self._scale_and_shift or (np.ones(1), np.zeros(1)), None
        changes = (scale != 1).any() or shift.any()
        if not self.steps and self.preprocessing is None and (changes or self.reverses_colors):
            self.preprocessing = preprocessing_table(scale, shift, self.reverses_colors, self.takes_bytes)
            if self.preprocessing is not None:
                return
            if self.reverses_colors:
                raise RefusedError("follows a change of the order of colors that is no preprocessing of photos; save the model without it")
        if not changes:
            return
        if (scale == 1).all() and self.steps and self.steps[-1].word in (CONVOLUTION, DENSE):
            layer = self.layers[-1]
            bias = _narrowed(layer.arrays.get("bias", np.float32(0)) + shift)
            self.layers[-1] = stored_layer(layer.name, {"weight": layer.arrays["weight"], "bias": bias})
            return
        ones = np.ones_like(scale)
        arrays = {"weight": scale, "bias": shift, "mean": 0 * ones, "variance": (1 - EXACT_EPSILON) * ones}
        arrays = {key: _narrowed(array) for key, array in arrays.items()}
        self._note("batch_norm", {"epsilon": EXACT_EPSILON}, arrays, "", EXACT_EPSILON)


def _narrowed(array: np.ndarray) -> np.ndarray:
    """Make float32 of an array; numbers that are too large become infinite, and are refused where a network takes them."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def axes_text(groups: tuple[tuple[str, ...], ...]) -> str:
    """Write axes for people: (N, C, H, W), and (N, CHW) where they are merged."""
    return f"({', '.join(''.join(group) or '1' for group in groups)})"
