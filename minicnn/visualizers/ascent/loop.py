r"""Gradient ascent on images: the one loop behind all feature visualization.

One step looks at the image from a slightly different place, turns its gradient there into a direction, walks, and tidies up:

    g  <-  T^T gradient of the objective at T x           T: a random shift, scaling, rotation (see `minicnn.visualizers.ascent.transforms`)
    x  <-  x + step size * optimizer(damped g)            steepest ascent or Adam (see `minicnn.network.optimizers`)
    x  <-  each regularizer in turn, then clipped to colors that exist

Three things make pictures of noise. The gradient is rough from pixel to pixel, it prefers colors that photos hardly have, and it depends
on where exactly the pooling windows lie. Against each there is a remedy, and each can be switched off:

    spectrum    the direction's fine structure is damped: its amplitude at frequency f is divided by f^spectrum, as photos' amplitudes
                fall about with 1/f (D. J. Field, 1987)
    colors     the direction's colors are mixed as in photos, where red, green and blue mostly rise and fall together
    transforms  the image is shifted, scaled and turned at random before each step, and its gradient back after it

The first two are what is called parametrizing the image in Fourier space, with decorrelated colors. If the image is x = A p, with
coefficients p of waves scaled by their usual amplitudes and of colors along their usual axes, then a step of gradient ascent on p is

    p  <-  p + A^T g        which moves the image by        x  <-  x + A A^T g

and A A^T is a filter: it multiplies each wave, and each axis of color, by the square of its scale. So nothing need be said in p, and
the image is all that is carried from step to step. `spectrum` and `colors` are the filter A A^T itself. With spectrum 1 and
`natural_colors`, waves are scaled by f^(-1/2) in A and colors by the fourth root of their covariance: milder than the amplitudes 1/f
and the root of the covariance of Olah et al. With Adam, which divides each pixel's step by a size of its own, damping the gradient
first is no longer the same as working on p; there it is a remedy that helps, no more.

Large forms come first if the first steps are made on a smaller image (scales).

The random numbers of step i come from (seed, i) and nothing else. So an ascent that was stopped after step i goes on from where it was as
if it had not been.

References
----------
C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017 (transformations, decorrelated colors and spectrum, and that
both are preconditioning; the matrix `COLOR_ROOT` is a square root of ImageNet's color covariance as published with it). A. Mordvintsev
et al., "Inceptionism", 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minicnn.network.network import Network
from minicnn.network.objectives import Objective
from minicnn.network.optimizers import Memory, Optimizer, normalized_gradient
from minicnn.pictures.frequency import filtered
from minicnn.pictures.resampling import resized
from minicnn.visualizers.ascent.regularizers import Regularizer
from minicnn.visualizers.ascent.transforms import random_transform

#: Rows: see `ROWS`; columns: about brightness, blue to yellow, green to magenta.
ROWS = ("red", "green", "blue")
COLOR_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])

#: Each scale's side as a share of the next larger one's, by default; and the smallest side there is.
SCALE_RATIO = 4 / 7
SMALLEST_SIDE = 48

#: Waves longer than this, in cycles per pixel, are not raised further; they would make large dark and bright areas.
LOWEST_FREQUENCY = 1 / 64


@dataclass(frozen=True)
class AscentSettings:
    """How to climb.

    Attributes
    ----------
    steps : int
        On all scales together.
    step_size : float
        How far the image moves in one step, in the network's units; with steepest ascent as the root mean square over the pixels.
    last_step : float
        What the step size has shrunk to at the last step, as a share of that at the first.
    optimizer : function
        See `minicnn.network.optimizers`.
    scales : int
        On how many sizes to work one after the other, from small to large; the steps are shared out by their sides.
    scale_ratio : float
        Each size's side as a share of the next larger one's.
    jitter, scale, rotate : int, float, float
        The largest shift in pixels, enlargement or reduction as a share, and turn in degrees; see `minicnn.visualizers.ascent.transforms`.
    spectrum : float
        The exponent by which fine structure is damped; 0 for not at all.
    colors : array (channels, channels) or None
        What the direction's colors are multiplied with; see `natural_colors`.
    regularizers : sequence of functions
        Applied after each step; see `minicnn.visualizers.ascent.regularizers`.
    low, high : array (channels,)
        The range of colors that exist, in the network's units.
    photo : array (1, H, W, C) or None
        What the ascent starts from, in the finished size: whenever the image grows, it gets back the detail of this photo that did not fit
        into the smaller size.
    """

    steps: int
    step_size: float
    last_step: float = 1.0
    optimizer: Optimizer = normalized_gradient
    scales: int = 1
    scale_ratio: float = SCALE_RATIO
    jitter: int = 0
    scale: float = 0.0
    rotate: float = 0.0
    spectrum: float = 0.0
    colors: np.ndarray | None = None
    regularizers: Sequence[Regularizer] = ()
    low: np.ndarray | float = -np.inf
    high: np.ndarray | float = np.inf
    photo: np.ndarray | None = None


@dataclass(frozen=True)
class AscentState:
    """Where an ascent has come to.

    Attributes
    ----------
    x : array (N, H, W, C)
        The images, on the scale of the last step.
    scores : list of array (N,)
        The objective before each step so far.
    memory : tuple
        What the optimizer remembers.
    moved : array (N,) of bool, or None
        For which images there has been a gradient to follow; None before the first step.
    """

    x: np.ndarray
    scores: list[np.ndarray]
    memory: Memory = ()
    moved: np.ndarray | None = None


def ascend(
    network: Network,
    objective_at: Callable[[tuple[int, int]], Objective],
    start: AscentState,
    settings: AscentSettings,
    size: tuple[int, int],
    seed: int,
    callback: Callable[[AscentState], None],
    until: int | None = None,
) -> AscentState:
    """Climb from a start to the settings' last step.

    Parameters
    ----------
    network : Network
    objective_at : function
        From a size (height, width) to the objective for images of that size.
    start : AscentState
        Images of any size with no scores, or where an earlier ascent with the same settings, size and seed stopped.
    settings : AscentSettings
    size : (height, width)
        Of the finished image.
    seed : int
    callback : function
        Called with the AscentState after each step, so whoever interrupts the ascent knows where it was.
    until : int, optional
        End after this many steps of the settings.

    Returns
    -------
    AscentState
        Where it ended.
    """
    state, objective = start, None
    for i in range(len(start.scores), min(until or settings.steps, settings.steps)):
        wanted = scale_size(size, settings.scales, i / settings.steps, settings.scale_ratio)
        if objective is None or state.x.shape[1:3] != wanted:
            state, objective = _brought_to(wanted, state, settings.photo), objective_at(wanted)
        step_size = settings.step_size * (1 - (1 - settings.last_step) * i / settings.steps)
        state = _step(network, objective, state, settings, step_size, np.random.default_rng([seed, i]))
        callback(state)
    return state


def at_any_size(objective: Objective) -> Callable[[tuple[int, int]], Objective]:
    """Return what gives `ascend` the same objective for images of any size."""
    return lambda size: objective


def _step(
    network: Network, objective: Objective, state: AscentState, settings: AscentSettings, step_size: float, generator: np.random.Generator
) -> AscentState:
    """Make one step."""
    x = state.x
    transform = random_transform(generator, x.shape[1:3], settings.jitter, settings.scale, settings.rotate)
    values, gradient = objective.value_and_gradient(network, transform.forward(x))
    gradient = transform.backward(gradient)
    direction = damped(gradient, settings.spectrum)
    if settings.colors is not None:
        direction = direction @ settings.colors.astype(x.dtype)
    direction, memory = settings.optimizer(direction, state.memory)
    x = x + x.dtype.type(step_size) * direction
    for regularize in settings.regularizers:
        x = regularize(x, gradient)
    moved = np.asarray(gradient.any(axis=(1, 2, 3)))
    moved = moved if state.moved is None else np.logical_or(moved, state.moved)
    return AscentState(np.clip(x, settings.low, settings.high).astype(x.dtype), [*state.scores, values], memory, moved)


def _brought_to(size: tuple[int, int], state: AscentState, photo: np.ndarray | None) -> AscentState:
    """Scale the images to another size, where the optimizer begins anew."""
    before = state.x.shape[1:3]
    if before == size:
        return state
    x = resized(state.x, size)
    if photo is not None and size[0] * size[1] > before[0] * before[1]:
        there = resized(photo, size)
        x = x + there - resized(resized(there, before), size)
    return AscentState(x, state.scores, moved=state.moved)


def damped(gradient: np.ndarray, exponent: float) -> np.ndarray:
    """Divide the amplitude of each frequency f of images (N, H, W, C) by f^exponent; those below `LOWEST_FREQUENCY` as that one."""
    if exponent == 0:
        return gradient
    return filtered(gradient, lambda frequency: np.maximum(frequency, LOWEST_FREQUENCY) ** -exponent)


def natural_colors(names: Sequence[str]) -> np.ndarray | None:
    """Return a symmetric square root of the covariance of colors in photos, (3, 3); its largest stretch is 1.

    `names` are red, green and blue in the wanted order; of gray alone there is nothing to mix. Along the root's axes: brightness 1, blue
    against red 0.27, green against magenta 0.13.
    """
    if len(names) == 1:
        return None
    axes, spreads, _ = np.linalg.svd(COLOR_ROOT[[ROWS.index(name) for name in names]])
    return axes * (spreads / spreads[0]) @ axes.T


def scale_size(size: tuple[int, int], scales: int, progress: float, ratio: float = SCALE_RATIO) -> tuple[int, int]:
    """Choose the image's size when a share of the steps, 0 to 1, is done."""
    shares = ratio ** np.arange(scales)[::-1]
    ends = np.cumsum(shares) / np.sum(shares)
    share = shares[min(int(np.searchsorted(ends, progress, side="right")), scales - 1)]
    factor = max(share, min(1.0, SMALLEST_SIDE / min(size)))
    return round(size[0] * factor), round(size[1] * factor)
