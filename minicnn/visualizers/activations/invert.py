"""What a layer's output still tells of the photo."""

from __future__ import annotations

import numpy as np

from minicnn.models.model import Model
from minicnn.network.graph import INPUT
from minicnn.network.network import Network
from minicnn.network.objectives import match
from minicnn.network.optimizers import adam_for_images
from minicnn.pictures.results import Result
from minicnn.visualizers.ascent.finished import finished, stuck
from minicnn.visualizers.ascent.levels import check_limits, settings_in_levels, with_noise
from minicnn.visualizers.ascent.loop import AscentState, ascend, at_any_size
from minicnn.visualizers.ascent.recorder import Recorder, part_of
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LayerName, Progress, Seed, Traced


@visualizer(
    question="What do the layers see?",
    paper="A. Mahendran, A. Vedaldi, arXiv:1412.0035; with Adam, and gradients damped as in photos' spectra",
    report={"steps": 16, "step_size": 12.0},
    quick={"steps": 8, "step_size": 20.0},
    image="picture",
)
def invert(
    model: Model,
    image: Traced,
    layer: LayerName | None = None,
    *,
    steps: int = 90,
    step_size: float = 8.0,
    spectrum: float = 1.5,
    total_variation: float = 0.3,
    noise: float = 10.0,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Reconstruct the photo from nothing but a layer's output.

    Starting from noise, a picture is changed step by step until the layer puts out the same for it as for the photo. What comes out the
    same, the layer still knows; what comes out differently, it has forgotten. Early layers keep nearly everything, deeper ones keep
    what is there and forget where exactly and in which color. There are many pictures with the same output, and of these one that
    looks like a photo is preferred, so a fine picture does not prove that the layer knows each of its details. Cost: about 160 forward
    passes for each layer.

    Parameters
    ----------
    layer : str
        Default: one after the other, the layers before each pooling, and the last.
    steps : int
        How often each picture is changed.
    step_size : float
        How far a pixel moves in one step at most, about, in levels of 255; it shrinks to a tenth.

    Returns
    -------
    Result
        Values: "images", uint8 RGB (layers, H, W, 3); "picture", the same side by side; "input", before rounding in the network's units
        (without preprocessing alone); "scores", (steps, layers), before each step minus the squared difference between the outputs, as a
        share of the wanted output's square: 0 is a perfect match.

    Raises
    ------
    MinicnnError
        If a setting is out of range.
    """
    check_limits(
        {"step_size": (step_size, 255), "spectrum": (spectrum, 4), "total_variation": (total_variation, 100), "noise": (noise, 255)}
    )
    layers = _before_pooling(model.network) if layer is None else [layer]
    size = image.input.shape[1:3]
    settings = settings_in_levels(
        model,
        steps=steps,
        step_size=step_size,
        last_step=0.1,
        optimizer=adam_for_images,
        spectrum=spectrum,
        colors="natural",
        total_variation=total_variation,
    )
    start = AscentState(with_noise(model, np.zeros_like(image.input), noise, seed), [])
    states = []
    for i, name in enumerate(layers):
        recorder = Recorder(model, steps, size, part_of(progress, i, len(layers)), take=False)
        objective = match(name, image.outputs[name])
        states.append(ascend(model.network.up_to([name]), at_any_size(objective), start, settings, size, seed, recorder))
    x = np.concatenate([state.x for state in states])
    values, shows = finished(model, x, np.concatenate([state.scores for state in states], axis=1), layers, with_photo=True)
    ends = ", ".join(f"{name} {1 + state.scores[-1][0]:.1%}" for name, state in zip(layers, states))
    title = "The photo, reconstructed from each layer's output" if layer is None else f"The photo, reconstructed from the output of {layer}"
    warnings = stuck(
        np.concatenate([state.moved for state in states]), layers, "for the photo or for the picture, the output may be 0 everywhere"
    )
    text = f"So much of the square of the output is matched (below 0, the picture is worse than none): {ends}."
    return Result(values, shows, title, text=text, beside_photo=False, warnings=warnings)


def _before_pooling(network: Network) -> list[str]:
    """Name the layers right before the image becomes smaller, and the last layer."""
    jumps = network.jumps
    smaller = [
        source
        for name, sources in network.inputs.items()
        for source in sources
        if name in jumps and source in jumps and source != INPUT and jumps[name] != jumps[source]
    ]
    return list(dict.fromkeys([*smaller, list(network.layers)[-1]]))
