"""The dense layers of a network whose weight file tells shapes alone, above the convolutions of a registered architecture.

Somebody who trains a published network for other classes often gives it other dense layers. Their shapes tell most of it:

    =======================================  =====================================================
    the first dense layer takes              before it is
    =======================================  =====================================================
    height x width x channels of the trunk   flatten
    channels of the trunk                    global average pooling (assumed: it might be a maximum)
    =======================================  =====================================================

Between dense layers a ReLU is assumed, as in the published networks; dropout changes nothing in use. Where names tell that nothing can lie
between two of them, as in PyTorch's Sequential with "classifier.0" and "classifier.1", nothing is assumed.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

from minicnn.errors import WeightFileError, listed
from minicnn.models.architectures import Architecture
from minicnn.models.lines import fault_in_line
from minicnn.models.matching import first_difference, has_names_of, match_layers
from minicnn.models.specs import LayerSpec, Specs, build_network, spec
from minicnn.models.wiring import renamed
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import BATCH_NORM, CONVOLUTION, DENSE, shown

#: What ends the convolutional part of a network.
HEAD_WORDS = ("flatten", "global_average_pool", "dense")


class OtherHeadError(WeightFileError):
    """Dense layers that are not the architecture's, and do not tell how they belong together."""


def layers_by_shapes(architecture: Architecture, file: WeightFile) -> tuple[dict[str, LayerSpec], dict[str, str]]:
    """Tell the layers of an architecture's network in a weight file that tells shapes alone.

    Returns
    -------
    layers : dict of str to LayerSpec
        With as many outputs as the file has, or without a head if the file has none.
    assumptions : dict of str to str
        What the shapes do not tell, see `minicnn.models.conversion.Found`.

    Raises
    ------
    OtherHeadError
        If the convolutions are the architecture's, and the dense layers do not tell enough.
    WeightFileError
        If the file is of another network.
    """
    trunk = trunk_of(architecture.layers(1))
    convolutions = [layer for layer in file.layers if layer.kind == CONVOLUTION]
    dense = [layer for layer in file.layers if layer.kind == DENSE]
    shape = (architecture.input_size, architecture.input_size, 3)
    weighted = sum(layer.word in (CONVOLUTION, DENSE) for layer in trunk.values())  # gates' dense layers may be stored as convolutions
    if not dense and len(convolutions) == weighted and DENSE in {layer.word for layer in architecture.layers(1).values()}:
        _match(architecture, file, trunk)
        return trunk, {}
    own = dict(architecture.layers(_outputs(file, architecture, dense or convolutions)))
    try:
        _match(architecture, file, own)
        return own, {}
    except WeightFileError as error:
        try:
            _match(architecture, without_dense(file), trunk)
        except WeightFileError:
            raise error from None
        if (fault := fault_in_line(dense)) is not None:
            if len(dense) == sum(layer.word == DENSE for layer in own.values()):
                raise
            raise WeightFileError(f"{fault}; expected dense layers that follow each other in a line") from None
    head, told = _head(dense, build_network(trunk, shape).shapes(shape)[list(trunk)[-1]])
    if goes_by_names(architecture, file):
        units = [name for name, layer in head.items() if layer.word == DENSE]
        head = renamed(head, dict(zip(units, [layer.name for layer in dense if layer.kind == DENSE])))
    _match(architecture, file, {**trunk, **head})
    return {**trunk, **head}, told


def _match(architecture: Architecture, file: WeightFile, layers: Specs) -> None:
    """Raise WeightFileError unless a file's layers are these, in the way in which the architecture's are to be recognized."""
    shape = (architecture.input_size, architecture.input_size, 3)
    network = build_network(layers, shape)
    if goes_by_names(architecture, file):
        stored = {layer.name: layer for layer in file.layers}
        if not has_names_of(file, network):
            missing, others = (
                [name for name in one if name not in other] for one, other in ((network.arrays, stored), (stored, network.arrays))
            )
            differ = f"no {listed(missing)}" if missing else f"{listed(others) or 'layers of other kinds'} besides"
            first = first_difference(stored, network, shape)
            raise WeightFileError(
                f"the file's layers are not those of {architecture.name} by their names{first} (it has {differ}), and there are versions "
                "of it that compute something else from the same shapes. Describe its network in a text (.toml), with the names of the file"
            )
        lacking = [f"{key} of {name}" for name, arrays in network.arrays.items() for key in arrays if key not in stored[name].arrays]
        if lacking:
            raise WeightFileError(f"the file lacks the {listed(lacking)}, which {architecture.name} has. Get the file again")
    match_layers(file, network, shape)


