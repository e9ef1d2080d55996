"""The numbers behind one number: how a unit of a real network got its value, and its gradient."""

from __future__ import annotations

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.model import Model
from minicnn.objectives import class_score
from minicnn.render import Display, Numbers, Signed
from minicnn.results import Result
from minicnn.terms import Terms, gradient_terms, value_terms
from minicnn.visualizers.arithmetic import number, side_by_side
from minicnn.visualizers.options import Unit
from minicnn.visualizers.registry import visualizer

#: Windows of more pixels are not written out number by number.
MOST_WRITTEN = 49

#: Of the value's sum.
PARTS = ("inputs", "factors", "products")


@visualizer(
    question="What is a filter?",
    paper="the definition of the layers, and the chain rule",
    if_zero="the unit is off, and no gradient reaches it; choose another unit",
    layer=lambda network: network.first_convolution,
    report=lambda height, width: {"channels": 3},
)
def window(
    model: Model,
    image,
    target: str | int | None = None,
    layer: str | None = None,
    *,
    unit: Unit | None = None,
    channels: int = 4,
) -> Result:
    """Write out the numbers that make one number of the network, and those that make its gradient.

    One output of a layer is its window of the layer below, times the filter, summed over all channels, plus the bias. On the way back
    its gradient is a sum as well: the gradients of all the numbers above that it went into, each times the same weight as forward.
    What is shown are the channels that contribute most; the sums are over all.

    Parameters
    ----------
    model : Model
    image : photo
    target : str or int
        The class whose score is differentiated, by name or index. Default: the likeliest.
    layer : str
        Default: the first convolution.
    unit : (row, column, channel)
        Which number of the layer's output, counted from 0; of a dense layer (channel,). With only (row, column), the channel with the
        largest value there. Default: the largest value of all.
    channels : int
        How many of the channels that contribute most are written out.

    Returns
    -------
    Result
        Values: "inputs", "factors" and "products" of the value, arrays (window height, window width, input channels), or (inputs,) for a
        dense layer; the same for the gradient, "gradients above", "factors back" and "products back", with the channels of the
        next layer above that mixes numbers; "value" and "gradient", arrays (1,). Above the last layer there is nothing.

    Raises
    ------
    MinicnnError
        If there is no such unit.
    """
    network = model.network
    trace = network.trace(image)
    names = list(network.layers)
    place = names.index(layer)
    output = trace.outputs[layer][0]
    unit = find_unit(output, unit, layer)
    below = (trace.input if place == 0 else trace.outputs[names[place - 1]])[0]
    _, seeds = class_score(target).evaluate(trace)
    gradients = network.gradients(trace, seeds)
    forward = value_terms(network.layers[layer], below, unit)
    values = {"inputs": forward.inputs, "factors": forward.factors, "products": forward.products}
    text = [f"The value of {layer} at {unit_name(unit)}", _written_out(forward, "inputs", channels), _as_sum(forward, output[unit])]
    gradient = gradients[layer][0][unit]
    text.append(f"\nIts gradient, for the score of {model.class_name(target)}")
    if place + 1 == len(names):
        text.append(f"is {number(gradient)}: the score is read off this layer.")
    for above in names[place + 1 :]:
        back = gradient_terms(network.layers[above], gradients[above][0], trace.outputs[names[names.index(above) - 1]][0], unit)
        if back.inputs.shape == (1, 1, 1):  # a layer that passes numbers on, each by itself
            text.append(f"{above} passes {number(back.factors[0, 0, 0])} times what comes from above, {number(back.inputs[0, 0, 0])}; that comes")
            continue
        values |= {"gradients above": back.inputs, "factors back": back.factors, "products back": back.products}
        total = gradients[names[names.index(above) - 1]][0][unit]
        text += [f"from {above}", _written_out(back, "gradients above", channels), _as_sum(back, total)]
        break
    values |= {"value": np.array([output[unit]]), "gradient": np.array([gradient])}
    title = f"{model.name}: what makes {layer} at {unit_name(unit)}"
    return Result(*_pictures(values, forward, channels), title, text="\n".join(text), columns=3, beside_photo=False)


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
        raise MinicnnError(f"unit is {unit_name(unit)}; expected one in the output of {layer}, whose shape is {' x '.join(map(str, output.shape))}")
    return unit if len(unit) == output.ndim else (*unit, int(output[unit].argmax()))


def unit_name(unit: tuple[int, ...]) -> str:
    """Write a unit as on the command line: row,column,channel."""
    return ",".join(map(str, unit))


def _strongest(terms: Terms, count: int) -> list[int]:
    """Choose the channels whose products, summed over the window, are the largest in size."""
    sums = terms.products.reshape(-1, terms.products.shape[-1]).sum(axis=0, dtype=np.float64)
    return [int(i) for i in np.argsort(-np.abs(sums), kind="stable")[:count]]


def _written_out(terms: Terms, inputs_name: str, count: int) -> str:
    """Write the strongest channels' windows side by side; of a dense layer, the strongest inputs in one table."""
    chosen = _strongest(terms, count)
    if terms.inputs.ndim == 1:
        columns = {"number": np.array(chosen), inputs_name: terms.inputs[chosen], "factors": terms.factors[chosen], "products": terms.products[chosen]}
        return side_by_side({name: column[:, None] for name, column in columns.items()})
    if terms.inputs.shape[0] * terms.inputs.shape[1] > MOST_WRITTEN:
        return f"{terms.inputs.shape[0]} x {terms.inputs.shape[1]} numbers, too many to write out; they are in the result's values"
    parts = []
    for i in chosen:
        first = 0 if not terms.start or terms.inputs.shape[2] > 1 else terms.start[2]
        table = side_by_side({inputs_name: terms.inputs[..., i], "factors": terms.factors[..., i], "products": terms.products[..., i]})
        parts.append(f"channel {first + i}\n{table}\nsum {number(terms.products[..., i].sum(dtype=np.float64))}")
    return "\n".join(parts)


def _as_sum(terms: Terms, value: float) -> str:
    products = terms.products
    bias = f" + bias {number(terms.bias)}" if terms.bias else ""
    sums = number(products.sum(dtype=np.float64))
    return f"All {products.size} products together {sums}{bias} = {number(terms.sum)}; the network computed {number(value)}."


def _pictures(values: dict[str, np.ndarray], forward: Terms, count: int) -> tuple[dict[str, np.ndarray], dict[str, Display]]:
    """Add the strongest channels' small tables to the values, and say how to show them."""
    chosen = _strongest(forward, count)
    if forward.inputs.ndim == 1:
        added = {f"{name}, numbers {', '.join(map(str, chosen))}": values[name][chosen, None] for name in PARTS}
        return values | added, {name: Numbers() for name in added}
    few = forward.inputs.shape[0] * forward.inputs.shape[1] <= MOST_WRITTEN
    shows = {}
    for i in chosen:
        for name in PARTS:
            limit = float(np.abs(values[name][..., chosen]).max())  # one scale for all channels
            values = values | {f"{name}, channel {i}": values[name][..., i]}
            shows[f"{name}, channel {i}"] = Numbers(limit=limit) if few else Signed(limit=limit)
    return values, shows
