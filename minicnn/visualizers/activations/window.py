"""The numbers behind one number: how a unit of a real network got its value, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.layers import Join
from minicnn.layers.terms import Terms
from minicnn.models.model import Model
from minicnn.network.gradients import Gradients
from minicnn.network.graph import INPUT
from minicnn.network.network import Trace
from minicnn.network.objectives import class_gradients
from minicnn.pictures.render import Display, Numbers, Signed
from minicnn.pictures.results import Result
from minicnn.visualizers.activations.arithmetic import number, side_by_side
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, USUAL, FirstConvolution, Target, Traced, Unit

#: Windows of more pixels are not written out number by number.
MOST_WRITTEN = 49

#: At most so many channels are written out.
MOST_CHANNELS = 8

#: The names of a sum's parts, of the value's and of the gradient's.
FORWARD = ("inputs", "factors", "products")
BACKWARD = ("gradients above", "factors back", "products back")


@visualizer(
    question="What is a filter?",
    paper="the definition of the layers, and the chain rule",
    if_zero="the unit is off, and no gradient reaches it; choose another unit",
    report={"channels": 2},
)
def window(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    layer: FirstConvolution = USUAL,
    *,
    unit: Unit | None = None,
    channels: int = 4,
) -> Result:
    """Write out the numbers that make one number of the network, and those that make its gradient.

    One output of a layer is its window of the layer below, times the filter, summed over all channels, plus the bias. On the way back
    its gradient is a sum as well: the gradients of all the numbers above that it went into, each times the same weight as forward. What
    is shown are the channels that contribute most; the sums are over all. Cost: about 3 forward passes.

    Parameters
    ----------
    target : str or int
        The class whose score is differentiated, by name or index. Default: the likeliest.
    layer : str
        Default: the first convolution.
    unit : (row, column, channel)
        Which number of the layer's output, counted from 0; of a dense layer (channel,). With only (row, column), the channel with the
        largest value there. Default: the largest value of all.
    channels : int
        How many of the channels that contribute most are written out, at most 8.

    Returns
    -------
    Result
        Values: "inputs", "factors" and "products" of the value, arrays (window height, window width, input channels), or (inputs,) for a
        dense layer; the same for the gradient, "gradients above", "factors back" and "products back", with the channels of the
        next layer above that mixes numbers; "value" and "gradient", arrays (1,). Above the last layer there is nothing.

    Raises
    ------
    MinicnnError
        If there is no such unit, or `channels` is larger than 8.
    """
    if channels > MOST_CHANNELS:
        raise MinicnnError(f"channels is {channels}; expected at most {MOST_CHANNELS}. The result's values hold them all")
    network = image.network
    output = image.outputs[layer][0]
    unit = find_unit(output, unit, layer)
    _, gradients = class_gradients(image, target)
    gradient = gradients[layer][0][unit]
    forward, name_of = _forward_terms(model, image, layer, unit)
    values = dict(zip(FORWARD, (forward.inputs, forward.factors, forward.products)))
    tables = _tables(FORWARD, forward, channels, name_of)
    text = [f"The value of {layer} at {unit_name(unit)}", _written_out(FORWARD, forward, channels, name_of), _as_sum(forward, output[unit])]
    text.append(
        f"\nThe gradient of the score of {model.class_name(target)} with respect to {layer} at {unit_name(unit)} is {number(gradient)}."
    )
    if layer == image.last:
        text.append("The score is read off this layer.")
    below_it = layer
    while (above := network.only_consumer(below_it)) and not isinstance(network.layers[above], Join):
        back = network.layers[above].described("gradient_terms")(gradients[above][0], image.outputs[below_it][0], unit)
        if network.layers[above].described("elementwise"):
            passed = f"{number(back.factors[0, 0, 0])} times what comes from above, {number(back.inputs[0, 0, 0])}"
            text.append(f"{above} passes {passed}; that comes")
            below_it = above
            continue
        values |= dict(zip(BACKWARD, (back.inputs, back.factors, back.products)))
        tables |= _tables(BACKWARD, back, channels, str)
        text += [f"from {above}:", _written_out(BACKWARD, back, channels, str), _as_sum(back, gradients[below_it][0][unit])]
        break
    else:
        text += _parts_from_above(image, gradients, below_it, unit)
    values |= {"value": np.array([output[unit]]), "gradient": np.array([gradient])}
    shows = {name: display for name, (_, display) in tables.items()}
    values |= {name: table for name, (table, _) in tables.items()}
    title = f"{model.name}: what makes {layer} at {unit_name(unit)}, and its gradient"
    return Result(values, shows, title, text="\n".join(text), columns=3, beside_photo=False)


def _forward_terms(model: Model, trace: Trace, layer: str, unit: tuple[int, ...]) -> tuple[Terms, Callable[[int], str]]:
    """Take a value apart; returns its terms, and how their channels, or where layers flow together their layers, are called."""
    found, sources, below = trace.network.layers[layer], trace.network.inputs[layer], [x[0] for x in trace.inputs_of(layer)]
    if isinstance(found, Join):
        return found.described("input_terms")(below, unit)[0], lambda i: sources[i]
    return found.described("value_terms")(below[0], unit), model.color_name if sources == (INPUT,) else str


def _parts_from_above(trace: Trace, gradients: Gradients, layer: str, unit: tuple[int, ...]) -> list[str]:
    """Say what comes back to a unit from each layer that took its layer's output, where that are several, or one where layers join."""
    network, parts = trace.network, []
    reached = dict(gradients.items())
    for above in (name for name in dict.fromkeys(network.consumers[layer]) if name in reached):
        back: Any = network.layers[above].backward(reached[above], trace.contexts[above])
        for source, part in zip(network.inputs[above], back if isinstance(network.layers[above], Join) else (back,)):
            if source == layer:
                parts.append(f"{number(part[0][unit])} from {above}")
    return [f"It is the sum of what comes back: {', '.join(parts)}."] if parts else []


