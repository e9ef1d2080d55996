"""A network described in a short text (TOML), to be written by hand and to be read again.

    name = "my-network"
    input = [32, 32, 3]                 # height, width, channels
    classes = ["cat", "dog"]            # or "imagenet", or "cifar10"; may be left out
    preprocessing = "torch"             # or another name of minicnn.PREPROCESSING, or a table; may be left out

    layers = [
      {convolution = "conv1", filters = 16, size = 3, padding = 1},
      {relu = "relu1"},
      {max_pool = "pool1", size = 2},
      {global_average_pool = "gap"},
      {dense = "fc", units = 2},
    ]

Each layer is a table of its kind and name and of its options:

    ===================  ===========================================  ==========================================
    word                 options that must be given                   options with a default
    ===================  ===========================================  ==========================================
    convolution          filters, size                                stride = 1, padding = 0, dilation = 1, groups = 1, use_bias = true
    transposed_convolution
                         filters, size                                the same, and output_padding = 0
    batch_norm                                                        epsilon = 0.00001, momentum = 0.1
    relu, relu6, sigmoid, tanh, silu, hard_swish
    leaky_relu                                                        slope = 0.01
    elu                                                               alpha = 1
    gelu                                                              approximate = "none"
    hard_sigmoid                                                      slope = 1/6
    max_pool             size                                         stride = size, padding = 0, ceil_mode = false
    average_pool         size                                         the same, and count_include_pad = true
    zero_padding                                                      padding = 1
    cropping                                                          sides = 1
    pad_channels                                                      before = 0, after = 0
    take_channels        start, stop
    channel_shuffle      groups
    prelu                                                             shared = false: a slope for each channel
    softmax              (not at the end: networks end in logits)
    local_response_norm  size                                         alpha = 0.0001, beta = 0.75, k = 1
    layer_norm                                                        epsilon = 0.000001
    scale                                                             start = 0.000001
    upsample                                                          factor = 2, method = "nearest"
    global_average_pool, global_max_pool
    adaptive_average_pool, adaptive_max_pool
                         size                                         (size: of the output)
    flatten
    dense                units
    dropout                                                           rate = 0.5
    add, concatenate     inputs
    multiply             inputs: the image, and the gate
    ===================  ===========================================  ==========================================

size, stride, padding and the like are one number, or [vertical, horizontal]; paddings also [[top, bottom], [left, right]]. How many
channels, or numbers, reach a layer follows from the one before. A layer takes the output of the one before it, or of those that it names,
which may be any before it, and "input":

    {add = "add1", inputs = ["conv2", "relu1"]}

A layer of one's own is called by its class, {"my_layers:Sigmoid" = "sigmoid1"}; its module must have been imported.

A preprocessing of one's own says how pixels become numbers, (scale x pixel - mean) / std, with one mean and standard deviation for red,
green and blue each, or for gray:

    preprocessing = {colors = "rgb", scale = 1.0, mean = [125.3, 123.0, 113.9], std = [63.0, 62.1, 66.7]}

Without it the network takes prepared arrays only. A description says nothing about weights.

One that `minicnn describe` has guessed of a weight file has a line for each thing that somebody has to check, and then to delete; as long
as there is one, loading warns:

    unchecked.layers = "pools, strides and paddings of convolutions"
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from minicnn.errors import DescriptionError, MinicnnError, did_you_mean
from minicnn.layers import LAYERS
from minicnn.layers.base import Shape
from minicnn.layers.options import is_count, is_number
from minicnn.models.class_files import CLASSES
from minicnn.models.classes import ClassNames, can_be_shown
from minicnn.models.specs import LayerSpec, MisfitError, Specs, build_network, is_word, specs_of
from minicnn.network.network import Network
from minicnn.network.probability import check_logits
from minicnn.pictures.photos import COLORS, PREPROCESSING, Preprocessing

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

#: Names of layers can be parts of file names, and of lists with commas and equals signs on the command line.
LAYER_NAME = re.compile(r"[\w+-][\w.+-]*")


@dataclass(frozen=True, eq=False)
class Description:
    """What a text says about a network.

    Attributes
    ----------
    name : str
    layers : dict of str to LayerSpec
    input_shape : (height, width, channels)
    preprocessing : Preprocessing or None
        None if the network takes prepared arrays only.
    classes : ClassNames or None
        None if nobody has named the outputs.
    stated_epsilons : frozenset of str
        The batch normalizations whose epsilon the text states; with the others a weight file may have what is usual for its format.
    unchecked : dict of str to str
        What was guessed, and nobody has confirmed, by what it is about, such as "layers".
    """

    name: str
    layers: Specs
    input_shape: tuple[int, int, int]
    preprocessing: Preprocessing | None = None
    classes: ClassNames | None = None
    stated_epsilons: frozenset[str] = frozenset()
    unchecked: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def network(self) -> Network:
        """The network, built when it is first needed; its arrays have shapes but no values. Raises what `build_network` does."""
        return build_network(self.layers, self.input_shape)


def read_description(text: str, where: str, build: bool = True) -> Description:
    """Read a description.

    Parameters
    ----------
    text : str
    where : str
        What errors call it, such as the file's name.
    build : bool
        Whether to build the network at once, which finds what does not fit together.

    Returns
    -------
    Description

    Raises
    ------
    DescriptionError
        If anything is wrong; the message says what and where. A `MisfitError` if a layer does not take what reaches it.
    """
    try:
        fields = tomllib.loads(text)
    except RecursionError:
        raise DescriptionError(f"{where} is nested too deeply to be a description") from None
    except ValueError as error:
        raise DescriptionError(f"{where} is no valid TOML: {error}") from None
    try:
        _check_fields(fields)
        input_shape = _read_input(fields["input"])
        preprocessing = read_preprocessing(fields["preprocessing"], input_shape[2]) if "preprocessing" in fields else None
        layers = _read_layers(fields["layers"])
        stated = frozenset(layer["batch_norm"] for layer in fields["layers"] if "batch_norm" in layer and "epsilon" in layer)
        name, classes = _read_name(fields.get("name", "network")), _read_classes(fields.get("classes"))
        unchecked = _read_unchecked(fields.get("unchecked", {}))
        description = Description(name, layers, input_shape, preprocessing, classes, stated, unchecked)
        if build:
            check_classes(classes, description.network, input_shape)
        return description
    except MisfitError as error:
        raise MisfitError(f"{where}: {error}", error.below, error.input_shape) from None
    except DescriptionError as error:
        raise DescriptionError(f"{where}: {error}") from None


def write_description(
    network: Network,
    input_shape: tuple[int, int, int],
    name: str = "network",
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] | None = None,
    unchecked: Mapping[str, str] | None = None,
) -> str:
    """Write a description, such that reading it gives the same network, without its weights.

    Parameters
    ----------
    network : Network
    input_shape : (height, width, channels)
    name : str
    preprocessing : Preprocessing, optional
    classes : sequence of str, optional
    unchecked : dict of str to str, optional
        What was guessed, as in `Description`; what is missing altogether is asked for in a comment.

    Raises
    ------
    DescriptionError
        If the network has layers, or names, that a description cannot hold.
    """
    missing = [what for what, value in (("preprocessing", preprocessing), ("classes", classes)) if value is None]
    guessed = {what: text for what, text in (unchecked or {}).items() if what not in missing}
    lines = [f"# To be added: {text}." for what, text in (unchecked or {}).items() if what in missing]
    lines += ["# Guessed: check each, correct it below, and delete its line here."] * bool(guessed)
    lines += [f"unchecked.{_key(what)} = {_toml(text)}" for what, text in guessed.items()]
    lines += [f"name = {_toml(name)}", f"input = {_toml(list(input_shape))}"]
    if classes is not None:
        known = (word for word, names in CLASSES.items() if list(names()) == list(classes))
        lines.append(f"classes = {_toml(next(known, list(classes)))}")
    if preprocessing is not None:
        lines.append(f"preprocessing = {_toml(written_preprocessing(preprocessing))}")
    lines += ["", "layers = ["]
    lines += [
        f"  {_toml({spec.word: layer, **spec.written, **({'inputs': list(spec.inputs)} if spec.inputs else {})})},"
        for layer, spec in specs_of(network).items()
    ]
    text = "\n".join([*lines, "]", ""])
    read_description(text, f"the network {name!r}")  # what cannot be read shall not be written
    return text


def _check_fields(fields: Mapping[str, Any]) -> None:
    """Raise DescriptionError for unknown and missing fields."""
    known = ("name", "input", "classes", "preprocessing", "layers", "unchecked")
    for name in fields:
        if name not in known:
            raise DescriptionError(f"there is no field {name!r}{did_you_mean(name, known)}; the fields are {', '.join(known)}")
    for name, example in {"input": "[32, 32, 3]", "layers": '[{convolution = "conv1", filters = 16, size = 3}, ...]'}.items():
        if name not in fields:
            raise DescriptionError(f"the field {name} is missing; expected {name} = {example}")


def _read_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise DescriptionError(f"name is {name!r}; expected a text of one line")
    return name


def _read_unchecked(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(text, str) and text.strip() and text.isprintable() for text in given.values()):
        raise DescriptionError(f'unchecked is {given!r}; expected a text for each thing to check, such as unchecked.layers = "the strides"')
    return given


def _read_input(shape: Any) -> tuple[int, int, int]:
    if not isinstance(shape, list) or len(shape) != 3 or not all(is_count(side) for side in shape):
        raise DescriptionError(f"input is {shape!r}; expected [height, width, channels], whole numbers of at least 1")
    return tuple(shape)


def read_preprocessing(given: Any, channels: int) -> Preprocessing:
    """Read how pixels become the numbers of a network with so many input channels.

    Parameters
    ----------
    given : str, dict or Preprocessing
        One of `minicnn.PREPROCESSING` (those that treat all colors alike also fit gray input); a table as in a description; or the same
        as a text, "{colors = ...}".
    channels : int

    Raises
    ------
    DescriptionError
        If it is none of these, or has another number of channels.
    """
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = tomllib.loads(f"preprocessing = {given}")["preprocessing"]
        except (ValueError, RecursionError) as error:
            raise DescriptionError(f"the preprocessing is no valid TOML: {error}") from None
    if isinstance(given, str):
        if given not in PREPROCESSING:
            hint = did_you_mean(given, PREPROCESSING)
            raise DescriptionError(f"there is no preprocessing {given!r}{hint}; there are {', '.join(PREPROCESSING)}, or write a table")
        found = PREPROCESSING[given]
        if channels == 1 and len(found.mean) == len(found.std) == 1:
            found = replace(found, colors="gray")
    elif isinstance(given, Preprocessing):
        found = given
    elif isinstance(given, Mapping):
        found = _own_preprocessing(given)
    else:
        raise DescriptionError(f"preprocessing is {given!r}; expected one of {', '.join(PREPROCESSING)}, or a table")
    if len(found.names) != channels:
        raise DescriptionError(f"the preprocessing gives {len(found.names)} channels ({', '.join(found.names)}), the input has {channels}")
    return found


def _own_preprocessing(given: Mapping[str, Any]) -> Preprocessing:
    known = ("colors", "scale", "mean", "std")
    for name in given:
        if name not in known:
            raise DescriptionError(f"preprocessing has no {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}")
    colors, scale = given.get("colors", "rgb"), given.get("scale", 1.0)
    order = next((order for order in COLORS if order == colors), None)
    if order is None:
        raise DescriptionError(f"colors is {colors!r}; expected one of {', '.join(COLORS)}")
    if not is_number(scale) or scale <= 0:
        raise DescriptionError(f"scale is {scale!r}; expected a number above 0, such as 1.0 or 0.00392156862745098 for 1 / 255")
    count = len(COLORS[order])
    mean, std = given.get("mean", [0.0] * count), given.get("std", [1.0] * count)
    for name, numbers in (("mean", mean), ("std", std)):
        if not isinstance(numbers, list) or len(numbers) != count or not all(is_number(number) for number in numbers):
            raise DescriptionError(
                f"{name} is {numbers!r}; expected a list of {count} number{'s' * (count > 1)}, for {', '.join(COLORS[order])}"
            )
    if min(std) <= 0:
        raise DescriptionError(f"std is {std!r}; expected numbers above 0")
    if len(set(mean)) == len(set(std)) == 1:  # as those have it that treat all colors alike, by name
        mean, std = mean[:1], std[:1]
    return Preprocessing(order, float(scale), tuple(map(float, mean)), tuple(map(float, std)))


def _read_layers(given: Any) -> dict[str, LayerSpec]:
    if not isinstance(given, list) or not given:
        raise DescriptionError("layers is no list of tables, or is empty; expected [{...}, {...}]")
    layers: dict[str, LayerSpec] = {}
    for number, fields in enumerate(given, start=1):
        word, name = _word_and_name(fields, number)
        if name in layers:
            raise DescriptionError(f"two layers are called {name!r}, the second is layer {number}; give each a name of its own")
        try:
            options = {key: value for key, value in fields.items() if key not in (word, "inputs")}
            layers[name] = LayerSpec.of(word, options, _read_inputs(fields.get("inputs", [])))
        except DescriptionError as error:
            raise DescriptionError(f"layer {number}, {name}: {error}") from None
    return layers


def _read_inputs(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise DescriptionError(f'inputs is {given!r}; expected a list of names, such as ["conv2", "relu1"]')
    return given


def _word_and_name(fields: Any, number: int) -> tuple[str, str]:
    """Find a layer's kind and name."""
    if not isinstance(fields, dict):
        raise DescriptionError(f'layer {number} is {fields!r}; expected a table, such as {{relu = "relu1"}}')
    words = [key for key in fields if is_word(key)]
    words = [word for word in words if ":" in word] or words  # a layer of one's own may have options that are called as layers are
    if not words:
        candidates = [key for key, value in fields.items() if isinstance(value, str)] or list(fields)
        found = f"a kind {candidates[0]!r}, which there is not{did_you_mean(candidates[0], LAYERS)}" if candidates else "no kind"
        raise DescriptionError(f"layer {number} has {found}; the kinds of layers are {', '.join(LAYERS)}")
    if len(words) > 1:
        raise DescriptionError(f"layer {number} is of {len(words)} kinds, {' and '.join(words)}; put each layer into a table of its own")
    name = fields[words[0]]
    if not isinstance(name, str) or not LAYER_NAME.fullmatch(name):
        raise DescriptionError(f"layer {number}, a {words[0]}, is called {name!r}; expected a name of letters, digits and _ - + .")
    return words[0], name


