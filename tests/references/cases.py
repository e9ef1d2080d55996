"""What is compared with PyTorch: the same inputs for the script that makes the references and for the tests."""

import numpy as np

from minicnn import he_initialized
from minicnn.models.architectures import find_architecture

LABELS = np.array([3, 700])
CLASS = 5

# name: (kernel size, stride, padding); PyTorch pads pools by at most half a window
WINDOWS = {
    "conv": ((3, 2), (2, 3), (1, 2)),
    "max_pool": ((3, 4), (2, 3), (1, 2)),
    "average_pool": ((4, 3), (1, 2), (2, 1)),
}


def vgg16():
    """All of VGG16 on two images of 32 x 32, in float64: network and input."""
    network = he_initialized(find_architecture("vgg16").network(32), seed=0).astype(np.float64)
    return network, 50 * np.random.default_rng(1).standard_normal((2, 32, 32, 3))


def vgg16_gap():
    """The fully convolutional network on an image that is not square."""
    network = he_initialized(find_architecture("vgg16-gap").network(), seed=2).astype(np.float64)
    return network, 50 * np.random.default_rng(3).standard_normal((1, 32, 64, 3))


def layer_arrays():
    """Input, kernel, bias for single layers, and the generator that goes on to make the outputs' gradients."""
    generator = np.random.default_rng(4)
    x = generator.standard_normal((2, 11, 9, 3))
    kernel = generator.standard_normal((*WINDOWS["conv"][0], 3, 4))
    return x, kernel, generator.standard_normal(4)


def output_gradient(shape):
    """A gradient to start from, for an output of the given shape."""
    return np.random.default_rng(5).standard_normal(shape)


def projection(gradient):
    """Reduce a large gradient to one number that any wrong entry changes: its product with fixed random numbers."""
    return np.vdot(gradient, np.random.default_rng(6).standard_normal(gradient.shape))
