"""The network that is read so far: its steps, with their arrays, and where each takes its inputs from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.onnx.axes import Axes, flat_order
from minicnn.weightfiles.onnx.preprocessing import preprocessing_table
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import FILE_INPUT, INPUT, Value
from minicnn.weightfiles.stored import CONVOLUTION, DENSE, KINDS, OTHER, Step, StoredLayer, check_arrays, stored_layer

#: With such an epsilon and one minus it as the variance, a batch normalization divides by exactly 1.
EXACT_EPSILON = 2.0**-17

#: More channels than any that are scaled.
MOST_CHANNELS = 1 << 22

#: Steps that have biases of their own.
WITH_BIAS = (CONVOLUTION, DENSE, "transposed_convolution")


@dataclass
class _Draft:
    """A step while others are read.

    Attributes
    ----------
    taken : tuple of Value
        Its inputs, with what waited there.
    inputs : tuple of int
        The places of the steps that it takes after that was done.
    error : WeightFileError or None
        What is wrong unless the step turns out to be a part of another one.
    """

    word: str
    taken: tuple[Value, ...]
    inputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] | None = None
    name: str = ""
    epsilon: float | None = None
    error: WeightFileError | None = None


class ReadNetwork:
    """A network that grows from input to output.

    Parameters
    ----------
    takes_bytes : bool
        Whether its input is of integers.
    """

    def __init__(self, takes_bytes: bool = False):
        self.takes_bytes = takes_bytes
        self.channels_first: bool | None = None
        self.preprocessing: dict[str, object] | None = None
        self._drafts: list[_Draft] = []
        self._settled: dict[Value, Value] = {}
        self._input_taken = False

    def add(self, word: str, *inputs: Value, axes: Axes | None = None, **about: Any) -> Value:
        """Note a step, and return what it gives.

        Parameters
        ----------
        word : str
        *inputs : Value
        axes : Axes, optional
            Of what it gives, where they are not those of its first input.
        **about
            Other attributes of the draft.
        """
        settled = [self.settle(x) for x in inputs]
        self._drafts.append(_Draft(word, inputs, tuple(x.step for x in settled), **about))
        channels_first = None if word == DENSE else settled[0].channels_first
        return Value(len(self._drafts) - 1, axes or settled[0].axes, channels_first=channels_first)

    def taken(self, x: Value, word: str) -> tuple[Value, ...]:
        """Return what the step took that gives a value, if it is of such a kind; else nothing."""
        return self._drafts[x.step].taken if x.step >= 0 and self._drafts[x.step].word == word else ()

    def options(self, x: Value) -> Mapping[str, Any]:
        """Return the options of the step that gives a value; none for the input."""
        return self._drafts[x.step].options if x.step >= 0 else {}

    def word(self, x: Value) -> str:
        """Tell the kind of the step that gives a value; empty for the input."""
        return self._drafts[x.step].word if x.step >= 0 else ""

    def arrange(self, x: Value, axes: Axes, name: str = "") -> Value:
        """Take the same numbers with other axes; once all of an image are in one, it is flattened."""
        if not axes.is_image:
            return replace(x, axes=axes)
        for group in axes.groups:
            if {"C", "H", "W"} <= set(group):
                if "N" in group:
                    raise RefusedError("mixes the numbers of several images")
                order = flat_order(group, axes.sizes)
                if order is not None and self.channels_first not in (None, order):
                    raise RefusedError("flattens an image in another order of its axes than a node before it; expected one order")
                self.channels_first = order if self.channels_first is None else self.channels_first
                size = Axes((group,), axes.sizes).shape[0]
                groups = tuple(("C",) if other is group else other for other in axes.groups)
                flat = self.add("flatten", x, axes=Axes(groups, {"N": axes.sizes["N"], "C": size}), name=name)
                return replace(flat, channels_first=order)
        return replace(x, axes=axes)

    def scale(self, x: Value, scale: np.ndarray, shift: np.ndarray) -> Value:
        """Multiply, then add, single numbers or such that differ by channel."""
        if x.ended:
            raise RefusedError("comes after a Softmax; expected that at the end")
        x = self.settle(x) if x.padding else x
        scale, shift = (by_channel(x, np.asarray(array, np.float64)) for array in (scale, shift))
        with np.errstate(all="ignore"):
            if x.scale is not None and x.shift is not None:
                scale, shift = x.scale * scale, x.shift * scale + shift
        if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
            raise RefusedError("computes with numbers that are not finite")
        return replace(x, scale=scale, shift=shift)

    def reverse_colors(self, x: Value) -> Value:
        """Turn the order of the channels around."""
        if x.step != FILE_INPUT or x.sizes["C"] != 3:
            raise RefusedError("turns the order of channels around, expected it only for the three colors of the input")
        scale, shift = (None if array is None else array[::-1] for array in (x.scale, x.shift))
        return replace(x, reverses_colors=not x.reverses_colors, scale=scale, shift=shift)

    def settle(self, x: Value) -> Value:
        """Do what waits, once for each value, so that it is just what a step gives.

        What channels were multiplied by and what was added becomes a preprocessing, biases, or a batch normalization.
        """
        if x.ended:
            raise RefusedError("comes after a Softmax, which must be the end")
        if x not in self._settled:
            self._settled[x] = self._settle(x)
        return self._settled[x]

    def _settle(self, x: Value) -> Value:
        x = self._prepared(x) if x.step == FILE_INPUT else x
        x = self._scaled(x) if x.scale is not None and x.shift is not None else x
        if not x.padding:
            return x
        sides = [list(x.padding.get(label, (0, 0))) for label in "HW"]
        return self.add("zero_padding", replace(x, padding={}), options={"padding": sides})

    def _prepared(self, x: Value) -> Value:
        """Take the file's input, with what is done to it first, as a preprocessing if it is one; all must take it prepared alike."""
        scale, shift = (np.ones(1) if x.scale is None else x.scale), (np.zeros(1) if x.shift is None else x.shift)
        changes = bool((scale != 1).any() or shift.any())
        table = preprocessing_table(scale, shift, x.reverses_colors, self.takes_bytes) if changes or x.reverses_colors else None
        if not self._input_taken:
            self._input_taken, self.preprocessing = True, table
        if table is not None and table == self.preprocessing:
            return replace(x, step=INPUT, scale=None, shift=None, reverses_colors=False)
        if self.preprocessing is not None:
            raise RefusedError(f"takes the input other than prepared as {self.preprocessing}, as another node takes it; expected one way")
        if x.reverses_colors:
            raise RefusedError("follows a change of the order of colors that is no preprocessing of photos; save the model without it")
        return replace(x, step=INPUT)

    def _scaled(self, x: Value) -> Value:
        scale, shift = x.scale, x.shift
        assert scale is not None and shift is not None
        x = replace(x, scale=None, shift=None)
        if (scale == 1).all() and not shift.any():
            return x
        if (scale == 1).all() and x.alone and self.word(x) in WITH_BIAS:
            draft = self._drafts[x.step]
            arrays = dict(draft.arrays or {})
            draft.arrays = {**arrays, "bias": _narrowed(arrays.get("bias", np.float32(0)) + shift)}
            return x
        ones = np.ones_like(scale)
        arrays = {"weight": scale, "bias": shift, "mean": 0 * ones, "variance": (1 - EXACT_EPSILON) * ones}
        arrays = {key: _narrowed(array) for key, array in arrays.items()}
        return self.add("batch_norm", x, options={"epsilon": EXACT_EPSILON}, arrays=arrays, epsilon=EXACT_EPSILON)

    def finish(self, x: Value) -> tuple[list[Step], list[StoredLayer]]:
        """Return the steps that the output is made of, and their layers, without the names of modules that hold other layers."""
        if ("N",) not in x.groups:
            raise RefusedError(f"gives the axes {axes_text(x.groups)}; expected images one by one")
        x = self.settle(replace(x, ended=False))
        if x.channels_first:
            raise RefusedError(
                "ends with the numbers of a flattened image, which minicnn has in another order; expected a dense layer after it"
            )
        needed = {x.step}
        for place in range(len(self._drafts) - 1, -1, -1):
            if place in needed:
                needed.update(self._drafts[place].inputs)
        places = {old: new for new, old in enumerate(place for place in range(len(self._drafts)) if place in needed)}
        steps: list[Step] = []
        layers: list[StoredLayer] = []
        names: set[str] = set()
        for old, new in places.items():
            draft = self._drafts[old]
            if draft.error is not None:
                raise draft.error
            name = "" if draft.name in names else draft.name
            names.add(name)
            inputs = tuple(places.get(source, INPUT) for source in draft.inputs)
            steps.append(Step(draft.word, draft.options, name, () if inputs == (new - 1,) else inputs))
            if draft.arrays is not None:
                layers.append(_layer(draft, name or f"{draft.word} {len(layers) + 1}"))
        holders = {name[:i] for name in names for i, character in enumerate(name) if character == "."}
        return [replace(step, name="") if step.name in holders else step for step in steps], layers


