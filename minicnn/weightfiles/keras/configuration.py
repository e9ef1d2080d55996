"""What a Keras model says of itself: a tree of layers in JSON.

    {"class_name": "Functional", "config": {"name": "model", "layers": [...], "output_layers": [["dense", 0, 0]]}}

Each of the layers is such a table, too; one that is a model has layers of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from minicnn.errors import WeightFileError
from minicnn.weightfiles.keras.calls import functional_calls, sequential_calls
from minicnn.weightfiles.keras.entries import DEEPEST, MODELS, MOST_LAYERS, Entry
from minicnn.weightfiles.stored import shown


def read_model(text: str) -> Entry:
    """Read a model's configuration.

    Raises
    ------
    WeightFileError
        If it is damaged, or the layers do not make a network with one input and one output.
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
    calls = sequential_calls(layers) if entry.class_name == "Sequential" else functional_calls(entry, layers)
    return replace(entry, layers=layers, calls=calls)
