"""Networks by name, compared with the code that publishes them: the same weights and the same image on both sides."""

import zlib

import numpy as np

from minicnn.layers import Conv2D, Dense, Scale

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

#: All that there are references for: torchvision's, and one from the PyPI package efficientnet-lite-pytorch.
PUBLISHED = (*TORCHVISION, "efficientnet-lite0")

#: The class whose gradient is compared, and which of the gradient's numbers are stored.
CLASS, EVERY = 5, 131

#: What our arrays are called in PyTorch.
PYTORCH_NAMES = {"weight": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}


def image(name):
    """An image that is not square, (1, H, W, 3), for a network."""
    size = (224, 224) if name == "efficientnet-lite0" else (85, 107) if name == "inception-v3" else (67, 81)
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
    return {key: numbers(key, tuple(shape)) for key, shape in shapes.items() if not key.endswith("num_batches_tracked")}


def with_numbers(network):
    """Give one of our networks the numbers."""
    values = {}
    for name, layer in network.layers.items():
        for key, array in layer.arrays.items():
            full, shape = f"{name}.{PYTORCH_NAMES[key]}", array.shape
            if isinstance(layer, Conv2D) and key == "weight":
                value = numbers(full, (shape[3], shape[2], *shape[:2])).transpose(2, 3, 1, 0)
            elif isinstance(layer, Dense) and key == "weight":
                value = numbers(full, shape[::-1]).T
            elif isinstance(layer, Scale):
                value = numbers(name, (*shape, 1, 1)).reshape(shape)  # there it is the array that has the name
            else:
                value = numbers(full, shape)
            values.setdefault(name, {})[key] = np.ascontiguousarray(value)
    return network.with_parameters(values)
