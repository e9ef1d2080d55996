"""The layers, one idea a file, each describing itself; start with `base` for what they have in common.

May use kernels and geometry.
"""

from minicnn.layers.activation import ReLU
from minicnn.layers.base import Elementwise, Layer
from minicnn.layers.borders import Crop2D, ZeroPad2D
from minicnn.layers.channels import PadChannels
from minicnn.layers.convolution import Conv2D
from minicnn.layers.dense import Dense, Flatten
from minicnn.layers.dropout import Dropout
from minicnn.layers.joins import Add, Concatenate, Join, Multiply
from minicnn.layers.nonlinearities import ELU, GELU, HardSigmoid, HardSwish, LeakyReLU, ReLU6, Sigmoid, SiLU, Tanh
from minicnn.layers.normalization import BatchNorm
from minicnn.layers.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from minicnn.layers.transposed import TransposedConv2D

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
    "Add",
    "AveragePool2D",
    "BatchNorm",
    "Concatenate",
    "Conv2D",
    "Crop2D",
    "Dense",
    "Dropout",
    "Elementwise",
    "Flatten",
    "GlobalAveragePool2D",
    "HardSigmoid",
    "HardSwish",
    "Join",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "Multiply",
    "PadChannels",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "TransposedConv2D",
    "ZeroPad2D",
]

#: The layers that descriptions know, by their words.
LAYERS: dict[str, type[Layer]] = {
    layer.word: layer
    for layer in (
        Conv2D,
        BatchNorm,
        ReLU,
        MaxPool2D,
        AveragePool2D,
        GlobalAveragePool2D,
        Flatten,
        Dense,
        Dropout,
        Add,
        Concatenate,
        Multiply,
        LeakyReLU,
        ReLU6,
        ELU,
        Sigmoid,
        Tanh,
        SiLU,
        GELU,
        HardSigmoid,
        HardSwish,
        TransposedConv2D,
        ZeroPad2D,
        Crop2D,
        PadChannels,
    )
}
