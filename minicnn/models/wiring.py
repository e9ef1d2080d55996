"""Layers by number and by other names: so networks can be compared whose layers are called differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from minicnn.models.specs import LayerSpec, Specs
from minicnn.network.graph import INPUT


def numbered(layers: Specs, left_out: Callable[[LayerSpec], bool] = lambda spec: False) -> list[tuple[str, LayerSpec]]:
    """List layers, each with the numbers of those that it takes in place of their names; with none if that is the one before.

    Parameters
    ----------
    layers : dict of str to LayerSpec
    left_out : function
        Whether a layer is left out; those that take its output then take what it took. It is asked in the layers' order.

    Returns
    -------
    list of (name, LayerSpec)
        The numbers count from 1; "input" stays.
    """
    kept: list[tuple[str, LayerSpec]] = []
    numbers, before = {INPUT: INPUT}, INPUT
    for name, spec in layers.items():
        sources, previous = spec.inputs or (before,), str(len(kept)) if kept else INPUT
        taken = tuple(numbers.get(source, source) for source in sources)
        if left_out(spec):
            numbers[name] = taken[0]
        else:
            kept.append((name, spec._replace(inputs=() if taken == (previous,) else taken)))
            numbers[name] = str(len(kept))
        before = name
    return kept


def computing(spec: LayerSpec) -> LayerSpec:
    """Leave out of a layer what changes none of its numbers: whether its biases are parameters, as without them they are 0; which of the
    inputs of a sum comes first."""
    inputs = tuple(sorted(spec.inputs)) if spec.word == "add" else spec.inputs
    return spec._replace(options={name: value for name, value in spec.options.items() if name != "use_bias"}, inputs=inputs)


def renamed(layers: Specs, names: Mapping[str, str]) -> dict[str, LayerSpec]:
    """Give some layers other names, where they stand and where they are taken."""
    return {
        names.get(name, name): spec._replace(inputs=tuple(names.get(source, source) for source in spec.inputs))
        for name, spec in layers.items()
    }
