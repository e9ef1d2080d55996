"""The visualizers: one documented function each. This list is the table of contents, in the order of the report.

Also what one needs to write one: the decorator `visualizer`, and the kinds of values that its parameters take, whose table is in
`minicnn.visualizers.contract.kinds`. Type checkers read the signatures of the public functions in __init__.pyi, which
scripts/make_stubs writes.
"""

# isort: off
from minicnn.visualizers.activations.intuition import intuition
from minicnn.visualizers.activations.filters import filters
from minicnn.visualizers.activations.window import window
from minicnn.visualizers.activations.layer_outputs import layer_outputs
from minicnn.visualizers.activations.channels import channels
from minicnn.visualizers.activations.receptive_field import receptive_field
from minicnn.visualizers.activations.invert import invert
from minicnn.visualizers.attribution.saliency import saliency
from minicnn.visualizers.attribution.smoothgrad import smoothgrad
from minicnn.visualizers.attribution.gradient_x_input import gradient_x_input
from minicnn.visualizers.attribution.integrated_gradients import integrated_gradients
from minicnn.visualizers.attribution.guided_backprop import deconvnet, guided_backprop
from minicnn.visualizers.attribution.lrp import lrp
from minicnn.visualizers.attribution.cam import grad_cam, grad_cam_plus_plus, layer_cam, score_cam
from minicnn.visualizers.attribution.guided_grad_cam import guided_grad_cam
from minicnn.visualizers.attribution.occlusion import occlusion
from minicnn.visualizers.attribution.segment import segment
from minicnn.visualizers.evaluation.sanity import sanity
from minicnn.visualizers.evaluation.compare import compare
from minicnn.visualizers.feature_visualization.class_model import class_model
from minicnn.visualizers.feature_visualization.filter_model import filter_model
from minicnn.visualizers.feature_visualization.max_activating import max_activating
from minicnn.visualizers.feature_visualization.deep_dream import deep_dream
from minicnn.visualizers.feature_visualization.texture import texture
from minicnn.visualizers.feature_visualization.style_transfer import style_transfer
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import (
    BLANK,
    LIKELIEST,
    USUAL,
    BatchSize,
    Classes,
    FilePath,
    FirstConvolution,
    Image,
    Index,
    Indices,
    LayerName,
    Layers,
    Photos,
    Position,
    Progress,
    SecondPhoto,
    Seed,
    Target,
    Traced,
    Unit,
)
from minicnn.visualizers.contract.method_kinds import Method, Methods
from minicnn.visualizers.contract.registry import REGISTRY, Visualizer
from minicnn.visualizers.contract.values import Kind

__all__ = [
    "BLANK",
    "LIKELIEST",
    "REGISTRY",
    "USUAL",
    "BatchSize",
    "Classes",
    "FilePath",
    "FirstConvolution",
    "Image",
    "Index",
    "Indices",
    "Kind",
    "LayerName",
    "Layers",
    "Method",
    "Methods",
    "Photos",
    "Position",
    "Progress",
    "SecondPhoto",
    "Seed",
    "Target",
    "Traced",
    "Unit",
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
    "visualizer",
    "window",
]
