"""What one unit sees of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.errors import ShapeError
from minicnn.geometry import ReceptiveField
from minicnn.kernels import use_algorithm
from minicnn.layers import Join
from minicnn.models.model import Model
from minicnn.network.graph import INPUT
from minicnn.network.network import Network, Trace
from minicnn.pictures.render import Marks
from minicnn.pictures.results import Result
from minicnn.visualizers.activations.window import find_unit, unit_name
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, Image, LayerName, Progress, Unit


@visualizer(
    question="What do the layers see?",
    paper="A. Araujo et al., Distill 2019 (the box); W. Luo et al., arXiv:1701.04128 (the effective receptive field)",
    if_zero="no gradient reaches the photo from this unit: the unit is off, or everything below it; choose another unit, or a layer before "
    "its ReLU",
    quick={"channels": 4},
)
def receptive_field(
    model: Model,
    image: Image,
    layer: LayerName = USUAL,
    *,
    unit: Unit | None = None,
    channels: int = 16,
    progress: Progress | None = None,
) -> Result:
    """Show which pixels one unit of a layer can see, and which it does see.

    The box holds all pixels that can change the unit at all; outside it the gradient is exactly 0. Inside, most of the influence comes
    from the middle: the map is the mean size of the gradient, and the ellipse the Gaussian with the same spread. The path goes down
    from the unit, in every layer to the input that contributes most; in a pooling layer that is the pixel that won. Cost: about 50
    forward passes.

    Parameters
    ----------
    unit : (row, column) or (row, column, channel)
        Counted from 0. With a channel, the gradient of that channel alone. Default: where the layer's largest value is.
    channels : int
        The number of channels, the strongest at the unit's place, over whose gradients the mean is taken if no channel is given.

    Returns
    -------
    Result
        Values: "influence", an array (H, W), the mean over the channels and the three colors of |d unit / d pixel|; "box" (top, bottom,
        left, right) in pixels, bottom and right not included; "path", an array (layers + 1, 2) of rows and columns in pixels, from the
        unit down to a pixel; "gaussian" (center's row, column, deviations along both axes, angle of the first from the vertical).

    Raises
    ------
    ShapeError
        If the units of the layer see all of the photo.
    MinicnnError
        If there is no such unit.
    """
    trunk = model.network.up_to([layer])
    field = trunk.receptive_fields()[layer]
    if field is None:
        raise ShapeError(f"each unit of {layer} sees the whole photo; choose a layer before {_first_global(model.network)}")
    with use_algorithm("direct"):  # exactly 0 outside the box, which Winograd's tiles are not
        trace = trunk.trace(image)
        output = trace.outputs[layer][0]
        one_channel = unit is not None and len(unit) == 3
        unit = find_unit(output, unit, layer)
        chosen = [unit[2]] if one_channel else np.argsort(-output[unit[:2]], kind="stable")[:channels].tolist()
        total = np.zeros(image.shape[1:3])
        for done, channel in enumerate(chosen, start=1):
            total += _influence(trunk, trace, (*unit[:2], channel))
            if progress:
                progress(done, len(chosen))
        influence = (total / len(chosen)).astype(image.dtype)
        path = _strongest_path(trunk, trace, unit)
    rows, columns = field.box(*unit[:2], *image.shape[1:3])
    box = np.array([rows.start, rows.stop, columns.start, columns.stop])
    points = _in_pixels(trunk, path)
    values = {"influence": influence, "box": box, "path": np.array(points)}
    gaussian = fit_gaussian(influence) if influence.any() else None
    if gaussian is not None:
        values["gaussian"] = np.array([*gaussian.center, *gaussian.deviations, gaussian.angle])
    marks = Marks(tuple(box.tolist()), points, vars(gaussian) if gaussian else {}, unit="mean |d unit / d pixel|")
    title = f"{model.name}: what {layer} sees at row {unit[0]}, column {unit[1]}"
    text = _text(layer, unit, field, box, gaussian, chosen, path, points)
    return Result(values, {"influence": marks}, title, text=text, beside_photo=False)


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian in the plane, in pixels: center, standard deviations along its axes, the first axis' angle from the vertical."""

    center: tuple[float, float]
    deviations: tuple[float, float]
    angle: float


def fit_gaussian(weights: np.ndarray) -> Gaussian:
    """Fit a Gaussian to a map (H, W) of numbers of at least 0, taken as a density: the one with its mean and covariance.

    That is the fit of maximum likelihood. Pixel (i, j) lies at (i + 0.5, j + 0.5).
    """
    density = weights.astype(np.float64) / weights.sum(dtype=np.float64)
    places = np.stack([axis.ravel() + 0.5 for axis in np.indices(weights.shape)])
    center = places @ density.ravel()
    offsets = places - center[:, None]
    variances, axes = np.linalg.eigh((offsets * density.ravel()) @ offsets.T)
    larger = axes[:, 1] if axes[0, 1] >= 0 else -axes[:, 1]
    deviations = np.sqrt(np.maximum(variances[::-1], 0))
    return Gaussian(tuple(center.tolist()), tuple(deviations.tolist()), float(np.arctan2(larger[1], larger[0])))


def _influence(trunk: Network, trace: Trace, unit: tuple[int, ...]) -> np.ndarray:
    """Compute the mean over the colors of |d unit / d pixel|, (H, W)."""
    seed = np.zeros_like(trace.result)
    seed[0][unit] = 1
    return np.abs(trunk.backward(trace, {trace.last: seed})[0]).mean(axis=2)


def _strongest_path(trunk: Network, trace: Trace, unit: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
    """Walk down from a unit, in each layer to the input that contributes most; returns (layer, unit), at last ("photo", pixel)."""
    path = []
    name = trace.last
    while name != INPUT:
        path.append((name, unit))
        layer, sources = trunk.layers[name], trunk.inputs[name]
        below = [x[0] for x in trace.inputs_of(name)]
        if isinstance(layer, Join):
            terms, units = layer.described("input_terms")(below, unit)
            strongest = int(np.argmax(np.where(terms.factors != 0, terms.products, -np.inf)))
            name, unit = sources[strongest], units[strongest]
        else:
            name, unit = sources[0], layer.described("value_terms")(below[0], unit).largest(below[0].shape)
    return [*path, ("photo", unit)]


def _in_pixels(trunk: Network, path: list[tuple[str, tuple[int, ...]]]) -> list[tuple[float, float]]:
    """Return the middle of what each unit of a path sees, (row, column) in pixels; it may lie beyond the photo's border."""
    known = {name: field for name, field in trunk.receptive_fields().items() if field is not None}
    fields = {**known, "photo": ReceptiveField()}
    points = []
    for name, unit in path:
        field = fields[name]
        row, column = (unit[a] * field.jump[a] - field.padding[a] + field.size[a] / 2 for a in range(2))
        points.append((row, column))
    return points


def _first_global(network: Network) -> str:
    return next(name for name, field in network.receptive_fields().items() if field is None)


def _text(layer, unit, field, box, gaussian, chosen, path, points) -> str:
    size, jump = (" x ".join(map(str, pair)) for pair in (field.size, field.jump))
    lines = [
        f"{layer} at row {unit[0]}, column {unit[1]} can see {size} pixels; its neighbors see the same {jump} pixels further on.",
        f"Inside the photo these are rows {box[0]} to {box[1] - 1}, columns {box[2]} to {box[3] - 1}.",
    ]
    if gaussian is not None:
        long, short = gaussian.deviations
        lines.append(
            f"Its effective receptive field, the mean over {len(chosen)} channel{'s' * (len(chosen) > 1)}: "
            f"a Gaussian of {long:.1f} x {short:.1f} pixels (standard deviations) "
            f"around row {gaussian.center[0]:.1f}, column {gaussian.center[1]:.1f}."
        )
    lines.append("The path of the largest contributions (unit; the middle of what it sees, in pixels):")
    lines += [f"  {name.ljust(8)} {unit_name(place).ljust(12)} {y:6.1f}, {x:.1f}" for (name, place), (y, x) in zip(path, points)]
    return "\n".join(lines)
