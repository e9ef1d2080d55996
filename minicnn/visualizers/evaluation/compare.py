"""Which attribution map tells best what the network's answer rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.network.objectives import Output, class_values
from minicnn.pictures.frequency import gaussian_blur
from minicnn.pictures.render import Curve, Overlay
from minicnn.pictures.render.panel import largest_shown
from minicnn.pictures.results import Result
from minicnn.pictures.tables import Row, aligned
from minicnn.visualizers.attribution.maps import importance, run_map
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import BatchSize, Photos, Progress, Seed, Target
from minicnn.visualizers.contract.method_kinds import Methods

#: What is compared if nothing else is asked for.
USUAL = ("saliency", "smoothgrad", "integrated-gradients", "grad-cam", "occlusion")

#: Maps that know nothing of the network.
BASELINES = ("random", "edges")

#: In the paper, insertion starts from the photo blurred with a deviation of 5 pixels at 224 x 224.
BLUR_SHARE = 5 / 224

DELETION, INSERTION = "deletion", "insertion"

#: Areas that differ by less look the same in the table.
LEAST_DIFFERENCE = 0.0005


@visualizer(
    question="Can the maps be trusted?",
    paper="V. Petsiuk, A. Das, K. Saenko, arXiv:1806.07421, section 4.2",
    if_zero="the class has no probability whatever is shown; it may be the wrong class for this photo",
    report={"methods": ("saliency", "smoothgrad", "grad-cam"), "steps": 6},
    quick={"methods": ("saliency", "grad-cam"), "steps": 3},
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
    nothing of the network are measured beside them, random numbers and the photo's edges; a map that does no better than they has not
    told anything about the network. Photos with holes are like nothing the network was trained on, so small differences mean little,
    and two methods can win one test each; one photo proves nothing, a folder of them says more. Over several photos, a method is called
    better than a baseline if it is so on average by more than the standard error of the difference. Cost: about 310 forward passes for
    each photo.

    Parameters
    ----------
    target : str or int
        The class, by name or index. Default: each photo's likeliest.
    methods : list of str
        Methods that draw maps, with the settings of the quick report. Default: saliency, smoothgrad, integrated-gradients, grad-cam and
        occlusion, of those that there are.
    steps : int
        In how many equal parts the pixels are taken away, or made sharp.
    output : {"logit", "probability", "log-probability"}
        What is measured.
    seed : int
        For the random map, and the methods that are random.

    Returns
    -------
    Result
        Values: "curves" (2, methods, steps + 1), the probability (or score) in deletion and in insertion, mean over the photos; the
        methods are followed by "random" and "edges". "scores" (photos, 2, methods, steps + 1), the same for each photo. Of a single
        photo also each method's importance (H, W), at least 0. Table: the areas under the curves by photo and method, by the
        trapezoidal rule over steps from 0 to 1, so that a constant probability p has the area p; of several photos also their mean and
        standard deviation.

    Raises
    ------
    MinicnnError
        If there are more steps than pixels.
    """
    pixels = photos.shape[0] * photos.shape[1]
    if steps > pixels:
        raise MinicnnError(f"steps is {steps}; expected at most {pixels}, the number of pixels")
    chosen = list(methods or USUAL)
    lines, work = [*chosen, *BASELINES], len(photos) * (len(chosen) + len(BASELINES))
    names, targets, measured, found = [], [], [], []
    maps: dict[str, np.ndarray] = {}
    generator = np.random.default_rng(seed)
    for position, x in photos:
        name = photos.name(position)
        trace = photos.trace(position, x)
        index = int(trace.result[0].argmax()) if target is None else target
        maps, odd = _maps(model, trace, index, chosen, seed, generator)
        names.append(name)
        targets.append(index)
        found += [text if photos.single else f"{name}: {text}" for text in odd]
        done = (len(names) + len(photos.skipped)) * len(lines) - len(lines)
        each = np.empty((2, len(lines), steps + 1), x.dtype)
        for i, map_ in enumerate(maps.values()):
            each[:, i] = _deletion_and_insertion(model, x, map_, index, steps, output, batch_size)
            if progress:
                progress(done + i + 1, work)
        measured.append(each)
    scores = np.stack(measured)
    areas = area_under(scores)
    classes = [model.class_name(index) for index in targets]
    shown = {line: Overlay("importance", low=0.0, high=largest_shown(map_)) for line, map_ in maps.items()} if photos.single else {}
    rows: list[Row] = [
        {"photo": name, "class": class_name, "method": line, DELETION: float(area[0, i]), INSERTION: float(area[1, i])}
        for name, class_name, area in zip(names, classes, areas)
        for i, line in enumerate(lines)
    ]
    return Result(
        {"curves": scores.mean(axis=0), "scores": scores, **(maps if photos.single else {})},
        {**shown, "curves": _diagrams(lines, steps, output)},
        f"Deletion and insertion for {classes[0]}"
        if photos.single
        else f"Deletion and insertion over {len(names)} photo{'s' * (len(names) > 1)}",
        text=_in_words(lines, areas),
        table=rows if len(names) == 1 else [*rows, *_summary_rows(lines, areas)],
        columns=4,
        source={"methods": chosen, "target": targets[0] if photos.single else target},
        warnings=tuple(found),
    )


