"""ONNX files of networks whose layers follow each other in a line.

ONNX writes a network down as nodes that turn named tensors into others. Here each node must take what the one before it gave, and be of
a kind that minicnn has a layer for; everything else it takes must be a constant, or be computed from constants and shapes.

    ================================  ==========================================================================
    Conv                              in one group, not dilated, with equal padding on opposite sides
    MaxPool, AveragePool              the same; a padding counts in means
    GlobalAveragePool, ReduceMean     over height and width
    GlobalMaxPool, ReduceMax          the same; they become a max pool over the whole image
    Gemm, MatMul                      a dense layer
    BatchNormalization, Relu
    Clip, Max                         only from 0 up, as a ReLU
    Add, Sub, Mul, Div                with numbers for each channel: at the input the preprocessing, after a layer its biases, or else a
                                      batch normalization
    Flatten, Reshape, Squeeze, Unsqueeze, Transpose
                                      as long as it stays known which axis is which
    Gather, Slice                     only to turn the colors around at the input
    Pad                               with zeros, before a convolution or a pool
    Dropout, Identity, Cast
    Softmax, LogSoftmax               only at the end, where they are left out: our networks end in logits
    ================================  ==========================================================================

Windows may be written in several ways, as padding by rules, in a node of its own, or rounding up: what counts is that for the file's
image size they cover the same pixels as windows with equal padding.

It needs the package `onnx`, which the extra of the same name installs.
"""

from minicnn.weightfiles.onnx.reading import looks_like_onnx, read_onnx

__all__ = ["looks_like_onnx", "read_onnx"]
