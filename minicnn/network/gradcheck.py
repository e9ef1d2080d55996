r"""Is the backward pass the derivative of the forward pass? Finite differences tell.

For a function f, a direction d and weights r,

    <f(x + h d) - f(x - h d), r> / 2h  =  <backward(r), d>  +  O(h^2)

One random direction and one random weighting of the outputs test all entries of the Jacobian at once: a wrong entry goes unseen only
if d happens to be orthogonal to the error. On request the whole Jacobian is compared, entry by entry.

ReLU and max pooling have kinks, where the difference means nothing. All our layers with kinks say which branch each output took
(`Layer.decisions`), and between points with the same decisions they are linear. So where decisions at x + h d and x - h d differ, the
step h is made smaller, for a single layer only for those outputs. What still differs lies on a kink, as a ReLU at exactly 0 does, or a
pooling window of equal pixels: for a single layer those outputs are left out and counted; for a network, where one decision concerns
all outputs, the comparison is void, and that is what is reported.

References
----------
The random direction: HIPS autograd, `test_util.py`. The detection of kinks: Chainer, `gradient_check.py`, which compares steps instead.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from minicnn.errors import ShapeError, listed
from minicnn.layers import Join, Layer
from minicnn.layers.base import Context
from minicnn.network.network import Network
from minicnn.network.objectives import Objective

#: Steps to try, in units of the root mean square of what is varied. Large ones suffer from curvature, small ones from rounding.
STEPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

#: From so many of them on a comparison may begin; with still smaller ones rounding would hide what is wrong.
SIZES = 3

#: A relative error up to this is rounding; a wrong gradient is usually off by more than 1e-2.
TOLERANCE = 1e-7

#: A function's outputs at a point, and all decisions that were taken on the way.
Evaluation = tuple[np.ndarray, list[np.ndarray]]


@dataclass(frozen=True)
class Check:
    """The outcome of one comparison.

    Attributes
    ----------
    name : str
        What was varied: "input" or a parameter.
    error : float
        |numeric - analytic| / max(|numeric|, |analytic|); for a whole Jacobian the largest difference over the largest entry.
    tolerance : float
        What the error may be: 1e-7, or more where only a step so small that rounding shows avoids the kinks.
    kinks : int
        How many decisions changed however small the step.
    void : bool
        Whether these kinks leave nothing to compare.
    zero : bool
        Whether both gradients are zero, up to the rounding of the outputs.
    problem : str
        What keeps the comparison from meaning anything; empty if nothing does.
    """

    name: str
    error: float
    tolerance: float = TOLERANCE
    kinks: int = 0
    void: bool = False
    zero: bool = False
    problem: str = ""

    @property
    def verdict(self) -> str:
        """Say "ok", "zero" or "wrong", how many kinks were left out, or that there is nothing to compare with, and why."""
        if self.problem:
            return self.problem
        if self.void:
            return f"on a kink ({self.kinks:,})"
        verdict = "zero" if self.zero else "ok" if self.error <= self.tolerance else "wrong"
        return f"{verdict}, {self.kinks:,} kinks left out" if self.kinks else verdict


def check_layer(layer: Layer, x: np.ndarray, seed: int = 0, full: bool = False) -> list[Check]:
    """Compare a layer's backward pass and parameter gradients with finite differences.

    Parameters
    ----------
    layer : Layer
    x : array (N, ...)
        Where to compare; used as float64.
    seed : int
        For the random direction and weights.
    full : bool
        Compare the whole Jacobian with respect to the input; the cost is one forward and one backward pass for each number in and out.

    Returns
    -------
    list of Check
        For "input" and for each parameter.
    """
    generator = np.random.default_rng(seed)
    x = x.astype(np.float64)
    layer = layer.replace(**{name: array.astype(np.float64) for name, array in layer.arrays.items()})
    output, context = layer.forward(x.copy())
    weights = generator.standard_normal(output.shape)
    problem = _single_precision(layer, x, output) or _overwritten(layer, x, weights)
    if problem:
        return [Check("input", np.inf, problem=problem)]

    def varied(name: str, value: np.ndarray) -> Evaluation:
        """Run the layer with another input or another parameter."""
        changed = layer if name == "input" else layer.replace(**{name: value})
        output, context = changed.forward(value if name == "input" else x)
        return output, _decisions([changed], [context])

    checks = []
    for name, value in {"input": x, **layer.parameters}.items():
        if full and name == "input":
            checks.append(_check_jacobian(layer, x))
            continue
        direction = generator.standard_normal(value.shape)

        def compared(first: int, name: str = name, value: np.ndarray = value, direction: np.ndarray = direction) -> Check:
            difference = _differentiate(partial(varied, name), value, direction, first)
            smooth = np.where(difference.settled, weights, 0)  # leave the outputs on kinks out
            gradient = layer.backward(smooth, context) if name == "input" else _parameter_gradient(layer, name, smooth, context)
            if gradient.dtype != np.float64:
                return Check(name, np.inf, problem=f"the backward pass computes in {gradient.dtype}; give it float64")
            return dataclasses.replace(_compare(name, difference, smooth, gradient, direction), void=not smooth.any())

        checks.append(_best(compared))
    return checks


def _best(compared: Callable[[int], Check]) -> Check:
    """Compare with steps of several sizes, as large ones suffer where a layer is curved; return the first that is right, or the nearest."""
    found = []
    for first in range(SIZES):
        found.append(compared(first))
        if found[-1].problem or found[-1].error <= found[-1].tolerance:
            return found[-1]
    return min(found, key=lambda check: check.error)


def _single_precision(layer: Layer, x: np.ndarray, output: np.ndarray) -> str:
    """Say so if a layer rounds to 32 bits on the way, where finite differences mean nothing; empty if it does not."""
    if output.dtype != np.float64:
        return f"computes in {output.dtype}; give it float64"
    rounded = x.astype(np.float32).astype(np.float64)
    same, near = (np.array_equal(layer.forward(other)[0], output) for other in (rounded, 1.001 * x))
    return "computes in float32; give it float64" if same and not near and not np.array_equal(rounded, x) else ""


def _overwritten(layer: Layer, x: np.ndarray, weights: np.ndarray) -> str:
    """Say so if a layer changes an array that it was given; empty if it does not."""
    given, gradient = x.copy(), weights.copy()
    _, context = layer.forward(given)
    if not np.array_equal(given, x):
        return "wrong: the forward pass overwrites its input"
    layer.backward(gradient, context)
    layer.parameter_gradients(gradient, context)
    if not np.array_equal(gradient, weights):
        return "wrong: the backward pass overwrites the gradient that it was given"
    return "" if np.array_equal(given, x) else "wrong: the backward pass overwrites its context"


def _parameter_gradient(layer: Layer, name: str, gradient: np.ndarray, context: Context) -> np.ndarray:
    """Return the gradient with respect to one parameter."""
    gradients = layer.parameter_gradients(gradient, context)
    if name not in gradients:
        raise ShapeError(
            f"a {type(layer).__name__} has the parameter {name}, and its parameter_gradients gives {listed(list(gradients)) or 'nothing'}"
        )
    return gradients[name]


def check_objective(network: Network, objective: Objective, x: np.ndarray, seed: int = 0) -> Check:
    """Compare the gradient that a visualizer follows with finite differences, through the whole network.

    Parameters
    ----------
    network : Network
    objective : Objective
    x : array (N, ...)
        Where to compare; used as float64.
    seed : int
        For the random direction.

    Returns
    -------
    Check
    """
    network = network.astype(np.float64)
    x = x.astype(np.float64)

    def at(x: np.ndarray) -> Evaluation:
        trace = network.trace(x)
        return objective.evaluate(trace)[0], _decisions(network.layers.values(), trace.contexts.values())

    values, gradient = objective.value_and_gradient(network, x)
    direction = np.random.default_rng(seed).standard_normal(x.shape)

    def compared(first: int) -> Check:
        difference = _differentiate(at, x, direction, first)
        check = _compare("input", difference, np.ones_like(values), gradient, direction)
        return dataclasses.replace(check, void=not difference.settled.all())

    return _best(compared)


def check_network(network: Network, x: np.ndarray, seed: int = 0) -> Iterator[tuple[str, list[Check]]]:
    """Check every layer where the data of one forward pass reaches it, then the network as a whole.

    Parameters
    ----------
    network : Network
    x : array (N, ...)
        Used as float64.
    seed : int

    Yields
    ------
    name : str
        A layer, or at last "network", for a random combination of its outputs.
    checks : list of Check
    """
    network = network.astype(np.float64)
    trace = network.trace(x.astype(np.float64))
    for name, layer in network.layers.items():
        xs = trace.inputs_of(name)
        if isinstance(layer, Join):
            yield name, check_layer(_Flattened(layer, [x.shape for x in xs]), _in_a_row(xs), seed)
        else:
            yield name, check_layer(layer, xs[0], seed)
    weights = np.random.default_rng(seed).standard_normal(trace.result.shape)
    combination = Objective(lambda trace: ((trace.result * weights).ravel(), {trace.last: weights}))
    yield "network", [check_objective(network, combination, trace.input, seed)]


class _Flattened(Layer):
    """A join as a layer with one input: the numbers of all its inputs in a row."""

    def __init__(self, join: Join, shapes: Sequence[tuple[int, ...]]):
        self.join, self.shapes = join, shapes

    def forward(self, x):
        parts = np.split(x, np.cumsum([math.prod(shape) for shape in self.shapes])[:-1])
        return self.join.forward(*(part.reshape(shape) for part, shape in zip(parts, self.shapes)))

    def backward(self, gradient, context):
        return _in_a_row(self.join.backward(gradient, context))

    def decisions(self, context):
        return self.join.decisions(context)


def _in_a_row(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])


@dataclass(frozen=True)
class _Difference:
    """A central difference along a direction: each output's derivative, its rounding error, and whether it is off the kinks."""

    derivative: np.ndarray
    rounding: np.ndarray
    settled: np.ndarray
    kinks: int


