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
