"""Networks in a checkpoint: dictionaries of tensors, wherever a training script has put them.

A checkpoint may be such a dictionary, may hold one under any name, beside settings, dates and the optimizer's state, or two: a network and
the running average of its weights (EMA), a generator and a discriminator. And it may be the network itself, an object whose modules hold
their tensors. Each is called by the names that lead there, with dots between: "state_dict", "model.ema".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minicnn.errors import WeightFileError, did_you_mean, listed
from minicnn.weightfiles.modules import Budget, ModuleWalk, Said, Tensor, is_module, is_tensor
from minicnn.weightfiles.pickles import Marker
from minicnn.weightfiles.stored import shown

#: Networks are looked for so many dictionaries deep, among the first so many items of lists.
DEEPEST, MOST_LISTED = 4, 100

#: What the state of an optimizer has, and no network.
OPTIMIZER = {"state", "param_groups"}


@dataclass(frozen=True)
class Network:
    """A network in a checkpoint.

    Attributes
    ----------
    name : str
        What it is called there; "." if it is all that there is.
    tensors : dict of str to Tensor or Marker
        By name; those that cannot be rebuilt are markers.
    said : Said
        What the modules say beside, where the file is of an object.
    """

    name: str
    tensors: Mapping[str, Tensor | Marker]
    said: Said = field(default_factory=Said)

    def part(self, prefix: str) -> Network:
        """Return the part whose names begin so, with the rest of the names."""
        tensors = {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}
        return Network(f"{self.name}.{prefix[:-1]}".removeprefix(".."), tensors, self.said.part(prefix))


def choose_network(value: Any, key: str | None) -> Network:
    """Find the network in what a checkpoint holds.

    Parameters
    ----------
    value : object
        The pickle's.
    key : str or None
        Which one, if there are several; with the beginning of names after it, only the part that they are of.

    Raises
    ------
    WeightFileError
        If there is none, or none that is called so, or several to choose from.
    """
    search = _Search()
    search.look(value, ())
    found = search.found
    if not found:
        raise WeightFileError(f"it holds {_called(value)}, and in it no dictionary of tensors; expected a network's state_dict")
    if key is None:
        if len(found) > 1:
            raise WeightFileError(f"it holds {len(found)} networks: {_listed(found)}; choose one (--key {next(iter(found))}, key=...)")
        return next(iter(found.values()))
    if key in found:
        return found[key]
    for name, network in found.items():
        prefix = key if name == "." else key.removeprefix(f"{name}.")
        part = network.part(f"{prefix}.")
        if (name == "." or key.startswith(f"{name}.")) and part.tensors:
            return part
    raise WeightFileError(f"there is no network {shown(key)!r} in it{did_you_mean(key, found)}; there are {_listed(found)}")


class _Search:
    """A walk through what a pickle holds, which may refer to the same thing many times, and finds each thing once."""

    def __init__(self) -> None:
        self.found: dict[str, Network] = {}
        self.seen: set[int] = set()
        self.budget = Budget()

    def of_module(self, name: str, module: Marker) -> Network | None:
        """Return the network that a module is; None if it has no weights."""
        walk = ModuleWalk(self.budget)
        walk.add(module)
        return Network(name, walk.tensors, walk.said) if _has_weights(walk.tensors) else None

    def look(self, value: Any, path: tuple[str, ...], objects: int = 0) -> None:
        """Add the networks in a value to those that were found; it lies in so many objects, one in the other."""
        if id(value) in self.seen or objects == DEEPEST:
            return
        self.seen.add(id(value))
        name = ".".join(path) or "."
        network = self.of_module(name, value) if is_module(value) else _of_state_dict(name, value)
        if network is not None:
            if all(network.tensors != other.tensors for other in self.found.values()):
                self.found[name] = network
            return
        if isinstance(value, Marker):  # an object holds what it would be given, at the same place
            self.look(value.items or value.state, path, objects + 1)
            return
        items = _items(value)
        if items.keys() >= OPTIMIZER or len(path) == DEEPEST:
            return
        for key, item in items.items():
            settings = key == "hyper_parameters" and "state_dict" in items
            if isinstance(key, str) and isinstance(item, (dict, list, tuple, Marker)) and not settings:
                self.look(item, (*path, shown(key)))


def _items(value: Any) -> Mapping[Any, Any]:
    """Return what there is to look into: a dictionary, or the beginning of a list."""
    if isinstance(value, (list, tuple)):
        return {str(i): item for i, item in enumerate(value[:MOST_LISTED])}
    return value if isinstance(value, dict) else {}


def _of_state_dict(name: str, value: Any) -> Network | None:
    """Return the network whose state_dict a value is: a dictionary with tensors, one of them called weight; None if it is none."""
    items = value.items if isinstance(value, Marker) else value
    if not isinstance(items, dict):
        return None
    tensors = {key: item for key, item in items.items() if isinstance(key, str) and is_tensor(item)}
    return Network(name, tensors) if _has_weights(tensors) else None


def _has_weights(tensors: Mapping[str, Tensor | Marker]) -> bool:
    weights = [item for name, item in tensors.items() if name.rpartition(".")[2] == "weight"]
    return any(isinstance(item, Marker) or len(item.shape) > 1 for item in weights)


def _listed(found: Mapping[str, Network]) -> str:
    """List networks with their sizes."""
    counts = {
        name: sum(math.prod(tensor.shape) for tensor in network.tensors.values() if isinstance(tensor, Tensor))
        for name, network in found.items()
    }
    return listed([f"{name!r} ({len(found[name].tensors)} tensors, {count:,} numbers)" for name, count in counts.items()])


def _called(value: Any) -> str:
    """Say what a value is, of a dictionary with its first keys."""
    if isinstance(value, Marker):
        return f"an object {shown(value.name)}"
    if isinstance(value, dict):
        return f"a dictionary with {listed([shown(key) for key in value]) or 'nothing in it'}"
    return f"a list of {len(value)}" if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else shown(value)
