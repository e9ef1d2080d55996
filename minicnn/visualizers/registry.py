"""How a plain function becomes a visualizer: in Python, on the command line and in the report.

A visualizer is written for a `Model`, a prepared image and a class index, and returns a bare `Result`. The decorator `visualizer` makes
the public function of it, which takes what users have: a path or a PIL image, "giant panda", no layer at all. It also records what made
the result, and warns if the result is empty.

The function's signature is its interface everywhere. Positional names come from this vocabulary:

    ======  ==================================================================================
    model   a `Model`; a bare `Network` too, for images that are already prepared
    image   a photo, or a prepared array with ``prepared=True``; inside: array (1, H, W, 3)
    target  a class name or index, by default the likeliest class; inside: the index
    layer   a layer's name, by default the last convolution (after its ReLU)
    ======  ==================================================================================

Keyword-only parameters are the method's own options and become flags: integers of at least 1, numbers, or one of a list of words, as
their annotations say; other values are refused before the method runs. Two names are special: `seed`, for everything random, and
`progress`, a function (done, total) that is called along the way.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import typing
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from numbers import Integral, Real
from typing import Any

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.model import Model
from minicnn.results import Result

#: Called as progress(done, total) while a long method runs.
Progress = Callable[[int, int], None]

REGISTRY: dict[str, Visualizer] = {}

#: What the public function has on top of the method's own parameters.
PHOTO_PARAMETERS = (
    inspect.Parameter("size", inspect.Parameter.KEYWORD_ONLY, default=None),
    inspect.Parameter("prepared", inspect.Parameter.KEYWORD_ONLY, default=False),
)


@dataclass(frozen=True)
class Visualizer:
    """An entry of the registry.

    Attributes
    ----------
    name : str
        The name on the command line.
    function : function
        The public function.
    parameters : mapping of str to inspect.Parameter
        The method's own parameters.
    paper : str
        Where the method comes from.
    report_options : function
        From the height and width of the network's input to the options that the report uses.
    """

    name: str
    function: Callable[..., Result]
    parameters: Mapping[str, inspect.Parameter]
    paper: str
    report_options: Callable[[int, int], Mapping[str, Any]]

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters that a user sets; not `progress`."""
        keyword_only = (p for p in self.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY)
        return {p.name: p for p in keyword_only if p.name != "progress"}


def visualizer(*, paper: str, if_zero: str, report: Callable[[int, int], Mapping[str, Any]] | None = None, name: str | None = None) -> Callable:
    """Register a method and make its public function.

    Parameters
    ----------
    paper : str
        Where the method comes from.
    if_zero : str
        Why its values may all be zero, for the warning.
    report : function, optional
        From the height and width of the network's input to the options for the report, where they differ from the defaults.
    name : str, optional
        The name on the command line; by default the function's, with hyphens.

    Returns
    -------
    function
        The decorator.
    """

    def register(method: Callable[..., Result]) -> Callable[..., Result]:
        signature = inspect.signature(method, eval_str=True)
        command = name or method.__name__.replace("_", "-")

        @functools.wraps(method)
        def public(model, image, *positional, size=None, prepared=False, **options) -> Result:
            model = Model.of(model)
            bound = signature.bind(model, image, *positional, **options)
            bound.apply_defaults()
            arguments = bound.arguments
            for parameter in REGISTRY[command].options.values():
                _check_option(parameter, arguments[parameter.name])
            x = arguments["image"] = model.prepare(image, size, prepared)
            model.check_memory(*x.shape[1:], batch=arguments.get("batch_size", 1))
            if "target" in arguments:
                arguments["target"] = _resolve_target(model, x, arguments["target"])
            if arguments.get("layer", "") is None:
                arguments["layer"] = model.network.last_convolution
            result = method(*bound.args, **bound.kwargs)
            return _finish(result, command, model, arguments, if_zero)

        public.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *PHOTO_PARAMETERS])
        REGISTRY[command] = Visualizer(command, public, signature.parameters, paper, report or (lambda height, width: {}))
        return public

    return register


def _check_option(parameter: inspect.Parameter, value: Any) -> None:
    """Raise MinicnnError unless the value is what the parameter's annotation says."""
    choices = typing.get_args(parameter.annotation)
    if typing.get_origin(parameter.annotation) is typing.Literal:
        right, expected = value in choices, f"one of {', '.join(choices)}"
    elif parameter.annotation is float:
        right, expected = isinstance(value, Real) and math.isfinite(value), "a finite number"
    else:  # int, or int | None
        least = 0 if parameter.name == "seed" else 1
        right = isinstance(value, Integral) and value >= least or (value is None and parameter.default is None)
        expected = f"an integer of at least {least}"
    if not right:
        raise MinicnnError(f"{parameter.name} is {value!r}; expected {expected}")


def _resolve_target(model: Model, x: np.ndarray, target: str | int | None) -> int:
    model.check_classifier(x.shape)
    return int(model.network(x)[0].argmax()) if target is None else model.class_index(target)


def _finish(result: Result, method: str, model: Model, arguments: Mapping[str, Any], if_zero: str) -> Result:
    """Add to a bare result what the network saw, what made it, and what is odd about it."""
    x = arguments["image"]
    settings = {name: value for name, value in arguments.items() if name not in ("model", "image", "progress")}
    settings.update(result.source)  # what the method chose itself
    source = {
        "method": method,
        "settings": settings,
        "input": {"height": x.shape[1], "width": x.shape[2]},
        "model": model.name,
        "weights_sha256": model.weights_sha256,
        "minicnn": metadata.version("minicnn-numpy"),
    }
    arrays = result.values.values() if isinstance(result.values, Mapping) else [result.values]
    if not all(np.isfinite(array).all() for array in arrays):
        raise MinicnnError(f"{method} gave NaN or infinite values; expected finite ones. Check the weights and the image for such values")
    found = ()
    if not any(array.any() for array in arrays):
        found = (f"all values of {method} are zero: {if_zero}",)
        warnings.warn(found[0], stacklevel=3)
    photo = None if model.preprocessing is None else model.deprocess(x)[0]
    return dataclasses.replace(result, photo=photo, source=source, warnings=found)
