"""A few numbers for everything that a method computes on the shipped photo, for the script that records them and for the test."""

import warnings

import numpy as np

import minicnn
from minicnn.visualizers import REGISTRY

#: By model: each method with its own options, or those of the quick report, and the methods that take too long for a test.
MODELS = {
    "minivgg-cifar10": (False, ()),
    "resnet20-cifar10": (True, ()),
    "vgg16-gap": (
        True,
        (
            "class-model",
            "compare",
            "deep-dream",
            "filter-model",
            "integrated-gradients",
            "invert",
            "max-activating",
            "occlusion",
            "sanity",
            "score-cam",
            "smoothgrad",
            "style-transfer",
            "texture",
        ),
    ),
}

#: A class for those that choose none by themselves.
TARGET = {"class-model": 3}

#: Steps that build on each other, and cuts: a last digit becomes another pattern as good as the first.
ENLARGING = ("class-model", "deep-dream", "filter-model", "max-activating", "segment", "style-transfer", "texture")

EIGHTHS = 8

CASES = [(model, method) for model, (_, slow) in MODELS.items() for method in REGISTRY if method not in slow]


def arrays_of(model_name, method):
    """Run a method on the shipped photo."""
    visualizer, model = REGISTRY[method], minicnn.load(model_name)
    quick, _ = MODELS[model_name]
    options = visualizer.quick_options(*model.input_shape()[:2]) if quick else {}
    photos = {} if visualizer.photo_name is None or method in TARGET else {visualizer.photo_name: minicnn.shipped_photo("panda")}
    photos |= {} if visualizer.second_photo is None else {visualizer.second_photo: minicnn.shipped_photo("moose")}
    options |= {"target": TARGET[method]} if method in TARGET else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return visualizer.function(model, **photos, **options).arrays


def summary(array):
    """Return an array's type and shape, and of each eighth of it the mean and the root mean square."""
    eighths = np.array_split(array.ravel().astype(float), EIGHTHS)
    return {
        "form": f"{array.dtype.str} {'x'.join(map(str, array.shape))}",
        "means": [float(f"{np.mean(part):.6g}") if part.size else 0.0 for part in eighths],
        "sizes": [float(f"{np.sqrt(np.mean(part**2)):.6g}") if part.size else 0.0 for part in eighths],
    }


def tolerance(method):
    """Tell how far means and sizes may be off, as a share of the largest: machines round differently, and some methods enlarge that."""
    return 0.5 if method in ENLARGING else 0.01
