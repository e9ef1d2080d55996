"""Networks as data: which layers, which input, which classes. Weights come later.

One file for each family, with a tuple ARCHITECTURES: each network is a few numbers over a function that makes its blocks (`blocks` has what
families share). Layers have torchvision's names, of MobileNet v1 Keras', so that weights are matched by them.
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
