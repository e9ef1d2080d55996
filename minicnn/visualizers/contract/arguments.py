"""From what a user hands in to what a method is written for: photos to arrays, a class to its index, no layer to the usual one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minicnn.errors import ImageError, MinicnnError, ShapeError
from minicnn.geometry import as_pair
from minicnn.models.model import Model
from minicnn.network.network import Network
from minicnn.visualizers.contract.options import layer_weights
from minicnn.visualizers.contract.photos import Photos
from minicnn.visualizers.contract.registry import Visualizer


def prepare_photo(entry: Visualizer, model: Model, arguments: dict[str, Any], name: str, size, prepared: bool) -> None:
    """Replace a photo by the array that the network takes; an image that is left out by zeros."""
    photo = arguments[name]
    if photo is None and entry.parameters[name].default is inspect.Parameter.empty:
        raise ImageError(f"{entry.name} got no photo ({name}); expected the path of a file, a PIL image, or an array")
    if photo is None and name != "image":
        return
    if name == "photos":
        arguments[name] = Photos(model, photo, size, prepared)
        model.check_memory(*arguments[name].shape, batch=arguments.get("batch_size", 1))
        return
    if photo is None and arguments.get("target", "") is None:
        raise MinicnnError(f"{entry.name} needs a class to show (target) if there is no photo; give its name or index")
    if entry.whole is not None and size is None and not prepared:
        size = entry.whole if takes(model.network, model.input_shape(entry.whole)) else as_pair(model.input_size, "size", 1)
    if name != "image" and isinstance(size, (tuple, list)):
        size = max(size)  # that size is the image's; another photo has its own proportions
    arguments[name] = model.blank(size) if photo is None else model.prepare(photo, size, prepared, whole=entry.whole is not None)
    model.check_memory(*arguments[name].shape[1:], batch=arguments.get("batch_size", 1))


def takes(network: Network, shape: tuple[int, int, int]) -> bool:
    """Tell whether a network takes images of this shape (height, width, channels)."""
    try:
        network.shapes(shape)
    except ShapeError:
        return False
    return True


def up_to_layers(model: Model, named: Sequence[str | Sequence[str] | Mapping[str, float] | None]) -> Model:
    """Return the model up to the layers that a method looks at; where it chooses them itself (None), up to the last that puts out an image."""
    layers = [layer for value in named if value is not None for layer in layer_weights(value, model.network)]
    return model.up_to([*layers, *(model.trunk.network.layers if None in named else ())])


def find_target(model: Model, arguments: dict[str, Any]) -> str | None:
    """Replace the class that was asked for by its index; of photos, which are not read yet, only one that was named.

    Returns
    -------
    str or None
        That the network is not sure, if it was asked which class is the likeliest.
    """
    if arguments["target"] is not None:
        arguments["target"] = model.class_index(arguments["target"])
    if "photos" in arguments:
        return None
    model.check_classifier(arguments["image"].shape)
    if arguments["target"] is not None:
        return None
    probabilities = model.probabilities(arguments["image"])
    arguments["target"] = int(probabilities.argmax())
    return model.unsure(model.ranked(probabilities, 1))


def resolve_target(model: Model, x: np.ndarray, target: str | int | None) -> int:
    """Return the index of a class, by default of the likeliest one for a prepared photo (1, H, W, C)."""
    model.check_classifier(x.shape)
    return int(model.network(x)[0].argmax()) if target is None else model.class_index(target)


def resolve_layer(model: Model, layer: str | None, choose: Callable[[Network], str | None]) -> str | None:
    """Return the layer's name, by default the one that is chosen for the network; raises UnknownNameError if there is none such."""
    layer = choose(model.network) if layer is None else layer
    if layer is not None:
        model.network.check_name(layer)
    return layer
