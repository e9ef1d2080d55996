"""Feature visualization of a layer: images that activate its channels, units and directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from minicnn.errors import MinicnnError, ShapeError, UnknownNameError
from minicnn.files import npy
from minicnn.models.model import Model
from minicnn.network import objectives
from minicnn.network.network import Network
from minicnn.network.objectives import Objective
from minicnn.pictures.results import Result
from minicnn.visualizers.ascent.finished import finished, mosaic, stuck
from minicnn.visualizers.ascent.levels import check_limits, settings_in_levels, with_noise
from minicnn.visualizers.ascent.loop import AscentState, ascend, at_any_size, scale_size
from minicnn.visualizers.ascent.recorder import Recorder, part_of
from minicnn.visualizers.contract.call import accepts_shape
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import BLANK, USUAL, BatchSize, FilePath, Image, Index, Indices, LayerKind, Progress, Seed, Unit

#: Sides of the pictures, in pixels: at least so many, and by default at most so many.
SMALLEST_SIDE, LARGEST_SIDE = 64, 128


def last_convolution_itself(network: Network) -> str:
    """Return the last convolution, not the ReLU after it, whose gradient is 0 wherever the channel is off."""
    return network.convolutions[-1]


ConvolutionItself = Annotated[str, LayerKind(last_convolution_itself)]


@visualizer(
    question="What does the network dream of?",
    paper='D. Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009; Fourier space, colors, transformations, '
    'diversity: C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017',
    report={"channels": 6, "steps": 40, "side": 96},
    quick={"channels": 3, "steps": 20, "side": 64},
    saves=(".png", ".npz", ".gif", ".mp4"),
    image="picture",
    photo_in_report=True,
)
def filter_model(
    model: Model,
    image: Image = BLANK,
    layer: ConvolutionItself = USUAL,
    *,
    channel: Indices | None = None,
    unit: Unit | None = None,
    direction: FilePath | None = None,
    channels: int = 9,
    variants: int = 1,
    diversity: float = 1.0,
    side: int | None = None,
    parametrization: Literal["fourier", "pixels"] = "fourier",
    steps: int = 64,
    step_size: float = 5.0,
    scales: int | None = None,
    jitter: Index = 12,
    scale: float = 0.1,
    rotate: float = 5.0,
    noise: float = 10.0,
    batch_size: BatchSize = 5,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Generate images that activate the channels of a layer, by gradient ascent (feature visualization).

    What a filter deep in the network looks for cannot be read off its weights, but the network can be asked: starting from faint noise,
    the picture is changed step by step so that the channel's output rises. A channel is raised everywhere in the picture, so it comes
    out as a pattern; a single unit in its place. With a photo, the channels that are strongest on it are drawn. What comes out is what
    raises the output most, which need not be what raises it on photos, and a channel may answer to several things: see variants, and
    compare with max-activating. Cost: about 50 forward passes for each picture.

    Parameters
    ----------
    image : photo, optional
        Chooses the channels: those whose outputs, negative ones as 0, are largest on it, on average. --size is its size; that of the
        pictures is `side`.
    layer : str
        Default: the last convolution, before its ReLU: after it, an output that is 0 gives no gradient to go by.
    channel : int, or several
        Channels, counted from 0. Default: the first ones, or the photo's.
    unit : row, column, channel
        One unit of the layer's output, for a picture of this side; of a layer without rows, such as a class score: channel.
    direction : path
        A .npy file with an array (channels,): a mixture of the layer's channels.
    channels : int
        How many channels to draw if none is named; all, if there are fewer.
    variants : int
        How many different pictures of the channel, unit or direction that is named.
    diversity : float
        How strongly variants are pushed apart, by the cosine between the layer's Gram matrices; 0 for not at all.
    side : int
        Height and width of the pictures. Default: what a unit can see, but 64 to 128, or what the network takes.
    parametrization : {"fourier", "pixels"}
        Fourier: steps are made in the amplitudes of waves, scaled as in photos, and in colors that are decorrelated as in photos. Pixels:
        each pixel and color by itself, which makes noise.
    steps : int
        How often the pictures are changed.
    scales : int
        On how many sizes to work, from small to large. Default: 2, or 1 if the network takes one size only or one unit is drawn.
    scale : float
        The largest random enlargement or reduction, as a share.
    rotate : float
        The largest random turn either way, in degrees.
    batch_size : int
        Pictures that are worked on at once; it bounds the memory. Variants are always worked on together.

    Returns
    -------
    Result
        Values: "images", uint8 RGB (N, H, W, 3), one for each channel or variant; "picture", the same side by side; "input", before
        rounding in the network's units, (N, H, W, C) (without preprocessing these alone); "scores", (steps, N), the outputs before each
        step: of a channel the mean over its units. With frames, so it saves as an animation.

    Raises
    ------
    MinicnnError
        If more than one of channel, unit and direction is given, or there is none such; or if a setting is out of range.
    """
    given = {name: value for name, value in {"channel": channel, "unit": unit, "direction": direction}.items() if value is not None}
    _check(given, variants, scales)
    check_limits({"scales": (scales or 1, 8), "jitter": (jitter, 10_000)})
    check_limits(
        {"diversity": (diversity, 1000), "step_size": (step_size, 255), "scale": (scale, 1), "rotate": (rotate, 180), "noise": (noise, 255)}
    )
    part = model.up_to([layer])
    network, colors = part.network, image.shape[3]
    size = _size(model, network, layer, colors) if side is None else (side, side)
    shape = network.shapes((*size, colors))[layer]
    if scales is None:
        scales = 2 if unit is None and accepts_shape(network, (*scale_size(size, 2, 0.0), colors)) else 1
    part.check_memory(*size, colors, batch_size if variants == 1 else variants)
    labels, wanted = _wanted(given, shape, layer, model, image, channels, variants)
    settings = settings_in_levels(
        model,
        step_size=step_size,
        colors="natural" if parametrization == "fourier" else "free",
        spectrum=1.0 if parametrization == "fourier" else 0.0,
        l2=0.02,
        total_variation=0.3 if parametrization == "fourier" else 0.0,
        steps=steps,
        scales=scales,
        jitter=jitter,
        scale=scale,
        rotate=rotate,
    )
    start = with_noise(model, np.zeros((variants, *size, colors), image.dtype), noise, seed)
    at_once = batch_size if variants == 1 else 1
    groups = [np.array(wanted[first : first + at_once]) for first in range(0, len(wanted), at_once)]
    films, states = [], []
    for i, vectors in enumerate(groups):
        films.append(Recorder(model, steps, size, part_of(progress, i, len(groups))))
        begin = np.repeat(start, len(vectors), axis=0)
        objective = _objective(layer, unit, vectors, network, begin, variants, diversity)
        states.append(ascend(network, at_any_size(objective), AscentState(begin, []), settings, size, seed, films[-1]))
    return _result(model, layer, labels, states, films, {"side": size[0] if size[0] == size[1] else None, "scales": scales})