def goes_by_names(architecture: Architecture, file: WeightFile) -> bool:
    """Tell whether a file has to have the architecture's names of layers; Keras' files that number its layers cannot."""
    return architecture.matched_by == "names" or (architecture.matched_by == "keras" and file.order != "kind")


def _outputs(file: WeightFile, architecture: Architecture, layers: Sequence[StoredLayer]) -> int:
    """Tell how many numbers the network ends in: by the layer that has the name of the architecture's last one, or else by the last."""
    own = [name for name, layer in architecture.layers(1).items() if layer.word in (CONVOLUTION, DENSE)]
    named = [layer for layer in file.layers if layer.name == own[-1]]
    last = [*(layer for layer in layers if not layer.depthwise), *named][-1:]  # Keras counts depthwise ones apart
    return int(last[0].arrays["weight"].shape[-1]) if last else 1


def trunk_of(layers: Specs) -> dict[str, LayerSpec]:
    """Return a network's layers before its head, which begins after the last convolution."""
    names = list(layers)
    start = max([0, *(place for place, name in enumerate(names) if layers[name].word == CONVOLUTION)])
    end = next((place for place in range(start, len(names)) if layers[names[place]].word in HEAD_WORDS), len(names))
    return {name: layers[name] for name in names[:end]}


def without_dense(file: WeightFile) -> WeightFile:
    """Return a file's layers without the dense ones."""
    return dataclasses.replace(file, layers=[layer for layer in file.layers if layer.kind != DENSE])


def dense_layers(head: Sequence[StoredLayer], epsilon: float | None = None) -> dict[str, LayerSpec]:
    """Put dense layers in a row, with a ReLU before each but the first where names do not tell that there can be none.

    There may be batch normalizations among them, which have the given epsilon unless the file says theirs.
    """
    layers: dict[str, LayerSpec] = {}
    number = 0
    for before, layer in zip([None, *head], head):
        if layer.kind == BATCH_NORM:
            layers[f"fc{number}_norm"] = norm_spec(layer, epsilon)
            continue
        if before is not None and not _next_to_each_other(before.name, layer.name):
            layers[f"fc{number}_relu"] = spec("relu")
        number += 1
        layers[f"fc{number}"] = spec("dense", units=layer.arrays["weight"].shape[1])
    return layers


def norm_spec(layer: StoredLayer, epsilon: float | None) -> LayerSpec:
    """Describe a batch normalization with the epsilon that the file says, or else that one, or else the default."""
    known = epsilon if layer.epsilon is None else layer.epsilon
    return spec("batch_norm") if known is None else spec("batch_norm", epsilon=known)


def _head(dense: Sequence[StoredLayer], below: tuple[int, ...]) -> tuple[dict[str, LayerSpec], dict[str, str]]:
    """Tell the layers above an image of the given shape, and what is assumed about them."""
    height, width, channels = below
    for before, after in itertools.pairwise(dense):
        if _next_to_each_other(before.name, after.name):
            raise OtherHeadError(f"its dense layers {shown(before.name)} and {shown(after.name)} leave no room for a ReLU between them")
    if not dense:
        raise OtherHeadError("it has other convolutions at its end than the published network")
    takes = dense[0].arrays["weight"].shape[0]
    if takes == height * width * channels:
        first, told = {"flatten": spec("flatten")}, []
    elif takes == channels:
        first, told = {"gap": spec("global_average_pool")}, ["global average pooling before its first dense layer"]
    else:
        raise OtherHeadError(
            f"its first dense layer, {shown(dense[0].name)}, takes {takes:,} numbers; expected {height * width * channels:,}, all that the "
            f"convolutions give of an image of the usual size, or {channels:,}, one for each channel"
        )
    if len(dense) > 1:
        told.append("a ReLU after each dense layer but the last")
    return {**first, **dense_layers(dense)}, {"head": " and ".join(told)} if told else {}


def _next_to_each_other(one: str, other: str) -> bool:
    """Tell whether two names, as those of PyTorch's Sequential, end in numbers of which one follows the other."""
    matches = [re.fullmatch(r"(.*\.)?([0-9]{1,9})", name) for name in (one, other)]
    if None in matches:
        return False
    (before, first), (after, second) = (match.groups() for match in matches if match)
    return before == after and int(second) == int(first) + 1
