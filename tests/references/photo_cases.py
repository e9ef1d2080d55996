"""What is compared with PyTorch and Captum on the shipped model and photo, for the script that makes the references and for the tests."""

import hashlib

import numpy as np

import minicnn

TARGET = "giant panda"

# Not square; and small, because float64 takes long.
SMALL = (96, 128)

_SMOOTHGRAD = {"samples": 5, "noise": 0.2, "seed": 11, "batch_size": 2}

# name: (visualizer, size of the photo, options); patches overlap by less than half, see the script
CASES = {
    "saliency": ("saliency", 224, {}),
    "saliency, signed": ("saliency", SMALL, {"form": "signed"}),
    # of a class other than the panda, whose probability is so near 1 that 1 - p has few digits left
    "saliency, raw, of the log-probability": ("saliency", SMALL, {"form": "raw", "output": "log-probability", "target": "ice bear"}),
    "smoothgrad": ("smoothgrad", SMALL, _SMOOTHGRAD),
    "smoothgrad, squared": ("smoothgrad", SMALL, {**_SMOOTHGRAD, "variant": "squared"}),
    "smoothgrad, vargrad": ("smoothgrad", SMALL, {**_SMOOTHGRAD, "variant": "vargrad"}),
    "occlusion of the logit": ("occlusion", 224, {"patch": 64, "stride": 40, "output": "logit"}),
    "occlusion": ("occlusion", 224, {"patch": 80, "stride": 72}),
    "occlusion with the mean color": ("occlusion", SMALL, {"patch": 32, "stride": 32, "fill": "mean", "output": "log-probability"}),
    "layer outputs": ("layer_outputs", 224, {}),
    "grad-cam": ("grad_cam", 224, {"layer": "relu5_3"}),
    "grad-cam at pool4": ("grad_cam", SMALL, {"layer": "pool4"}),
    "grad-cam of another class": ("grad_cam", 224, {"layer": "relu5_3", "target": "ice bear"}),
    "guided backpropagation": ("guided_backprop", SMALL, {}),
    "deconvnet": ("deconvnet", SMALL, {"form": "signed"}),
    "guided grad-cam": ("guided_grad_cam", SMALL, {"layer": "relu5_3", "form": "signed"}),
    "gradient x input": ("gradient_x_input", SMALL, {}),
    "integrated gradients": ("integrated_gradients", SMALL, {"baseline": "black", "steps": 7}),
    "integrated gradients from the mean color": ("integrated_gradients", SMALL, {"baseline": "mean", "steps": 6, "batch_size": 5}),
    "lrp": ("lrp", SMALL, {}),
    "lrp, epsilon": ("lrp", SMALL, {"rule": "epsilon", "epsilon": 0.1}),
    "lrp, epsilon 0": ("lrp", SMALL, {"rule": "epsilon", "epsilon": 0.0}),
    "lrp, alpha-beta": ("lrp", SMALL, {"rule": "alpha-beta", "alpha": 2.0}),
}


def in_float64(model):
    """The same model, computing in float64."""
    return minicnn.Model(model.network.astype(np.float64), model.name, model.preprocessing, model.classes)


def photo(model, size):
    """The shipped photo, prepared, in float64."""
    return model.prepare(minicnn.shipped_photo("panda"), size).astype(np.float64)


def checksum(model):
    """The SHA-256 of the prepared photo in both sizes."""
    return hashlib.sha256(b"".join(photo(model, size).tobytes() for size in (224, SMALL))).hexdigest()


def thinned(array):
    """What is stored of a map: all of a small one, of others each third pixel: odd, so that all places in pooling's windows come up."""
    return array[::3, ::3] if max(array.shape[:2]) > 28 else array
