"""Guided backpropagation where Grad-CAM looks."""

from __future__ import annotations

from minicnn.models.model import Model
from minicnn.network.objectives import Output
from minicnn.network.rules import guided
from minicnn.pictures.render import stretch
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.cam import gradient_cam, mean_gradient
from minicnn.visualizers.attribution.gradients import Form, gradient_by_rule, gradient_result, warn_if_no_relu
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, USUAL, LayerName, Target, Traced


@visualizer(
    question="What mattered for this answer?",
    paper="R. R. Selvaraju et al., arXiv:1610.02391, section 3.2; what it does not show: J. Adebayo et al., arXiv:1810.03292",
    if_zero="Grad-CAM finds nothing for the class at this layer, or nothing positive reaches the pixels",
    attribution="large",
)
def guided_grad_cam(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    layer: LayerName = USUAL,
    *,
    form: Form = "raw",
    output: Output = "logit",
) -> Result:
    """Draw guided backpropagation's details in the places that Grad-CAM finds.

    Grad-CAM's coarse map is stretched over the photo and multiplied onto guided backpropagation's picture. Where it is bright depends
    on the class, that is Grad-CAM's part. What is drawn there hardly does, for guided backpropagation partly redraws the photo's edges:
    do not read the details as reasons. Cost: about 2.5 forward passes.

    Parameters
    ----------
    layer : str
        Grad-CAM's: a layer whose output is an image. Default: the last convolution, after its ReLU.
    output : {"logit", "probability", "log-probability"}
        What is differentiated and followed back.

    Returns
    -------
    Result
        Values: array (H, W, 3) in RGB order, or (H, W) for the other forms: the guided gradient times Grad-CAM's map.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    """
    maps, found = gradient_cam(image, (target,), layer, output, mean_gradient)
    _, gradient = gradient_by_rule(image, target, output, guided)
    place = stretch(maps[target], *image.input.shape[1:3]).astype(image.input.dtype)
    title = f"Guided Grad-CAM for {model.class_name(target)} at {layer}"
    return gradient_result(model, gradient * place[..., None], form, title, "gradient x CAM", (*found, *warn_if_no_relu(image.network)))
