"""A description to begin with, of a weight file that tells shapes alone: what follows from these, and what somebody has to correct."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence

from minicnn.errors import MinicnnError, WeightFileError
from minicnn.models.architectures import Architecture
from minicnn.models.conversion import USUAL_SIDE, Found, by_hand, by_preference, find_network
from minicnn.models.descriptions import LAYER_NAME, Description
from minicnn.models.heads import dense_layers, goes_by_names, norm_spec, trunk_of, without_dense
from minicnn.models.lines import fault_in_line, in_a_line
from minicnn.models.matching import has_names_of, match_layers
from minicnn.models.specs import LayerSpec, Specs, build_network, spec
from minicnn.network.graph import INPUT
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import BATCH_NORM, CONVOLUTION, DENSE, KINDS, shown

#: The largest side of images that is tried.
LARGEST_SIDE = 1024


def guess_network(file: WeightFile, where: str | os.PathLike) -> Found:
    """Describe the network of a weight file: surely if the file allows it, else as well as its shapes allow.

    Returns
    -------
    Found
        Its assumptions are all that has to be checked.

    Raises
    ------
    WeightFileError
        If its layers do not follow each other in a line.
    """
    try:
        return find_network(file, where)
    except WeightFileError:
        if file.description is not None or file.steps is not None:
            raise
    dense = [layer for layer in file.layers if layer.kind == DENSE]
    for architecture in by_preference(file):
        if dense and (found := _on_trunk(architecture, file, dense)) is not None:
            return found
    return _in_a_line(file, where)


def _on_trunk(architecture: Architecture, file: WeightFile, dense: Sequence[StoredLayer]) -> Found | None:
    """Describe an architecture's convolutions under dense layers that take images of another size; None if these are others."""
    trunk, usual = trunk_of(architecture.layers(1)), architecture.input_size
    network, below = build_network(trunk, (usual, usual, 3)), without_dense(file)
    if goes_by_names(architecture, file) and not has_names_of(below, network):
        return None
    try:
        match_layers(below, network, (usual, usual, 3))
    except WeightFileError:
        return None
    takes = dense[0].arrays["weight"].shape[0]
    sides = [side for side, shape in _outputs(trunk) if math.prod(shape) == takes]
    if not sides:
        return None
    layers = {**trunk, "flatten": spec("flatten"), **dense_layers(dense)}
    told = {
        "input": f"the images' size: the shapes allow {sides[0]} to {sides[-1]} pixels a side",
        "head": "what is between its dense layers, such as a ReLU",
    }
    return Found(Description(architecture.name, layers, (sides[0], sides[0], 3)), {**told, **_unsaid()})


