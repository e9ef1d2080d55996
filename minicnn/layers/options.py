"""The options of layers as people write them: what each must be, its default, and arrays that have a shape before they have values."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.errors import DescriptionError, did_you_mean
from minicnn.geometry import as_sides

#: No number of pixels, filters or units is larger.
LARGEST = 1_000_000

#: Nor are there more numbers in one array: 4 GB.
LARGEST_ARRAY = 10**9

#: Stands for the default of an option that has none.
REQUIRED: Any = object()


@dataclass(frozen=True)
class Option:
    """One option of a layer.

    Attributes
    ----------
    wanted : str
        What it must be, in words.
    fits : function
        Whether a value is that.
    default : object, or function
        If a function, from the other options' values to the default.
    read : function
        From a value that fits to the one form in which values are compared.
    """

    wanted: str
    fits: Callable[[Any], bool]
    default: Any = REQUIRED
    read: Callable[[Any], Any] = lambda value: value


def is_count(value: Any, least: int = 1) -> bool:
    """Tell whether a value is a whole number from `least` to `LARGEST`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that floating-point numbers can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def count(default: Any = REQUIRED) -> Option:
    """Describe an option that counts something."""
    return Option(f"a whole number from 1 to {LARGEST:,}", is_count, default)


def number(wanted: str, fits: Callable[[float], bool], default: Any = REQUIRED) -> Option:
    """Describe an option that is a number, in words and as a test."""
    return Option(wanted, lambda value: is_number(value) and fits(value), default)


def sides(least: int, default: Any = REQUIRED) -> Option:
    """Describe an option of one number of pixels for both axes, or one each; read as (vertical, horizontal)."""

    def fits(value: Any) -> bool:
        pair = value if isinstance(value, (list, tuple)) else [value, value]
        return len(pair) == 2 and all(is_count(side, least) for side in pair)

    wanted = f"a whole number from {least} to {LARGEST:,}, or [vertical, horizontal]"
    return Option(wanted, fits, default, lambda value: tuple(value) if isinstance(value, (list, tuple)) else (value, value))


def borders(default: Any = REQUIRED) -> Option:
    """Describe an option of pixels at the borders: one number, one for each axis, or one for each side; read as `Window.padding`."""

    def fits(value: Any) -> bool:
        each_side = isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(item, (list, tuple)) for item in value)
        return all(map(pair.fits, value)) if each_side else pair.fits(value)

    pair = sides(0)
    wanted = f"{pair.wanted}, or [[top, bottom], [left, right]]"
    return Option(wanted, fits, default, lambda value: as_sides(value, "padding", 0))


def yes_or_no(default: bool) -> Option:
    """Describe an option that is true or false."""
    return Option("true or false", lambda value: isinstance(value, bool), default)


def same_as(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """Make a default: what another option before it is."""
    return lambda values: values[name]


def complete_options(word: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what was given for a layer's options, and add the defaults.

    Parameters
    ----------
    word : str
        What errors call the layer.
    options : dict of str to Option
    given : dict of str to object

    Raises
    ------
    DescriptionError
        For what is unknown, missing or wrong.
    """
    for name in given:
        if name not in options:
            has = f"its options are {', '.join(options)}" if options else "it has none"
            raise DescriptionError(f"{word} has no option {name!r}{did_you_mean(name, options)}; {has}")
    for name, option in options.items():
        if name not in given and option.default is REQUIRED:
            raise DescriptionError(f"{word} needs {name}: {option.wanted}")
        if name in given and not option.fits(given[name]):
            raise DescriptionError(f"{name} is {given[name]!r}; expected {option.wanted}")
    values: dict[str, Any] = {}
    for name, option in options.items():
        default = option.default(values) if callable(option.default) else option.default
        values[name] = option.read(given.get(name, default))
    return values


def placeholder(*shape: int) -> np.ndarray:
    """Return an array that has a shape but takes no memory; its values are NaN, so that nobody takes them for weights.

    Raises
    ------
    DescriptionError
        If it is larger than any layer's.
    """
    if math.prod(shape) > LARGEST_ARRAY:
        sizes = " x ".join(map(str, shape))
        raise DescriptionError(f"it would have {math.prod(shape):,} weights ({sizes}); expected at most {LARGEST_ARRAY:,}")
    return np.broadcast_to(np.float32(np.nan), shape)
