"""VGG, the plain line of 3x3 convolutions, and AlexNet before it.

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

References
----------
A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997 (alexnet).
K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv:1409.1556, table 1, columns
    A, B, D, E.
B. Zhou et al., "Learning Deep Features for Discriminative Localization", arXiv:1512.04150 (global average pooling as the head).
"""

from __future__ import annotations

from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.classes import cifar10
from minicnn.models.specs import LayerSpec, Specs, spec

VGG_CHANNELS = (64, 128, 256, 512, 512)


def _dense_head(classes: int) -> Specs:
    """Three dense layers, the first two with ReLU and dropout."""
    return {
        "flatten": spec("flatten"),
        "fc6": spec("dense", units=4096),
        "relu6": spec("relu"),
        "drop6": spec("dropout", rate=0.5),
        "fc7": spec("dense", units=4096),
        "relu7": spec("relu"),
        "drop7": spec("dropout", rate=0.5),
        "fc8": spec("dense", units=classes),
    }


def _gap_head(classes: int) -> Specs:
    """Global average pooling and one dense layer."""
    return {"gap": spec("global_average_pool"), "fc": spec("dense", units=classes)}


def _alexnet(classes: int) -> Specs:
    """Filters, kernel size, stride, padding, and whether a pool follows."""
    layers: dict[str, LayerSpec] = {}
    plan = [(64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False), (256, 3, 1, 1, False), (256, 3, 1, 1, True)]
    for i, (filters, size, stride, padding, pooled) in enumerate(plan, start=1):
        layers[f"conv{i}"] = spec("convolution", filters=filters, size=size, stride=stride, padding=padding)
        layers[f"relu{i}"] = spec("relu")
        if pooled:
            layers[f"pool{i}"] = spec("max_pool", size=3, stride=2)
    return {**layers, **_dense_head(classes)}


def _vgg_trunk(convolutions: tuple[int, ...], channels: tuple[int, ...] = VGG_CHANNELS, normalized: bool = False) -> Specs:
    """Blocks of 3x3 convolutions, each followed by a ReLU, if wanted with batch normalization between them; each ends with a pool."""
    layers: dict[str, LayerSpec] = {}
    for block, (count, filters) in enumerate(zip(convolutions, channels), start=1):
        for i in range(1, count + 1):
            layers[f"conv{block}_{i}"] = spec("convolution", filters=filters, size=3, padding=1)
            if normalized:
                layers[f"norm{block}_{i}"] = spec("batch_norm")
            layers[f"relu{block}_{i}"] = spec("relu")
        layers[f"pool{block}"] = spec("max_pool", size=2)
    return layers


def _vgg(classes: int, convolutions: tuple[int, ...], normalized: bool = False) -> Specs:
    return {**_vgg_trunk(convolutions, normalized=normalized), **_dense_head(classes)}


def _vgg_gap(classes: int, convolutions: tuple[int, ...]) -> Specs:
    return {**_vgg_trunk(convolutions), **_gap_head(classes)}


def _minivgg(classes: int) -> Specs:
    """A small VGG whose last block ends without a pool, so that maps of its last layer have 8 x 8 units, not 4 x 4."""
    layers = {**_vgg_trunk((2, 2, 3), (32, 96, 192), normalized=True), **_gap_head(classes)}
    del layers["pool3"]
    return layers


#: All are lines, of which there is one version.
_line = partial(Architecture, matched_by="order")

ARCHITECTURES = (
    _line("vgg16-gap", partial(_vgg_gap, convolutions=(2, 2, 3, 3, 3)), any_size=True, shipped_weights="vgg16-gap.h5"),
    _line("vgg16", partial(_vgg, convolutions=(2, 2, 3, 3, 3))),
    _line("vgg19", partial(_vgg, convolutions=(2, 2, 4, 4, 4))),
    _line("vgg11", partial(_vgg, convolutions=(1, 1, 2, 2, 2)), preprocessing="torch"),
    _line("vgg13", partial(_vgg, convolutions=(2, 2, 2, 2, 2)), preprocessing="torch"),
    _line("vgg11-bn", partial(_vgg, convolutions=(1, 1, 2, 2, 2), normalized=True), preprocessing="torch"),
    _line("vgg13-bn", partial(_vgg, convolutions=(2, 2, 2, 2, 2), normalized=True), preprocessing="torch"),
    _line("vgg16-bn", partial(_vgg, convolutions=(2, 2, 3, 3, 3), normalized=True), preprocessing="torch"),
    _line("vgg19-bn", partial(_vgg, convolutions=(2, 2, 4, 4, 4), normalized=True), preprocessing="torch"),
    _line("alexnet", _alexnet, preprocessing="torch"),
    _line(
        "minivgg",
        _minivgg,
        input_size=32,
        any_size=True,
        preprocessing="cifar10",
        class_names=cifar10,
    ),
    _line(
        "minivgg-cifar10",
        _minivgg,
        input_size=32,
        any_size=True,
        preprocessing="cifar10",
        class_names=cifar10,
        shipped_weights="minivgg-cifar10.h5",
    ),
)
