"""Whether a method's maps depend on what the network has learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError, listed
from minicnn.layers import Layer
from minicnn.models.model import Model
from minicnn.network.network import Network
from minicnn.pictures.render import Curve, Grid
from minicnn.pictures.results import Result
from minicnn.pictures.tables import Row, aligned
from minicnn.visualizers.attribution.maps import importance, run_map, values_of
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, Progress, Seed, Target, Traced
from minicnn.visualizers.contract.method_kinds import Methods
from minicnn.visualizers.contract.registry import REGISTRY
from minicnn.visualizers.evaluation.similarity import MEASURES, check_size, rank_correlation

Parameters = dict[str, np.ndarray]
Randomize = Literal["initialization", "permutation"]

#: What is checked if nothing else is asked for.
USUAL = ("saliency", "gradient-x-input", "grad-cam", "guided-backprop", "guided-grad-cam")

#: The verdict on a method, by the mean of all three measures over all steps: from so much similarity on it is the later one.
VERDICTS = {
    -1.0: "changes with the weights",
    0.4: "changes only in part: what stays comes from the photo",
    0.6: "hardly changes: it shows the photo's edges more than what was learned",
}


@visualizer(
    question="Can the maps be trusted?",
    paper="J. Adebayo et al., arXiv:1810.03292, sections 2 and 3.1",
    if_zero="no method found anything, with the trained weights or with random ones",
    report={"steps": 5},
    quick={"methods": ("saliency", "grad-cam"), "steps": 3},
    saves=(".png", ".npz", ".csv", ".json"),
)
def sanity(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    *,
    methods: Methods | None = None,
    steps: int | None = None,
    randomize: Randomize = "initialization",
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Replace the weights by random ones, layer by layer from the top, and see whether the maps change.

    A map that explains what a network has learned must change when that is destroyed. In each column of the picture more layers have
    random weights than in the one before, and in the last all have; of many steps it shows some, the values all. A map that stays shows
    the photo, as an edge detector does, however convincing it looks: guided backpropagation is known for it. Guided Grad-CAM, which the
    paper finds nearly unchanged by eye, changes by these measures, as its coarse factor moves. To change is necessary, not sufficient:
    a map of noise passes. The measures compare sizes, whatever their sign; the limits between the verdicts are our own, and one photo
    and one seed are an example, no proof. Cost: about 2 forward passes for each method and layer with weights.

    Parameters
    ----------
    target : str or int
        The class, by name or index, the same at every step. Default: the likeliest with the trained weights.
    methods : list of str
        Methods that draw maps, with the settings of the quick report. Default: saliency, gradient-x-input, grad-cam,
        guided-backprop and guided-grad-cam, of those that there are.
    steps : int
        In how many steps, at most, the layers are randomized, each about as many layers. Default: one layer at a time.
    randomize : {"initialization", "permutation"}
        What weights and biases become: new ones, as before a training (He et al. 2015); or the trained ones of the same layer, shuffled.
    seed : int
        For the weights, and the methods that are random.

    Returns
    -------
    Result
        Values: "maps" (methods, steps + 1, H, W), the importance, at least 0, first with the trained weights. "similarity" (3, methods,
        steps + 1), -1 to 1, of each map to the trained one: Spearman's rank correlation, SSIM, and correlation of HOG features; 0 for a
        map that is the same everywhere. Table: the same by method and step, and for methods with a sign also the rank correlation of
        the signed numbers.

    Raises
    ------
    MinicnnError
        If the network has no parameters, or the photo is too small to compare structures.
    """
    x = image.input
    check_size(*x.shape[1:3])
    names = list(methods or USUAL)
    networks = list(_cascade(model.network, steps, randomize, seed))
    layers = [layer for layer, _ in networks]
    results: dict[str, list[Result]] = {name: [] for name in names}
    for step, (_, network) in enumerate(networks):
        trace = image if step == 0 else network.trace(x)
        for i, name in enumerate(names):
            results[name].append(run_map(name, model.with_network(network), trace, target, seed))
            if progress:
                progress(step * len(names) + i + 1, len(names) * len(networks))
    maps, measured, rows, warnings = [], [], [], []
    for name, each in results.items():
        maps.append(np.stack([importance(result) for result in each]))
        measured.append([[measure(maps[-1][0], map_) for map_ in maps[-1]] for measure in MEASURES.values()])
        rows += _rows(name, layers, measured[-1], [values_of(result) for result in each])
        warnings += [f"{name}: {text}" for text in each[0].warnings] + _if_empty(name, layers, maps[-1])
    similarity = np.array(measured, x.dtype).transpose(1, 0, 2)
    curves = Curve("similarity to the trained map", "random from the top down to", names, list(MEASURES), layers, high=1.05)
    return Result(
        {"maps": np.stack(maps), "similarity": similarity},
        {"maps": Grid(names, layers), "similarity": curves},
        f"Sanity check for {model.class_name(target)}: the maps while the weights become random",
        text=_in_words(names, similarity),
        table=rows,
        beside_photo=False,
        source={"methods": names, "steps": len(layers) - 1},
        warnings=tuple(warnings),
    )