def _check(given: dict, variants: int, scales: int | None) -> None:
    """Raise MinicnnError if the settings contradict each other."""
    if len(given) > 1:
        raise MinicnnError(f"got {' and '.join(given)}; expected one of channel, unit and direction")
    if len(given.get("unit", ())) > 1 and (scales or 1) > 1:
        raise MinicnnError(f"scales is {scales}; expected 1 for one unit, whose place is that in the finished picture")
    if variants > 1 and (not given or len(given.get("channel", ())) > 1):
        raise MinicnnError("variants are different pictures of one thing; say which: one channel, unit or direction")


def _size(model: Model, network: Network, layer: str, colors: int) -> tuple[int, int]:
    """Choose the pictures' height and width: equal, unless the network takes no such pictures."""
    field = network.receptive_fields()[layer]
    seen = LARGEST_SIDE if field is None else max(field.size)
    side = min(max(seen, SMALLEST_SIDE), LARGEST_SIDE)
    return (side, side) if accepts_shape(network, (side, side, colors)) else model.input_shape()[:2]


def _wanted(given: dict, shape: tuple[int, ...], layer: str, model: Model, image: np.ndarray, channels: int, variants: int):
    """Return the labels of the pictures, and for each group that is drawn together the mixture of channels (channels,)."""
    count = shape[-1]
    one_hot = np.eye(count, dtype=image.dtype)
    if "direction" in given:
        return [f"variant {i}" for i in range(variants)] if variants > 1 else ["direction"], [_loaded(given["direction"], count, layer)]
    if "unit" in given:
        index = tuple(given["unit"])
        if len(index) != len(shape) or any(i >= size for i, size in zip(index, shape)):
            raise ShapeError(
                f"there is no unit {index} at {layer}, whose output for pictures of this side has shape {shape}; "
                "its units are counted from 0"
            )
        return [f"variant {i}" for i in range(variants)] if variants > 1 else [f"unit {index}"], [one_hot[index[-1]]]
    if "channel" in given:
        chosen = given["channel"]
        check_channels(chosen, count, layer)
    elif image.any():
        output = model.network.up_to([layer])(image)[0]
        strength = np.maximum(output.reshape(-1, count), 0).mean(axis=0)
        chosen = np.argsort(-strength, kind="stable")[:channels].tolist()
    else:
        chosen = list(range(min(channels, count)))
    labels = [f"variant {i}" for i in range(variants)] if variants > 1 else [str(i) for i in chosen]
    return labels, [one_hot[i] for i in chosen]


