"""The parts of photos that activate a channel most, beside its feature visualization."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from minicnn.geometry import ReceptiveField
from minicnn.models.model import Model
from minicnn.pictures.render import Display, Pictures, Tiles
from minicnn.pictures.results import Result
from minicnn.pictures.tables import Row, aligned
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, Indices, Photos, Progress, Seed
from minicnn.visualizers.feature_visualization.filter_model import (
    ConvolutionItself,
    check_channels,
    filter_model,
)

#: What patches show beyond a photo's border.
GRAY = 128


@dataclass(frozen=True, eq=False)
class _Found:
    """The strongest units of one photo, of every channel: arrays (count, channels)."""

    photo: int
    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


@visualizer(
    question="What does the network dream of?",
    paper="M. D. Zeiler, R. Fergus, arXiv:1311.2901, section 4 (patches); D. Erhan et al., 2009 (feature visualization)",
    if_zero="every unit of these channels is exactly 0 on all photos; choose other channels, or the convolution before the ReLU",
    report={"channels": 2, "top": 4, "steps": 24},
    quick={"channels": 2, "top": 3, "steps": 8},
    saves=(".png", ".npz", ".csv", ".json"),
)
def max_activating(
    model: Model,
    photos: Photos,
    layer: ConvolutionItself = USUAL,
    *,
    channel: Indices | None = None,
    channels: int = 3,
    top: int = 6,
    per_photo: int | None = None,
    steps: int = 40,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Find the patches in a folder of photos that activate a channel most.

    Each photo goes through the network once, and the units with the largest outputs are remembered. Each is shown as exactly the part
    of its photo that it can see, its receptive field; what lies beyond the photo's border is gray. Beside the patches stands the
    feature visualization of the channel, made by gradient ascent: where the two agree, one may trust both. Patches say what a channel
    answers to among these photos only, and not which of the things on a patch it was. Cost: 1 forward pass for each photo, about 25 for
    each picture.

    Parameters
    ----------
    layer : str
        Default: the last convolution, before its ReLU.
    channel : int, or several
        Channels, counted from 0. Default: those whose outputs above 0 are largest on average.
    channels : int
        How many channels to show if none is named; all, if there are fewer.
    top : int
        How many patches for each channel.
    per_photo : int
        At most so many patches for each channel from one photo; none lies within half a receptive field of a stronger one. Default: 1,
        of a single photo as many as are shown.
    steps : int
        How long to work on the feature visualizations; see filter-model.

    Returns
    -------
    Result
        Values: "patches", uint8 RGB (channels, top, H, W, 3), as large as the receptive field, or where units see all of the photo as
        that (without preprocessing float, in the network's units); "scores", (channels, top), the units' outputs, the largest first;
        "units", (channels, top, 3), each one's photo, row and column, counted from 0; "wanted", the feature visualizations, uint8
        (channels, side, side, 3), or float. If there are fewer patches than asked for, all have fewer. Its table has a row for each.

    Raises
    ------
    UnknownNameError
        If the layer has no such channel.
    """
    network = model.network.up_to([layer])
    shape = network.shapes(photos.shape)[layer]
    field = model.network.receptive_fields()[layer] if len(shape) == 3 else None
    per_photo = (top if photos.single else 1) if per_photo is None else per_photo
    check_channels(channel or [], shape[-1], layer)
    total = len(photos) + 1
    found, mean = [], np.zeros(shape[-1])
    for position, x in photos:
        output = photos.output(position, x, network).reshape(*(shape[:-1] or (1, 1)), shape[-1])
        mean += np.maximum(output, 0).mean(axis=(0, 1))
        found.append(_strongest(output, position, per_photo, field))
        if progress:
            progress(position + 1, total)
    chosen = np.argsort(-mean, kind="stable")[:channels].tolist() if channel is None else channel
    scores, units = _best(found, chosen, top)
    patches = _patches(model, photos, units, field)
    wanted = filter_model(model, layer=layer, channel=chosen, steps=steps, seed=seed).arrays
    if progress:
        progress(total, total)
    return _result(model, photos, layer, chosen, {"patches": patches, "scores": scores, "units": units}, wanted)


