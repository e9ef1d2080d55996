"""Whether a network is the one that a file describes step by step, as ONNX files and whole models of Keras do."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence

from minicnn.errors import WeightFileError
from minicnn.layers import LAYERS
from minicnn.models.specs import LayerSpec, Specs
from minicnn.models.wiring import computing, numbered
from minicnn.network.graph import INPUT
from minicnn.network.network import Network
from minicnn.weightfiles.stored import BATCH_NORM, DENSE, Step, shown

#: Layers that begin a network's top: behind them there are rows of numbers, no images.
TOP = frozenset({"flatten", "global_average_pool", "global_max_pool", DENSE})


def compare_steps(steps: Sequence[Step], network: Network, stated: Collection[str]) -> None:
    """Raise WeightFileError unless a network is the one that the file describes, in all that changes its numbers.

    Dropout does not, nor does flattening what is flat. A file without top is compared up to where the network flattens. Layers of one's
    own may stand for any steps; beside such, only what has weights or slides is compared.
    """
    known = {name: layer for name, layer in network.layers.items() if LAYERS.get(layer.word) is type(layer)}
    expected = _telling({name: LayerSpec.of(layer.word, layer.to_options(), network.inputs[name]) for name, layer in known.items()})
    found = _telling(_specs(steps))
    if not any(spec.word == DENSE for _, spec in found) and any(spec.word == DENSE for _, spec in expected):
        expected, found = (list(itertools.takewhile(lambda named: named[1].word not in TOP, specs)) for specs in (expected, found))
    if len(known) < len(network.layers):
        expected, found = ([(name, spec._replace(inputs=())) for name, spec in specs if spec.options] for specs in (expected, found))
    for ours, theirs in itertools.zip_longest(expected, found):
        unusual = {key for named in (ours, theirs) if named for key in named[1].written}
        told = [_told(named, ours is None or ours[0] in stated, unusual) for named in (ours, theirs)]
        if told[0] != told[1]:
            names = [f" (called {shown(named[0])})" if named else "" for named in (ours, theirs)]
            expectation, finding = map("".join, zip(told, names))
            raise WeightFileError(
                f"the file's network has {finding} where {expectation} is expected. Load the file alone, as it says itself what it is, "
                "or correct the description"
            )


def _specs(steps: Sequence[Step]) -> dict[str, LayerSpec]:
    """Name a file's steps: as it does, or also by their places where it does not, or calls two the same."""
    given = Counter([INPUT, *(step.name for step in steps)])
    names: dict[str, int] = {}
    for place, step in enumerate(steps, start=1):
        name = step.name if step.name and given[step.name] == 1 else f"{step.name} {place}".strip()
        while name in names or (name != step.name and name in given):
            name += "_"
        names[name] = place
    sources = [*names, INPUT]
    return {name: LayerSpec.of(step.word, step.options, [sources[source] for source in step.inputs]) for name, step in zip(names, steps)}


def _telling(specs: Specs) -> list[tuple[str, LayerSpec]]:
    """Keep the layers that change the numbers, or the order in which they are, with the numbers of those that they take."""
    flat = False

    def tells_nothing(spec: LayerSpec) -> bool:
        nonlocal flat
        was_flat, flat = flat, flat or spec.word in TOP
        return spec.word == "dropout" or (spec.word == "flatten" and was_flat)

    return [(name, computing(spec)) for name, spec in numbered(specs, tells_nothing)]


def _told(named: tuple[str, LayerSpec] | None, epsilon_counts: bool, unusual: Collection[str]) -> str:
    """Write some of the options to compare them: of batch normalization at most epsilon, as a file's numbers have it, in float32."""
    if named is None:
        return "nothing"
    spec = named[1]
    word, options = spec.word, {key: value for key, value in spec.shortened.items() if key in unusual}
    if word == BATCH_NORM:
        options = {"epsilon": float(f"{spec.options['epsilon']:.6g}")} if epsilon_counts else {}
    written = " ".join([word, *(["with"] if options else []), ", ".join(f"{key} {value}" for key, value in options.items())]).strip()
    return f"{written} of {' and '.join(spec.inputs)}" if spec.inputs else written
