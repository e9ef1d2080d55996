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

Keyword-only parameters are the method's own options and become flags; `minicnn.visualizers.contract.options` says which annotations there are.
Other values are refused before the method runs. Two names are special: `seed`, for everything random, and `progress`, a function
(done, total) that is called along the way. Methods that draw maps of what is important are registered with `important`; other methods
can then work on their maps (`minicnn.visualizers.attribution.maps`).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.network import Network
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.arguments import (
    find_target,
    prepare_photo,
    resolve_layer,
    up_to_layers,
)
from minicnn.visualizers.contract.options import Classes, Layers, base_annotation, check_option
from minicnn.visualizers.contract.provenance import with_provenance
from minicnn.visualizers.contract.registry import REGISTRY, Important, Question, Visualizer, map_methods

#: What the public function of a method with a photo has on top of the method's own parameters.
PHOTO_PARAMETERS = (
    inspect.Parameter("size", inspect.Parameter.KEYWORD_ONLY, default=None),
    inspect.Parameter("prepared", inspect.Parameter.KEYWORD_ONLY, default=False),
)


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
        For methods that work on the whole photo and not on its center: the longer side in pixels if no size is given. Those that are
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
            if entry.missing_extra:
                raise MinicnnError(entry.missing_extra)
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
