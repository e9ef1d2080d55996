"""Which attribution map tells best what the network's answer rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.network.objectives import Output
from minicnn.pictures.render import Curve, Overlay
from minicnn.pictures.render.panel import largest_shown
from minicnn.pictures.results import Result
from minicnn.pictures.tables import Row, aligned
from minicnn.visualizers.attribution.maps import importance, run_map
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import BatchSize, Photos, Progress, Seed, Target
from minicnn.visualizers.contract.method_kinds import Methods
from minicnn.visualizers.evaluation.deletion import DELETION, INSERTION, Measurement, area_error, area_under, limit_of
from minicnn.visualizers.evaluation.verdicts import BASELINES, FEWEST_PHOTOS, RANDOM, TITLES, Areas, conclusion, interval

#: What is compared if nothing else is asked for.
USUAL = ("saliency", "smoothgrad", "integrated-gradients", "grad-cam", "occlusion")

#: The random map is measured in so many orders: of one photo, their areas are far apart.
RANDOM_ORDERS = 5

#: What the tables call the best area that can be.
LIMIT = "limit of these steps"


@visualizer(
    question="Can the maps be trusted?",
    paper="V. Petsiuk, A. Das, K. Saenko, arXiv:1806.07421, section 4.2",
    if_zero="the class has no probability whatever is shown; it may be the wrong class for this photo",
    report={"methods": ("saliency", "smoothgrad", "grad-cam"), "steps": 8},
    quick={"methods": ("saliency", "grad-cam"), "steps": 6},
    saves=(".png", ".npz", ".csv", ".json"),
)
def compare(
    model: Model,
    photos: Photos,
    target: Target | None = None,
    *,
    methods: Methods | None = None,
    steps: int = 16,
    output: Output = "probability",
    batch_size: BatchSize = 8,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Compare methods side by side, and measure how well their maps tell what the answer rests on.

    Deletion takes the pixels away that a map calls important, the most important ones first, and puts the mean color in their place:
    after a good map the probability falls at once, so a small area under the curve is better. Insertion begins with the blurred photo
    and makes those pixels sharp first: after a good map the probability rises at once, so a large area is better. Two maps that know
    nothing of the network are measured beside them, random numbers (the mean of 5 orders) and the photo's edges; a map that does no
    better than they has not told anything about the network. A method is called better only if neither the steps nor the choice of
    photos may have made the difference; one photo says nothing about others, and from 6 photos on there are 95 % intervals. Photos with
    holes are like nothing the network was trained on, and two methods can win one test each. Cost: about 420 forward passes for each
    photo.

    Parameters
    ----------
    target : str or int
        The class, by name or index. Default: each photo's likeliest.
    methods : list of str
        Methods that draw maps, with the settings of the quick report. Default: saliency, smoothgrad, integrated-gradients, grad-cam and
        occlusion, of those that there are.
    steps : int
        In how many parts the pixels are taken away, or made sharp: after step k of n, (k / n)^2 of them. More make finer differences
        certain.
    output : {"logit", "probability", "log-probability"}
        What is measured.
    seed : int
        For the random maps, the methods that are random, and the intervals.

    Returns
    -------
    Result
        Values: "curves" (2, methods, steps + 1), the probability (or score) in deletion and in insertion, mean over the photos; the
        methods are followed by "random", the mean of the random orders, and "edges". "scores" (photos, 2, methods, steps + 1), the same
        for each photo; "random_scores" (photos, 2, 5, steps + 1), those of the random orders; "fractions" (photos, steps + 1), the share
        of pixels that is replaced. Of a single photo also each method's importance (H, W), at least 0. Table: the areas under the curves
        by photo and method, by the trapezoidal rule over fractions from 0 to 1, so that a constant probability p has the area p;
        "limit", the best area that these steps can show, that of a probability of 0, or 1, from the first step on; of the random map
        "low" and "high", the lowest and highest of its orders. Of several photos also the means and standard deviations; from 6
        photos on with 95 % intervals, "low" and "high", and the mean difference to random and to the best method, with its interval.

    Raises
    ------
    MinicnnError
        If there are more steps than pixels.
    """
    chosen = list(methods or USUAL)
    lines = [*chosen, *BASELINES]
    curves_each = len(chosen) + RANDOM_ORDERS + 1
    names: list[str] = []
    maps: list[np.ndarray] = []
    targets, measured, fractions, found = [], [], [], []
    generator = np.random.default_rng(seed)
    for position, x in photos:
        name = photos.name(position)
        trace = photos.trace(position, x)
        index = int(trace.result[0].argmax()) if target is None else target
        measurement = Measurement(trace, index, steps, output, batch_size)
        maps, odd = _maps(model, trace, index, chosen, seed, generator)
        done = (len(names) + len(photos.skipped)) * curves_each
        each = np.empty((2, curves_each, steps + 1), x.dtype)
        for i, map_ in enumerate(maps):
            each[:, i] = measurement.curves(map_)
            if progress:
                progress(done + i + 1, len(photos) * curves_each)
        names.append(name)
        targets.append(index)
        found += [text if photos.single else f"{name}: {text}" for text in odd]
        measured.append(each)
        fractions.append(measurement.fractions)
    runs, shares = np.stack(measured), np.stack(fractions)
    scores, random_scores = _with_mean_of_random(runs, len(chosen)), runs[:, :, len(chosen) : -1]
    areas = _areas(chosen, scores, random_scores, shares, output, seed)
    shown_maps = dict(zip(lines, [*maps[: len(chosen) + 1], *maps[-1:]])) if photos.single else {}
    shown = {line: Overlay("importance", low=0.0, high=largest_shown(map_)) for line, map_ in shown_maps.items()}
    classes = [model.class_name(index) for index in targets]
    return Result(
        {"curves": scores.mean(axis=0), "scores": scores, "random_scores": random_scores, "fractions": shares, **shown_maps},
        {**shown, "curves": _diagrams(lines, shares[0], output)},
        f"Deletion and insertion for {classes[0]}"
        if photos.single
        else f"Deletion and insertion over {len(names)} photo{'s' * (len(names) > 1)}",
        text=_in_words(areas, steps),
        table=[*_photo_rows(names, classes, areas), *(_summary_rows(areas) if len(names) > 1 else ())],
        columns=4,
        source={"methods": chosen, "target": targets[0] if photos.single else target},
        warnings=tuple(found),
    )


