"""minicnn: look inside a convolutional network with nothing but NumPy and numba."""

from minicnn import gradcheck, layers, objectives, rules
from minicnn.architectures import ARCHITECTURES
from minicnn.classes import ClassNames
from minicnn.errors import MinicnnError
from minicnn.folding import folded
from minicnn.images import PREPROCESSING
from minicnn.initialise import he_initialised
from minicnn.kernels import use_algorithm
from minicnn.model import Model
from minicnn.model_files import load, save
from minicnn.network import Network, Trace
from minicnn.probability import cross_entropy, softmax
from minicnn.replay import replay
from minicnn.resources import shipped_photo
from minicnn.results import Result
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
    "he_initialised",
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
    "window",
]