def area_under(scores: np.ndarray) -> np.ndarray:
    """Integrate scores (..., n + 1) over steps from 0 to 1 by the trapezoidal rule: (s_0 / 2 + s_1 + ... + s_n / 2) / n."""
    return (scores.sum(axis=-1) - (scores[..., 0] + scores[..., -1]) / 2) / (scores.shape[-1] - 1)


def _maps(
    model: Model, trace: Trace, target: int, methods: Sequence[str], seed: int, generator: np.random.Generator
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Make the maps of all methods and baselines for one photo, (H, W) each, and say what is odd about them."""
    results = {name: run_map(name, model, trace, target, seed) for name in methods}
    maps = {name: importance(result) for name, result in results.items()}
    odd = [f"{name}: {text}" for name, result in results.items() for text in result.warnings]
    x = trace.input
    return {**maps, "random": generator.random(x.shape[1:3]).astype(x.dtype), "edges": edges(x)}, odd


def edges(x: np.ndarray) -> np.ndarray:
    """Find the edges of a photo (1, H, W, C): the size of the Sobel gradient of its mean over the colors, (H, W)."""
    from skimage.filters import sobel

    return sobel(x[0].mean(axis=2)).astype(x.dtype)


def _deletion_and_insertion(
    model: Model, x: np.ndarray, importance_map: np.ndarray, target: int, steps: int, output: Output, batch_size: int
) -> np.ndarray:
    """Measure the answer, (2, steps + 1), while pixels are taken away from the photo, and while they become sharp."""
    height, width = importance_map.shape
    blurred = gaussian_blur(x, BLUR_SHARE * np.sqrt(height * width))
    ways = [replaced(x, np.zeros_like(x), importance_map, steps), replaced(blurred, x, importance_map, steps)]
    scores = np.empty((2, steps + 1), x.dtype)
    for way, images in zip(scores, ways):
        for start in range(0, steps + 1, batch_size):
            batch = [next(images) for _ in range(start, min(start + batch_size, steps + 1))]
            way[start : start + len(batch)] = class_values(model.network(np.concatenate(batch)), target, output)[0]
    return scores


def replaced(first: np.ndarray, last: np.ndarray, importance_map: np.ndarray, steps: int) -> Iterator[np.ndarray]:
    """Turn one image (1, H, W, C) into another in equal steps, the pixels of the largest importance first; yields steps + 1 images.

    Of equally important pixels, those further up and further to the left come first.
    """
    order = np.argsort(-importance_map, axis=None, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    rank = rank.reshape(1, *importance_map.shape, 1)
    for step in range(steps + 1):
        yield np.where(rank < round(step / steps * len(order)), last, first)


def _diagrams(lines: Sequence[str], steps: int, output: Output) -> Curve:
    """Say how the curves are shown."""
    return Curve(
        output,
        "share of the pixels replaced, most important first",
        lines,
        (f"{DELETION}: lower is better", f"{INSERTION}: higher is better"),
        np.linspace(0, 1, steps + 1).tolist(),
        *((0, 1.02) if output == "probability" else ()),
    )


def _summary_rows(lines: Sequence[str], areas: np.ndarray) -> list[Row]:
    """Make the rows of the mean and the standard deviation over the photos."""
    summaries = {f"mean of {len(areas)} photos": areas.mean(axis=0), "standard deviation": areas.std(axis=0, ddof=1)}
    return [
        {"photo": name, "class": "", "method": line, DELETION: float(numbers[0, i]), INSERTION: float(numbers[1, i])}
        for name, numbers in summaries.items()
        for i, line in enumerate(lines)
    ]


def _in_words(lines: Sequence[str], areas: np.ndarray) -> str:
    """Write the areas (photos, 2, methods) as a table, and say who did best, and who no better than the baselines."""
    mean = areas.mean(axis=0)
    spread = [""] * mean.size if len(areas) == 1 else [f" +- {value:.3f}" for value in areas.std(axis=0, ddof=1).ravel()]
    cells = np.reshape([f"{value:.3f}{more}" for value, more in zip(mean.ravel(), spread)], mean.shape)
    table = aligned(["area under the curve", f"{DELETION} (lower is better)", f"{INSERTION} (higher is better)"], list(zip(lines, *cells)))
    methods, best, weak = len(lines) - len(BASELINES), [], []
    for way, good in {DELETION: -areas[:, 0], INSERTION: areas[:, 1]}.items():
        behind = [name for name, one in zip(lines[:methods], good.T) if not all(is_better(one, baseline) for baseline in good.T[methods:])]
        first = lines[good[:, :methods].mean(axis=0).argmax()]
        best.append(f"in {way}: {'none' if first in behind else first}")
        weak += [f"{name} ({way})" for name in behind]
    over = f"Mean +- standard deviation over {len(areas)} photos.\n" if len(areas) > 1 else ""
    return f"{table}\n{over}Best of the methods {'; '.join(best)}.\nNot better than both baselines: {', '.join(weak) or 'none'}."


def is_better(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether the first did better on these photos (photos,): on average by more than the difference's standard error, and visibly."""
    difference = one - other
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    return bool(difference.mean() > max(error, LEAST_DIFFERENCE))