def _initial(layer: Layer, generator: np.random.Generator) -> Parameters:
    if type(layer).initial_arrays is Layer.initial_arrays:
        raise MinicnnError(
            f"it is not known which arrays a {type(layer).__name__} starts from; give its class initial_arrays(generator), or "
            "let the weights change places (--randomize permutation)"
        )
    arrays = layer.initial_arrays(generator)
    return {name: arrays[name] for name in layer.parameter_names}


def _shuffled(layer: Layer, generator: np.random.Generator) -> Parameters:
    return {name: generator.permutation(array.ravel()).reshape(array.shape) for name, array in layer.parameters.items()}


RANDOMIZE: dict[Randomize, Callable[[Layer, np.random.Generator], Parameters]] = {
    "initialization": _initial,
    "permutation": _shuffled,
}


def _cascade(network: Network, steps: int | None, randomize: Randomize, seed: int) -> Iterator[tuple[str, Network]]:
    """Yield ("trained", network), then at each step the lowest layer whose parameters are random by now, and the network."""
    parameters = network.parameters
    if not parameters:
        raise MinicnnError("the network has no parameters that could be made random; expected at least one convolution or dense layer")
    steps = min(steps or len(parameters), len(parameters))
    generator = np.random.default_rng(seed)
    yield "trained", network
    for group in np.array_split(list(reversed(parameters)), steps):
        for layer in group.tolist():
            random = RANDOMIZE[randomize](network.layers[layer], generator)
            network = network.with_parameters(
                {layer: {name: array.astype(parameters[layer][name].dtype) for name, array in random.items()}}
            )
        yield layer, network


def _rows(method: str, layers: Sequence[str], similarity: Sequence[Sequence[float]], values: Sequence[np.ndarray]) -> list[Row]:
    """Make the table's rows of one method."""
    rows: list[Row] = [
        {"method": method, "step": step, "random down to": layer, **dict(zip(MEASURES, each))}
        for step, (layer, each) in enumerate(zip(layers, zip(*similarity)))
    ]
    if REGISTRY[method].attribution == "large" and values[0].min() < 0:
        rows = [{**row, "signed rank correlation": rank_correlation(values[0], each)} for row, each in zip(rows, values)]
    return rows


def _if_empty(method: str, layers: Sequence[str], maps: np.ndarray) -> list[str]:
    """Say where random weights gave a map (steps, H, W) that is the same everywhere."""
    empty = [layer for layer, each in zip(layers[1:], maps[1:]) if np.ptp(each) == 0]
    return (
        [f"{method}: the map is empty once the layers are random down to {listed(empty)}; its similarity counts as 0 there"]
        if empty
        else []
    )


def _in_words(methods: Sequence[str], similarity: np.ndarray) -> str:
    """Write the verdicts on the methods."""
    means = similarity[..., 1:].mean(axis=2).T
    rows = [
        [method, *(f"{value:.2f}" for value in each), f"{each.mean():.2f}", verdict(float(each.mean()))]
        for method, each in zip(methods, means)
    ]
    text = aligned(["mean over the steps", *MEASURES, "together", "verdict"], rows)
    limits = " and ".join(f"{limit:g}" for limit in list(VERDICTS)[1:])
    return f"{text}\nThe limits between the verdicts are {limits}, for the mean of all three measures over all steps with random weights."


def verdict(similarity: float) -> str:
    """Judge a method by its mean similarity over all measures and steps; see `VERDICTS`."""
    return [words for limit, words in VERDICTS.items() if similarity >= limit][-1]
