"""What every layer puts out."""

from __future__ import annotations

from minicnn.errors import ShapeError
from minicnn.models.model import Model
from minicnn.pictures.render import Range
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LayerName, Traced
from minicnn.visualizers.contract.layers import image_output


@visualizer(
    name="layers",
    question="What do the layers see?",
    paper="M. D. Zeiler, R. Fergus, arXiv:1311.2901 (looking at feature maps)",
    if_zero="every unit of every layer is off; the image may be constant, or the weights zero",
)
def layer_outputs(model: Model, image: Traced, layer: LayerName | None = None) -> Result:
    """Show the output of every layer, averaged over its channels.

    Each picture is one layer's answer to the photo, the mean over all its channels. The first layers keep the photo's edges and
    colors; each pooling layer halves the picture; the last ones only say roughly where something of interest is. Every picture has its
    own color scale. Cost: about 2.5 forward passes.

    Parameters
    ----------
    layer : str
        Show this one only, large. Default: all.

    Returns
    -------
    Result
        Values: for each layer whose output is an image, by name, an array (height, width) in that layer's units. Before a ReLU they
        may be negative, after it not.

    Raises
    ------
    ShapeError
        If no layer's output is an image, or not that of the chosen one.
    """
    images = {name: output[0] for name, output in image.outputs.items() if output.ndim == 4}
    shown = images if layer is None else {layer: image_output(image, layer)}
    means = {name: output.mean(axis=2) for name, output in shown.items()}
    if not means:
        raise ShapeError(f"no layer of {model.name} has an image as its output, so there is nothing to show")
    which = "every layer" if layer is None else layer
    return Result(means, Range(), f"{model.name}: the output of {which}, averaged over its channels")