def _maps(
    model: Model, trace: Trace, target: int, methods: Sequence[str], seed: int, generator: np.random.Generator
) -> tuple[list[np.ndarray], list[str]]:
    """Make the maps of all methods, the random orders and the edges for one photo, (H, W) each, and say what is odd about them."""
    results = {name: run_map(name, model, trace, target, seed) for name in methods}
    odd = [f"{name}: {text}" for name, result in results.items() for text in result.warnings]
    x = trace.input
    orders = generator.random((RANDOM_ORDERS, *x.shape[1:3])).astype(x.dtype)
    return [*(importance(result) for result in results.values()), *orders, edges(x)], odd


def edges(x: np.ndarray) -> np.ndarray:
    """Find the edges of a photo (1, H, W, C): the size of the Sobel gradient of its mean over the colors, (H, W)."""
    from skimage.filters import sobel

    return sobel(x[0].mean(axis=2)).astype(x.dtype)


def _with_mean_of_random(runs: np.ndarray, methods: int) -> np.ndarray:
    """Put the mean of the random orders in their place, in curves (photos, 2, methods + orders + 1, steps + 1)."""
    return np.concatenate([runs[:, :, :methods], runs[:, :, methods:-1].mean(axis=2, keepdims=True), runs[:, :, -1:]], axis=2)


def _areas(
    methods: Sequence[str], scores: np.ndarray, random_scores: np.ndarray, shares: np.ndarray, output: Output, seed: int
) -> list[Areas]:
    """Integrate curves (photos, 2, lines, steps + 1) over the shares of the pixels (photos, steps + 1)."""
    shares = shares[:, None]
    found = []
    for i, (way, best) in enumerate({DELETION: 0.0, INSERTION: 1.0}.items()):
        lines, random, errors = area_under(scores[:, i], shares), area_under(random_scores[:, i], shares), area_error(scores[:, i], shares)
        limits = limit_of(scores[:, i], shares, best)[:, 0] if output == "probability" else None  # all lines begin and end alike
        found.append(Areas(way, way == DELETION, methods, lines, random, errors, limits, seed))
    return found


def _diagrams(lines: Sequence[str], fractions: np.ndarray, output: Output) -> Curve:
    """Say how the curves are shown."""
    low, high = (0, 1.02) if output == "probability" else (None, None)
    return Curve(
        output,
        "share of the pixels replaced, most important first",
        lines,
        (f"{DELETION}: lower is better", f"{INSERTION}: higher is better"),
        fractions.tolist(),
        low,
        high,
        stretched=True,
    )


