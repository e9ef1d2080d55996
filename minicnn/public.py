"""The public names, nothing else: what `import minicnn` gives."""

from minicnn import layers
from minicnn.errors import MinicnnError
from minicnn.files.resources import shipped_photo
from minicnn.kernels import use_algorithm
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.classes import ClassNames
from minicnn.models.files import load, save
from minicnn.models.model import Model
from minicnn.network import gradcheck, objectives, rules
from minicnn.network.folding import folded
from minicnn.network.initialize import he_initialized
from minicnn.network.network import Network, Trace
from minicnn.network.probability import cross_entropy, softmax
from minicnn.pictures import render
from minicnn.pictures.decoding import accept_truncated
from minicnn.pictures.photos import PREPROCESSING
from minicnn.pictures.results import Result
from minicnn.report.replay import replay
from minicnn.visualizers import (
    channels,
    class_model,
    compare,
    deconvnet,
    deep_dream,
    filter_model,
    filters,
    grad_cam,
    grad_cam_plus_plus,
    gradient_x_input,
    guided_backprop,
    guided_grad_cam,
    integrated_gradients,
    intuition,
    invert,
    layer_cam,
    layer_outputs,
    lrp,
    max_activating,
    occlusion,
    receptive_field,
    saliency,
    sanity,
    score_cam,
    segment,
    smoothgrad,
    style_transfer,
    texture,
    visualizer,
    window,
)

__all__ = [
    "ARCHITECTURES",
    "PREPROCESSING",
    "ClassNames",
    "MinicnnError",
    "Model",
    "Network",
    "Result",
    "Trace",
    "accept_truncated",
    "channels",
    "class_model",
    "compare",
    "cross_entropy",
    "deconvnet",
    "deep_dream",
    "filter_model",
    "filters",
    "folded",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradcheck",
    "gradient_x_input",
    "guided_backprop",
    "guided_grad_cam",
    "he_initialized",
    "integrated_gradients",
    "intuition",
    "invert",
    "layer_cam",
    "layer_outputs",
    "layers",
    "load",
    "lrp",
    "max_activating",
    "objectives",
    "occlusion",
    "receptive_field",
    "render",
    "replay",
    "rules",
    "saliency",
    "sanity",
    "save",
    "score_cam",
    "segment",
    "shipped_photo",
    "smoothgrad",
    "softmax",
    "style_transfer",
    "texture",
    "use_algorithm",
    "visualizer",
    "window",
]
