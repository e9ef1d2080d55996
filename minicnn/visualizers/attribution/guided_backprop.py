"""Two ways back through ReLUs that keep only what is positive; in nothing else do they differ from saliency."""

from __future__ import annotations

from minicnn.models.model import Model
from minicnn.network.objectives import Output
from minicnn.network.rules import deconvnet as deconvnet_rule
from minicnn.network.rules import guided
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.gradients import Form, gradient_by_rule, gradient_result, warn_if_no_relu, warn_if_saturated
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, Target, Traced


@visualizer(
    question="What mattered for this answer?",
    paper="J. T. Springenberg et al., arXiv:1412.6806, section 3.4; what it does not show: J. Adebayo et al., arXiv:1810.03292",
    if_zero="nothing positive reaches the pixels; every path to the image is blocked by ReLUs that are off",
    attribution="large",
)
def guided_backprop(model: Model, image: Traced, target: Target = LIKELIEST, *, form: Form = "raw", output: Output = "logit") -> Result:
    """Draw the structures that excite the network, by going back through its ReLUs only where that raises the score.

    As saliency, but at each ReLU on the way back what is negative is dropped, so that what speaks against a unit cannot blur what
    speaks for it. The pictures are sharp, because they partly redraw the photo's edges: they hardly change with the class (of the shipped
    panda, the maps of "giant panda" and "tabby" have a correlation of 0.98), or when the upper layers' weights are replaced by random
    ones (Nie et al. 2018, Adebayo et al. 2018). They show what the lower layers found, and are no evidence for why the network answered
    as it did. Cost: about 2.5 forward passes.

    Parameters
    ----------
    output : {"logit", "probability", "log-probability"}
        What is followed back.

    Returns
    -------
    Result
        Values: array (H, W, 3) in RGB order, or (H, W) for the other forms. Above 0 brighter pixels excite the network more. The unit is
        that of the gradient, score per unit of the network's input, but no derivative of the score.
    """
    score, gradient = gradient_by_rule(image, target, output, guided)
    title = f"Guided backpropagation for {model.class_name(target)}"
    found = warn_if_saturated(score, output) + warn_if_no_relu(image.network)
    return gradient_result(model, gradient, form, title, "guided gradient", found)


@visualizer(
    question="What mattered for this answer?",
    paper="M. D. Zeiler, R. Fergus, arXiv:1311.2901, section 2.1; what it does not show: W. Nie et al., arXiv:1805.07039",
    if_zero="nothing positive comes back; the class has no positive weight",
    attribution="large",
)
def deconvnet(model: Model, image: Traced, target: Target = LIKELIEST, *, form: Form = "raw", output: Output = "logit") -> Result:
    """Project the class back onto the pixels through the network turned upside down.

    As saliency, but each ReLU on the way back looks at what comes back, and drops what is negative of that, whether it was on for this
    photo or not. So the photo enters through the pooling layers alone, which remember where their maxima were. What comes out hardly
    depends on the class (of the shipped panda, the maps of "giant panda" and "tabby" have a correlation of 0.997) or on the upper layers'
    weights (Nie et al. 2018), and partly redraws the photo; the paper used it for single units of a layer, where it says more. Cost:
    about 2.5 forward passes.

    Parameters
    ----------
    output : {"logit", "probability", "log-probability"}
        What is followed back.

    Returns
    -------
    Result
        Values: array (H, W, 3) in RGB order, or (H, W) for the other forms. The unit is that of the gradient, but no derivative of the
        score.
    """
    score, gradient = gradient_by_rule(image, target, output, deconvnet_rule)
    title = f"Deconvnet for {model.class_name(target)}"
    found = warn_if_saturated(score, output) + warn_if_no_relu(image.network)
    return gradient_result(model, gradient, form, title, "deconvnet's gradient", found)