def _photo_rows(names: Sequence[str], classes: Sequence[str], areas: Sequence[Areas]) -> list[Row]:
    """Make the rows of each photo."""
    rows: list[Row] = []
    for photo, (name, class_name) in enumerate(zip(names, classes)):
        for i, line in enumerate(areas[0].names):
            row: dict[str, str | float] = {"photo": name, "class": class_name, "method": line}
            row |= {each.way: float(each.lines[photo, i]) for each in areas}
            row |= {f"{each.way} limit": float(each.limits[photo]) for each in areas if each.limits is not None}
            if line == RANDOM:
                row |= {f"{each.way} low": float(each.random[photo].min()) for each in areas}
                row |= {f"{each.way} high": float(each.random[photo].max()) for each in areas}
            rows.append(row)
    return rows


def _summary_rows(areas: Sequence[Areas]) -> list[Row]:
    """Make the rows of the mean over the photos, with the intervals if there are enough, and of the standard deviation."""
    photos = len(areas[0].lines)
    means: list[Row] = []
    deviations: list[Row] = []
    for i, line in enumerate(areas[0].names):
        mean: dict[str, str | float] = {"photo": f"mean of {photos} photos", "class": "", "method": line}
        mean |= {each.way: each.means[line] for each in areas}
        mean |= {f"{each.way} limit": float(each.limits.mean()) for each in areas if each.limits is not None}
        for each in areas if photos >= FEWEST_PHOTOS else ():
            mean |= {f"{each.way} {bound}": value for bound, value in zip(("low", "high"), interval(each.lines[:, i], each.seed))}
            for title, values in each.estimates(line).items():
                mean |= {f"{each.way} {title}{bound}": value for bound, value in zip(("", " low", " high"), values)}
        means.append(mean)
        spread = {each.way: float(each.lines[:, i].std(ddof=1)) for each in areas}
        deviations.append({"photo": "standard deviation", "class": "", "method": line, **spread})
    return [*means, *deviations]


def _in_words(areas: Sequence[Areas], steps: int) -> str:
    """Write the areas as a table, and what can be concluded from them."""
    photos = len(areas[0].lines)
    tables = [_table_with_intervals(each) for each in areas] if photos >= FEWEST_PHOTOS else [_table(areas)]
    sentences = [conclusion(each, steps) for each in areas]
    if photos >= FEWEST_PHOTOS:
        sentences.append("In brackets: 95 % intervals over the photos, of paired differences.")
    else:
        known = "One photo says" if photos == 1 else f"{photos} photos say"
        sentences.append(f"{known} little about others; {FEWEST_PHOTOS} photos or more give 95 % intervals.")
    return "\n".join([*tables, *sentences])


def _table(areas: Sequence[Areas]) -> str:
    """Write the areas of one photo, or of a few with their standard deviation."""
    one = len(areas[0].lines) == 1
    cells = []
    for each in areas:
        spread = {} if one else dict(zip(each.names, (f" +- {value:.3f}" for value in each.lines.std(axis=0, ddof=1))))
        if one:
            spread[RANDOM] = f" ({each.random.min():.3f} to {each.random.max():.3f})"
        cells.append([*(f"{mean:.3f}{spread.get(name, '')}" for name, mean in each.means.items()), _limit(each)])
    headings = [f"{each.way} ({each.better} is better)" for each in areas]
    over = "" if one else f"\nMean +- standard deviation over {len(areas[0].lines)} photos."
    lines = [*areas[0].names, *([] if areas[0].limits is None else [LIMIT])]
    return aligned(["area under the curve", *headings], list(zip(lines, *cells))) + over


def _table_with_intervals(areas: Areas) -> str:
    """Write the mean areas over photos, and the differences with their intervals."""
    rows = []
    for name, mean in areas.means.items():
        found = areas.estimates(name)
        cells = [f"{found[title][0]:+.3f} [{found[title][1]:+.3f}, {found[title][2]:+.3f}]" if title in found else "" for title in TITLES]
        rows.append([name, f"{mean:.3f}", *cells])
    if areas.limits is not None:
        rows.append([LIMIT, _limit(areas), *[""] * len(TITLES)])
    return aligned([f"{areas.way} ({areas.better} is better)", "mean area", *TITLES], rows)


def _limit(areas: Areas) -> str:
    return "" if areas.limits is None else f"{areas.limits.mean():.3f}"
