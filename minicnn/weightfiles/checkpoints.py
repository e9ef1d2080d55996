"""Networks in a checkpoint: dictionaries of tensors, wherever a training script has put them.

A checkpoint may be such a dictionary, may hold one under any name, beside settings, dates and the optimizer's state, or two: a network and
the running average of its weights (EMA), a generator and a discriminator. And it may be the network itself, an object whose modules hold
their tensors. Each is called by the names that lead there, with dots between: "state_dict", "model.ema".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minicnn.errors import WeightFileError, did_you_mean, listed
from minicnn.weightfiles.pickles import Marker
from minicnn.weightfiles.stored import shown

#: Networks are looked for so many dictionaries deep, among the first so many items of lists.
DEEPEST, MOST_LISTED = 4, 100

#: Modules lie in modules at most so deep; there are so many in all, whose tensors' names have so many characters.
DEEPEST_MODULES, MOST_MODULES, MOST_CHARACTERS = 50, 20_000, 5_000_000

#: What the state of an optimizer has, and no network.
OPTIMIZER = {"state", "param_groups"}


@dataclass(frozen=True)
class Storage:
    """Where a tensor's numbers are: a key, and what a pickle claims about them."""

    code: str
    key: str
    count: int
    bfloat16: bool = False


@dataclass(frozen=True)
class Tensor:
    """A tensor as a pickle describes it, not yet looked up."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """A network in a checkpoint.

    Attributes
    ----------
    name : str
        What it is called there; "." if it is all that there is.
    tensors : dict of str to Tensor or Marker
        By name; those that cannot be rebuilt are markers.
    epsilons : dict of str to float
        Of batch normalizations, where the file is of an object that says them.
    temporary : frozenset of str
        The tensors that an object has and its state_dict leaves out.
    """

    name: str
    tensors: Mapping[str, Tensor | Marker]
    epsilons: Mapping[str, float] = field(default_factory=dict)
    temporary: frozenset[str] = frozenset()

    def part(self, prefix: str) -> Network:
        """Return the part whose names begin so, with the rest of the names."""
        tensors = {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}
        epsilons = {name.removeprefix(prefix): epsilon for name, epsilon in self.epsilons.items() if name.startswith(prefix)}
        temporary = frozenset(name.removeprefix(prefix) for name in self.temporary if name.startswith(prefix))
        return Network(f"{self.name}.{prefix[:-1]}".removeprefix(".."), tensors, epsilons, temporary)


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
        walk = _Modules(self.budget)
        walk.add(module, "", 0)
        return Network(name, walk.tensors, walk.epsilons, frozenset(walk.temporary)) if _has_weights(walk.tensors) else None

    def look(self, value: Any, path: tuple[str, ...], objects: int = 0) -> None:
        """Add the networks in a value to those that were found; it lies in so many objects, one in the other."""
        if id(value) in self.seen or objects == DEEPEST:
            return
        self.seen.add(id(value))
        name = ".".join(path) or "."
        network = self.of_module(name, value) if _is_module(value) else _of_state_dict(name, value)
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
    tensors = {key: item for key, item in items.items() if isinstance(key, str) and _is_tensor(item)}
    return Network(name, tensors) if _has_weights(tensors) else None


def _has_weights(tensors: Mapping[str, Tensor | Marker]) -> bool:
    weights = [item for name, item in tensors.items() if name.rpartition(".")[2] == "weight"]
    return any(isinstance(item, Marker) or len(item.shape) > 1 for item in weights)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, Marker) and bool(value.why))


def _is_module(value: Any) -> bool:
    """Tell whether a value stands for one of PyTorch's modules, by what its state has."""
    return isinstance(value, Marker) and isinstance(value.state, dict) and {"_parameters", "_buffers", "_modules"} <= value.state.keys()


class Budget:
    """What all modules of a file together may have: so many modules, and characters in the names of their tensors."""

    def __init__(self) -> None:
        self.modules, self.characters = MOST_MODULES, MOST_CHARACTERS

    def take(self, names: Iterable[str]) -> None:
        """Raise WeightFileError if there is no room for one more module with tensors of these names."""
        self.modules -= 1
        self.characters -= sum(map(len, names))
        if self.modules < 0 or self.characters < 0:
            raise WeightFileError(f"it holds more than {MOST_MODULES:,} modules, or long names in them; expected a network")


class _Modules:
    """A walk through a module and those in it, which gathers their tensors by the names of the state_dict, in their order.

    Buffers that a state_dict leaves out are in, as they may have a part in the network's answer.
    """

    def __init__(self, budget: Budget) -> None:
        self.tensors: dict[str, Tensor | Marker] = {}
        self.epsilons: dict[str, float] = {}
        self.temporary: set[str] = set()
        self.budget = budget

    def add(self, module: Marker, prefix: str, depth: int) -> None:
        if depth == DEEPEST_MODULES:
            raise WeightFileError(f"it holds modules in modules, more than {DEEPEST_MODULES} deep; expected a network")
        _check_module(module, prefix.removesuffix("."))
        state = module.state
        for part in ("_parameters", "_buffers"):
            own = state[part] if isinstance(state[part], dict) else {}
            tensors = {f"{prefix}{name}": value for name, value in own.items() if isinstance(name, str) and _is_tensor(value)}
            self.budget.take(tensors)
            self.tensors |= tensors
        unsaved = state.get("_non_persistent_buffers_set")
        self.temporary |= {f"{prefix}{name}" for name in unsaved if isinstance(name, str)} if isinstance(unsaved, list) else set()
        if isinstance(state.get("eps"), float) and f"{prefix}running_mean" in self.tensors:
            self.epsilons[prefix.removesuffix(".")] = state["eps"]
        modules = state["_modules"]
        for name, inner in modules.items() if isinstance(modules, dict) else ():
            if isinstance(name, str) and _is_module(inner):
                self.add(inner, f"{prefix}{name}.", depth + 1)


def _check_module(module: Marker, layer: str) -> None:
    """Raise WeightFileError if a module slides in a way that its weights do not tell, so that it could be taken for another."""
    usual = {"dilation": (1, (1, 1)), "padding_mode": ("zeros",), "ceil_mode": (False,)}
    for name, values in usual.items():
        if (found := module.state.get(name, values[0])) not in values:
            numbers = " x ".join(map(shown, found[:4])) if isinstance(found, tuple) else shown(found)
            raise WeightFileError(
                f"its layer {shown(layer) or 'at the top'}, a {shown(module.name)}, has {name} {numbers}, which weights do not tell; "
                "export the network to ONNX, or save its state_dict() and describe the network in a text (.toml)"
            )


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
