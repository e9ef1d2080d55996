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
from minicnn.visualizers.grad_cam import grad_cam
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
    "deep_dream",
    "filter_model",
    "filters",
    "grad_cam",
    "intuition",
    "invert",
    "layer_outputs",
    "max_activating",
    "occlusion",
    "receptive_field",
    "saliency",
    "sanity",
    "segment",
    "smoothgrad",
    "style_transfer",
    "texture",
    "window",
]
