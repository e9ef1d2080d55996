"""How a plain function becomes a visualizer: in Python, on the command line and in the report.

A visualizer is written for a `Model`, a prepared image and a class index, and returns a bare `Result`. The decorator `visualizer` makes
the public function of it, which takes what users have: a path or a PIL image, "giant panda", no layer at all. It also records what made
the result, and warns if the result is empty.

The function's signature is its interface everywhere. Positional names come from this vocabulary:

    ======  ==================================================================================
    model   a `Model`; a bare `Network` too, for images that are already prepared
    image   a photo, or a prepared array with ``prepared=True``; inside: array (1, H, W, 3).
            If its default is None it may be left out, and is then a plain image of zeros.
    target  a class name or index, by default the likeliest class; inside: the index
    layer   a layer's name, by default the last convolution (after its ReLU)
    ======  ==================================================================================

Keyword-only parameters are the method's own options and become flags; `minicnn.visualizers.options` says which annotations there are.
Other values are refused before the method runs. Two names are special: `seed`, for everything random, and `progress`, a function
(done, total) that is called along the way.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

import numpy as np

from minicnn.errors import ImageError, MinicnnError, ShapeError
from minicnn.kernels import current_algorithm
from minicnn.model import Model
from minicnn.network import Network
from minicnn.results import Result
from minicnn.visualizers.options import Classes, base_annotation, check_option

#: Called as progress(done, total) while a long method runs.
Progress = Callable[[int, int], None]

#: The questions that the visualizers answer, in the order in which they teach.
Question = Literal["What is a filter?", "What do the layers see?", "What mattered for this answer?", "What does the network dream of?"]

REGISTRY: dict[str, Visualizer] = {}

#: What the public function of a method with an image has on top of the method's own parameters.
PHOTO_PARAMETERS = (
    inspect.Parameter("size", inspect.Parameter.KEYWORD_ONLY, default=None),
    inspect.Parameter("prepared", inspect.Parameter.KEYWORD_ONLY, default=False),
)

#: The packages whose versions a result records.
RECORDED = {"minicnn": "minicnn-numpy", "numpy": "numpy", "numba": "numba"}


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
    question : str
        What it helps to answer: the report's chapter.
    paper : str
        Where the method comes from.
    report_options, quick_options : function
        From the height and width of the network's input to the options that the report uses, and the quick report.
    saves : tuple of str
        How the names of files may end that its results can be saved as.
    """

    name: str
    function: Callable[..., Result]
    parameters: Mapping[str, inspect.Parameter]
    question: Question
    paper: str
    report_options: Callable[[int, int], Mapping[str, Any]]
    quick_options: Callable[[int, int], Mapping[str, Any]]
    saves: tuple[str, ...]

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters that a user sets; not `progress`."""
        keyword_only = (p for p in self.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY)
        return {p.name: p for p in keyword_only if p.name != "progress"}

    @property
    def takes_photo(self) -> bool:
        """Whether it looks at a photo, if only when there is one."""
        return "image" in self.parameters

    @property
    def needs_photo(self) -> bool:
        """Whether it cannot do without a photo."""
        return self.takes_photo and self.parameters["image"].default is inspect.Parameter.empty


def check_image_output(network: Network, layer: str, x_shape: tuple[int, ...]) -> None:
    """Raise ShapeError unless a layer's output for an input (N, H, W, C) is an image."""
    shape = network.shapes(x_shape[1:])[layer]
    if len(shape) != 3:
        raise ShapeError(f"the output of layer {layer} is no image but has shape {shape}; choose an earlier layer")


def last_convolution(network: Network) -> str:
    """Return the layer that most methods look at by default; see `Network.last_convolution`."""
    return network.last_convolution


