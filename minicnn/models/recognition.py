"""Whether the layers that a file describes step by step are those of a network by name, in a form in which programs write it.

What computes the same is the same: whatever layers are called, with dropout or without, with biases of 0 or without, however the inputs of
a sum are ordered, and whether channels are put together at once or some of them first. Numbers are not compared, so that a factor for each
channel is a batch normalization. Where a file is for images of one size, a pool that rounds up counts as one that rounds down if both
give as many pixels.

PyTorch's exporters to ONNX merge batch normalizations into the convolutions before them. Such a file is of the merged form:

    convolution -> batch_norm -> relu      becomes      convolution -> relu

Some networks begin with numbers for each color, as torchvision's Inceptions turn its usual preprocessing into theirs: a batch normalization
before all others.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from functools import cache

from minicnn.errors import DescriptionError, MinicnnError, WeightFileError
from minicnn.layers import Layer
from minicnn.layers.base import Shape
from minicnn.models.architectures import ARCHITECTURES, Architecture
from minicnn.models.heads import HEAD_WORDS, trunk_of
from minicnn.models.specs import LayerSpec, Specs, build_network, spec
from minicnn.models.wiring import computing, numbered, renamed
from minicnn.network.graph import INPUT
from minicnn.weightfiles.stored import BATCH_NORM, CONVOLUTION, DENSE


@cache
def layer_counts(name: str) -> Counter[str]:
    """Count the layers of a network by name, by their words."""
    return Counter(layer.word for layer in ARCHITECTURES[name].layers(1).values())


def output_units(layers: Specs) -> int | None:
    """Tell how many numbers a network ends in: a dense layer's, or the means of a convolution's maps; None if it ends in neither."""
    kept = [spec for spec in layers.values() if spec.word not in ("dropout", "relu")]
    if kept and kept[-1].word == DENSE:
        return int(kept[-1].options["units"])
    means = [spec.word for spec in kept[-2:]] == [CONVOLUTION, "global_average_pool"]
    return int(kept[-2].options["filters"]) if means else None


def is_network(architecture: Architecture, layers: Specs, shape: Shape | None, merge: bool = False) -> bool:
    """Tell whether a file's layers are an architecture's, or with `merge` those that are left after merging batch normalizations.

    Parameters
    ----------
    architecture : Architecture
    layers : dict of str to LayerSpec
        The file's.
    shape : (height, width, channels) or None
        Of the images, where the file tells it.
    merge : bool
    """
    if layer_counts(architecture.name)[CONVOLUTION] != sum(layer.word == CONVOLUTION for layer in layers.values()):
        return False
    own = _own_form(architecture, layers)
    form = merged(own) if merge else own
    return (not merge or len(form) < len(own)) and _comparable(form, shape) == _comparable(layers, shape)


def scales_colors(layers: Specs) -> bool:
    """Tell whether a network begins with numbers for each color."""
    return next(iter(layers.values())).word == BATCH_NORM


def _own_form(architecture: Architecture, layers: Specs) -> Specs:
    """Return an architecture's layers, with as many outputs as a file's, and with numbers for each color if that has some."""
    own = architecture.layers(output_units(layers) or 1)
    return {"transform_input": spec(BATCH_NORM), **own} if scales_colors(layers) else own


def check_trunk(architecture: Architecture, layers: Specs, shape: Shape | None, where: str | os.PathLike) -> None:
    """Raise WeightFileError unless a file's network begins as the architecture's does before its head, in one of its forms."""
    ours = _comparable(trunk_of(_nearest_form(architecture, layers, shape)), shape)
    theirs = _comparable(layers, shape)
    for number, (here, there) in enumerate(itertools.zip_longest(ours, theirs[: len(ours)]), start=1):
        if here != there:
            found, expected = ("missing" if one is None else f"({one})" for one in (there, here))
            raise WeightFileError(
                f"{where} is of another network than {architecture.name}: layer {number} is {found} there and {expected} here. "
                f"{where} says itself what it is: load it alone (--model {where})"
            )
    if len(theirs) > len(ours) and theirs[len(ours)].word not in HEAD_WORDS:
        raise WeightFileError(
            f"{where} is of another network than {architecture.name}: it goes on with ({theirs[len(ours)]}) where that has its head. "
            f"{where} says itself what it is: load it alone (--model {where})"
        )


def with_names(architecture: Architecture, layers: Specs, shape: Shape | None) -> dict[str, LayerSpec]:
    """Give an architecture's names to the layers that are its own: to all, or if the head is another one to those before."""
    own = _nearest_form(architecture, layers, shape)
    same = own if _comparable(own, shape) == _comparable(layers, shape) else trunk_of(own)
    ours, theirs = _by_role(same), _by_role(layers)
    names = dict(zip(theirs[0], ours[0])) | (dict(zip(theirs[1], ours[1])) if len(ours[1]) == len(theirs[1]) else {})
    news: dict[str, str] = {}
    for name in layers:
        new = names.get(name, name)
        news[name] = f"{new}_" if new in news.values() else new
    return renamed(layers, news)


