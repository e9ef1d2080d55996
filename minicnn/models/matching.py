"""From a weight file to a network: which array belongs where.

Names differ from file to file, so where they are not the network's, layers are matched by kind and order: the first convolution of the file
belongs to the first of the network, and so on; then every shape is compared. That may leave layers of equal shape undecided: PyTorch stores
layers as a program defines them, not as they run, and where a network has branches, any of two may come first. Such an order is an
assumption, and is told, unless names tell it as well ("conv1", "conv2").
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError, listed
from minicnn.layers import LAYERS, Layer
from minicnn.layers.base import Shape
from minicnn.models.shapes import ADVICE, Pair, flattened, in_our_order, is_depthwise, misfit
from minicnn.models.steps import compare_steps
from minicnn.network.network import Network
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import (
    BATCH_NORM,
    CONVOLUTION,
    DENSE,
    KINDS,
    OTHER,
    kind_name,
    natural_order,
    shown,
)

#: Numbers looked at in one go when an array is checked for NaN, so that checking takes little memory.
CHECK_BLOCK = 1 << 16

#: The kinds that a file whose layers have the network's names may have for them; for all other layers OTHER. The kernel of a transposed
#: convolution is turned as that of a convolution, and then has the order of axes that it has here.
STORED_AS = {
    CONVOLUTION: (CONVOLUTION, DENSE),
    DENSE: (DENSE, CONVOLUTION),
    BATCH_NORM: (BATCH_NORM,),
    "transposed_convolution": (CONVOLUTION, OTHER),
}

#: The classifiers that hang on the middle of Inception networks, in training alone.
AUXILIARY = re.compile("aux", re.IGNORECASE)

#: What tells layers of a series apart.
NUMBERS = re.compile("_?[0-9]+")


def load_arrays(file: WeightFile, network: Network, input_shape: Shape, stated: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Find and read the arrays for a network.

    Parameters
    ----------
    file : WeightFile
    network : Network
        Its own arrays only tell the shapes.
    input_shape : (height, width, channels)
        Of the images that it takes.
    stated : collection of str
        The batch normalizations whose epsilon is not left to what is usual for the file's format.

    Returns
    -------
    dict
        {layer: {"weight": array, ...}} for `Network.with_parameters`, float32, and for batch normalization "epsilon" where the file says
        it, or its format has a usual one. A file "without top" has no dense layers; then they are missing here.

    Raises
    ------
    WeightFileError
        If the file is of another network, or holds NaN.
    """
    values: dict[str, dict[str, Any]] = {}
    for pair in match_layers(file, network, input_shape, stated):
        shapes = {key: array.shape for key, array in pair.layer.arrays.items()}
        values[pair.name] = {
            key: as_float32(pair.stored.arrays[key], f"{key} of {shown(pair.stored.name)}").reshape(shape) for key, shape in shapes.items()
        }
        if (values[pair.name].get("variance", np.zeros(1)) < 0).any():
            raise WeightFileError(f"the variance of {shown(pair.stored.name)} is negative; expected at least 0. Get the file again")
        epsilon = file.usual_epsilon if pair.stored.epsilon is None and pair.name not in stated else pair.stored.epsilon
        if pair.stored.kind == BATCH_NORM and epsilon is not None:
            values[pair.name]["epsilon"] = epsilon
    return values


def match_layers(file: WeightFile, network: Network, input_shape: Shape, stated: Collection[str] = ()) -> list[Pair]:
    """Match the layers of a file and of a network, and compare shapes, without reading arrays; otherwise as `load_arrays`."""
    if file.steps is not None:
        compare_steps(file.steps, network, stated)
    if file.description is not None:
        pairs = _by_name(file, network)
    elif (named := _by_own_names(file, network)) is not None:
        pairs = named
    else:
        pairs = _by_kind(file, network, input_shape)
    order = {name: position for position, name in enumerate(network.layers)}
    pairs = sorted(pairs, key=lambda pair: order[pair.name])
    pairs = [in_our_order(pair, flattened(network, pair.name, input_shape), file.channels_first) for pair in pairs]
    for group in _undecided(pairs, file, network):
        _check_undecided(group, file)
    return pairs


def matching_assumptions(file: WeightFile, network: Network, input_shape: Shape, stated: Collection[str] = ()) -> dict[str, str]:
    """Say what `load_arrays` assumes for want of a word in the file, by what it is about: "order", "epsilon"; otherwise as that."""
    told: dict[str, str] = {}
    pairs = match_layers(file, network, input_shape, stated)
    if undecided := [f"{shown(pair.stored.name)} is {pair.name}" for group in _undecided(pairs, file, network) for pair in group]:
        told["order"] = f"of layers of the same shape, by their order in the file: {listed(undecided)}"
    norms = [pair for pair in pairs if pair.stored.kind == BATCH_NORM and pair.name not in stated]
    if file.usual_epsilon is not None and any(pair.stored.epsilon is None for pair in norms):
        told["epsilon"] = f"epsilon {file.usual_epsilon:g} of batch normalization"
    return told