def _strongest(output: np.ndarray, photo: int, count: int, field: ReceptiveField | None) -> _Found:
    """Find the strongest units of each channel of one photo's output (rows, columns, channels), none too near to a stronger one."""
    rows, columns, channels = output.shape
    count = min(count, rows * columns)
    left = output.reshape(-1, channels).copy()
    reach = (rows, columns) if field is None else [max(1, size // (2 * jump)) for size, jump in zip(field.size, field.jump)]
    row, column = np.divmod(np.arange(rows * columns), columns)
    picked = []
    for _ in range(count):
        best = left.argmax(axis=0)
        values = left[best, np.arange(channels)]
        picked.append((values, best // columns, best % columns))
        near = (np.abs(row[:, None] - best // columns) < reach[0]) & (np.abs(column[:, None] - best % columns) < reach[1])
        left[near] = -np.inf
    return _Found(photo, *(np.array(part) for part in zip(*picked)))


def _best(found: list[_Found], chosen: list[int], top: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose the strongest units of some channels over all photos: scores (channels, top), units (channels, top, 3)."""
    values = np.concatenate([each.values[:, chosen] for each in found])
    places = [np.stack([np.full_like(each.rows, each.photo), each.rows, each.columns], axis=2)[:, chosen] for each in found]
    order = np.argsort(-values, axis=0, kind="stable")
    top = min(top, int(np.isfinite(values).sum(axis=0).min()))
    order = order[:top]
    scores = np.take_along_axis(values, order, axis=0).T
    return np.ascontiguousarray(scores), np.take_along_axis(np.concatenate(places), order[..., None], axis=0).transpose(1, 0, 2)


def _patches(model: Model, photos: Photos, units: np.ndarray, field: ReceptiveField | None) -> np.ndarray:
    """Cut out what the units can see, (channels, top, H, W, colors), with one photo in memory at a time."""
    size = photos.shape[:2] if field is None else field.size
    pixels = model.preprocessing is not None
    patches = np.full(
        (*units.shape[:2], *size, 3 if pixels else photos.shape[2]), GRAY if pixels else 0, np.uint8 if pixels else np.float64
    )
    for photo in np.unique(units[..., 0]):
        x = photos[int(photo)]
        image = model.deprocess(x)[0] if pixels else x[0]
        for i, j in np.argwhere(units[..., 0] == photo):
            _, row, column = units[i, j]
            if field is None:
                patches[i, j] = image
                continue
            box = field.box(row, column, *image.shape[:2])
            top, left = row * field.jump[0] - field.padding[0], column * field.jump[1] - field.padding[1]
            patches[i, j, box[0].start - top : box[0].stop - top, box[1].start - left : box[1].stop - left] = image[box]
    return patches


def _result(model: Model, photos: Photos, layer: str, chosen: list[int], values: dict[str, np.ndarray], wanted: dict) -> Result:
    drawn = wanted["input" if model.preprocessing is None else "images"]
    table: list[Row] = []
    labels: list[list[str]] = []
    for channel, scores, units in zip(chosen, values["scores"], values["units"]):
        labels.append([f"channel {channel}", *(f"{score:.4g}" for score in scores)])
        for rank, (score, (photo, row, column)) in enumerate(zip(scores.tolist(), units.tolist()), 1):
            table.append({"channel": channel, "rank": rank, "output": score, "photo": photos.name(photo), "row": row, "column": column})
    show: Display = Pictures(list(itertools.chain(*labels)), leading=drawn)
    if model.preprocessing is None:
        show = Tiles(list(itertools.chain(*(of_channel[1:] for of_channel in labels))), signed=True)
    text = aligned(list(table[0]), [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in table])
    title = f"{model.name}: the patches that activate {layer} most"
    return Result({**values, "wanted": drawn}, {"patches": show}, title, text=text, beside_photo=False, table=table)
