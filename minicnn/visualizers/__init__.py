"""The visualizers: one documented function each. This list is the table of contents, in the order of the report."""

# isort: off
from minicnn.visualizers.layer_outputs import layer_outputs
from minicnn.visualizers.saliency import saliency
from minicnn.visualizers.smoothgrad import smoothgrad
from minicnn.visualizers.grad_cam import grad_cam
from minicnn.visualizers.occlusion import occlusion
from minicnn.visualizers.registry import REGISTRY, Visualizer

__all__ = ["REGISTRY", "Visualizer", "grad_cam", "layer_outputs", "occlusion", "saliency", "smoothgrad"]
