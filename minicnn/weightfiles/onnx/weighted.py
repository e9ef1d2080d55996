"""Nodes that have weights: convolutions and dense layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minicnn.weightfiles.onnx.axes import IMAGE, VECTOR, Axes
from minicnn.weightfiles.onnx.network import ReadNetwork, expect
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value
from minicnn.weightfiles.onnx.windows import sliding
from minicnn.weightfiles.torch_layout import channels_last

#: A vector after a global pool, which leaves one pixel.
ONE_PIXEL = (*VECTOR, (), ())


def convolution(network: ReadNetwork, node: Node, x: Value) -> Value:
    weight, groups = node.floats(1), node.attribute("group", 1)
    if weight.ndim != 4 or node.attribute("kernel_shape", list(weight.shape[2:])) != list(weight.shape[2:]):
        raise RefusedError(f"has a kernel of shape {weight.shape}, expected one of an image: filters x channels x height x width")
    filters, channels = weight.shape[0], x.sizes["C"]
    if groups < 1 or filters % groups:
        raise RefusedError(f"has {filters} filters in {groups} groups, expected a number of groups that divides them")
    if channels > 0 and weight.shape[1] * groups != channels:
        raise RefusedError(f"has a kernel for {weight.shape[1] * groups} channels, where {channels} reach it")
    arrays = {"weight": channels_last(weight), **_bias(node, 2, filters)}
    if x.groups == ONE_PIXEL:
        options, _ = sliding(x, node, list(weight.shape[2:]))
        if options["size"] != [1, 1] or options["padding"] != [0, 0]:
            raise RefusedError("slides over a single pixel with a kernel of more")
        if groups != 1:
            raise RefusedError(f"has {groups} groups and a single pixel to slide over; expected one group, as in a dense layer")
        axes = Axes(ONE_PIXEL, {**x.sizes, "C": filters})
        arrays["weight"] = arrays["weight"][0, 0]
        return network.add("dense", x, axes=axes, options={"units": filters}, arrays=arrays, name=node.layer_name)
    expect(x, IMAGE, "the channels first")
    options, sizes = sliding(x, node, list(weight.shape[2:]))
    options = {"filters": filters, **options, **({"groups": groups} if groups != 1 else {})}
    axes = Axes(IMAGE, {**x.sizes, **sizes, "C": filters})
    return network.add("convolution", replace(x, padding={}), axes=axes, options=options, arrays=arrays, name=node.layer_name)


def transposed_convolution(network: ReadNetwork, node: Node, x: Value) -> Value:
    weight, groups = node.floats(1), node.attribute("group", 1)
    expect(x, IMAGE, "the channels first")
    if weight.ndim != 4 or node.attribute("kernel_shape", list(weight.shape[2:])) != list(weight.shape[2:]):
        raise RefusedError(f"has a kernel of shape {weight.shape}, expected one of an image: channels x filters x height x width")
    channels, size = x.sizes["C"], list(weight.shape[2:])
    if groups < 1 or weight.shape[0] % groups or (channels > 0 and weight.shape[0] != channels):
        raise RefusedError(f"has a kernel for {weight.shape[0]} channels in {groups} groups, where {channels} reach it")
    stride, dilation, pads, extra = (
        node.attribute(name, default)
        for name, default in (("strides", [1, 1]), ("dilations", [1, 1]), ("pads", [0] * 4), ("output_padding", [0, 0]))
    )
    if node.attribute("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID", b"") or node.attribute("output_shape", [0]) != [0]:
        raise RefusedError("pads by a rule, or to a given size; expected the padding as numbers (pads)")
    if [len(stride), len(dilation), len(extra), len(pads)] != [2, 2, 2, 4] or min(*stride, *dilation) < 1 or min(*pads, *extra) < 0:
        raise RefusedError("has a stride, dilation or padding that are no numbers for height and width; get the file again")
    if any(more >= max(step, spread) for more, step, spread in zip(extra, stride, dilation)):
        raise RefusedError(f"has output_padding {extra}; expected less than the stride or the dilation")
    padding = [[pads[0], pads[2]], [pads[1], pads[3]]]
    sizes = {
        label: (x.sizes[label] - 1) * stride[i] + (size[i] - 1) * dilation[i] + 1 - sum(padding[i]) + extra[i]
        for i, label in enumerate("HW")
        if x.sizes[label] > 0
    }
    if min(sizes.values(), default=1) < 1:
        raise RefusedError("has more padding than there is of its result")
    filters = weight.shape[1] * groups
    options = {"filters": filters, "size": size, "stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation}
    options["groups"] = groups
    arrays = {"weight": channels_last(weight), **(_bias(node, 2, filters) or {"bias": np.zeros(filters, np.float32)})}
    axes = Axes(IMAGE, {**x.sizes, **sizes, "C": filters})
    return network.add("transposed_convolution", x, axes=axes, options=options, arrays=arrays, name=node.layer_name)


def dense(network: ReadNetwork, node: Node, x: Value) -> Value:
    """A dense layer; over an image whose channels are last, a convolution of 1x1."""
    weight = node.floats(1)
    if node.kind == "Gemm":
        if node.attribute("transA", 0) or node.attribute("alpha", 1.0) != 1 or (node.has_input(2) and node.attribute("beta", 1.0) != 1):
            raise RefusedError("scales what it adds, or transposes its input; expected a plain dense layer")
        node.attribute("beta", 1.0)
        weight = weight.T if node.attribute("transB", 0) else weight
    over_pixels = node.kind == "MatMul" and x.axes.is_image and x.groups[-1] == ("C",)
    if not over_pixels:
        expect(x, VECTOR, "one row of numbers for each image")
    features = x.sizes["C"]
    if weight.ndim != 2 or (features > 0 and weight.shape[0] != features):
        raise RefusedError(f"has weights of shape {weight.shape}, where {features} numbers reach it")
    arrays = {"weight": weight, **_bias(node, 2, weight.shape[1])}
    axes = Axes(x.groups, {**x.sizes, "C": weight.shape[1]})
    if over_pixels:
        arrays["weight"] = weight[None, None]
        options = {"filters": weight.shape[1], "size": [1, 1], "stride": [1, 1], "padding": [0, 0]}
        return network.add("convolution", x, axes=axes, options=options, arrays=arrays, name=node.layer_name)
    return network.add("dense", x, axes=axes, options={"units": weight.shape[1]}, arrays=arrays, name=node.layer_name)


def _bias(node: Node, index: int, count: int) -> dict[str, np.ndarray]:
    if not node.has_input(index):
        return {}
    bias = node.floats(index)
    if bias.size not in (1, count) or (bias.size > 1 and bias.shape[-1] != count):
        raise RefusedError(f"has biases of shape {bias.shape}, expected {count}")
    return {"bias": np.broadcast_to(bias.reshape(-1), (count,))}
