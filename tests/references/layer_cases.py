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
    """Images (N, H, W, C)."""
    return np.random.default_rng(0).standard_normal((2, 9, 8, 4))


def weights(*shape):
    """Weights of a shape, and biases for so many filters as there are along its third or fourth axis."""
    generator = np.random.default_rng(1)
    return generator.standard_normal(shape), generator.standard_normal(6)


#: By name: our layer, and a function from `torch.nn.functional`, its input (N, C, H, W) and the layer's arrays, as PyTorch has
#: them, to its output.
ON_IMAGES = {
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
    "local response normalization": (
        lambda layers: layers.LocalResponseNorm(3, 0.5, 0.6, 1.5),
        lambda nn, x: nn.local_response_norm(x, 3, 0.5, 0.6, 1.5),
    ),
    "local response normalization, an even size": (
        lambda layers: layers.LocalResponseNorm(2, 2.0),
        lambda nn, x: nn.local_response_norm(x, 2, 2.0),
    ),
    "local response normalization, more than there are": (
        lambda layers: layers.LocalResponseNorm(11, 3.0, 0.75, 2.0),
        lambda nn, x: nn.local_response_norm(x, 11, 3.0, 0.75, 2.0),
    ),
    "layer normalization": (
        lambda layers: layers.LayerNorm(*np.array(weights(1)[1][:4] * [[1.0], [2.0]]), 1e-3),
        lambda nn, x, w, b: nn.layer_norm(x.movedim(1, -1), (4,), w, b, 1e-3).movedim(-1, 1),
    ),
    "softmax": (lambda layers: layers.Softmax(), lambda nn, x: nn.softmax(x, dim=1)),
    "prelu": (lambda layers: layers.PReLU(weights(4)[0]), lambda nn, x, w: nn.prelu(x, w)),
    "prelu, one slope": (lambda layers: layers.PReLU(weights(1)[0]), lambda nn, x, w: nn.prelu(x, w)),
    "scale": (lambda layers: layers.Scale(weights(4)[0]), lambda nn, x, w: x * w[:, None, None]),
    "upsampling, nearest": (
        lambda layers: layers.Upsample((2, 3)),
        lambda nn, x: nn.interpolate(x, scale_factor=(2, 3), mode="nearest"),
    ),
    "upsampling, bilinear": (
        lambda layers: layers.Upsample((3, 2), "bilinear"),
        lambda nn, x: nn.interpolate(x, scale_factor=(3, 2), mode="bilinear", align_corners=False),
    ),
    "upsampling, bilinear, along one axis": (
        lambda layers: layers.Upsample((1, 4), "bilinear"),
        lambda nn, x: nn.interpolate(x, scale_factor=(1, 4), mode="bilinear", align_corners=False),
    ),
    "channel shuffle": (lambda layers: layers.ChannelShuffle(2), lambda nn, x: nn.channel_shuffle(x, 2)),
    "some of the channels": (lambda layers: layers.TakeChannels(1, 3), lambda nn, x: x[:, 1:3]),
    "channels of zeros": (lambda layers: layers.PadChannels(1, 2), lambda nn, x: nn.pad(x, (0, 0, 0, 0, 1, 2))),
    "global max pool": (lambda layers: layers.GlobalMaxPool2D(), lambda nn, x: nn.adaptive_max_pool2d(x, 1).flatten(1)),
    "adaptive average pool": (lambda layers: layers.AdaptiveAveragePool2D((4, 3)), lambda nn, x: nn.adaptive_avg_pool2d(x, (4, 3))),
    "adaptive average pool, larger": (
        lambda layers: layers.AdaptiveAveragePool2D((11, 5)),
        lambda nn, x: nn.adaptive_avg_pool2d(x, (11, 5)),
    ),
    "adaptive max pool": (lambda layers: layers.AdaptiveMaxPool2D((4, 3)), lambda nn, x: nn.adaptive_max_pool2d(x, (4, 3))),
    "adaptive max pool, larger": (lambda layers: layers.AdaptiveMaxPool2D((5, 11)), lambda nn, x: nn.adaptive_max_pool2d(x, (5, 11))),
}