def as_float32(array: np.ndarray, what: str) -> np.ndarray:
    """Return a file's array as float32 in one piece: the very array if it is that already.

    Raises
    ------
    WeightFileError
        If it holds NaN or infinite values, or such as are too large.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(array, np.float32)
    if not array.flags.aligned:
        array = array.copy()
    if not _all_finite(array.reshape(-1)):
        raise WeightFileError(f"{what} holds NaN or infinite values; expected finite ones. Get the file again")
    return array


def _all_finite(flat: np.ndarray) -> bool:
    """Look for NaN and infinity block by block: a finite sum proves that there are none, and adding is faster than looking."""
    blocks = (flat[start : start + CHECK_BLOCK] for start in range(0, flat.size, CHECK_BLOCK))
    with np.errstate(over="ignore", invalid="ignore"):
        return all(np.isfinite(block.sum()) or np.isfinite(block).all() for block in blocks)


def _by_name(file: WeightFile, network: Network) -> list[Pair]:
    """Match the layers of a file that minicnn wrote: it has those of its description, under their names, with all their arrays."""
    stored = {layer.name: layer for layer in file.layers}
    wanted = {name: layer for name, layer in network.layers.items() if layer.arrays}
    without_top = {name: layer for name, layer in wanted.items() if layer.word != DENSE}
    if len(stored) != len(file.layers) or stored.keys() not in (wanted.keys(), without_top.keys()):
        raise WeightFileError(f"the file has arrays for {listed(list(stored))}; expected {listed(list(wanted))}. Get the file again")
    for name, layer in stored.items():
        if layer.arrays.keys() != wanted[name].arrays.keys():
            found, expected = (listed(sorted(arrays)) for arrays in (layer.arrays, wanted[name].arrays))
            raise WeightFileError(f"the file has the arrays {found} for {shown(name)}; expected {expected}. Get the file again")
    return [Pair(name, layer, stored[name]) for name, layer in wanted.items() if name in stored]


def has_names_of(file: WeightFile, network: Network) -> bool:
    """Tell whether a file has the layers of a network, under their names."""
    return _by_own_names(file, network) is not None


def _by_own_names(file: WeightFile, network: Network) -> list[Pair] | None:
    """Match layers by their names, if all of the network's are in the file and nothing else but auxiliary classifiers.

    Dense layers may be convolutions there, and the other way round, where a window is a single pixel.
    """
    stored = {layer.name: layer for layer in file.layers}
    wanted = {name: layer for name, layer in network.layers.items() if layer.arrays}
    others = [name for name in stored if name not in wanted and not AUXILIARY.match(name)]
    if others or len(stored) != len(file.layers) or not wanted or not wanted.keys() <= stored.keys():
        return None
    if any(stored[name].kind not in STORED_AS.get(layer.word, (OTHER,)) for name, layer in wanted.items()):
        return None
    return [Pair(name, layer, stored[name]) for name, layer in wanted.items()]


def _by_kind(file: WeightFile, network: Network, input_shape: Shape) -> list[Pair]:
    """Match the layers of a file and of a network that have the same kind, in order; a file that tells its steps may hold any kind."""
    kinds = KINDS if file.steps is None else (*KINDS, OTHER)
    for name, layer in network.layers.items():
        if layer.arrays and _kind(layer) not in kinds:
            there = listed([f"{shown(stored.name)} ({kind_name(stored.kind)})" for stored in file.layers])
            raise WeightFileError(
                f"the network has {name}, a {layer.word or type(layer).__name__}, which is found in a file by its name alone; the file has "
                f"other names, or kinds of layers: {there}. Call all of the network's layers as the file does, or load what minicnn.save "
                "or minicnn train wrote"
            )
    if strange := [shown(layer.name) for layer in file.layers if layer.kind not in kinds]:
        raise WeightFileError(
            f"the file belongs to another network: it has {listed(strange)}, such as layer normalizations or transposed convolutions. "
            f"{ADVICE}, in which layers have the file's names"
        )
    pairs, faults = [], []
    stored = _sorted_by_kind(file, network)
    for kind in kinds:
        wanted = {name: layer for name, layer in network.layers.items() if _kind(layer) == kind}
        found = _by_network_names(stored[kind], wanted)
        without_top = kind == DENSE and not found and file.layers
        if len(found) != len(wanted) and not without_top:
            faults.append(f"{_count(len(found), kind)}, expected {len(wanted)}")
        pairs += [Pair(name, layer, stored) for (name, layer), stored in zip(wanted.items(), found)]
    if faults:
        matched = {pair.name: pair.stored for pair in pairs}
        missing = next((f"; the first that is missing is {name}" for name in network.arrays if name not in matched), "")
        first = first_difference(matched, network, input_shape) or missing
        raise WeightFileError(f"the file belongs to another network: it has {faults[0]}{first}. {ADVICE}")
    return pairs


def first_difference(stored: Mapping[str, StoredLayer], network: Network, input_shape: Shape) -> str:
    """Say which of a network's layers is the first whose arrays a file has in another shape, given the file's layer for each.

    Empty if none is before the first that the file does not have.
    """
    for name, layer in network.layers.items():
        if layer.arrays and name not in stored:
            break
        if layer.arrays and (fault := misfit(Pair(name, layer, stored[name]), flattened(network, name, input_shape))) is not None:
            return f"; the first that differs: {fault}"
    return ""


def _kind(layer: Layer) -> str:
    """Tell which kind of a file's layers holds a layer's arrays; empty if none does."""
    if layer.word in KINDS:
        return layer.word
    return OTHER if layer.arrays and LAYERS.get(layer.word) is type(layer) else ""


def _sorted_by_kind(file: WeightFile, network: Network) -> dict[str, list[StoredLayer]]:
    """Sort a file's layers by kind; convolutions that stand for the network's dense layers are among these."""
    stored = {kind: [layer for layer in file.layers if layer.kind == kind] for kind in (*KINDS, OTHER)}
    if file.order == "kind":
        stored[CONVOLUTION] = _depthwise_placed(stored[CONVOLUTION], network)
    wanted = {kind: sum(layer.word == kind for layer in network.layers.values()) for kind in KINDS}
    last = stored[CONVOLUTION][wanted[CONVOLUTION] :]
    if len(last) == wanted[DENSE] - len(stored[DENSE]) and all(layer.arrays["weight"].shape[:2] == (1, 1) for layer in last[1:]):
        stored = {**stored, CONVOLUTION: stored[CONVOLUTION][: wanted[CONVOLUTION]], DENSE: last + stored[DENSE]}
    return stored


def _depthwise_placed(convolutions: Sequence[StoredLayer], network: Network) -> list[StoredLayer]:
    """Put a file's depthwise convolutions where the network has such ones, as Keras counts them apart from the others."""
    wanted = [is_depthwise(layer) for layer in network.layers.values() if layer.word == CONVOLUTION]
    series = {kind: [layer for layer in convolutions if bool(layer.depthwise) is kind] for kind in (False, True)}
    if len(series[True]) != sum(wanted):
        return list(convolutions)
    left = {kind: iter(layers) for kind, layers in series.items()}
    placed = [next(left[kind], None) for kind in wanted]
    return [layer for layer in placed if layer is not None] + list(left[False])


