"""From a Keras model's configuration to the steps of our networks, layer by layer.

    ============================  =======================================================================================
    Conv2D, Dense                 with the activations linear and relu, and at the end softmax, which is left out: our
                                  networks end in logits
    Activation, ReLU, Softmax     the same activations
    BatchNormalization            of channels
    MaxPooling2D                  and AveragePooling2D, but not where padding would be left out of a mean
    GlobalAveragePooling2D        and GlobalMaxPooling2D, a pool over the whole image
    Flatten, Reshape              to one row
    ZeroPadding2D                 before a convolution, whose padding it becomes
    Rescaling, Normalization      at the beginning, where they are the preprocessing
    Dropout                       and what else does nothing after the training: noise, random augmentation
    ============================  =======================================================================================

Images may be C, H, W (channels_first). Ours are H, W, C; of the steps, only the order of the numbers that Flatten gives depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.keras.configuration import Entry, all_layers, written
from minicnn.weightfiles.keras.names import EPSILON, NAMES, NORM_NAMES
from minicnn.weightfiles.keras.pixels import Pixels, given_statistics
from minicnn.weightfiles.keras.sliding import output_side, same_padding
from minicnn.weightfiles.stored import Step, StoredLayer, WeightFile, shown, stored_layer

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
    }
)

#: Keras' activations that are layers of ours, by their names, with the options that they have by default.
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "leaky_relu": ("leaky_relu", {"slope": 0.2}),
    "elu": ("elu", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "silu": ("silu", {}),
    "swish": ("silu", {}),
    "gelu": ("gelu", {}),
}

#: How a walk gets the arrays of a layer, by Keras' names.
Read = Callable[[Entry, Sequence[str]], dict[str, np.ndarray]]


class Walk:
    """A walk along a model's layers, gathering steps and arrays.

    Parameters
    ----------
    model : Entry
    read : function
        From a layer and the Keras names of arrays to those that it has.

    Raises
    ------
    WeightFileError
        If there is a layer that our networks do not have.
    """

    def __init__(self, model: Entry, read: Read):
        self.read = read
        self.steps: list[Step] = []
        self.layers: list[StoredLayer] = []
        self.names: set[str] = set()
        self.channels_first = _channels_first(model)
        self.input_shape: list[int | None] | None = None
        self.image: list[int | None] = [None, None, None]  # height, width and channels of what has been reached, as far as known
        self.flat = False
        self.rows_by_channel = False  # whether a row of numbers was made of an image that is C, H, W
        self.pixels = Pixels()
        self.zeros: Entry | None = None  # a ZeroPadding2D that waits for its convolution
        self.padding = [0, 0]
        self.softmax: Entry | None = None
        self.pooled: Step | None = None  # a pool over the whole image that left it an image, of 1 x 1
        self.walk(model)
        if self.zeros is not None:
            raise self.zeros.refusal("pads with zeros, and no convolution follows")

    def result(self, form: str, metadata: dict[str, str]) -> WeightFile:
        """Tell what was found."""
        if self.steps and self.steps[-1].word == "sigmoid":
            raise WeightFileError(
                f"its network ends in {shown(self.steps[-1].name)}, a sigmoid: each output is a probability by itself; expected one score "
                "for each class. Save it without that layer"
            )
        if not self.layers:
            raise WeightFileError("its network has no layers with weights; expected convolutions or dense layers")
        height, width, channels = self.input_shape or [None] * 3
        shape = (height, width, channels) if height and width and channels else None
        pixels = self.pixels.table(channels)
        return WeightFile(form, self.layers, metadata, self.rows_by_channel, pixels, self.steps, shape, usual_epsilon=EPSILON)

    def walk(self, model: Entry) -> None:
        """Take a model's steps."""
        self.take_input(model)
        for entry in model.line:
            if entry.line:
                self.walk(entry)
            else:
                self.take(entry)

    def take(self, entry: Entry) -> None:
        """Take one step."""
        self.take_input(entry)
        if entry.class_name == "InputLayer" or entry.class_name in IDLE:
            return
        if entry.class_name not in self.STEPS:
            raise entry.refusal("is not supported")
        if self.softmax is not None and entry.class_name != "Dropout":
            raise entry.refusal(f"comes after the softmax of {shown(self.softmax.name)!r}, which must be the end")
        if self.zeros is not None and entry.class_name not in ("Conv2D", "Dropout", "ZeroPadding2D"):
            raise self.zeros.refusal(f"pads with zeros before a {shown(entry.class_name)}; expected a Conv2D")
        if entry.config.get("data_format") not in (None, self.data_format) and entry.class_name not in ("Flatten", "Dense"):
            raise entry.refusal(f"has data_format {written(entry.config['data_format'])}, where layers before it have {self.data_format}")
        self.STEPS[entry.class_name](self, entry)

    @property
    def data_format(self) -> str:
        return "channels_first" if self.channels_first else "channels_last"

    def take_input(self, entry: Entry) -> None:
        """Note the shape of the input where a layer says it; the first that does counts."""
        found = (entry.config.get(key) for key in ("batch_shape", "batch_input_shape", "build_input_shape"))
        shape = next((value for value in found if value is not None), None)
        if shape is None or self.input_shape is not None or self.steps:
            return
        if not isinstance(shape, list) or not all(side is None or (type(side) is int and side > 0) for side in shape[1:]):
            raise entry.refusal("has an input's shape that is no list of whole numbers above 0")
        if len(shape) == 2:
            self.flat = True
        elif len(shape) != 4:
            raise entry.refusal(f"takes an input of {len(shape) - 1} axes; expected images, of height, width and channels")
        else:
            self.input_shape = shape[2:] + shape[1:2] if self.channels_first else shape[1:]
            self.image = list(self.input_shape)

    def convolution(self, entry: Entry) -> None:
        self.on_image(entry)
        for key, usual in (("dilation_rate", [1, 1]), ("groups", [1, 1])):
            if (found := entry.sides(key, 1)) != usual:
                raise entry.refusal(f"is {'dilated' if key == 'dilation_rate' else 'in groups'} ({key} {found[0]} x {found[1]})")
        size, stride = entry.sides("kernel_size", None), entry.sides("strides", 1)
        filters = entry.count("filters")
        options = {"filters": filters, "size": size, "stride": stride, "padding": self.slide(entry, size, stride)}
        self.zeros, self.padding = None, [0, 0]
        self.image[2] = filters
        self.add_layer(entry, "convolution", options, NAMES)
        self.activate(entry)

    def dense(self, entry: Entry) -> None:
        if not self.flat:
            raise entry.refusal("takes an image; expected a Flatten or a GlobalAveragePooling2D before it")
        self.add_layer(entry, "dense", {"units": entry.count("units")}, NAMES)
        self.activate(entry)

    def batch_norm(self, entry: Entry) -> None:
        axes, given = (2 if self.flat else 4), entry.config.get("axis", -1)
        axis = given[0] if isinstance(given, list) and len(given) == 1 else given
        channels = 1 if self.flat or self.channels_first else 3
        if type(axis) is not int or not -axes <= axis < axes or axis % axes != channels:
            raise entry.refusal(f"normalizes along another axis ({written(given)}) than that of the channels, {channels}")
        epsilon, momentum = entry.number("epsilon", EPSILON), entry.number("momentum", 0.99)
        options: dict[str, Any] = {"epsilon": epsilon}
        if 0 <= momentum <= 1:
            options["momentum"] = round(1 - momentum, 12)  # Keras' is the share of the past
        self.add_layer(entry, "batch_norm", options, NORM_NAMES, epsilon)

    def activation(self, entry: Entry) -> None:
        self.activate(entry, entry.name)

    def relu(self, entry: Entry) -> None:
        for key, usual in (("max_value", (None, 6)), ("negative_slope", (0,)), ("threshold", (0,))):
            if entry.config.get(key) not in (None, *usual):
                raise entry.refusal(f"has {key} {written(entry.config[key])}, which is not supported")
        self.add("relu" if entry.config.get("max_value") is None else "relu6", {}, entry.name)

    def leaky_relu(self, entry: Entry) -> None:
        """Keras 2 calls the slope alpha, Keras 3 negative_slope; by default it is 0.3 here."""
        self.add("leaky_relu", {"slope": entry.number("negative_slope", entry.number("alpha", 0.3))}, entry.name)

    def elu(self, entry: Entry) -> None:
        self.add("elu", {"alpha": entry.number("alpha", 1.0)}, entry.name)

    def softmax_layer(self, entry: Entry) -> None:
        axis, axes = entry.config.get("axis", -1), 2 if self.flat else 4
        channels = 1 if self.flat or self.channels_first else 3
        if type(axis) is not int or not -axes <= axis < axes or axis % axes != channels:
            raise entry.refusal(f"is taken along another axis ({written(axis)}) than that of the channels")
        self.softmax = entry

    def pool(self, entry: Entry) -> None:
        self.on_image(entry)
        size = entry.sides("pool_size", 2)
        stride = entry.sides("strides", size)
        padding = self.slide(entry, size, stride)
        if entry.class_name == "AveragePooling2D" and any(padding):
            raise entry.refusal("leaves its padding out of its means, which is not supported")
        word = {"MaxPooling2D": "max_pool", "AveragePooling2D": "average_pool"}[entry.class_name]
        self.add(word, {"size": size, "stride": stride, "padding": padding}, entry.name)

    def global_pool(self, entry: Entry) -> None:
        """Pool over the whole image; where it stays an image, by a window as large as that."""
        self.on_image(entry)
        kept, mean = entry.flag("keepdims", False), entry.class_name == "GlobalAveragePooling2D"
        if mean and not kept:
            self.add("global_average_pool", {}, entry.name)
            self.flat = True
            return
        height, width, channels = self.image
        if height is None or width is None:
            raise entry.refusal("pools over an image whose size the file does not say")
        self.add("average_pool" if mean else "max_pool", {"size": [height, width], "stride": [height, width]}, entry.name)
        self.image, self.pooled = [1, 1, channels], self.steps[-1]
        if not kept:
            self.add("flatten", {}, f"{entry.name}_flatten")
            self.flat = True

    def flatten(self, entry: Entry) -> None:
        if self.flat:
            return
        given = entry.config.get("data_format")
        if given == "channels_first" and not self.channels_first:
            raise entry.refusal("has data_format channels_first, where layers before it have channels_last")
        self.flatten_by(entry, self.channels_first and given != "channels_first")

    def reshape(self, entry: Entry) -> None:
        shape = entry.config.get("target_shape")
        if not isinstance(shape, list) or len(shape) != 1:
            raise entry.refusal("makes something else than one row of each image")
        if not self.flat:
            self.flatten_by(entry, self.channels_first)

    def flatten_by(self, entry: Entry, rows_by_channel: bool) -> None:
        """Flatten an image; a mean over the whole image is then a global average pool."""
        self.rows_by_channel |= rows_by_channel
        self.flat = True
        if self.steps and self.steps[-1] is self.pooled and self.pooled.word == "average_pool":
            self.steps[-1] = Step("global_average_pool", {}, self.pooled.name)
        else:
            self.add("flatten", {}, entry.name)

    def dropout(self, entry: Entry) -> None:
        rate = entry.number("rate", 0.5)
        if not 0 <= rate < 1:
            raise entry.refusal(f"has rate {rate}, expected at least 0 and less than 1")
        self.add("dropout", {"rate": rate}, entry.name)

    def zero_padding(self, entry: Entry) -> None:
        self.on_image(entry)
        given = entry.config.get("padding", [1, 1])
        sides = given if isinstance(given, list) else [given, given]
        pairs = [side if isinstance(side, list) else [side, side] for side in sides]
        if len(pairs) != 2 or not all(len(pair) == 2 and all(type(side) is int and 0 <= side <= 10_000 for side in pair) for pair in pairs):
            raise entry.refusal("has a padding that is no list of whole numbers")
        if any(before != after for before, after in pairs):
            raise entry.refusal(f"pads unevenly (by {pairs[0][0]} and {pairs[0][1]} rows, {pairs[1][0]} and {pairs[1][1]} columns)")
        if any(before for before, _ in pairs):
            self.zeros, self.padding = entry, [self.padding[i] + pairs[i][0] for i in range(2)]

    def resize(self, entry: Entry) -> None:
        wanted = [entry.config.get("height"), entry.config.get("width")]
        if None in wanted or wanted != self.image[:2] or self.flat:
            raise entry.refusal("changes the size of images; let the model begin after it")

    def scale(self, entry: Entry) -> None:
        if self.steps or self.flat:
            raise entry.refusal("scales numbers within the network; expected it at the beginning, where it scales pixels")
        if entry.class_name == "Rescaling":
            self.pixels = self.pixels.rescaled(entry)
            return
        statistics, channels = given_statistics(entry), 1 if self.channels_first else 3
        axis = entry.config.get("axis", -1)
        axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        if axis not in (None, channels, channels - 4) or isinstance(axis, bool):
            raise entry.refusal(f"normalizes along other axes ({written(axis)}) than that of the channels, {channels}")
        if statistics is None:
            arrays = self.read(entry, ("mean", "variance"))
            with np.errstate(invalid="ignore"):  # what is not finite is refused later
                statistics = arrays["mean"].astype(np.float64).reshape(-1), arrays["variance"].astype(np.float64).reshape(-1)
        self.pixels = self.pixels.normalized(entry, *statistics)

    def on_image(self, entry: Entry) -> None:
        if self.flat:
            raise entry.refusal("takes one row of numbers; expected an image")

    def slide(self, entry: Entry, size: Sequence[int], stride: Sequence[int]) -> list[int]:
        """Tell a window's padding, and note the size of what it gives."""
        rule = entry.text("padding", "valid")
        if rule not in ("valid", "same"):
            raise entry.refusal(f"has padding {shown(rule)}, expected valid or same")
        padding = []
        for axis in range(2):
            side = self.image[axis]
            side = None if side is None else side + 2 * self.padding[axis]
            own = same_padding(entry, side, size[axis], stride[axis]) if rule == "same" else 0
            self.image[axis] = output_side(entry, side, size[axis], stride[axis], own)
            padding.append(self.padding[axis] + own)
        return padding

    def activate(self, entry: Entry, name: str | None = None) -> None:
        """Add a layer's own activation."""
        given = entry.config.get("activation")
        if isinstance(given, dict):  # a layer, or a function
            config, kind = given.get("config"), given.get("class_name")
            if kind in ("ReLU", "LeakyReLU", "ELU", "Softmax") and isinstance(config, dict):
                self.STEPS[kind](self, Entry(kind, name or f"{entry.name}_{kind.lower()}", config, entry.place))
                return
            given = config if kind == "function" and given.get("module") in (None, "builtins", "keras.activations") else kind
        if given in ("softmax", "softmax_v2"):
            if self.channels_first and not self.flat:
                raise entry.refusal("is taken along another axis (the last) than that of the channels")
            self.softmax = entry
        elif isinstance(given, str) and given in ACTIVATIONS:
            word, options = ACTIVATIONS[given]
            self.add(word, options, name or f"{entry.name}_{word}")
        elif given not in (None, "linear"):
            raise entry.refusal(f"has the activation {shown(given) if isinstance(given, str) else written(given)}, which is not supported")

    def add_layer(self, entry: Entry, word: str, options: dict[str, Any], names: dict[str, str], epsilon: float | None = None) -> None:
        """Note a step, and the arrays of its layer."""
        name = self.add(word, options, entry.name)
        arrays = self.read(entry, tuple(names.values()))
        self.layers.append(stored_layer(name, {ours: arrays[keras] for ours, keras in names.items() if keras in arrays}, epsilon))

    def add(self, word: str, options: dict[str, Any], name: str) -> str:
        """Note a step, under a name that no other has."""
        unique, number = name, 1
        while unique in self.names:
            number += 1
            unique = f"{name}_{number}"
        self.names.add(unique)
        self.steps.append(Step(word, options, unique))
        return unique

    STEPS: ClassVar[dict[str, Callable[[Walk, Entry], None]]] = {
        "Conv2D": convolution,
        "Dense": dense,
        "BatchNormalization": batch_norm,
        "Activation": activation,
        "ReLU": relu,
        "LeakyReLU": leaky_relu,
        "ELU": elu,
        "Softmax": softmax_layer,
        "MaxPooling2D": pool,
        "AveragePooling2D": pool,
        "GlobalAveragePooling2D": global_pool,
        "GlobalMaxPooling2D": global_pool,
        "Flatten": flatten,
        "Reshape": reshape,
        "Dropout": dropout,
        "ZeroPadding2D": zero_padding,
        "Resizing": resize,
        "CenterCrop": resize,
        "Rescaling": scale,
        "Normalization": scale,
    }


def _channels_first(model: Entry) -> bool:
    """Tell how the model's images are laid out: as its first layer says that works on images."""
    formats = (entry.config.get("data_format") for entry in all_layers(model) if entry.class_name not in ("Flatten", "Dense"))
    return next((data_format for data_format in formats if data_format is not None), None) == "channels_first"
