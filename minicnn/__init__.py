"""minicnn: look inside a convolutional network with nothing but NumPy and numba."""

from minicnn import gradcheck, layers, objectives, rules
from minicnn.architectures import ARCHITECTURES
from minicnn.classes import ClassNames
from minicnn.errors import MinicnnError
from minicnn.images import PREPROCESSING
from minicnn.initialise import he_initialised
from minicnn.kernels import use_algorithm
from minicnn.model import Model, load
from minicnn.network import Network, Trace
from minicnn.probability import cross_entropy, softmax
from minicnn.replay import replay
from minicnn.resources import shipped_photo
from minicnn.results import Result
from minicnn.visualizers import (
    channels,
    class_model,
    compare,
    deep_dream,
    filter_model,
    filters,
    grad_cam,
    intuition,
    invert,
    layer_outputs,
    max_activating,
    occlusion,
    receptive_field,
    saliency,
    sanity,
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
    "deep_dream",
    "filter_model",
    "filters",
    "grad_cam",
    "gradcheck",
    "he_initialised",
    "intuition",
    "invert",
    "layer_outputs",
    "layers",
    "load",
    "max_activating",
    "objectives",
    "occlusion",
    "receptive_field",
    "replay",
    "rules",
    "saliency",
    "sanity",
    "segment",
    "shipped_photo",
    "smoothgrad",
    "softmax",
    "style_transfer",
    "texture",
    "use_algorithm",
    "window",
]