def _by_network_names(found: list[StoredLayer], wanted: Collection[str]) -> list[StoredLayer]:
    """Bring a file's layers of a kind into the network's order if they have its names; else they keep the file's."""
    by_name = {layer.name: layer for layer in found}
    return [by_name[name] for name in wanted] if by_name.keys() == set(wanted) and len(found) == len(wanted) else found


def _undecided(pairs: Sequence[Pair], file: WeightFile, network: Network) -> list[list[Pair]]:
    """Group the layers of the same shape that could as well change places, by all that the file tells."""
    if file.description is not None or file.steps is not None:  # which say what every layer takes
        return []
    alike: dict[tuple, list[Pair]] = {}
    for pair in pairs:
        if pair.name != pair.stored.name:
            shapes = tuple(sorted((key, array.shape) for key, array in pair.layer.arrays.items() if key != "bias"))  # which may be 0
            alike.setdefault((pair.layer.word, shapes), []).append(pair)
    return [group for group in alike.values() if len(group) > 1 and not _is_decided(group, file, network)]


def _is_decided(group: Sequence[Pair], file: WeightFile, network: Network) -> bool:
    """Tell whether layers run one after the other, and the file says in which order: by its own, or by the numbers in their names."""
    if any(before.name not in network.ancestors([after.name]) for before, after in itertools.pairwise(group)):
        return False
    names = [pair.stored.name for pair in group]
    numbered = len({NUMBERS.sub("", name) for name in names}) == 1 and names == sorted(names, key=natural_order)
    return numbered or file.order in ("run", "kind")


def _check_undecided(group: Sequence[Pair], file: WeightFile) -> None:
    """Raise WeightFileError for layers that the file does not even put in an order, or whose names contradict it."""
    names = [shown(pair.stored.name) for pair in group]
    remedy = "call the layers in a description (.toml) as the file does"
    if file.order == "alphabet":
        raise WeightFileError(
            f"the file's layers {' and '.join(names[:2])} have the same shape, and it does not say which comes first; {remedy}"
        )
    if swapped := next((pair for pair in group if pair.name in {other.stored.name for other in group}), None):
        raise WeightFileError(
            f"the file has a layer {swapped.name}, but by the file's order another one would be the network's {swapped.name}; expected "
            f"names of which none or all are the file's: {remedy} ({listed(names)})"
        )


def _count(number: int, kind: str) -> str:
    return f"{number} {kind_name(kind, number)}"
