"""One checksum for everything that a method computes on the shipped photo, for the script that records them and for the test."""

import hashlib
import warnings

import llvmlite.binding
import numpy as np
import threadpoolctl

import minicnn
from minicnn.kernels import thread_count
from minicnn.visualizers import REGISTRY

#: By model: each method with its own options, or those of the quick report, and the methods that take too long for a test.
MODELS = {
    "minivgg-cifar10": (False, ()),
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

CASES = [(model, method) for model, (_, slow) in MODELS.items() for method in REGISTRY if method not in slow]


def machine():
    """Tell what decides the last digit: the processor, the threads, and the libraries that compute."""
    libraries = {library["internal_api"]: f"{library['version']}, {library['num_threads']}" for library in threadpoolctl.threadpool_info()}
    versions = {module: __import__(module).__version__ for module in ("numpy", "numba", "llvmlite", "scipy", "skimage", "PIL")}
    return {"processor": llvmlite.binding.get_host_cpu_name(), "threads": str(thread_count()), **libraries, **versions}


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


def form(arrays):
    """Tell how many arrays there are, of which types and shapes."""
    return [f"{array.dtype.str} {'x'.join(map(str, array.shape))}" for array in arrays.values()]


def checksum(arrays):
    """Return the SHA-256 of all numbers, whatever the arrays are called."""
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