def find_unit(output: np.ndarray, unit: tuple[int, ...] | None, layer: str) -> tuple[int, ...]:
    """Complete a unit of a layer's output (H, W, C) or (N,): without channel the largest there, without all of it the largest of all.

    Raises
    ------
    MinicnnError
        If there is no such unit.
    """
    if unit is None:
        return tuple(int(i) for i in np.unravel_index(output.argmax(), output.shape))
    unit = tuple(int(i) for i in unit)
    fitting = len(unit) == output.ndim or (len(unit) == 2 and output.ndim == 3)
    if not fitting or any(i >= size for i, size in zip(unit, output.shape)):
        raise MinicnnError(
            f"unit is {unit_name(unit)}; expected one in the output of {layer}, whose shape is {' x '.join(map(str, output.shape))}"
        )
    return unit if len(unit) == output.ndim else (*unit, int(output[unit].argmax()))


def unit_name(unit: tuple[int, ...]) -> str:
    """Write a unit as on the command line: row,column,channel."""
    return ",".join(map(str, unit))


def _strongest(terms: Terms, count: int) -> list[int]:
    """Choose the channels whose products, summed over the window, are the largest in size."""
    sums = terms.products.reshape(-1, terms.products.shape[-1]).sum(axis=0, dtype=np.float64)
    return [int(i) for i in np.argsort(-np.abs(sums), kind="stable")[:count]]


def _written_out(names: tuple[str, ...], terms: Terms, count: int, name_of: Callable[[int], str]) -> str:
    """Write the strongest channels' windows side by side; of a dense layer, the strongest inputs in one table."""
    chosen = _strongest(terms, count)
    parts = dict(zip(names, (terms.inputs, terms.factors, terms.products)))
    if terms.inputs.ndim == 1:
        numbers = {"number": np.array(chosen) + terms.first, **{name: part[chosen] for name, part in parts.items()}}
        return side_by_side({name: column[:, None] for name, column in numbers.items()})
    if terms.inputs.shape[0] * terms.inputs.shape[1] > MOST_WRITTEN:
        return f"{terms.inputs.shape[0]} x {terms.inputs.shape[1]} numbers, too many to write out; they are in the result's values"
    written = []
    for i in chosen:
        table = side_by_side({name: part[..., i] for name, part in parts.items()})
        written.append(f"channel {name_of(terms.first + i)}\n{table}\nsum {number(terms.products[..., i].sum(dtype=np.float64))}")
    return "\n".join(written)


def _as_sum(terms: Terms, value: float) -> str:
    products = terms.products
    bias = f" + bias {number(terms.bias)}" if terms.bias else ""
    sums = number(products.sum(dtype=np.float64))
    return f"All {products.size} products together {sums}{bias} = {number(terms.sum)}; the network computed {number(value)}."


def _tables(names: tuple[str, ...], terms: Terms, count: int, name_of: Callable[[int], str]) -> dict[str, tuple[np.ndarray, Display]]:
    """Choose what to show of a sum: the strongest channels' windows by caption, each kind of number on one scale."""
    chosen = _strongest(terms, count)
    parts = dict(zip(names, (terms.inputs, terms.factors, terms.products)))
    limits = {name: float(np.abs(part[..., chosen]).max()) for name, part in parts.items()}
    if terms.inputs.ndim == 1:
        numbers = ", ".join(name_of(terms.first + i) for i in chosen)
        return {f"{name}, numbers {numbers}": (part[None, chosen], Numbers(limit=limits[name])) for name, part in parts.items()}
    few = terms.inputs[..., 0].size <= MOST_WRITTEN
    return {
        f"{name}, channel {name_of(terms.first + i)}": (part[..., i], (Numbers if few else Signed)(limit=limits[name]))
        for i in chosen
        for name, part in parts.items()
    }