def _differentiate(at: Callable[[np.ndarray], Evaluation], x: np.ndarray, direction: np.ndarray, first: int) -> _Difference:
    """Take central differences, for each output with the largest step from the given one of `STEPS` on that changes no decision."""
    for step in STEPS[first:]:
        h = step * _scale(x)
        above, decisions_above = at(x + h * direction)
        below, decisions_below = at(x - h * direction)
        if step == STEPS[first]:
            derivative, rounding, settled = np.zeros(above.shape), np.zeros(above.shape), np.zeros(above.shape, bool)
        crossed = np.zeros(above.shape, bool)
        kinks = 0
        for a, b in zip(decisions_above, decisions_below):
            crossed |= (a != b) if a.shape == above.shape else (a != b).any()
            kinks += int(np.count_nonzero(a != b))
        fresh = ~settled & ~crossed
        derivative[fresh] = (above - below)[fresh] / (2 * h)
        rounding[fresh] = 1e-15 * np.abs(above[fresh]) / h
        settled |= fresh
        if settled.all():
            return _Difference(derivative, rounding, settled, 0)
    return _Difference(derivative, rounding, settled, kinks)


def _compare(name: str, difference: _Difference, weights: np.ndarray, gradient: np.ndarray, direction: np.ndarray) -> Check:
    """Compare <gradient, direction> with the weighted sum of the outputs' differences."""
    if gradient.shape != direction.shape:
        raise ShapeError(f"the gradient of {name} has shape {gradient.shape}; expected {direction.shape}")
    numeric = np.vdot(difference.derivative, weights)
    analytic = np.vdot(gradient, direction)
    size = max(abs(numeric), abs(analytic)) or 1.0
    rounding = float(np.linalg.norm(difference.rounding * weights))
    if not gradient.any() and abs(numeric) <= rounding:
        return Check(name, 0.0, kinks=difference.kinks, zero=True)
    return Check(name, float(abs(numeric - analytic) / size), max(TOLERANCE, rounding / size), difference.kinks)


