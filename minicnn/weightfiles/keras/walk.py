"""From a Keras model's configuration to the steps of our networks, call by call; `docs/weights.md` lists what becomes of each layer.

Images may be C, H, W (channels_first). Ours are H, W, C; of the steps, only the order of the numbers that Flatten gives depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.keras import activations, joining, normalizing, rows, weighted, windows
from minicnn.weightfiles.keras.configuration import all_layers
from minicnn.weightfiles.keras.entries import Call, Entry, written
from minicnn.weightfiles.keras.names import EPSILON
from minicnn.weightfiles.keras.pixels import Pixels
from minicnn.weightfiles.keras.reached import Reached
from minicnn.weightfiles.stored import KINDS, OTHER, Step, StoredLayer, WeightFile, check_arrays, shown, stored_layer

#: Layers that give what they take, after the training.
IDLE = frozenset(
    {
        "Identity",
        "SpatialDropout2D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
        "AugMix",
        "CutMix",
        "MixUp",
        "RandomFlip",
        "RandomRotation",
        "RandomZoom",
        "RandomTranslation",
        "RandomContrast",
        "RandomBrightness",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomElasticTransform",
        "RandomErasing",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPerspective",
        "RandomPosterization",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "StochasticDepth",
    }
)

#: What reads a layer with one input: from the walk, the layer and what it takes to what it gives.
READERS: Mapping[str, Callable[[Walk, Entry, Reached], Reached]] = {
    **weighted.READERS,
    **normalizing.READERS,
    **activations.READERS,
    **windows.READERS,
    **rows.READERS,
}

#: What may wait before a layer, which then knows what to do about it; before others it becomes a step.
WAITING_BEFORE = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "ZeroPadding2D"), ("zeros",)),
    "Dropout": ("zeros", "softmax"),
    "ReLU": ("plus 3",),
}

#: How a walk gets the arrays of a layer, by Keras' names.
Read = Callable[[Entry, Sequence[str]], dict[str, np.ndarray]]


class Walk:
    """A walk through a model, gathering steps and arrays.

    Parameters
    ----------
    model : Entry
    read : function
        From a layer and the Keras names of arrays to those that it has.
    keras : int or None
        The major version of Keras that wrote the file, None if that is not known.

    Raises
    ------
    WeightFileError
        If there is a layer that our networks do not have.
    """

    def __init__(self, model: Entry, read: Read, keras: int | None = None):
        self.read = read
        self.keras = keras
        self.steps: list[Step] = []
        self.layers: list[StoredLayer] = []
        self.names = {"input"}  # what stands for something else in networks
        self.channels_first = _channels_first(model)
        self.input_shape: list[int | None] | None = None
        self.pixels: Pixels | None = None  # how the network's input is scaled, once a step has taken it
        self.flattened_by_channel: bool | None = None  # whether rows are made of images C, H, W, once one is
        self.settled: dict[Reached, Reached] = {}
        end = self.walk(model, Reached(-1, (None, None, None)))
        if end.pending is None or end.pending.what != "softmax":
            end = self.settle(end)
        self.end = end

    def result(self, form: str, metadata: dict[str, str]) -> WeightFile:
        """Tell what was found."""
        if self.steps and self.steps[self.end.source].word == "sigmoid":
            raise WeightFileError(
                f"its network ends in {shown(self.steps[-1].name)}, a sigmoid: each output is a probability by itself; expected one score "
                "for each class. Save it without that layer"
            )
        if not self.layers:
            raise WeightFileError("its network has no layers with weights; expected convolutions or dense layers")
        if self.end.by_channel:
            raise WeightFileError("its network ends in a Flatten of images C, H, W, whose order is not ours; expected a Dense layer after it")
        height, width, channels = self.input_shape or [None] * 3
        shape = (height, width, channels) if height and width and channels else None
        pixels = (self.pixels or Pixels()).table(channels)
        by_channel = bool(self.flattened_by_channel)
        return WeightFile(form, self.layers, metadata, by_channel, pixels, self.steps, shape, usual_epsilon=EPSILON)

    def walk(self, model: Entry, start: Reached) -> Reached:
        """Take a model's calls, and return what it gives."""
        start = self.with_input_shape(model, start)
        reached: list[Reached] = []
        for call in model.calls:
            taken = [reached[source] if source >= 0 else start for source in call.sources]
            reached.append(self.take(call, taken))
        return reached[-1]

    def take(self, call: Call, taken: Sequence[Reached]) -> Reached:
        """Take one call, and return what it gives."""
        entry = call.entry
        if entry.operation or entry.class_name in joining.JOINS:
            return joining.join(self, call, taken)
        if len(taken) != 1:
            raise entry.refusal(f"takes the outputs of {len(taken)} layers")
        x = self.with_input_shape(entry, taken[0])
        if entry.calls:
            return self.walk(entry, x)
        if entry.class_name == "InputLayer" or entry.class_name in IDLE:
            return x
        if entry.class_name not in READERS:
            raise entry.refusal("is not supported")
        if entry.config.get("data_format") not in (None, self.data_format) and entry.class_name not in ("Flatten", "Dense"):
            raise entry.refusal(f"has data_format {written(entry.config['data_format'])}, where layers before it have {self.data_format}")
        if x.pending and x.pending.what not in WAITING_BEFORE.get(entry.class_name, ()):
            x = self.settle(x)
        return READERS[entry.class_name](self, entry, x)

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

    def with_input_shape(self, entry: Entry, x: Reached) -> Reached:
        """Note the shape of the network's input where a layer says it; the first that does counts."""
        found = (entry.config.get(key) for key in ("batch_shape", "batch_input_shape", "build_input_shape"))
        shape = next((value for value in found if value is not None), None)
        if shape is None or self.input_shape is not None or x.source >= 0 or x.form == "row":
            return x
        if not isinstance(shape, list) or not all(side is None or (type(side) is int and side > 0) for side in shape[1:]):
            raise entry.refusal("has an input's shape that is no list of whole numbers above 0")
        if len(shape) == 2:
            return replace(x, shape=(1, 1, shape[1]), form="row")
        if len(shape) != 4:
            raise entry.refusal(f"takes an input of {len(shape) - 1} axes; expected images, of height, width and channels")
        self.input_shape = shape[2:] + shape[1:2] if self.channels_first else shape[1:]
        height, width, channels = self.input_shape
        return replace(x, shape=(height, width, channels))

    def settle(self, x: Reached) -> Reached:
        """Make what waits a step of its own, once for all that take it."""
        if x.pending is None:
            return x
        if x not in self.settled:
            what, entry, zeros = x.pending.what, x.pending.entry, x.zeros
            free = replace(x, pending=None)
            if what == "zeros":
                self.settled[x] = windows.zero_padding_step(self, entry, free, zeros)
            elif what == "softmax":
                self.settled[x] = activations.softmax_step(self, entry, free)
            elif what == "hard_sigmoid":
                self.settled[x] = self.add(entry, "hard_sigmoid", {}, free)
            else:
                raise entry.refusal("is no part of relu6(x + 3) / 6, the only formula with numbers that is known")
        return self.settled[x]

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
        while unique in self.names:
            number += 1
            unique = f"{own}_{number}"
        self.names.add(unique)
        sources = tuple(x.source for x in taken)
        before = len(self.steps) - 1
        self.steps.append(Step(word, options, unique, () if sources == (before,) else sources))
        return replace(taken[0], source=before + 1, pending=None)

    def add_layer(
        self, entry: Entry, word: str, options: Mapping[str, Any], x: Reached, arrays: Mapping[str, np.ndarray], epsilon: float | None = None
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


def _channels_first(model: Entry) -> bool:
    """Tell how the model's images are laid out: as its first layer says that works on images."""
    formats = (entry.config.get("data_format") for entry in all_layers(model) if entry.class_name not in ("Flatten", "Dense"))
    return next((data_format for data_format in formats if data_format is not None), None) == "channels_first"
