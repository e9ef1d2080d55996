"""Single layers that are compared with PyTorch: ours, and how it makes them, for the script that makes the references and for the tests."""

import numpy as np


def numbers():
    """Numbers on both sides of all kinks, and on some of them."""
    return np.concatenate([np.linspace(-8, 8, 41), [-3.0, 0.0, 3.0, 6.0]])


#: By name: the class and arguments of our layer, and a function from `torch.nn` to its module.
NONLINEARITIES = {
    "leaky_relu": (("LeakyReLU", (0.2,)), lambda nn: nn.LeakyReLU(0.2)),
    "relu6": (("ReLU6", ()), lambda nn: nn.ReLU6()),
    "elu": (("ELU", (1.5,)), lambda nn: nn.ELU(1.5)),
    "sigmoid": (("Sigmoid", ()), lambda nn: nn.Sigmoid()),
    "tanh": (("Tanh", ()), lambda nn: nn.Tanh()),
    "silu": (("SiLU", ()), lambda nn: nn.SiLU()),
    "gelu": (("GELU", ()), lambda nn: nn.GELU()),
    "gelu tanh": (("GELU", ("tanh",)), lambda nn: nn.GELU(approximate="tanh")),
    "hard_sigmoid": (("HardSigmoid", ()), lambda nn: nn.Hardsigmoid()),
    "hard_swish": (("HardSwish", ()), lambda nn: nn.Hardswish()),
}


def images():
    """Images for layers with windows, (N, H, W, C)."""
    return np.random.default_rng(0).standard_normal((2, 9, 8, 4))


def weights(*shape):
    """Weights of a shape, and biases for so many filters as there are along its third or fourth axis."""
    generator = np.random.default_rng(1)
    return generator.standard_normal(shape), generator.standard_normal(6)


#: By name: our layer, and a function from `torch.nn.functional`, its input (N, C, H, W) and the layer's arrays, as PyTorch has
#: them, to its output.
WINDOWED = {
    "grouped": (
        lambda layers: layers.Conv2D(*weights(3, 2, 2, 6), (2, 1), (1, 0), groups=2),
        lambda nn, x, w, b: nn.conv2d(x, w, b, (2, 1), (1, 0), groups=2),
    ),
    "depthwise": (
        lambda layers: layers.Conv2D(weights(3, 3, 1, 4)[0], weights(1)[1][:4], 2, 1, groups=4),
        lambda nn, x, w, b: nn.conv2d(x, w, b, 2, 1, groups=4),
    ),
    "dilated": (
        lambda layers: layers.Conv2D(*weights(3, 2, 4, 6), 1, (2, 1), (2, 3)),
        lambda nn, x, w, b: nn.conv2d(x, w, b, 1, (2, 1), (2, 3)),
    ),
    "a padding for each side": (
        lambda layers: layers.Conv2D(*weights(3, 2, 4, 6), 2, ((0, 1), (2, 0))),
        lambda nn, x, w, b: nn.conv2d(nn.pad(x, (2, 0, 0, 1)), w, b, 2),
    ),
    "transposed": (
        lambda layers: layers.TransposedConv2D(*weights(3, 2, 3, 4), (2, 3), (1, 0), (1, 2), groups=2),
        lambda nn, x, w, b: nn.conv_transpose2d(x, w, b, (2, 3), (1, 0), (1, 2), groups=2),
    ),
    "max pool, ceil mode": (
        lambda layers: layers.MaxPool2D(3, 2, (1, 0), ceil_mode=True),
        lambda nn, x: nn.max_pool2d(x, 3, 2, (1, 0), ceil_mode=True),
    ),
    "average pool, ceil mode": (
        lambda layers: layers.AveragePool2D((3, 2), (2, 3), (1, 0), ceil_mode=True),
        lambda nn, x: nn.avg_pool2d(x, (3, 2), (2, 3), (1, 0), ceil_mode=True),
    ),
    "average pool without padding in its means": (
        lambda layers: layers.AveragePool2D(3, 2, 1, ceil_mode=True, count_include_pad=False),
        lambda nn, x: nn.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    ),
}