def _narrowed(array: np.ndarray) -> np.ndarray:
    """Make float32 of an array; numbers that are too large become infinite, and are refused where a network takes them."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _layer(draft: _Draft, name: str) -> StoredLayer:
    arrays = draft.arrays or {}
    if draft.word in KINDS:
        return stored_layer(name, arrays, draft.epsilon)
    check_arrays(name, arrays)
    return StoredLayer(name, OTHER, arrays)


def by_channel(x: Value, array: np.ndarray) -> np.ndarray:
    """Spread numbers over the channels, given an array that is spread over the whole tensor."""
    channels = x.sizes["C"]
    shape = (1,) * (len(x.groups) - array.ndim) + array.shape
    if channels < 1 and array.size > 1:
        channels = array.size
    fits = len(shape) == len(x.groups) and all(size == 1 or (group == ("C",) and size == channels) for size, group in zip(shape, x.groups))
    if not fits or channels < 1:
        raise RefusedError(f"takes numbers of shape {array.shape}; expected a single one, or one for each channel")
    if channels > MOST_CHANNELS:
        raise RefusedError(f"changes {channels:,} channels, expected at most {MOST_CHANNELS:,}")
    return np.broadcast_to(array.reshape(-1), (channels,))


def expect(x: Value, groups: tuple[tuple[str, ...], ...], words: str) -> None:
    """Raise RefusedError unless the axes are these."""
    if x.groups != groups:
        raise RefusedError(f"takes the axes {axes_text(x.groups)}; expected {axes_text(groups)}, {words}")


def axes_text(groups: tuple[tuple[str, ...], ...]) -> str:
    """Write axes for people: (N, C, H, W), and (N, CHW) where they are merged."""
    return f"({', '.join(''.join(group) or '1' for group in groups)})"