def _by_role(layers: Specs) -> tuple[list[str], list[str]]:
    """Name the layers that are compared, and those that only put parts together for others that do; dropout is neither."""
    at_once = _concatenated_at_once(layers)
    return [name for name, layer in at_once.items() if not _drops(layer)], [name for name in layers if name not in at_once]


def merged(layers: Specs) -> dict[str, LayerSpec]:
    """Leave out each batch normalization that `minicnn.network.folding` would merge into a convolution or dense layer."""
    explicit = _with_inputs(layers)
    takers = Counter(source for layer in explicit.values() for source in layer.inputs)
    kept: dict[str, LayerSpec] = {}
    stands_for: dict[str, str] = {}
    for name, layer in explicit.items():
        below = tuple(stands_for.get(source, source) for source in layer.inputs)
        if layer.word == BATCH_NORM and takers[layer.inputs[0]] == 1 and below[0] in kept and kept[below[0]].word in (CONVOLUTION, DENSE):
            stands_for[name] = below[0]
        else:
            kept[name] = layer._replace(inputs=below)
    return kept


def _with_inputs(layers: Specs) -> dict[str, LayerSpec]:
    """Let each layer name what it takes."""
    return {name: layer._replace(inputs=layer.inputs or (before,)) for (name, layer), before in zip(layers.items(), [INPUT, *layers])}


def _concatenated_at_once(layers: Specs) -> dict[str, LayerSpec]:
    """Let what is put together of parts that are put together be so at once."""
    parts: dict[str, tuple[str, ...]] = {}
    found: dict[str, LayerSpec] = {}
    for name, layer in _with_inputs(layers).items():
        if layer.word == "concatenate":
            parts[name] = tuple(part for source in layer.inputs for part in parts.get(source, (source,)))
        found[name] = layer._replace(inputs=parts.get(name, layer.inputs))
    taken = {source for layer in found.values() for source in layer.inputs} | {list(layers)[-1]}
    return {name: layer for name, layer in found.items() if name in taken or name not in parts}


def _nearest_form(architecture: Architecture, layers: Specs, shape: Shape | None) -> Specs:
    """Return the form of an architecture that agrees with a file's layers the longest."""
    own, theirs = _own_form(architecture, layers), _comparable(layers, shape)

    def agreeing(form: Specs) -> int:
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(_comparable(form, shape), theirs)))

    return max(own, merged(own), key=agreeing)


def _comparable(layers: Specs, shape: Shape | None) -> list[LayerSpec]:
    """List layers so that they are equal where networks compute the same, up to the numbers."""
    return [_without_numbers(spec) for _, spec in numbered(_concatenated_at_once(_rounded_down(layers, shape)), _drops)]


def _without_numbers(spec: LayerSpec) -> LayerSpec:
    return LayerSpec(BATCH_NORM, {}, spec.inputs) if spec.word in (BATCH_NORM, "scale") else computing(spec)


def _drops(spec: LayerSpec) -> bool:
    return spec.word == "dropout"


def _rounded_down(layers: Specs, shape: Shape | None) -> Specs:
    """Let pools round down where that gives as many pixels of images of such a shape as rounding up."""
    if shape is None or not any(layer.options.get("ceil_mode") for layer in layers.values()):
        return layers
    try:
        network = build_network(layers, shape)
    except DescriptionError:
        return layers
    shapes = {INPUT: shape, **network.shapes(shape)}
    found = dict(layers)
    for name, layer in layers.items():
        if layer.options.get("ceil_mode") and _rounds_nothing(network.layers[name], shapes[network.inputs[name][0]], shapes[name]):
            found[name] = layer._replace(options={**layer.options, "ceil_mode": False})
    return found


def _rounds_nothing(pool: Layer, below: Shape, given: Shape) -> bool:
    """Tell whether a pool that rounds up gives as many pixels as one that rounds down."""
    try:
        return pool.replace(ceil_mode=False).output_shape(below) == given
    except MinicnnError:
        return False