def visualizer(
    *,
    question: Question,
    paper: str,
    if_zero: str,
    layer: Callable[[Network], str | None] = last_convolution,
    report: Callable[[int, int], Mapping[str, Any]] = lambda height, width: {},
    quick: Callable[[int, int], Mapping[str, Any]] | None = None,
    saves: tuple[str, ...] = (".png", ".npz"),
    name: str | None = None,
) -> Callable:
    """Register a method and make its public function.

    Parameters
    ----------
    question : str
        What it helps to answer.
    paper : str
        Where the method comes from.
    if_zero : str
        Why its values may all be zero, for the warning.
    layer : function, optional
        Chooses the layer when none is given.
    report : function, optional
        From the height and width of the network's input to the options for the report, where they differ from the defaults.
    quick : function, optional
        The same for a report in a hurry; by default as `report`.
    saves : tuple of str
        How the names of files may end that its results can be saved as; with ".npy" if it may return a single array.
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
        def public(model, *positional, size=None, prepared=False, **options) -> Result:
            model = Model.of(model)
            bound = signature.bind(model, *positional, **options)
            bound.apply_defaults()
            arguments = bound.arguments
            for parameter in REGISTRY[command].options.values():
                check_option(parameter, arguments[parameter.name])
            photo = arguments.get("image")
            if "image" in arguments:
                _prepare_image(model, arguments, command, size, prepared)
            if "target" in arguments:
                arguments["target"] = _resolve_target(model, arguments["image"], arguments["target"])
            for parameter in REGISTRY[command].options.values():
                if base_annotation(parameter) is Classes:
                    arguments[parameter.name] = tuple(model.class_index(item) for item in arguments[parameter.name])
            if "layer" in arguments:
                arguments["layer"] = _resolve_layer(model, arguments["layer"], layer)
            result = method(*bound.args, **bound.kwargs)
            return _finish(result, command, model, arguments, photo is not None, if_zero)

        extra = PHOTO_PARAMETERS if "image" in signature.parameters else ()
        public.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *extra])
        REGISTRY[command] = Visualizer(command, public, signature.parameters, question, paper, report, quick or report, saves)
        return public

    return register


def _prepare_image(model: Model, arguments: dict[str, Any], command: str, size, prepared: bool) -> None:
    """Replace the photo by the array that the network takes, or by zeros if there is none."""
    photo = arguments["image"]
    if photo is None and REGISTRY[command].needs_photo:
        raise ImageError(f"{command} got no photo; expected the path of a file, a PIL image, or an array")
    if photo is None and arguments.get("target", "") is None:
        raise MinicnnError(f"{command} needs a class to show (target) if there is no photo; give its name or index")
    arguments["image"] = model.blank(size) if photo is None else model.prepare(photo, size, prepared)
    model.check_memory(*arguments["image"].shape[1:], batch=arguments.get("batch_size", 1))


def _resolve_target(model: Model, x: np.ndarray, target: str | int | None) -> int:
    model.check_classifier(x.shape)
    return int(model.network(x)[0].argmax()) if target is None else model.class_index(target)


def _resolve_layer(model: Model, layer: str | None, choose: Callable[[Network], str | None]) -> str | None:
    layer = choose(model.network) if layer is None else layer
    if layer is not None:
        model.network.check_name(layer)
    return layer


def _finish(
    result: Result, method: str, model: Model, arguments: Mapping[str, Any], with_photo: bool, if_zero: str
) -> Result:
    """Add to a bare result what the network saw, what made it, and what is odd about it."""
    arrays = result.arrays
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise MinicnnError(f"{method} gave NaN or infinite values; expected finite ones. Check the weights and the image for such values")
    found = list(result.warnings)
    if not any(arrays[name].any() for name in result.displays):
        found.append(f"all values of {method} are zero: {if_zero}")
    for text in found:
        warnings.warn(text, stacklevel=3)
    settings = {key: value for key, value in arguments.items() if key not in ("model", "image", "progress")}
    settings.update(result.source)  # what the method chose itself
    source = {
        "method": method,
        "settings": settings,
        "model": model.name,
        "weights_sha256": model.weights_sha256,
        "algorithm": current_algorithm(),
        "versions": {package: metadata.version(distribution) for package, distribution in RECORDED.items()},
        "values_sha256": values_sha256(arrays),
    }
    x = arguments.get("image")
    if x is not None:
        source["input"] = {"height": x.shape[1], "width": x.shape[2]}
    photo = model.deprocess(x)[0] if with_photo and model.preprocessing is not None else None
    exact = None if not with_photo else photo if _says_it_all(model, photo, x) else x
    return dataclasses.replace(result, photo=photo, input=exact, source=source, warnings=tuple(found))


def _says_it_all(model: Model, pixels: np.ndarray | None, x: np.ndarray) -> bool:
    """Tell whether the network's input can be computed from the pixels, bit for bit."""
    if pixels is None:
        return False
    again = model.preprocessing.apply(pixels)[None]
    return again.dtype == x.dtype and np.array_equal(again, x)


def values_sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """Return one checksum, in hexadecimal, over names, types, shapes and numbers of some arrays."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
