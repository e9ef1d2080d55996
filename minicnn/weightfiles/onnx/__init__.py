"""ONNX files of networks.

ONNX writes a network down as nodes that turn named tensors into others. Which of our steps gives each tensor is noted on the way, so that
networks with branches are read as well as lines. Each node must be of a kind that minicnn has a layer for; all that it takes beside what is
computed from the images must be a constant, or be computed from constants and shapes.

    ================================  ==========================================================================
    Conv, ConvTranspose               in groups and dilated, too
    MaxPool, AveragePool
    GlobalAveragePool, ReduceMean     over height and width
    GlobalMaxPool, ReduceMax          the same; they become a max pool over the whole image
    Gemm, MatMul                      a dense layer; over images with their channels last, a convolution of 1x1. A Conv of the one pixel
                                      that a global pool leaves is a dense layer
    BatchNormalization, LRN
    LayerNormalization                over the channels, which must be last
    Relu, LeakyRelu, PRelu, Elu, Gelu, Sigmoid, Tanh, HardSigmoid, HardSwish
    Clip, Max                         from 0 up, as a ReLU, or from 0 to 6
    Add, Sub, Mul, Div                with numbers for each channel: at the input the preprocessing, after a layer its biases, or else a
                                      batch normalization
    Add, Sum                          of tensors of the same axes and sizes
    Concat                            along the channels
    Mul                               of an image by a gate, one number for each channel; of a tensor by its own sigmoid or hard sigmoid,
                                      or by one plus its Erf, as SiLU, hard swish and GELU are written
    Flatten, Reshape, Squeeze, Unsqueeze, Transpose
                                      as long as it stays known which axis is which; a reshape, a transpose and a reshape may shuffle
                                      channels
    Slice, Split, Gather              channels that follow each other; of height and width a part, or every so many; at the input the
                                      colors turned around
    Pad                               with zeros, or below zero, which cuts off
    Resize, Upsample                  to whole multiples, by repeating pixels, or linear with half_pixel
    Dropout, Identity, Cast
    Softmax, LogSoftmax               only at the end, where they are left out: our networks end in logits
    ================================  ==========================================================================

It needs the package `onnx`, which the extra of the same name installs.
"""

from minicnn.weightfiles.onnx.reading import looks_like_onnx, read_onnx

__all__ = ["looks_like_onnx", "read_onnx"]
