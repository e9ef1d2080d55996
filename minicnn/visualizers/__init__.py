"""The visualizers: one documented function each. This list is the table of contents, in the order of the report."""

# isort: off
from minicnn.visualizers.intuition import intuition
from minicnn.visualizers.filters import filters
from minicnn.visualizers.window import window
from minicnn.visualizers.layer_outputs import layer_outputs
from minicnn.visualizers.channels import channels
from minicnn.visualizers.receptive_field import receptive_field
from minicnn.visualizers.invert import invert
from minicnn.visualizers.saliency import saliency
from minicnn.visualizers.smoothgrad import smoothgrad
from minicnn.visualizers.gradient_x_input import gradient_x_input
from minicnn.visualizers.integrated_gradients import integrated_gradients
from minicnn.visualizers.guided_backprop import deconvnet, guided_backprop
from minicnn.visualizers.lrp import lrp
from minicnn.visualizers.cam import grad_cam, grad_cam_plus_plus, layer_cam, score_cam
from minicnn.visualizers.guided_grad_cam import guided_grad_cam
from minicnn.visualizers.occlusion import occlusion
from minicnn.visualizers.segment import segment
from minicnn.visualizers.sanity import sanity
from minicnn.visualizers.compare import compare
from minicnn.visualizers.class_model import class_model
from minicnn.visualizers.filter_model import filter_model
from minicnn.visualizers.max_activating import max_activating
from minicnn.visualizers.deep_dream import deep_dream
from minicnn.visualizers.texture import texture
from minicnn.visualizers.style_transfer import style_transfer
from minicnn.visualizers.registry import REGISTRY, Visualizer

__all__ = [
    "REGISTRY",
    "Visualizer",
    "channels",
    "class_model",
    "compare",
    "deconvnet",
    "deep_dream",
    "filter_model",
    "filters",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient_x_input",
    "guided_backprop",
    "guided_grad_cam",
    "integrated_gradients",
    "intuition",
    "invert",
    "layer_cam",
    "layer_outputs",
    "lrp",
    "max_activating",
    "occlusion",
    "receptive_field",
    "saliency",
    "sanity",
    "score_cam",
    "segment",
    "smoothgrad",
    "style_transfer",
    "texture",
    "window",
]
