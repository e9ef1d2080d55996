"""PyTorch's tensors and modules as a pickle describes them: a network as an object, `torch.save(model)`.

A module holds its tensors, the modules in it, and what it was made with, such as strides. It does not hold in which order its modules run,
which is in the program that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minicnn.errors import WeightFileError
from minicnn.weightfiles.module_kinds import module_of
from minicnn.weightfiles.pickles import Marker
from minicnn.weightfiles.stored import Module

#: Modules lie in modules at most so deep; there are so many in all, whose names, and tensors' names, have so many characters.
DEEPEST_MODULES, MOST_MODULES, MOST_CHARACTERS = 50, 20_000, 5_000_000

#: The classes that take images prepared as torchvision does, and may, if their `transform_input` says so, turn them into -1 to 1.
TRANSFORMING = ("torchvision.models.googlenet.GoogLeNet", "torchvision.models.inception.Inception3")

#: How the pixels are prepared then, by `transform_input`, as tables of descriptions.
PREPARED: dict[bool, dict[str, object]] = {
    False: {"colors": "rgb", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    True: {"colors": "rgb", "scale": 1 / 127.5, "mean": [1.0, 1.0, 1.0], "std": [1.0, 1.0, 1.0]},
}


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
class Said:
    """What the modules of a network say beside their tensors.

    Attributes
    ----------
    epsilons : dict of str to float
        Of batch normalizations.
    temporary : frozenset of str
        The tensors that the network has and its state_dict leaves out.
    modules : dict of str to Module
        What each module is, in the order in which they are defined.
    preprocessing : dict or None
        How pixels become the network's input, as a table of descriptions.
    """

    epsilons: Mapping[str, float] = field(default_factory=dict)
    temporary: frozenset[str] = frozenset()
    modules: Mapping[str, Module] = field(default_factory=dict)
    preprocessing: Mapping[str, object] | None = None

    def part(self, prefix: str) -> Said:
        """Return what the modules say whose names begin so, with the rest of the names."""

        def rest(names: Iterable[str]) -> dict[str, str]:
            return {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}

        return Said(
            {short: self.epsilons[name] for name, short in rest(self.epsilons).items()},
            frozenset(rest(self.temporary).values()),
            {short: self.modules[name] for name, short in rest(self.modules).items()},
            self.preprocessing,
        )


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor, or what cannot be rebuilt of one."""
    return isinstance(value, Tensor) or (isinstance(value, Marker) and bool(value.why))


def is_module(value: Any) -> bool:
    """Tell whether a value stands for one of PyTorch's modules, by what its state has."""
    return isinstance(value, Marker) and isinstance(value.state, dict) and {"_parameters", "_buffers", "_modules"} <= value.state.keys()


class Budget:
    """What all modules of a file together may have: so many modules, and characters in their names and those of their tensors."""

    def __init__(self) -> None:
        self.modules, self.characters = MOST_MODULES, MOST_CHARACTERS

    def take(self, names: Iterable[str]) -> None:
        """Raise WeightFileError if there is no room for one more module with these names."""
        self.modules -= 1
        self.characters -= sum(map(len, names))
        if self.modules < 0 or self.characters < 0:
            raise WeightFileError(f"it holds more than {MOST_MODULES:,} modules, or long names in them; expected a network")


class ModuleWalk:
    """A walk through a module and those in it, which gathers their tensors by the names of the state_dict, in their order.

    Buffers that a state_dict leaves out are in, as they may have a part in the network's answer.
    """

    def __init__(self, budget: Budget) -> None:
        self.tensors: dict[str, Tensor | Marker] = {}
        self.epsilons: dict[str, float] = {}
        self.temporary: set[str] = set()
        self.modules: dict[str, Module] = {}
        self.preprocessing: Mapping[str, object] | None = None
        self.budget = budget

    @property
    def said(self) -> Said:
        """What the modules say beside their tensors."""
        return Said(self.epsilons, frozenset(self.temporary), self.modules, self.preprocessing)

    def add(self, module: Marker, prefix: str = "", depth: int = 0) -> None:
        """Add a module that lies so deep in others, and those in it."""
        if depth == DEEPEST_MODULES:
            raise WeightFileError(f"it holds modules in modules, more than {DEEPEST_MODULES} deep; expected a network")
        name, state = prefix.removesuffix("."), module.state
        tensors: dict[str, Tensor | Marker] = {}
        for part in ("_parameters", "_buffers"):
            own = state[part] if isinstance(state[part], dict) else {}
            tensors |= {f"{prefix}{key}": value for key, value in own.items() if isinstance(key, str) and is_tensor(value)}
        self.budget.take([name, *tensors])
        self.tensors |= tensors
        unsaved = state.get("_non_persistent_buffers_set")
        self.temporary |= {f"{prefix}{key}" for key in unsaved if isinstance(key, str)} if isinstance(unsaved, list) else set()
        if isinstance(state.get("eps"), float) and f"{prefix}running_mean" in self.tensors:
            self.epsilons[name] = state["eps"]
        if (own_module := module_of(name, module)) is not None:
            self.modules[name] = own_module
        if module.name in TRANSFORMING and isinstance(state.get("transform_input"), bool):
            self.preprocessing = PREPARED[state["transform_input"]]
        modules = state["_modules"]
        for key, inner in modules.items() if isinstance(modules, dict) else ():
            if isinstance(key, str) and is_module(inner):
                self.add(inner, f"{prefix}{key}.", depth + 1)
