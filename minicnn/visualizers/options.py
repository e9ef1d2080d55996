"""What values a visualizer's options may take, read off the annotations in its signature.

    ==================  =====================================================  ======================
    annotation          values                                                 on the command line
    ==================  =====================================================  ======================
    int                 integers of at least 1 (of at least 0 for `seed`)      --samples 50
    Index               integers of at least 0: a position in some list        --channel 0
    float               finite numbers                                         --noise 0.15
    bool                True or False                                          --signed / --no-signed
    Literal["a", "b"]   one of the words                                       --fill grey
    Position            two integers of at least 0: (row, column)              --step 10,12
    Unit                one or three of them: (channel,), (row, column,        --unit 10,12,57
                        channel); two leave the channel open
    FilePath            the path of a file                                     --resume state.npz
    Classes             classes, by name or index; inside: their indices       --also tabby --also 282
    ==================  =====================================================  ======================

Each may be joined with None, which then is the default and leaves the choice to the method.
"""

from __future__ import annotations

import inspect
import math
import os
import types
import typing
from numbers import Integral, Real
from typing import Any, Literal, NewType

from minicnn.errors import MinicnnError

Index = NewType("Index", int)
Position = NewType("Position", tuple)
Unit = NewType("Unit", tuple)
FilePath = NewType("FilePath", str)
Classes = NewType("Classes", tuple)

#: No count, distance or seed is larger.
LARGEST = 10**9


def base_annotation(parameter: inspect.Parameter) -> Any:
    """Return a parameter's annotation without the None that it may be joined with."""
    annotation = parameter.annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


def check_option(parameter: inspect.Parameter, value: Any) -> None:
    """Raise MinicnnError unless the value is what the parameter's annotation says."""
    if value is None and parameter.default is None:
        return
    annotation = base_annotation(parameter)
    if typing.get_origin(annotation) is Literal:
        choices = typing.get_args(annotation)
        right, expected = value in choices, f"one of {', '.join(choices)}"
    elif annotation is float:
        right, expected = isinstance(value, Real) and math.isfinite(value), "a finite number"
    elif annotation is bool:
        right, expected = isinstance(value, bool), "True or False"
    elif annotation is FilePath:
        right, expected = isinstance(value, (str, os.PathLike)), "the path of a file"
    elif annotation is Classes:
        right = isinstance(value, (tuple, list)) and all(isinstance(item, str) or _is_integer(item, 0) for item in value)
        expected = "a list of classes, each by name or index"
    elif annotation in (Position, Unit):
        lengths = {2} if annotation is Position else {1, 2, 3}
        right = isinstance(value, (tuple, list)) and len(value) in lengths and all(_is_integer(item, 0) for item in value)
        expected = "(row, column), counted from 0"
        expected += "" if annotation is Position else ", or (row, column, channel), or of a layer without rows (channel,)"
    else:
        least = 0 if annotation is Index or parameter.name == "seed" else 1
        right, expected = _is_integer(value, least), f"an integer of at least {least}, and at most a billion"
    if not right:
        raise MinicnnError(f"{parameter.name} is {value!r}; expected {expected}")


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= value <= LARGEST
