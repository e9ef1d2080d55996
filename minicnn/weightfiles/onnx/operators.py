"""What each kind of node does to the network that is read.

A reader of `OPERATORS` takes the network so far, the node, and its first input, which is computed from the images while all others are
constants; one of `JOINS` takes a list of inputs, all of them computed. Each returns what the node gives.
"""

from __future__ import annotations

from collections.abc import Callable

from minicnn.weightfiles.onnx import cutting, joining, normalizing, pointwise, pooling, products, rearranging, resizing, weighted
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.values import Value

#: What a node gives: its outputs, or the only one that is read.
Outputs = Value | list[Value]

OPERATORS: dict[str, Callable[[ReadNetwork, Node, Value], Outputs]] = {
    "Conv": weighted.convolution,
    "ConvTranspose": weighted.transposed_convolution,
    "MaxPool": pooling.pool,
    "AveragePool": pooling.pool,
    "GlobalAveragePool": pooling.global_pool,
    "GlobalMaxPool": pooling.global_pool,
    "ReduceMean": pooling.reduce,
    "ReduceMax": pooling.reduce,
    "Gemm": weighted.dense,
    "MatMul": weighted.dense,
    "BatchNormalization": normalizing.batch_norm,
    "LayerNormalization": normalizing.layer_norm,
    "LRN": normalizing.response_norm,
    "PRelu": normalizing.prelu,
    "Relu": pointwise.nonlinearity("relu"),
    "LeakyRelu": pointwise.nonlinearity("leaky_relu", slope=("alpha", 0.01)),
    "Elu": pointwise.nonlinearity("elu", alpha=("alpha", 1.0)),
    "Sigmoid": pointwise.nonlinearity("sigmoid"),
    "Tanh": pointwise.nonlinearity("tanh"),
    "HardSigmoid": pointwise.hard_sigmoid,
    "HardSwish": pointwise.nonlinearity("hard_swish"),
    "Gelu": pointwise.gelu,
    "Erf": products.erf,
    "Clip": pointwise.clip,
    "Max": pointwise.largest,
    "Add": pointwise.affine,
    "Sub": pointwise.affine,
    "Mul": pointwise.affine,
    "Div": pointwise.affine,
    "Flatten": rearranging.flatten,
    "Reshape": rearranging.reshape,
    "Squeeze": rearranging.squeeze,
    "Unsqueeze": rearranging.unsqueeze,
    "Transpose": rearranging.transpose,
    "Gather": cutting.gather,
    "Slice": cutting.cut,
    "Split": cutting.split,
    "Pad": cutting.pad,
    "Resize": resizing.resize,
    "Upsample": resizing.resize,
    "Dropout": pointwise.dropout,
    "Identity": lambda network, node, x: x,
    "Cast": pointwise.cast,
    "CastLike": pointwise.cast,
    "Softmax": pointwise.softmax,
    "LogSoftmax": pointwise.softmax,
}

JOINS: dict[str, Callable[[ReadNetwork, Node, list[Value]], Value]] = {
    "Add": joining.add,
    "Sum": joining.add,
    "Concat": joining.concatenate,
    "Mul": joining.multiply,
}

#: What may be done with channels that are in groups, as two axes, until they are one again.
FOR_GROUPS = ("Reshape", "Transpose", "Identity")