def _read_classes(given: Any) -> ClassNames | None:
    if given is None:
        return None
    if isinstance(given, str):
        if given not in CLASSES:
            hint = did_you_mean(given, CLASSES)
            raise DescriptionError(f"there is no list of classes {given!r}{hint}; expected {', '.join(CLASSES)}, or a list of names")
        return CLASSES[given]()
    if isinstance(given, list) and given and all(isinstance(name, str) and name.strip() and can_be_shown(name) for name in given):
        return ClassNames(given)
    raise DescriptionError('classes is no list of names that can be shown; expected such as ["cat", "dog"]')


def check_classes(classes: ClassNames | None, network: Network, input_shape: Shape) -> None:
    """Raise DescriptionError unless the network has an output for each class, and these are logits if they are numbers of classes."""
    last, shape = list(network.shapes(input_shape).items())[-1]
    if len(shape) == 1:
        try:
            check_logits(network)
        except MinicnnError as error:
            raise DescriptionError(str(error)) from None
    if classes is not None and shape != (len(classes),):
        puts_out = f"{shape[0]} numbers" if len(shape) == 1 else f"an image, {' x '.join(map(str, shape))}"
        named = f"{len(classes)} class{'es are' if len(classes) != 1 else ' is'} named"
        raise DescriptionError(f"{named}, but the last layer, {last}, puts out {puts_out}; expected a name for each number")


def written_preprocessing(preprocessing: Preprocessing) -> str | dict[str, Any]:
    """Write a preprocessing as `read_preprocessing` reads it: by its name, or else as a table."""
    for word, known in PREPROCESSING.items():
        if known == preprocessing:
            return word
    count = len(preprocessing.names)
    mean, std = (list(numbers) * (count if len(numbers) == 1 else 1) for numbers in (preprocessing.mean, preprocessing.std))
    return {"colors": preprocessing.colors, "scale": preprocessing.scale, "mean": mean, "std": std}


def _toml(value: Any) -> str:
    """Write a text, a number, a list or a table in one line of TOML."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(float(value)) if isinstance(value, float) else str(int(value))


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else json.dumps(key)