def _outputs(trunk: dict[str, LayerSpec]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Give for each side of an image what a trunk makes of it, as far as it can take that."""
    network = build_network(trunk, (LARGEST_SIDE, LARGEST_SIDE, 3))
    for side in range(1, LARGEST_SIDE + 1):
        try:
            yield side, list(network.shapes((side, side, 3)).values())[-1]
        except MinicnnError:
            continue


def _in_a_line(file: WeightFile, where: str | os.PathLike) -> Found:
    """Describe a file's layers in a line: convolutions that keep the size, each with a ReLU, and then dense layers."""
    layers: dict[str, LayerSpec] = {}
    line = in_a_line(file)
    if (fault := fault_in_line(line)) is not None or any(layer.kind not in KINDS for layer in line):
        why = f"its layers are no line, as {fault}" if fault else "it has layers of unknown kinds"
        raise WeightFileError(f"{where} cannot be described from its shapes: {why}. {by_hand(where, file)}")
    channels = first = None
    shrunk = [0, 0]  # by kernels of even size, which cannot keep the size
    below = list(itertools.takewhile(lambda layer: layer.kind != DENSE, line))
    for number, (layer, after) in enumerate(itertools.zip_longest(below, below[1:]), start=1):
        channels = next(iter(layer.arrays.values())).shape[-1]
        if layer.kind == CONVOLUTION:
            size = list(layer.arrays["weight"].shape[:2])
            layers[f"conv{number}"] = spec("convolution", filters=channels, size=size, padding=[(side - 1) // 2 for side in size])
            shrunk = [less + 1 - side % 2 for less, side in zip(shrunk, size)]
            first = first or layer.arrays["weight"].shape[2]
        else:
            layers[f"norm{number}"] = norm_spec(layer, file.usual_epsilon)
            first = first or channels
        if after is None or after.kind == CONVOLUTION:
            layers[f"relu{number}"] = spec("relu")
    try:
        shape, head = _input_and_head(line[len(below) :], channels, first, shrunk, file.usual_epsilon)
        layers = _called_as_there({**layers, **head}, line)
        match_layers(file, build_network(layers, shape), shape)
    except WeightFileError as error:
        raise WeightFileError(f"{where} cannot be described from its shapes: {error}. {by_hand(where, file)}") from None
    slides = (
        "branches, pools, strides and paddings of convolutions, and where a ReLU is: here they are a line in which each convolution keeps "
        "the size and has one"
    )
    told = {"input": "the images' height and width", "layers": slides if file.order == "run" else f"the order of layers; {slides}"}
    if any(layer.kind == BATCH_NORM and layer.epsilon is None for layer in line):
        usual = file.usual_epsilon or spec("batch_norm").options["epsilon"]
        told["epsilon"] = f"epsilon of batch normalization: here {usual:g}, as is usual"
    return Found(Description(os.path.splitext(os.path.basename(where))[0] or "network", layers, shape), {**told, **_unsaid()})


def _called_as_there(layers: Specs, line: Sequence[StoredLayer]) -> dict[str, LayerSpec]:
    """Give layers the names of the file if these can be names; then they are matched by name, and may be put in another order."""
    ours = [name for name, layer in layers.items() if layer.word in KINDS]
    theirs = [layer.name for layer in line]
    taken = {INPUT, *(name for name in layers if name not in ours)}
    if len(set(theirs)) < len(theirs) or not all(LAYER_NAME.fullmatch(name) and name not in taken for name in theirs):
        return dict(layers)
    names = dict(zip(ours, theirs, strict=True))
    return {names.get(name, name): layer for name, layer in layers.items()}


def _input_and_head(
    dense: Sequence[StoredLayer], channels: int | None, first: int | None, shrunk: Sequence[int], epsilon: float | None
) -> tuple[tuple[int, int, int], dict[str, LayerSpec]]:
    """Choose the input's shape, and what comes before the dense layers, so that they fit together.

    `dense` may hold batch normalizations, too, which have such an epsilon unless the file says theirs. `channels` and `first` are those
    that the last convolution gives and that the first takes, None if there are no convolutions.
    """
    if not dense:
        return (USUAL_SIDE, USUAL_SIDE, first or 3), {}
    takes = dense[0].arrays["weight"].shape[0]
    if takes == channels:
        return (USUAL_SIDE, USUAL_SIDE, first or 3), {"gap": spec("global_average_pool"), **dense_layers(dense, epsilon)}
    possible = [count for count in ((channels,) if channels else (1, 3)) if takes % count == 0]
    if not possible:
        raise WeightFileError(f"its {shown(dense[0].name)} takes {takes:,} numbers, which is no multiple of the {channels} channels before")
    count = next((count for count in possible if math.isqrt(takes // count) ** 2 == takes // count), possible[0])
    positions = takes // count
    height = next(side for side in range(math.isqrt(positions), 0, -1) if positions % side == 0)
    shape = (height + shrunk[0], positions // height + shrunk[1], first or count)
    return shape, {"flatten": spec("flatten"), **dense_layers(dense, epsilon)}


def _unsaid() -> dict[str, str]:
    """What no file of weights alone says."""
    return {"preprocessing": 'the preprocessing, such as preprocessing = "torch"', "classes": "the names of the classes"}
