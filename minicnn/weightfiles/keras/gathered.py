"""The network that is gathered on the way through a Keras model: steps, and the arrays of layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.names import EPSILON
from minicnn.weightfiles.keras.pixels import Pixels
from minicnn.weightfiles.keras.reached import Reached
from minicnn.weightfiles.keras.sliding import shortest
from minicnn.weightfiles.stored import KINDS, OTHER, Step, StoredLayer, WeightFile, check_arrays, shown, stored_layer

#: How the arrays of a layer are got, by Keras' names.
Read = Callable[[Entry, Sequence[str]], dict[str, np.ndarray]]


class Gathered:
    """Steps and arrays, and what the layers so far have said of the whole network.

    Parameters
    ----------
    read : function
        From a layer and the Keras names of arrays to those that it has.
    channels_first : bool
        Whether the model's images are C, H, W.
    keras : int or None
        The major version of Keras that wrote the file, None if that is not known.
    """

    def __init__(self, read: Read, channels_first: bool, keras: int | None):
        self.read = read
        self.channels_first = channels_first
        self.keras = keras
        self.steps: list[Step] = []
        self.layers: list[StoredLayer] = []
        self.input_shape: list[int | None] | None = None
        self.pixels: Pixels | None = None  # how the network's input is scaled, once a step has taken it
        self.flattened_by_channel: bool | None = None  # whether rows are made of images C, H, W, once one is
        self._names = {"input"}  # which stands for something else in networks
        self._settled: dict[Reached, Reached] = {}

    @property
    def data_format(self) -> str:
        return "channels_first" if self.channels_first else "channels_last"

    @property
    def channel_axis(self) -> int:
        """The axis of images, from 1 on, that Keras has the channels in."""
        return 1 if self.channels_first else 3

    def is_channel_axis(self, axis: object, x: Reached) -> bool:
        """Tell whether a setting is the axis of the channels, or of the numbers of a row; it may stand alone in a list."""
        axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        axes, wanted = (2, 1) if x.form == "row" else (4, self.channel_axis)
        return type(axis) is int and -axes <= axis < axes and axis % axes == wanted

    def settle(self, x: Reached) -> Reached:
        """Make what waits a step of its own, once for all that take it."""
        if x.pending is None:
            return x
        if x not in self._settled:
            what, entry = x.pending.what, x.pending.entry
            if what == "zeros":
                given = self.add(entry, "zero_padding", {"padding": shortest(x.zeros)}, x)
                self._settled[x] = replace(given, shape=(*x.padded_sides, x.shape[2]))
            elif what == "softmax":
                x.check_order(entry)
                self._settled[x] = self.add(entry, "softmax", {}, x)
            elif what == "hard_sigmoid":
                self._settled[x] = self.add(entry, "hard_sigmoid", {}, x)
            else:
                raise entry.refusal("is no part of relu6(x + 3) / 6, the only formula with numbers that is known")
        return self._settled[x]

    def add(self, entry: Entry, word: str, options: Mapping[str, Any], *taken: Reached, name: str | None = None) -> Reached:
        """Note a step, under a name that no other has; what it gives is as what it takes first.

        Raises
        ------
        WeightFileError
            If it takes the network's input scaled otherwise than another step does.
        """
        for x in taken:
            if x.source < 0:
                if self.pixels not in (None, x.pixels):
                    raise entry.refusal("takes pixels that are scaled otherwise than those that other layers take")
                self.pixels = x.pixels
        own = unique = re.sub(r"[^\w.+-]", "_", name or entry.name) or "layer"
        number = 1
        while unique in self._names:
            number += 1
            unique = f"{own}_{number}"
        self._names.add(unique)
        sources = tuple(x.source for x in taken)
        before = len(self.steps) - 1
        self.steps.append(Step(word, options, unique, () if sources == (before,) else sources))
        return replace(taken[0], source=before + 1, pending=None)

    def add_layer(
        self,
        entry: Entry,
        word: str,
        options: Mapping[str, Any],
        x: Reached,
        arrays: Mapping[str, np.ndarray],
        epsilon: float | None = None,
    ) -> Reached:
        """Note a step that has arrays, and these, by our names."""
        given = self.add(entry, word, options, x)
        name = self.steps[-1].name
        if word in KINDS:
            self.layers.append(stored_layer(name, arrays, epsilon))
        else:
            check_arrays(name, arrays)
            self.layers.append(StoredLayer(name, OTHER, arrays))
        return given

    def result(self, end: Reached, form: str, metadata: dict[str, str]) -> WeightFile:
        """Tell what was found, where the model ends; a softmax there is left out."""
        if end.pending is None or end.pending.what != "softmax":
            end = self.settle(end)
        if end.source >= 0 and self.steps[end.source].word in ("sigmoid", "hard_sigmoid"):
            raise WeightFileError(
                f"its network ends in {shown(self.steps[end.source].name)}, a sigmoid: each output is a probability by itself; expected "
                "one score for each class. Save it without that layer"
            )
        if not self.layers:
            raise WeightFileError("its network has no layers with weights; expected convolutions or dense layers")
        if end.by_channel:
            raise WeightFileError(
                "its network ends in a Flatten of images C, H, W, whose order is not ours; expected a Dense layer after it"
            )
        height, width, channels = self.input_shape or [None] * 3
        shape = (height, width, channels) if height and width and channels else None
        pixels = (self.pixels or Pixels()).table(channels)
        by_channel = bool(self.flattened_by_channel)
        return WeightFile(form, self.layers, metadata, by_channel, pixels, self.steps, shape, usual_epsilon=EPSILON)
