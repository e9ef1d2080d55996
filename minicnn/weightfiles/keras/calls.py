"""In which order a Keras model's layers run, and what each takes.

In a Sequential they run in the order of the list. In a Functional, called Model by old versions, each layer has for each of its calls a
*node*, which names the layers whose outputs it takes:

    "inbound_nodes": [[["conv2d", 0, 0, {}]]]                                                             Keras 2
    "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__",
                                 "config": {"keras_history": ["conv2d", 0, 0]}}], "kwargs": {}}]           Keras 3

The name is followed by the number of that layer's call and of its output. From the model's output the names are followed back to its input;
layers that the output does not depend on are left out. A layer that is called twice is two calls with the same arrays.

Sums and products in formulas are written as layers, too, with numbers among the arguments; those are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minicnn.weightfiles.keras.entries import FORMULAS, MODELS, MOST_LAYERS, Call, Entry, written
from minicnn.weightfiles.stored import shown

#: A layer's name, and the numbers of its call and of that call's output.
History = tuple[str, int, int]


def sequential_calls(layers: Sequence[Entry]) -> list[Call]:
    """Call one layer after the other."""
    return [Call(layer, (i - 1,)) for i, layer in enumerate(layers)]


def functional_calls(model: Entry, layers: Sequence[Entry]) -> list[Call]:
    """List the calls that a model's output depends on, each after those whose outputs it takes.

    Raises
    ------
    WeightFileError
        If the layers name others that there are not, or run in a circle, or the model has several inputs or outputs.
    """
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) != len(layers):
        raise model.refusal("has two layers of one name")
    for setting in ("input_layers", "output_layers"):
        if len(ends := histories(model.config.get(setting))) != 1:
            raise model.refusal(f"has {len(ends)} {setting.replace('_', ' ')}, expected one")
    calls: list[Call] = []
    places: dict[tuple[str, int], int | None] = {}  # None while a call waits for what it takes
    waiting = [histories(model.config.get("output_layers"))[0]]
    while waiting:
        entry, number = _found(model, by_name, waiting[-1])
        key = (entry.name, number)
        if places.get(key) is not None:
            waiting.pop()
            continue
        is_input = entry.class_name == "InputLayer" or not entry.nodes
        sources, numbers = ([], {}) if is_input else _arguments(entry, entry.nodes[number])
        if not sources and not is_input:
            raise entry.refusal("takes the output of no layer")
        taken = [places.get((layer.name, call)) for layer, call in (_found(model, by_name, source) for source in sources)]
        if None not in taken:
            waiting.pop()
            places[key] = len(calls)
            calls.append(Call(entry, tuple(place for place in taken if place is not None) or (-1,), numbers))
        elif key in places:
            raise entry.refusal("depends on its own output, which makes a circle")
        else:
            places[key] = None
            waiting += [source for source, place in zip(reversed(sources), reversed(taken)) if place is None]
        if len(calls) > MOST_LAYERS:
            raise model.refusal(f"calls layers more than {MOST_LAYERS:,} times")
    return calls


def _found(model: Entry, by_name: Mapping[str, Entry], history: History) -> tuple[Entry, int]:
    """Find a layer and the number of its call."""
    name, number, output = history
    entry = by_name.get(name)
    if entry is None:
        raise model.refusal(f"takes {shown(name)!r}, which is none of its layers")
    number = 0 if len(entry.nodes) == 1 else number  # models count a call by their own input, which is not in the list
    if output != 0 or number not in range(max(len(entry.nodes), 1)):
        raise entry.refusal(f"is said to give output {output} of its call {number}, which it does not have")
    if entry.class_name in MODELS and len(entry.nodes) > 1:
        raise entry.refusal(f"is called {len(entry.nodes)} times")
    return entry, number


def _arguments(entry: Entry, node: object) -> tuple[list[History], dict[str, Any]]:
    """Tell what a call takes, and the numbers in a formula; a layer's arguments other than these must be such as change nothing."""
    others: dict[str, Any] = {}
    if isinstance(node, dict):
        arguments, options = node.get("args"), node.get("kwargs")
        if not isinstance(arguments, list) or not isinstance(options, dict):
            raise entry.refusal("has a call without arguments")
        start = 0 if entry.class_name in FORMULAS else 1
        others = {**{f"argument {i}": value for i, value in enumerate(arguments[start:], start=start + 1)}, **options}
        others.pop("training", None)  # the model's own goes before it, and augmentation has it by default
        given = [arguments, *options.values()]
    else:
        listed = node if isinstance(node, list) else []
        single = [type(part) for part in listed[:3]] == [str, int, int]  # a formula of tf.keras
        items = [listed] if single else [item if isinstance(item, list) else [item] for item in listed]
        for options in (part for item in items for part in item[3:] if isinstance(part, dict)):
            others |= options
        given = [[item[:3] for item in items], *others.values()]
    unknown = {key: value for key, value in others.items() if value not in (None, False) and not histories(value)}
    if unknown and entry.class_name not in FORMULAS:
        key, value = next(iter(unknown.items()))
        raise entry.refusal(f"is called with {shown(key)} {written(value)}")
    return histories(given), unknown


def histories(given: object) -> list[History]:
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
