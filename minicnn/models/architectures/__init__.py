"""Networks as data: which layers, which input, which classes. Weights come later.

    =========  ============================================================================  =============
    name       layers                                                                        parameters
    =========  ============================================================================  =============
    vgg16-gap  VGG16's 13 convolutions, global average pooling, one dense layer               15,227,688
    vgg16      13 convolutions of 3x3 in 5 blocks, each block closed by a 2x2 pool, 3 dense  138,357,544
    vgg19      the same with 16 convolutions                                                 143,667,240
    vgg11      the same with 8                                                               132,863,336
    vgg13      the same with 10                                                              133,047,848
    vgg16-bn   vgg16 with batch normalization after each convolution; also vgg11-bn,         138,365,992
               vgg13-bn and vgg19-bn
    alexnet    5 convolutions, the first of 11x11 with stride 4, overlapping pools, 3 dense   61,100,840
    minivgg    7 convolutions of 3x3 in 3 blocks, batch normalization, global average            954,538
               pooling, one dense layer; for 32 x 32 pixels, small enough to be trained here;
               minivgg-cifar10 is the same with weights
    =========  ============================================================================  =============
alexnet is the one-column version that torchvision publishes, without local response normalization.
"""

from __future__ import annotations

from minicnn.errors import UnknownNameError, did_you_mean
from minicnn.models.architectures import (
    convnext,
    densenet,
    efficientnet,
    inception,
    mobilenet,
    regnet,
    resnet,
    shufflenetv2,
    squeezenet,
    vgg,
)
from minicnn.models.architectures.architecture import Architecture

__all__ = ["ARCHITECTURES", "COMMON", "Architecture", "find_architecture"]

FAMILIES = (vgg, resnet, squeezenet, densenet, inception, mobilenet, efficientnet, shufflenetv2, regnet, convnext)

ARCHITECTURES: dict[str, Architecture] = {architecture.name: architecture for family in FAMILIES for architecture in family.ARCHITECTURES}


#: What errors and help texts name of so many.
COMMON = ("vgg16-gap", "vgg16", "resnet50", "densenet121", "inception-v3", "mobilenet-v2", "efficientnet-b0", "convnext-tiny")


def find_architecture(name: str) -> Architecture:
    """Look an architecture up by name.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    """
    if name not in ARCHITECTURES:
        hint = did_you_mean(name, ARCHITECTURES)
        raise UnknownNameError(f"there is no model {name!r}{hint}; 'minicnn models' lists them, such as {', '.join(COMMON)}")
    return ARCHITECTURES[name]
