"""What a Keras model says of itself: a tree of layers in JSON, and which layer takes what another one gives.

    {"class_name": "Functional", "config": {"name": "model", "layers": [...], "output_layers": [["dense", 0, 0]]}}

Each of the layers is such a table, too; one that is a model has layers of its own. In a Sequential they run in the order of the list. In a
Functional, called Model by old versions, each layer has for each of its calls a *node*, which names the layers whose outputs it takes:

    "inbound_nodes": [[["conv2d", 0, 0, {}]]]                                                             Keras 2
    "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__",
                                 "config": {"keras_history": ["conv2d", 0, 0]}}], "kwargs": {}}]           Keras 3

The name is followed by the number of that layer's call and of its output. Only networks in a line are read: from the output we follow the
names back to the input.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import shown

#: Classes of layers that are models.
MODELS = ("Sequential", "Functional", "Model")

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
    line : sequence of Entry
        Of a model, its layers in the order in which they run.
    """

    class_name: str
    name: str
    config: Mapping[str, Any]
    place: str
    nodes: Sequence[Any] = ()
    layers: Sequence[Entry] = ()
    line: Sequence[Entry] = ()

    def refusal(self, why: str) -> WeightFileError:
        """The error that names a layer, its class and its place, and says what is the matter with it."""
        named = f"its layer {shown(self.name)!r} ({shown(self.class_name)}, {self.place}) {why}"
        return WeightFileError(f"{named}; expected layers in a line, of kinds that minicnn has. Else {ADVICE}")

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


def is_number(value: object) -> bool:
    """Tell whether a value from JSON is a number that floating-point numbers can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e300


def read_model(text: str) -> Entry:
    """Read a model's configuration.

    Raises
    ------
    WeightFileError
        If it is damaged, or the network is not a line.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightFileError(f"the configuration of its model is no valid JSON ({shown(error)}); get the file again") from None
    model = _entry(given, "the model itself", 0)
    if model.class_name not in MODELS:
        raise model.refusal("is no Sequential and no Functional, so what it computes is in its program, not in the file")
    if sum(1 for _ in all_layers(model)) > MOST_LAYERS:
        raise WeightFileError(f"its model has more than {MOST_LAYERS:,} layers")
    return model


def all_layers(model: Entry) -> Iterator[Entry]:
    """Walk over all layers of a model, and of the models in it, these included."""
    for entry in model.layers:
        yield entry
        yield from all_layers(entry)


def _entry(given: object, place: str, depth: int) -> Entry:
    """Read a layer, and what is in it."""
    if not isinstance(given, dict) or not isinstance(given.get("class_name"), str):
        raise WeightFileError(f"in the configuration of its model, {place} is no table with a class_name; get the file again")
    class_name, config = given["class_name"], given.get("config")
    if isinstance(config, list) and class_name == "Sequential":  # before Keras 2.3
        config = {"name": "sequential", "layers": config}
    if not isinstance(config, dict):
        raise WeightFileError(f"in the configuration of its model, {place} has no table of settings; get the file again")
    name = config.get("name", given.get("name", class_name.lower()))
    nodes = given.get("inbound_nodes", [])
    if not isinstance(name, str) or not isinstance(nodes, list):
        raise WeightFileError(f"in the configuration of its model, {place} has no name, or calls that are no list; get the file again")
    module, registered = given.get("module"), given.get("registered_name")
    entry = Entry(class_name, name, config, place, nodes)
    if (isinstance(module, str) and module.split(".")[0] not in ("keras", "tf_keras")) or registered not in (None, class_name):
        raise entry.refusal("is not one of Keras' own")
    return _model(entry, depth) if class_name in MODELS else entry


def _model(entry: Entry, depth: int) -> Entry:
    """Read a model's layers, and bring them into the order in which they run."""
    listed = entry.config.get("layers")
    if not isinstance(listed, list) or not listed or len(listed) > MOST_LAYERS or depth >= DEEPEST:
        raise entry.refusal(f"has no list of layers, or more than {MOST_LAYERS:,}, or models in models more than {DEEPEST} deep")
    layers = [_entry(given, f"layer {i} of {shown(entry.name)!r}", depth + 1) for i, given in enumerate(listed, start=1)]
    line = layers if entry.class_name == "Sequential" else _line(entry, layers)
    return Entry(entry.class_name, entry.name, entry.config, entry.place, entry.nodes, layers, line)


def _line(model: Entry, layers: Sequence[Entry]) -> list[Entry]:
    """Follow the layers back from a model's output to its input."""
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) != len(layers):
        raise model.refusal("has two layers of one name")
    for key in ("input_layers", "output_layers"):
        if len(ends := _histories(model.config.get(key))) != 1:
            raise model.refusal(f"has {len(ends)} {key.replace('_', ' ')}, expected one")
    line, seen, current = [], set(), _histories(model.config.get("output_layers"))[0]
    while True:
        name, call, output = current
        entry = by_name.get(name)
        if entry is None:
            raise model.refusal(f"takes {shown(name)!r}, which is none of its layers")
        call = 0 if len(entry.nodes) == 1 else call  # models count a call by their own input, which is not in the list
        if output != 0 or (name, call) in seen or call not in range(max(len(entry.nodes), 1)):
            raise entry.refusal(f"is said to give output {output} of its call {call}, which makes no line")
        seen.add((name, call))
        line.append(entry)
        if entry.class_name == "InputLayer" or not entry.nodes:
            return line[::-1]
        if entry.class_name in MODELS and len(entry.nodes) > 1:
            raise entry.refusal(f"is called {len(entry.nodes)} times")
        sources = _sources(entry, entry.nodes[call])
        if len(sources) != 1:
            names = ", ".join(shown(source[0]) for source in sources[:8])
            raise entry.refusal(f"takes what {len(sources)} layers give ({names}), so the network is not a line")
        current = sources[0]


def _sources(entry: Entry, node: object) -> list[tuple[str, int, int]]:
    """Tell what a call takes; other arguments than outputs of layers must be such as change nothing."""
    others: dict[str, Any] = {}
    if isinstance(node, dict):
        arguments, options = node.get("args"), node.get("kwargs")
        if not isinstance(arguments, list) or not isinstance(options, dict):
            raise entry.refusal("has a call without arguments")
        others = {**{f"argument {i}": value for i, value in enumerate(arguments[1:], start=2)}, **options}
        others.pop("training", None)  # the model's own goes before it, and augmentation has it by default
        given = [arguments, *options.values()]
    else:
        items = [item if isinstance(item, list) else [item] for item in (node if isinstance(node, list) else [])]
        for options in (part for item in items for part in item[3:] if isinstance(part, dict)):
            others |= options
        given = [[item[:3] for item in items], *others.values()]
    for key, value in others.items():
        if value not in (None, False) and not _histories(value):
            raise entry.refusal(f"is called with {shown(key)} {written(value)}")
    return _histories(given)


def _histories(given: object) -> list[tuple[str, int, int]]:
    """Find all (name, call, output) in lists, and in Keras 3's tables."""
    found, waiting = [], [given]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list) and [type(part) for part in value[:3]] == [str, int, int]:
            found.append((value[0], value[1], value[2]))
        elif isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            config = value.get("config")
            history = config.get("keras_history") if isinstance(config, dict) else None
            waiting += [history] if history is not None else reversed(list(value.values()))
    return found


def written(value: object) -> str:
    """Write a value from JSON for people."""
    return shown(json.dumps(value))