def check_channels(channels: Sequence[int], count: int, layer: str) -> None:
    """Raise UnknownNameError unless a layer with so many channels has all of these."""
    missing = [str(channel) for channel in channels if channel >= count]
    if missing:
        raise UnknownNameError(f"there is no channel {', '.join(missing)} at {layer}; there are {count}, counted from 0")


def _loaded(path: str, count: int, layer: str) -> np.ndarray:
    """Read a direction."""
    try:
        vector = npy.opened(path)
    except npy.DAMAGED as error:
        raise MinicnnError(f"cannot read a direction from {path} ({error}); expected a .npy file") from None
    numbers = isinstance(vector, np.ndarray) and vector.shape == (count,) and vector.dtype.kind in "fiu"
    if isinstance(vector, np.ndarray) and numbers and np.isfinite(vector).all() and vector.any():
        return vector.astype(np.float64)
    found = f"shape {vector.shape} and type {vector.dtype}" if isinstance(vector, np.ndarray) else "several arrays"
    raise ShapeError(f"{path} holds {found}; expected ({count},) finite numbers, one for each channel of {layer}, not all 0")


def _objective(
    layer: str, unit: tuple[int, ...] | None, vectors: np.ndarray, network: Network, start: np.ndarray, variants: int, diversity: float
) -> Objective:
    """Say what to raise; variants are pushed apart as strongly as they are raised, at the start, times `diversity`."""
    objective = objectives.direction(layer, vectors) if unit is None else objectives.unit(layer, tuple(unit))
    if variants == 1 or diversity == 0:
        return objective
    trace = network.trace(start)
    apart = objectives.diversity(layer)
    raising, pushing = (float(np.linalg.norm(each.evaluate(trace)[1][layer])) for each in (objective, apart))
    return objective + (diversity * raising / pushing if pushing else 0.0) * apart


def _result(
    model: Model, layer: str, labels: list[str], states: list[AscentState], films: list[Recorder], chosen: dict[str, int | None]
) -> Result:
    x = np.concatenate([state.x for state in states])
    scores = np.concatenate([np.array(state.scores) for state in states], axis=1)
    values, shows = finished(model, x, scores, labels)
    frames = [mosaic(np.concatenate(pictures)) for pictures in zip(*(recorder.pictures for recorder in films))]
    ends = ", ".join(f"{label}: {score:.1f}" for label, score in zip(labels, scores[-1]))
    text = f"The outputs before the last of {len(scores)} steps: {ends}."
    title = f"{model.name}: what {layer} looks for"
    moved = np.concatenate([state.moved for state in states])
    warnings = stuck(moved, labels, "try the convolution before the ReLU, where it may be off, or another seed")
    return Result(values, shows, title, text=text, frames=frames, beside_photo=False, source=chosen, warnings=warnings)
