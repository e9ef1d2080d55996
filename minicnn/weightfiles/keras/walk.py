"""From a Keras model's configuration to the steps of our networks, call by call; `docs/weights.md` lists what becomes of each layer.

Images may be C, H, W (channels_first). Ours are H, W, C; of the steps, only the order of the numbers that Flatten gives depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from minicnn.weightfiles.keras import activations, joining, normalizing, rows, weighted, windows
from minicnn.weightfiles.keras.configuration import all_layers
from minicnn.weightfiles.keras.entries import Call, Entry, written
from minicnn.weightfiles.keras.gathered import Gathered, Read
from minicnn.weightfiles.keras.reached import Reached
from minicnn.weightfiles.stored import WeightFile

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

#: What reads a layer with one input: from what is gathered, the layer and what it takes to what it gives.
READERS: Mapping[str, Callable[[Gathered, Entry, Reached], Reached]] = {
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


def read_network(model: Entry, read: Read, keras: int | None, form: str, metadata: dict[str, str]) -> WeightFile:
    """Read what a model computes.

    Parameters
    ----------
    model : Entry
    read, keras
        As in `Gathered`.
    form : str
        The format's name.
    metadata : dict of str to str

    Raises
    ------
    WeightFileError
        If there is a layer that our networks do not have.
    """
    net = Gathered(read, _channels_first(model), keras)
    return net.result(_walk(net, model, Reached(-1, (None, None, None))), form, metadata)


def _walk(net: Gathered, model: Entry, start: Reached) -> Reached:
    """Take a model's calls, and return what it gives."""
    start = _with_input_shape(net, model, start)
    reached: list[Reached] = []
    for call in model.calls:
        taken = [reached[source] if source >= 0 else start for source in call.sources]
        reached.append(_take(net, call, taken))
    return reached[-1]


def _take(net: Gathered, call: Call, taken: Sequence[Reached]) -> Reached:
    """Take one call, and return what it gives."""
    entry = call.entry
    if entry.class_name in joining.JOINS:
        return joining.join(net, call, taken)
    if len(taken) != 1:
        raise entry.refusal(f"takes the outputs of {len(taken)} layers")
    x = _with_input_shape(net, entry, taken[0])
    if entry.calls:
        return _walk(net, entry, x)
    if entry.class_name == "InputLayer" or entry.class_name in IDLE:
        return x
    if entry.class_name not in READERS:
        raise entry.refusal("is not supported")
    if entry.config.get("data_format") not in (None, net.data_format) and entry.class_name not in ("Flatten", "Dense"):
        raise entry.refusal(f"has data_format {written(entry.config['data_format'])}, where layers before it have {net.data_format}")
    if x.pending and x.pending.what not in WAITING_BEFORE.get(entry.class_name, ()):
        x = net.settle(x)
    return READERS[entry.class_name](net, entry, x)


def _with_input_shape(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Note the shape of the network's input where a layer says it; the first that does counts."""
    found = (entry.config.get(key) for key in ("batch_shape", "batch_input_shape", "build_input_shape"))
    shape = next((value for value in found if value is not None), None)
    if shape is None or net.input_shape is not None or x.source >= 0 or x.form == "row":
        return x
    if not isinstance(shape, list) or not all(side is None or (type(side) is int and side > 0) for side in shape[1:]):
        raise entry.refusal("has an input's shape that is no list of whole numbers above 0")
    if len(shape) == 2:
        return replace(x, shape=(1, 1, shape[1]), form="row")
    if len(shape) != 4:
        raise entry.refusal(f"takes an input of {len(shape) - 1} axes; expected images, of height, width and channels")
    net.input_shape = shape[2:] + shape[1:2] if net.channels_first else shape[1:]
    height, width, channels = net.input_shape
    return replace(x, shape=(height, width, channels))


def _channels_first(model: Entry) -> bool:
    """Tell how the model's images are laid out: as its first layer says that works on images."""
    formats = (entry.config.get("data_format") for entry in all_layers(model) if entry.class_name not in ("Flatten", "Dense"))
    return next((data_format for data_format in formats if data_format is not None), None) == "channels_first"
