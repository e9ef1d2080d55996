"""A layer of a Keras model's configuration, and its settings, each checked as it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import shown

#: Classes of layers that are models.
MODELS = ("Sequential", "Functional", "Model")

#: Classes that may be parts of formulas, with numbers among their arguments; the first two are layers, too.
FORMULAS = ("Add", "Multiply", "TFOpLambda")

#: No configuration has more layers, or models in models, or is longer, in bytes.
MOST_LAYERS, DEEPEST, LONGEST = 10_000, 16, 10_000_000

#: No size, stride, padding or count is larger.
LARGEST = 1_000_000

#: What can be done about a network that cannot be built.
ADVICE = "save its weights alone (model.save_weights) and describe the network in a .toml, with layers of your own for the others"


@dataclass(frozen=True, eq=False)
class Entry:
    """A layer, or a model, of a configuration.

    Attributes
    ----------
    class_name, name : str
    config : dict
        Its settings.
    place : str
        Where it stands, for people: "layer 3 of 'model'".
    nodes : list
        Its calls.
    layers : sequence of Entry
        Of a model, all of its layers in Keras' order, which tells whose weights are whose.
    calls : sequence of Call
        Of a model, what runs, in order.
    """

    class_name: str
    name: str
    config: Mapping[str, Any]
    place: str
    nodes: Sequence[Any] = ()
    layers: Sequence[Entry] = ()
    calls: Sequence[Call] = ()

    def refusal(self, why: str) -> WeightFileError:
        """The error that names a layer, its class and its place, and says what is the matter with it."""
        named = f"its layer {shown(self.name)!r} ({shown(self.class_name)}, {self.place}) {why}"
        return WeightFileError(f"{named}; expected layers that minicnn has. Else {ADVICE}")

    def text(self, key: str, default: str) -> str:
        """Read a setting that is a word."""
        value = self.config.get(key, default)
        if not isinstance(value, str):
            raise self.refusal(f"has {key} {shown(value)}, which is no word")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Read a setting that is true or false."""
        value = self.config.get(key, default)
        if not isinstance(value, bool):
            raise self.refusal(f"has {key} {shown(value)}, which is neither true nor false")
        return value

    def number(self, key: str, default: float) -> float:
        """Read a setting that is a number; NaN and infinity are none."""
        value = self.config.get(key, default)
        if not is_number(value):
            raise self.refusal(f"has {key} {written(value)}, which is no finite number")
        return float(value)

    def count(self, key: str) -> int:
        """Read a setting that counts something."""
        return self.sides(key, None)[0]

    def sides(self, key: str, default: Any) -> list[int]:
        """Read a setting that is one whole number above 0 for both axes, or a list of two."""
        value = self.config.get(key)
        value = default if value is None else value
        pair = value if isinstance(value, list) else [value, value]
        if len(pair) != 2 or not all(type(side) is int and 1 <= side <= LARGEST for side in pair):
            raise self.refusal(f"has {key} {written(value)}, expected whole numbers from 1 to {LARGEST:,}")
        return pair


@dataclass(frozen=True, eq=False)
class Call:
    """A layer, and what it takes.

    Attributes
    ----------
    entry : Entry
    sources : tuple of int
        The places, in the model's list of calls, of those whose outputs it takes; -1 for the model's input.
    numbers : dict of str to object
        The other arguments of a formula.
    """

    entry: Entry
    sources: tuple[int, ...]
    numbers: Mapping[str, Any] = field(default_factory=dict)


def is_number(value: object) -> bool:
    """Tell whether a value from JSON is a number that floating-point numbers can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e300


def written(value: object) -> str:
    """Write a value from JSON for people."""
    return shown(json.dumps(value))
