"""What values a visualizer's options may take, read off the annotations in its signature.

    ==================  =====================================================  ======================
    annotation          values                                                 on the command line
    ==================  =====================================================  ======================
    int                 integers of at least 1 (of at least 0 for `seed`)      --samples 50
    Index               integers of at least 0: a position in some list        --channel 0
    Indices             one or several of them                                 --channel 3,7,40
    float               finite numbers                                         --noise 0.15
    bool                True or False                                          --preserve-color
    Literal["a", "b"]   one of the words                                       --fill gray
    Position            two integers of at least 0: (row, column)              --step 10,12
    Unit                one or three of them: (channel,), (row, column,        --unit 10,12,57
                        channel); two leave the channel open
    FilePath            the path of a file                                     --resume state.npz
    SecondPhoto         a photo, prepared as the image is                      --guide flowers.jpg
    Layers              layers with weights: text, names, or {name: weight};   --layers relu4_3,relu5_1=0.5
                        `layer_weights` reads them
    Method              the name of a method that draws a map of what is       --method grad-cam
                        important: `registry.map_methods`
    Methods             several of them                                        --methods saliency,grad-cam
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
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, NewType

from minicnn.errors import MinicnnError
from minicnn.network.network import Network

Index = NewType("Index", int)
Indices = NewType("Indices", object)
Position = NewType("Position", tuple)
Unit = NewType("Unit", tuple)
FilePath = NewType("FilePath", str)
SecondPhoto = NewType("SecondPhoto", object)
Layers = NewType("Layers", object)
Method = NewType("Method", str)
Methods = NewType("Methods", tuple)
Classes = NewType("Classes", tuple)

#: No count, distance or seed is larger.
LARGEST = 10**9


def base_annotation(parameter: inspect.Parameter) -> Any:
    """Return a parameter's annotation without the None that it may be joined with."""
    annotation = parameter.annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


def check_option(parameter: inspect.Parameter, value: Any, methods: Sequence[str]) -> None:
    """Raise MinicnnError unless the value is what the parameter's annotation says; `methods` are those that `Method` may name."""
    if value is None and parameter.default is None:
        return
    annotation = base_annotation(parameter)
    if annotation is SecondPhoto:
        return  # what can be prepared is not said here
    if typing.get_origin(annotation) is Literal:
        choices = typing.get_args(annotation)
        right, expected = value in choices, f"one of {', '.join(choices)}"
    elif annotation is float:
        right, expected = isinstance(value, Real) and math.isfinite(value), "a finite number"
    elif annotation is bool:
        right, expected = isinstance(value, bool), "True or False"
    elif annotation is Indices:
        items = several(value)
        right = all(_is_integer(item, 0) for item in items) and 0 < len(items) == len(set(items))
        expected = "an integer of at least 0, or several, each once"
    elif annotation is Layers:
        right, expected = isinstance(value, (str, list, tuple, Mapping)), "names of layers, such as relu4_3,relu5_1=0.5"
    elif annotation is FilePath:
        right, expected = isinstance(value, (str, os.PathLike)), "the path of a file"
    elif annotation is Method:
        right, expected = value in methods, f"a method that draws a map: {', '.join(methods)}"
    elif annotation is Methods:
        right = isinstance(value, (tuple, list)) and 0 < len(value) == len(set(value)) and all(name in methods for name in value)
        expected = f"some of {', '.join(methods)}, each once"
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


def several(value: int | Sequence[int]) -> list[int]:
    """Read an option of one or several indices."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def layer_weights(value: str | Sequence[str] | Mapping[str, float], network: Network) -> dict[str, float]:
    """Read an option of several layers.

    Parameters
    ----------
    value : str, sequence of str, or dict of str to float
        In text, commas stand between the layers, and "=" before a weight that is not 1.
    network : Network

    Returns
    -------
    dict of str to float

    Raises
    ------
    MinicnnError
        If there is no such layer, or a weight is no finite number above 0.
    """
    if not isinstance(value, Mapping):
        parts = value.split(",") if isinstance(value, str) else value
        pairs = [str(part).partition("=") for part in parts]
        value = {name.strip(): weight.strip() or 1.0 for name, _, weight in pairs}
    weights = {}
    for name, weight in value.items():
        network.check_name(name)
        try:
            weights[name] = float(weight)
        except (TypeError, ValueError):
            weights[name] = math.nan
        if not 0 < weights[name] < math.inf:
            raise MinicnnError(f"the weight of layer {name} is {weight!r}; expected a number above 0")
    if not weights:
        raise MinicnnError("no layer is named; expected names such as relu4_3,relu5_1=0.5")
    return weights


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= value <= LARGEST
