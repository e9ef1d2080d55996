"""How each kind of layer is written in a description: its word, its options, and what follows from the layer before.

    ===================  ===========================================  ==========================================
    word                 options that must be given                   options with a default
    ===================  ===========================================  ==========================================
    convolution          filters, size                                stride = 1, padding = 0
    batch_norm                                                        epsilon = 0.00001, momentum = 0.1
    relu
    max_pool             size                                         stride = size, padding = 0
    average_pool         size                                         stride = size, padding = 0
    global_average_pool
    flatten
    dense                units
    dropout                                                           rate = 0.5
    ===================  ===========================================  ==========================================

size, stride and padding are one number, or [vertical, horizontal].
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from minicnn.errors import DescriptionError, ShapeError, did_you_mean
from minicnn.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from minicnn.layers.base import Shape, check_image_shape
from minicnn.network.initialize import placeholder

#: No number of pixels, filters or units is larger.
LARGEST = 1_000_000

#: Nor are there more numbers in one array: 4 GB.
LARGEST_ARRAY = 10**9

#: Stands for the default of an option that has none.
REQUIRED = object()


@dataclass(frozen=True)
class Option:
    """One option of a layer: what it must be, in words and as a test, and its default."""

    wanted: str
    fits: Callable[[Any], bool]
    default: Any = REQUIRED


@dataclass(frozen=True)
class Kind:
    """One kind of layer.

    Attributes
    ----------
    layer : type
    options : dict of str to Option
    build : function
        From the shape that reaches the layer (without the batch axis) and the options to the layer.
    describe : function
        From the layer to its options.
    """

    layer: type[Layer]
    options: Mapping[str, Option]
    build: Callable[[Shape, Mapping[str, Any]], Layer]
    describe: Callable[[Layer], Mapping[str, Any]]


def is_count(value: Any, least: int = 1) -> bool:
    """Tell whether a value is a whole number from `least` to `LARGEST`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that floating-point numbers can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _count(default: Any = REQUIRED) -> Option:
    return Option(f"a whole number from 1 to {LARGEST:,}", is_count, default)


def _sides(least: int, default: Any = REQUIRED) -> Option:
    def fits(value):
        pair = value if isinstance(value, list) else [value, value]
        return len(pair) == 2 and all(is_count(side, least) for side in pair)

    return Option(f"a whole number from {least} to {LARGEST:,}, or [vertical, horizontal]", fits, default)


def _build_convolution(shape: Shape, options: Mapping[str, Any]) -> Conv2D:
    check_image_shape(shape)
    filters = options["filters"]
    weight = _placeholder(*_pair(options["size"]), shape[2], filters)
    return Conv2D(weight, placeholder(filters), _pair(options["stride"]), _pair(options["padding"]))


def _describe_convolution(layer: Conv2D) -> dict[str, Any]:
    window = layer.window
    return {"filters": layer.bias.size, "size": window.kernel_size, "stride": window.stride, "padding": window.padding}


def _build_dense(shape: Shape, options: Mapping[str, Any]) -> Dense:
    if len(shape) != 1:
        raise ShapeError(
            f"the input of each image has shape {tuple(shape)}; expected one row of numbers: put flatten or global_average_pool before it"
        )
    return Dense(_placeholder(shape[0], options["units"]), placeholder(options["units"]))


def _pool(layer: type[Layer]) -> Kind:
    def build(shape, options):
        try:
            return layer(_pair(options["size"]), _pair(options["stride"] or options["size"]), _pair(options["padding"]))
        except ShapeError as error:  # of its own numbers, not of what reaches it
            raise DescriptionError(str(error)) from None

    return Kind(
        layer,
        {"size": _sides(1), "stride": _sides(1, None), "padding": _sides(0, 0)},
        build,
        lambda pool: {"size": pool.window.kernel_size, "stride": pool.window.stride, "padding": pool.window.padding},
    )


def _plain(layer: type[Layer]) -> Kind:
    return Kind(layer, {}, lambda shape, options: layer(), lambda each: {})


KINDS: dict[str, Kind] = {
    "convolution": Kind(
        Conv2D,
        {"filters": _count(), "size": _sides(1), "stride": _sides(1, 1), "padding": _sides(0, 0)},
        _build_convolution,
        _describe_convolution,
    ),
    "batch_norm": Kind(
        BatchNorm,
        {
            "epsilon": Option("a number above 0", lambda value: is_number(value) and value > 0, BatchNorm.epsilon),
            "momentum": Option("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1, BatchNorm.momentum),
        },
        lambda shape, options: BatchNorm(*(_placeholder(shape[-1]) for _ in range(4)), options["epsilon"], options["momentum"]),
        lambda layer: {"epsilon": layer.epsilon, "momentum": layer.momentum},
    ),
    "relu": _plain(ReLU),
    "max_pool": _pool(MaxPool2D),
    "average_pool": _pool(AveragePool2D),
    "global_average_pool": _plain(GlobalAveragePool2D),
    "flatten": _plain(Flatten),
    "dense": Kind(Dense, {"units": _count()}, _build_dense, lambda layer: {"units": layer.bias.size}),
    "dropout": Kind(
        Dropout,
        {"rate": Option("a number from 0 to less than 1", lambda value: is_number(value) and 0 <= value < 1, Dropout.rate)},
        lambda shape, options: Dropout(options["rate"]),
        lambda layer: {"rate": layer.rate},
    ),
}


def complete_options(word: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of a layer and add the defaults; raises DescriptionError for what is unknown, missing or wrong."""
    options = KINDS[word].options
    for name in given:
        if name not in options:
            has = f"its options are {', '.join(options)}" if options else "it has none"
            raise DescriptionError(f"{word} has no option {name!r}{did_you_mean(name, options)}; {has}")
    for name, option in options.items():
        if name not in given and option.default is REQUIRED:
            raise DescriptionError(f"{word} needs {name}: {option.wanted}")
        if name in given and not option.fits(given[name]):
            raise DescriptionError(f"{name} is {given[name]!r}; expected {option.wanted}")
    return {name: given.get(name, option.default) for name, option in options.items()}


def options_of(layer: Layer) -> tuple[str, dict[str, Any]]:
    """Return a layer's word, and those of its options that are not the default."""
    word = next((word for word, kind in KINDS.items() if type(layer) is kind.layer), None)
    if word is None:
        raise DescriptionError(f"a {type(layer).__name__} cannot be written in a description; expected one of {', '.join(KINDS)}")
    kind = KINDS[word]
    options = {name: _shortest(value) for name, value in kind.describe(layer).items()}
    defaults = {name: option.default for name, option in kind.options.items()}
    defaults |= {"stride": options["size"]} if defaults.get("stride", ...) is None else {}
    return word, {name: value for name, value in options.items() if value != defaults[name]}


def _placeholder(*shape: int):
    """Make an array without values, of a reasonable size."""
    count = 1
    for side in shape:
        count *= side
    if count > LARGEST_ARRAY:
        raise DescriptionError(f"it would have {count:,} weights ({' x '.join(map(str, shape))}); expected at most {LARGEST_ARRAY:,}")
    return placeholder(*shape)


def _pair(value: int | list[int]) -> tuple[int, int]:
    return tuple(value) if isinstance(value, list) else (value, value)


def _shortest(value: Any) -> Any:
    """Write a pair of equal sides as one number."""
    if not isinstance(value, tuple):
        return value
    return value[0] if value[0] == value[1] else list(value)