def _check_jacobian(layer: Layer, x: np.ndarray) -> Check:
    """Compare d output[i] / d x[j] for every i and j; entries on a kink are left out and counted."""
    output, context = layer.forward(x)
    rows = np.eye(output.size).reshape(output.size, *output.shape)
    analytic = np.stack([layer.backward(row, context).ravel() for row in rows])

    def at(x: np.ndarray) -> Evaluation:
        output, context = layer.forward(x)
        return output, _decisions([layer], [context])

    def compared(first: int) -> Check:
        largest, kinks = 0.0, 0
        for j in range(x.size):
            direction = np.eye(1, x.size, j).reshape(x.shape)
            difference = _differentiate(at, x, direction, first)
            wrong = np.abs(difference.derivative - analytic[:, j].reshape(output.shape))
            kinks += difference.kinks
            largest = max(largest, float(wrong[difference.settled].max(initial=0)))
        zero = largest == 0 and not analytic.any()
        error = largest / (float(np.abs(analytic).max()) or 1.0)
        return Check("input", error, kinks=kinks, void=kinks == analytic.size, zero=zero)

    return _best(compared)


def _decisions(layers: Iterable[Layer], contexts: Iterable[Context]) -> list[np.ndarray]:
    decisions = [layer.decisions(context) for layer, context in zip(layers, contexts)]
    return [decision for decision in decisions if decision is not None]


def _scale(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2))) or 1.0
