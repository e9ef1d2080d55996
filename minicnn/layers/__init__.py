"""The layers, one idea a file, each describing itself; start with `base` for what they have in common.

May use kernels and geometry.
"""

from minicnn.layers.activation import ReLU
from minicnn.layers.adaptive_pooling import AdaptiveAveragePool2D, AdaptiveMaxPool2D, GlobalMaxPool2D
from minicnn.layers.base import Elementwise, Layer
from minicnn.layers.borders import Crop2D, ZeroPad2D
from minicnn.layers.channels import ChannelShuffle, PadChannels, TakeChannels
from minicnn.layers.convolution import Conv2D
from minicnn.layers.dense import Dense, Flatten
from minicnn.layers.dropout import Dropout
from minicnn.layers.joins import Add, Concatenate, Join, Multiply
from minicnn.layers.layer_norm import LayerNorm
from minicnn.layers.nonlinearities import ELU, GELU, HardSigmoid, HardSwish, LeakyReLU, ReLU6, Sigmoid, SiLU, Tanh
from minicnn.layers.normalization import BatchNorm
from minicnn.layers.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from minicnn.layers.prelu import PReLU
from minicnn.layers.response_norm import LocalResponseNorm
from minicnn.layers.scale import Scale
from minicnn.layers.softmax import Softmax
from minicnn.layers.transposed import TransposedConv2D
from minicnn.layers.upsampling import Upsample

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
    "AdaptiveAveragePool2D",
    "AdaptiveMaxPool2D",
    "Add",
    "AveragePool2D",
    "BatchNorm",
    "ChannelShuffle",
    "Concatenate",
    "Conv2D",
    "Crop2D",
    "Dense",
    "Dropout",
    "Elementwise",
    "Flatten",
    "GlobalAveragePool2D",
    "GlobalMaxPool2D",
    "HardSigmoid",
    "HardSwish",
    "Join",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "MaxPool2D",
    "Multiply",
    "PReLU",
    "PadChannels",
    "ReLU",
    "ReLU6",
    "Scale",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "TakeChannels",
    "Tanh",
    "TransposedConv2D",
    "Upsample",
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
        TakeChannels,
        ChannelShuffle,
        PReLU,
        Softmax,
        LocalResponseNorm,
        LayerNorm,
        Scale,
        Upsample,
        GlobalMaxPool2D,
        AdaptiveAveragePool2D,
        AdaptiveMaxPool2D,
    )
}
