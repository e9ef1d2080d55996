"""Which pixels would change the answer."""

from __future__ import annotations

from minicnn.models.model import Model
from minicnn.network.objectives import Output, class_gradients
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.gradients import Form, gradient_result, warn_if_saturated
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, Target, Traced


@visualizer(
    question="What mattered for this answer?",
    paper="K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034, section 3.1",
    if_zero="no pixel changes the score; every path to the image is blocked by ReLUs that are off, or a probability is saturated",
    attribution="large",
)
def saliency(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    *,
    form: Form = "absolute",
    output: Output = "logit",
) -> Result:
    """Show which pixels change the class score most when they change a little.

    This is the gradient of the class score with respect to the photo, from one pass forward and one back. Bright pixels are those whose
    smallest change would move the score most, up or down. It says what the score is sensitive to, which is not the same as what the
    animal is made of, and it is noisy. Cost: about 2.5 forward passes.

    Parameters
    ----------
    form : {"absolute", "signed", "raw"}
        What is made of the gradient's three colors: the largest absolute value, as in the paper; the same with its sign, above 0
        where a brighter pixel would raise the score; or all three as they are.
    output : {"logit", "probability", "log-probability"}
        What is differentiated: the unnormalized score as in the paper, or what softmax makes of it.

    Returns
    -------
    Result
        Values: array (H, W), or for "raw" (H, W, 3) in RGB order, in score per unit of the network's input.
    """
    score, gradients = class_gradients(image, target, output)
    title = f"Saliency for {model.class_name(target)}"
    return gradient_result(model, gradients.input[0], form, title, f"d {output} / d pixel", warn_if_saturated(score, output))
