"""How a plain function becomes a visualizer: in Python, on the command line and in the report.

A visualizer is written for a `Model`, a prepared image and a class index, and returns a bare `Result`. The decorator `visualizer` makes
the public function of it, which takes what users have: a path or a PIL image, "giant panda", no layer at all. It also records what made
the result, and warns if the result is empty.

The function's signature is its interface everywhere. Positional names come from this vocabulary:

    ======  ==================================================================================
    model   a `Model`; a bare `Network` too, for images that are already prepared
    image   a photo, or a prepared array with ``prepared=True``; inside: array (1, H, W, C).
            If its default is None it may be left out, and is then a plain image of zeros.
    style   a second photo, inside: array (1, H', W', C)
    photos  in place of `image`: one photo, a list of photos, or the path of a folder; inside:
            `Photos`, which prepares one at a time
    target  a class name or index, by default the likeliest class; inside: the index. With `photos`
            it is None if each photo's own likeliest class is meant: see `resolve_target`.
    layer   a layer's name, by default the last convolution (after its ReLU)
    ======  ==================================================================================

Keyword-only parameters are the method's own options and become flags; `minicnn.visualizers.options` says which annotations there are.
Other values are refused before the method runs. Two names are special: `seed`, for everything random, and `progress`, a function
(done, total) that is called along the way. Methods that draw maps of what is important are registered with `important`; other methods
can then work on their maps (`minicnn.visualizers.maps`).
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from minicnn.errors import MinicnnError, ShapeError
from minicnn.model import Model
from minicnn.network import Network
from minicnn.results import Result
from minicnn.visualizers.arguments import (
    find_target,
    prepare_photo,
    resolve_layer,
    up_to_layers,
)
from minicnn.visualizers.options import (
    Classes,
    Layers,
    SecondPhoto,
    base_annotation,
    check_option,
)
from minicnn.visualizers.provenance import with_provenance

#: Called as progress(done, total) while a long method runs.
Progress = Callable[[int, int], None]

#: The questions that the visualizers answer, in the order in which they teach.
Question = Literal[
    "What is a filter?",
    "What do the layers see?",
    "What mattered for this answer?",
    "Can the maps be trusted?",
    "What does the network dream of?",
]

#: Which numbers of a map mark what is important for the answer: those large in size, whatever their sign, or those that are low.
Important = Literal["large", "low"]

REGISTRY: dict[str, Visualizer] = {}

#: What the public function of a method with a photo has on top of the method's own parameters.
PHOTO_PARAMETERS = (
    inspect.Parameter("size", inspect.Parameter.KEYWORD_ONLY, default=None),
    inspect.Parameter("prepared", inspect.Parameter.KEYWORD_ONLY, default=False),
)

#: What methods need that is not installed with the rest: the module, by the extra of the distribution that installs it.
EXTRAS = {"segment": "cv2"}


@dataclasses.dataclass(frozen=True)
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
    image : str or None
        Which of its arrays is a picture in itself.
    whole : int or None
        For methods that work on the whole photo: the longer side by default, in pixels.
    important : {"large", "low"} or None
        If its values are a map of what is important, which of them mark it.
    extra : str or None
        The extra that it needs, one of `EXTRAS`.
    """

    name: str
    function: Callable[..., Result]
    parameters: Mapping[str, inspect.Parameter]
    question: Question
    paper: str
    report_options: Callable[[int, int], Mapping[str, Any]]
    quick_options: Callable[[int, int], Mapping[str, Any]]
    saves: tuple[str, ...]
    image: str | None
    whole: int | None
    important: Important | None
    extra: str | None

    @property
    def lacks(self) -> str | None:
        """What is to be installed before it can run, in a sentence; None if nothing is."""
        if self.extra is None or importlib.util.find_spec(EXTRAS[self.extra]) is not None:
            return None
        return f"{self.name} needs the module {EXTRAS[self.extra]}, which is not installed: pip install 'minicnn-numpy[{self.extra}]'"

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters that a user sets; not `progress`."""
        keyword_only = (p for p in self.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY)
        return {p.name: p for p in keyword_only if p.name != "progress"}

    @property
    def photo_parameters(self) -> list[str]:
        """The parameters that take photos."""
        optional = [name for name, parameter in self.options.items() if base_annotation(parameter) is SecondPhoto]
        return [name for name in ("image", "photos", "style") if name in self.parameters] + optional

    @property
    def photo_name(self) -> str | None:
        """What its parameter for photos is called: "image", or "photos" if it takes several; None if it looks at none."""
        return next((name for name in ("image", "photos") if name in self.parameters), None)

    @property
    def takes_photo(self) -> bool:
        """Whether it looks at a photo, if only when there is one."""
        return self.photo_name is not None

    @property
    def needs_photo(self) -> bool:
        """Whether it cannot do without a photo."""
        return self.takes_photo and self.parameters[self.photo_name].default is inspect.Parameter.empty


def map_methods() -> list[str]:
    """List the methods whose values are a map of what is important, in the order of the registry."""
    return [name for name, entry in REGISTRY.items() if entry.important]


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
    if_zero: str | None = None,
    layer: Callable[[Network], str | None] = last_convolution,
    report: Callable[[int, int], Mapping[str, Any]] = lambda height, width: {},
    quick: Callable[[int, int], Mapping[str, Any]] | None = None,
    saves: tuple[str, ...] = (".png", ".npz"),
    important: Important | None = None,
    extra: str | None = None,
    name: str | None = None,
    image: str | None = None,
    whole: int | None = None,
) -> Callable:
    """Register a method and make its public function.

    Parameters
    ----------
    question : str
        What it helps to answer.
    paper : str
        Where the method comes from.
    if_zero : str, optional
        Why its values may all be zero, for the warning; without it there is none, as for pictures, which always show something.
    layer : function, optional
        Chooses the layer when none is given.
    report : function, optional
        From the height and width of the network's input to the options for the report, where they differ from the defaults.
    quick : function, optional
        The same for a report in a hurry; by default as `report`.
    saves : tuple of str
        How the names of files may end that its results can be saved as; with ".npy" if it may return a single array.
    important : {"large", "low"}, optional
        That the values (with several arrays, the first that is shown) are a map of what is important for the answer: (H, W), (H, W, 3),
        or coarse, shown by an `Overlay`; and whether large sizes or low numbers mark it.
    extra : str, optional
        The extra that it needs, one of `EXTRAS`.
    name : str, optional
        The name on the command line; by default the function's, with hyphens.
    image : str, optional
        The name of the array, among the result's, that is a picture in itself and can be saved alone.
    whole : int, optional
        For methods that work on the whole photo and not on its centre: the longer side in pixels if no size is given. Those that are
        about no class do without the layers above those that they look at, and so mostly on any size.

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
            if entry.lacks:
                raise MinicnnError(entry.lacks)
            model = Model.of(model)
            bound = signature.bind(model, *positional, **options)
            bound.apply_defaults()
            arguments = bound.arguments
            for parameter in entry.options.values():
                check_option(parameter, arguments[parameter.name], map_methods())
            if entry.whole is not None and "target" not in arguments:
                named = [arguments[name] for name, parameter in entry.options.items() if base_annotation(parameter) is Layers]
                model = arguments["model"] = up_to_layers(model, named)
            given = [photo for photo in entry.photo_parameters if arguments[photo] is not None]
            for photo in entry.photo_parameters:
                prepare_photo(entry, model, arguments, photo, size, prepared)
            remark = find_target(model, arguments) if "target" in arguments else None
            for parameter in entry.options.values():
                if base_annotation(parameter) is Classes:
                    arguments[parameter.name] = tuple(model.class_index(item) for item in arguments[parameter.name])
            if "layer" in arguments:
                arguments["layer"] = resolve_layer(model, arguments["layer"], layer)
            result = method(*bound.args, **bound.kwargs)
            if remark:
                result = dataclasses.replace(result, text=f"{result.text}\n{remark}".strip())
            return with_provenance(result, entry, model, arguments, given, if_zero)

        entry = Visualizer(
            command, public, signature.parameters, question, paper, report, quick or report, saves, image, whole, important, extra
        )
        for_photos = PHOTO_PARAMETERS if entry.takes_photo else ()
        public.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *for_photos])
        REGISTRY[command] = entry
        return public

    return register
