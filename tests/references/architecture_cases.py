"""Networks by name, compared with the code that publishes them: the same weights and the same image on both sides."""

import json
import math
import zlib
from pathlib import Path

import numpy as np

from minicnn.layers import Scale
from minicnn.models.architectures import find_architecture
from minicnn.models.descriptions import read_description
from minicnn.weightfiles.torch_layout import channels_last

#: What scripts/make_architecture_references stores of each network: "NAME/shapes", "NAME/logits", "NAME/gradient".
REFERENCES = Path(__file__).parent / "architectures.npz"

#: Our name, and torchvision's where it is another one.
TORCHVISION = {
    **{name: name for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")},
    "wide-resnet50-2": "wide_resnet50_2",
    "wide-resnet101-2": "wide_resnet101_2",
    "resnext50-32x4d": "resnext50_32x4d",
    "resnext101-32x8d": "resnext101_32x8d",
    "resnext101-64x4d": "resnext101_64x4d",
    "squeezenet1-0": "squeezenet1_0",
    "squeezenet1-1": "squeezenet1_1",
    **{name: name for name in ("densenet121", "densenet161", "densenet169", "densenet201", "googlenet")},
    "inception-v3": "inception_v3",
    "mobilenet-v2": "mobilenet_v2",
    "mobilenet-v3-large": "mobilenet_v3_large",
    "mobilenet-v3-small": "mobilenet_v3_small",
    **{f"mnasnet{size}": f"mnasnet{size.replace('-', '_')}" for size in ("0-5", "0-75", "1-0", "1-3")},
    **{f"efficientnet-b{size}": f"efficientnet_b{size}" for size in range(8)},
    **{f"shufflenet-v2-{width}": f"shufflenet_v2_{width.replace('-', '_')}" for width in ("x0-5", "x1-0", "x1-5", "x2-0")},
    **{
        f"regnet-{kind}-{size}": f"regnet_{kind}_{size.replace('-', '_')}"
        for kind in "xy"
        for size in ("400mf", "800mf", "1-6gf", "3-2gf", "8gf", "16gf", "32gf")
    },
    **{f"convnext-{size}": f"convnext_{size}" for size in ("tiny", "small", "base", "large")},
}

#: A network that is no classifier, and has no name but a description.
U_NET = Path(__file__).parents[2] / "docs" / "u-net.toml"

#: Networks by name that there are references of: torchvision's, and one from the PyPI package efficientnet-lite-pytorch.
PUBLISHED = (*TORCHVISION, "efficientnet-lite0")

#: All that there are references of.
REFERENCED = (*PUBLISHED, "u-net")

#: The number of the output whose gradient is compared, and which of the gradient's numbers are stored.
CLASS, EVERY = 5, 131

#: What our arrays are called in PyTorch.
PYTORCH_NAMES = {"weight": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}


def pytorch_name(name, layer, key):
    """The name in a state dict of an array of one of our layers; a layer scale is itself an array there."""
    return name if isinstance(layer, Scale) else f"{name}.{PYTORCH_NAMES[key]}"


def image(name):
    """An image that is not square, (1, H, W, 3), for a network."""
    size = {"efficientnet-lite0": (224, 224), "inception-v3": (85, 107), "u-net": (44, 60)}.get(name, (67, 81))
    return np.random.default_rng(7).standard_normal((1, *size, 3))


def numbers(key, shape):
    """The numbers of an array by its name in PyTorch; such that a signal neither dies nor grows on its way."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    if key.endswith("running_var") or (key.endswith("weight") and len(shape) == 1):
        return generator.uniform(0.5, 1.5, shape)
    if len(shape) == 1:
        return 0.1 * generator.standard_normal(shape)
    return generator.standard_normal(shape) * np.sqrt(1.5 / np.prod(shape[1:]))


def state(shapes):
    """All arrays of a PyTorch state dict, float64, by their names and shapes."""
    return {key: numbers(key, tuple(shape)) for key, shape in shapes.items()}


def with_numbers(stored, name):
    """Build one of our networks with the numbers."""
    network, shapes = network_of(name), shapes_of(stored, name)
    values = {}
    for name, layer in network.layers.items():
        for key, array in layer.arrays.items():
            full = pytorch_name(name, layer, key)
            value = channels_last(numbers(full, tuple(shapes[full]))).reshape(array.shape)
            values.setdefault(name, {})[key] = np.ascontiguousarray(value)
    return network.with_parameters(values)


def network_of(name):
    """One of our networks, without numbers."""
    return read_description(U_NET.read_text(), U_NET.name).network if name == "u-net" else find_architecture(name).network()


def shapes_of(stored, name):
    """The shapes of a network's state dict in PyTorch, by name."""
    return json.loads(stored[f"{name}/shapes"].tobytes())


def used(shapes):
    """Leave out the classifiers that are there in training alone."""
    return {key: shape for key, shape in shapes.items() if not key.lower().startswith("aux")}


def parameter_count(shapes):
    """Count the parameters in a state dict."""
    return sum(math.prod(shape) for key, shape in used(shapes).items() if "running_" not in key)


def deviations(stored, name, network):
    """Compute the logits and the input gradient of a network with its numbers, and tell by how much they deviate from PyTorch's.

    As shares of the largest number.
    """
    trace = network.trace(image(name))
    one_hot = np.zeros_like(trace.result)
    one_hot.flat[CLASS] = 1
    gradient = network.backward(trace, {trace.last: one_hot})
    found = {"logits": trace.result.reshape(-1)[:: EVERY // 8], "gradient": gradient.reshape(-1)[::EVERY]}
    return {what: np.abs(found[what] - stored[f"{name}/{what}"]).max() / np.abs(stored[f"{name}/{what}"]).max() for what in found}
