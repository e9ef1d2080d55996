"""The layers, one idea a file; start with `base` for what they have in common."""

from minicnn.layers.activation import ReLU
from minicnn.layers.base import Layer
from minicnn.layers.convolution import Conv2D
from minicnn.layers.dense import Dense, Flatten
from minicnn.layers.dropout import Dropout
from minicnn.layers.normalization import BatchNorm
from minicnn.layers.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D

__all__ = ["AveragePool2D", "BatchNorm", "Conv2D", "Dense", "Dropout", "Flatten", "GlobalAveragePool2D", "Layer", "MaxPool2D", "ReLU"]
