"""Networks in a checkpoint: dictionaries of tensors, wherever a training script has put them.

A checkpoint may be such a dictionary, may hold one under any name, beside settings, dates and the optimizer's state, or two: a network and
the running average of its weights (EMA), a generator and a discriminator. And it may be the network itself, an object whose modules hold
their tensors. Each is called by the names that lead there, with dots between: "state_dict", "model.ema".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minicnn.errors import WeightFileError, did_you_mean, listed
from minicnn.weightfiles.pickles import Marker
from minicnn.weightfiles.stored import shown

#: Networks are looked for so many dictionaries deep, and modules in modules so many.
DEEPEST, DEEPEST_MODULES = 4, 50

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


#: The tensors of a network by name; those that cannot be rebuilt are markers.
Tensors = Mapping[str, Tensor | Marker]


def choose_network(value: Any, key: str | None) -> tuple[str, Tensors]:
    """Find the network in what a checkpoint holds; returns what it is called there, and its tensors.

    Parameters
    ----------
    value : object
        The pickle's.
    key : str or None
        Which one, if there are several.

    Raises
    ------
    WeightFileError
        If there is none, or none that is called so, or several to choose from.
    """
    found: dict[str, Tensors] = {}
    _search(value, (), found)
    if not found:
        raise WeightFileError(f"it holds {_called(value)}, and in it no dictionary of tensors; expected a network's state_dict")
    if key is not None:
        if key not in found:
            raise WeightFileError(f"there is no network {shown(key)!r} in it{did_you_mean(key, found)}; there are {_listed(found)}")
        return key, found[key]
    if len(found) > 1:
        raise WeightFileError(f"it holds {len(found)} networks: {_listed(found)}; choose one (--key {next(iter(found))}, key=...)")
    return next(iter(found.items()))


def _search(value: Any, path: tuple[str, ...], found: dict[str, Tensors]) -> None:
    """Add the networks in a value to those that were found, but none twice that has several names."""
    tensors = _module_tensors(value) if _is_module(value) else _state_dict(value)
    if tensors:
        if tensors not in found.values():
            found[".".join(path)] = tensors
        return
    items = value.items if isinstance(value, Marker) else value
    if isinstance(items, (list, tuple)):
        items = {str(i): item for i, item in enumerate(items[:100])}
    if not isinstance(items, dict) or items.keys() >= OPTIMIZER or len(path) == DEEPEST:
        return
    for name, item in items.items():
        if isinstance(name, str) and (isinstance(item, (dict, Marker)) or (isinstance(item, (list, tuple)) and not path)):
            _search(item, (*path, shown(name)), found)


def _state_dict(value: Any) -> Tensors | None:
    """Return a dictionary of tensors if that is what a value is, and one of them is called weight; None if not."""
    items = value.items if isinstance(value, Marker) else value
    if not isinstance(items, dict):
        return None
    tensors = {name: item for name, item in items.items() if isinstance(name, str) and _is_tensor(item)}
    weights = [item for name, item in tensors.items() if name.rpartition(".")[2] == "weight"]
    return tensors if weights and any(isinstance(item, Marker) or len(item.shape) > 1 for item in weights) else None


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, Marker) and bool(value.why))


def _is_module(value: Any) -> bool:
    """Tell whether a value stands for one of PyTorch's modules, by what its state has."""
    return isinstance(value, Marker) and isinstance(value.state, dict) and {"_parameters", "_buffers", "_modules"} <= value.state.keys()


def _module_tensors(module: Marker, prefix: str = "", depth: int = 0) -> dict[str, Tensor | Marker]:
    """Return a module's tensors by the names of its state_dict: its own, then those of the modules in it, in their order."""
    if depth == DEEPEST_MODULES:
        raise WeightFileError(f"it holds modules in modules, more than {DEEPEST_MODULES} deep; expected a network")
    tensors: dict[str, Tensor | Marker] = {}
    for part in ("_parameters", "_buffers"):
        own = module.state[part] if isinstance(module.state[part], dict) else {}
        temporary = module.state.get("_non_persistent_buffers_set")
        saved = own if part == "_parameters" or not isinstance(temporary, list) else {k: v for k, v in own.items() if k not in temporary}
        for name, value in saved.items():
            if _is_tensor(value):
                tensors[f"{prefix}{name}"] = value
    modules = module.state["_modules"]
    for name, inner in modules.items() if isinstance(modules, dict) else ():
        if _is_module(inner):
            tensors |= _module_tensors(inner, f"{prefix}{name}.", depth + 1)
    return tensors


def _listed(found: Mapping[str, Tensors]) -> str:
    """List networks with their sizes."""
    return listed([f"{shown(key)!r} ({len(tensors)} tensors, {_count(tensors):,} numbers)" for key, tensors in found.items()])


def _count(tensors: Tensors) -> int:
    return sum(math.prod(tensor.shape) for tensor in tensors.values() if isinstance(tensor, Tensor))


def _called(value: Any) -> str:
    """Say what a value is, of a dictionary with its first keys."""
    if isinstance(value, Marker):
        return f"an object {shown(value.name)}"
    if isinstance(value, dict):
        return f"a dictionary with {listed([shown(key) for key in value]) or 'nothing in it'}"
    return f"a list of {len(value)}" if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else shown(value)
