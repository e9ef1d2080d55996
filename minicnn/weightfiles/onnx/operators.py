"""What each kind of node does to the network that is read.

Each function takes the network so far and the node, whose first input is what the node before it gave.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.weightfiles.onnx.axes import IMAGE, VECTOR, Axes
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.windows import MOST_PADDING, pads_itself, sliding
from minicnn.weightfiles.torch_layout import channels_last

#: A vector after a global pool, which leaves one pixel.
ONE_PIXEL = (*VECTOR, (), ())


def convolution(network: ReadNetwork, node: Node) -> None:
    weight, groups = node.floats(1), node.attribute("group", 1)
    if weight.ndim != 4 or node.attribute("kernel_shape", list(weight.shape[2:])) != list(weight.shape[2:]):
        raise RefusedError(f"has a kernel of shape {weight.shape}, expected one of an image: filters x channels x height x width")
    channels = network.axes.sizes["C"]
    if groups != 1:
        raise RefusedError(f"has {groups} groups; minicnn's convolutions have one")
    if channels > 0 and weight.shape[1] != channels:
        raise RefusedError(f"has a kernel for {weight.shape[1]} channels, where {channels} reach it")
    arrays = {"weight": channels_last(weight), **_bias(node, 2, weight.shape[0])}
    if network.axes.groups == ONE_PIXEL:
        options, _ = sliding(network, node, list(weight.shape[2:]))
        if options["size"] != [1, 1] or any(options["padding"]):
            raise RefusedError("slides over a single pixel with a kernel of more")
        network.add("dense", {"units": weight.shape[0]}, {**arrays, "weight": arrays["weight"][0, 0]}, node.layer_name)
        network.axes = Axes(ONE_PIXEL, {**network.axes.sizes, "C": weight.shape[0]})
        return
    network.expect(IMAGE, "the channels first")
    network.settle()
    options, sizes = sliding(network, node, list(weight.shape[2:]))
    network.add("convolution", {"filters": weight.shape[0], **options}, arrays, node.layer_name)
    network.axes = Axes(IMAGE, {**network.axes.sizes, **sizes, "C": weight.shape[0]})


def pool(network: ReadNetwork, node: Node) -> None:
    network.expect(IMAGE, "the channels first")
    size = node.attribute("kernel_shape", [0])
    network.settle()
    padded_before = bool(network.padding)
    options, sizes = sliding(network, node, size)
    node.attribute("storage_order", 0)  # of a second output, which nobody takes
    word = {"MaxPool": "max_pool", "AveragePool": "average_pool"}[node.kind]
    if any(padding >= length for padding, length in zip(options["padding"], size)):
        raise RefusedError(f"has padding {options['padding']} and windows of size {size}; the padding must be smaller")
    if word == "max_pool" and padded_before and not (network.steps and network.steps[-1].word == "relu"):
        raise RefusedError("takes the largest of zeros that were padded; expected that only after a Relu, where they never win")
    if word == "average_pool" and pads_itself(network, node, size) and not node.attribute("count_include_pad", 0):
        raise RefusedError("leaves the padding out of its means (count_include_pad=0); minicnn's average pool counts it")
    node.attribute("count_include_pad", 0)
    if word == "max_pool" or options["size"] != [1, 1] or options["stride"] != [1, 1]:  # PyTorch's adaptive pools may do nothing
        network.add(word, options, name=node.layer_name)
    network.axes = Axes(IMAGE, {**network.axes.sizes, **sizes})


def global_pool(network: ReadNetwork, node: Node) -> None:
    if network.axes.groups[:2] != (("N",), ("C",)):
        raise RefusedError("pools over other axes than height and width")
    _pool_all(network, node, set(range(2, len(network.axes.groups))), keep=True)


def reduce(network: ReadNetwork, node: Node) -> None:
    places, keep = node.integers(1, "axes"), bool(node.attribute("keepdims", 1))
    node.attribute("noop_with_empty_axes", 0)
    if not places:
        raise RefusedError("pools over all axes, expected height and width")
    _pool_all(network, node, {network.axes.index(place) for place in places}, keep)


def _pool_all(network: ReadNetwork, node: Node, places: set[int], keep: bool) -> None:
    """Make one number of each channel: the mean or the largest over the height and width, which such axes must be."""
    axes = network.axes
    labels = {label for place in places for label in axes.groups[place]}
    if labels != ({"H", "W"} if axes.is_image else set()):
        raise RefusedError("pools over other axes than height and width")
    groups = tuple(() if i in places else group for i, group in enumerate(axes.groups) if keep or i not in places)
    if axes.is_image:
        if "Mean" in node.kind or "Average" in node.kind:
            network.add("global_average_pool", name=node.layer_name)
        else:
            size = [axes.sizes["H"], axes.sizes["W"]]
            if min(size) < 1:
                raise RefusedError("takes the largest of a whole image; export the model with a fixed height and width")
            network.add("max_pool", {"size": size, "stride": size, "padding": [0, 0]}, name=node.layer_name)
            network.add("flatten")
    network.axes = Axes(groups, {label: axes.sizes[label] for label in "NC"})


def dense(network: ReadNetwork, node: Node) -> None:
    weight = node.floats(1)
    if node.kind == "Gemm":
        if node.attribute("transA", 0) or node.attribute("alpha", 1.0) != 1 or (node.has_input(2) and node.attribute("beta", 1.0) != 1):
            raise RefusedError("scales what it adds, or transposes its input; expected a plain dense layer")
        node.attribute("beta", 1.0)
        weight = weight.T if node.attribute("transB", 0) else weight
    network.expect(VECTOR, "one row of numbers for each image")
    features = network.axes.sizes["C"]
    if weight.ndim != 2 or (features > 0 and weight.shape[0] != features):
        raise RefusedError(f"has weights of shape {weight.shape}, where {features} numbers reach it")
    arrays = {"weight": weight, **_bias(node, 2, weight.shape[1])}
    network.add("dense", {"units": weight.shape[1]}, arrays, node.layer_name)
    network.axes = Axes(VECTOR, {**network.axes.sizes, "C": weight.shape[1]})


def _bias(node: Node, index: int, count: int) -> dict[str, np.ndarray]:
    if not node.has_input(index):
        return {}
    bias = node.floats(index)
    if bias.size not in (1, count) or (bias.size > 1 and bias.shape[-1] != count):
        raise RefusedError(f"has biases of shape {bias.shape}, expected {count}")
    return {"bias": np.broadcast_to(bias.reshape(-1), (count,))}


def batch_norm(network: ReadNetwork, node: Node) -> None:
    node.attribute("momentum", 0.9)
    if node.attribute("training_mode", 0) or node.attribute("spatial", 1) != 1:
        raise RefusedError("is in training mode, or normalizes each pixel by itself; export the model for inference")
    epsilon = node.attribute("epsilon", 1e-5)
    if not 0 < epsilon < 1:
        raise RefusedError(f"has epsilon {epsilon}, expected a small number above 0")
    if network.axes.groups[1:2] != (("C",),):
        raise RefusedError(f"normalizes other axes than the channels, the second of {len(network.axes.groups)}")
    arrays = {key: node.floats(i) for i, key in enumerate(("weight", "bias", "mean", "variance"), start=1)}
    channels = network.axes.sizes["C"]
    if any(array.ndim != 1 or (channels > 0 and array.size != channels) for array in arrays.values()):
        raise RefusedError(f"has {arrays['mean'].size} means, where {channels} channels reach it")
    network.add("batch_norm", {"epsilon": epsilon}, arrays, node.layer_name, epsilon)


def relu(network: ReadNetwork, node: Node) -> None:
    network.add("relu", name=node.layer_name)


def clip(network: ReadNetwork, node: Node) -> None:
    lowest, highest = node.number(1, "min"), node.number(2, "max")
    if lowest == 0 and highest == 6:
        network.add("relu6", name=node.layer_name)
        return
    if lowest != 0 or (highest is not None and highest < np.finfo(np.float32).max):
        raise RefusedError(f"clips to {lowest} to {highest}, expected 0 and nothing, as a ReLU does")
    relu(network, node)


def nonlinearity(word: str, **options: tuple[str, float]) -> Callable[[ReadNetwork, Node], None]:
    """Make the reader of a node that is a layer by itself, whose options are attributes with these names and defaults."""

    def read(network: ReadNetwork, node: Node) -> None:
        found = {ours: float(f"{node.attribute(theirs, default):.7g}") for ours, (theirs, default) in options.items()}
        network.add(word, found, name=node.layer_name)

    return read


def hard_sigmoid(network: ReadNetwork, node: Node) -> None:
    if node.attribute("beta", 0.5) != 0.5:
        raise RefusedError(f"is {node.attribute('beta', 0.5)} at 0, expected 0.5")
    slope = float(f"{node.attribute('alpha', 0.2):.7g}")
    network.add("hard_sigmoid", {} if abs(slope - 1 / 6) < 1e-6 else {"slope": slope}, name=node.layer_name)


def gelu(network: ReadNetwork, node: Node) -> None:
    formula = node.attribute("approximate", b"none")
    if formula not in (b"none", b"tanh"):
        raise RefusedError(f"approximates by {formula!r}, expected none or tanh")
    network.add("gelu", {"approximate": formula.decode()}, name=node.layer_name)


def largest(network: ReadNetwork, node: Node) -> None:
    if len(node.inputs) != 2 or np.any(node.floats(1)) or node.floats(1).size != 1:
        raise RefusedError("takes the larger of two, expected zero as the other, as in a ReLU")
    relu(network, node)


def dropout(network: ReadNetwork, node: Node) -> None:
    node.attribute("seed", 0)
    ratio = node.number(1, "ratio")
    if node.has_input(2) and np.any(node.constant(2)):
        raise RefusedError("is in training mode; export the model for inference")
    network.add("dropout", {} if ratio is None or not 0 <= ratio < 1 else {"rate": float(f"{ratio:.7g}")}, name=node.layer_name)


def affine(network: ReadNetwork, node: Node) -> None:
    one, zero = np.ones(()), np.zeros(())
    with np.errstate(all="ignore"):  # what is not finite is refused later
        number = node.floats(1).astype(np.float64)
        scales = {"Add": (one, number), "Sub": (one, -number), "Mul": (number, zero), "Div": (1 / number, zero)}
    network.scale(*scales[node.kind])


def flatten(network: ReadNetwork, node: Node) -> None:
    axis = node.attribute("axis", 1)
    network.arrange(network.axes.merged(network.axes.index(axis)), node.layer_name)


def reshape(network: ReadNetwork, node: Node) -> None:
    network.arrange(network.axes.reshaped(node.integers(1, "shape") or [], bool(node.attribute("allowzero", 0))), node.layer_name)


def squeeze(network: ReadNetwork, node: Node) -> None:
    places = node.integers(1, "axes")
    if places is None:
        places = [i for i, size in enumerate(network.axes.shape) if size == 1]
    network.arrange(network.axes.without(places), node.layer_name)


def unsqueeze(network: ReadNetwork, node: Node) -> None:
    network.arrange(network.axes.with_new(node.integers(1, "axes") or []))


def transpose(network: ReadNetwork, node: Node) -> None:
    order = list(range(len(network.axes.groups)))[::-1]
    network.arrange(network.axes.transposed(node.attribute("perm", order)))


def pad(network: ReadNetwork, node: Node) -> None:
    axes = network.axes
    pads, value = node.integers(1, "pads") or [], node.number(2, "value")
    places = node.integers(3, "axes") if node.has_input(3) else list(range(len(axes.groups)))
    if node.attribute("mode", b"constant") != b"constant" or value:
        raise RefusedError("pads with other numbers than zeros")
    if places is None or len(pads) != 2 * len(places) or not all(0 <= pixels <= MOST_PADDING for pixels in pads):
        raise RefusedError(f"pads by {pads[:8]}, expected a number of 0 to {MOST_PADDING} for the beginning and the end of each axis")
    network.settle()
    sizes = dict(axes.sizes)
    for place, start, end in zip(places, pads, pads[len(places) :]):
        group = axes.groups[axes.index(place)]
        if not start and not end:
            continue
        if group not in (("H",), ("W",)):
            raise RefusedError("pads other axes than height and width")
        before = network.padding.get(group[0], (0, 0))
        network.padding[group[0]] = before[0] + start, before[1] + end
        if sizes[group[0]] > 0:
            sizes[group[0]] += start + end
    network.axes = Axes(axes.groups, sizes)


def cast(network: ReadNetwork, node: Node) -> None:
    if node.kind == "Cast" and node.attribute("to", 0) not in (1, 10, 11, 16):
        raise RefusedError("turns numbers into others than floating-point ones")
    node.attribute("saturate", 1)


def softmax(network: ReadNetwork, node: Node) -> None:
    if network.ended:
        raise RefusedError("comes after another; expected one Softmax, at the end")
    groups = network.axes.groups
    axis = network.axes.index(node.attribute("axis", -1 if node.opset >= 13 else 1))
    together = groups[axis : axis + 1] if node.opset >= 13 else groups[axis:]  # older ones take all axes from this one on
    if [label for group in together for label in group] != ["C"]:
        raise RefusedError(f"is over the axis {axis} of {len(groups)}; expected that of the classes")
    network.settle()
    network.ended = True


def colors(network: ReadNetwork, node: Node) -> None:
    """Gather and Slice, where they turn red, green and blue around."""
    if node.kind == "Gather":
        axis, order = node.attribute("axis", 0), node.integers(1, "indices") or []
        reverses = order in ([2, 1, 0], [-1, -2, -3])
    else:
        lists = [node.integers(i, name) or [] for i, name in ((3, "axes"), (1, "starts"), (2, "ends"), (4, "steps"))]
        (axis, start, end, step) = [numbers[0] for numbers in lists] if [len(numbers) for numbers in lists] == [1] * 4 else (0, 0, 0, 0)
        reverses = step == -1 and (start == -1 or start >= 2) and end < -3
    if not reverses or network.axes.groups[network.axes.index(axis)] != ("C",):
        raise RefusedError("takes a part; expected layers in a line")
    network.reverse_colors()


OPERATORS: dict[str, Callable[[ReadNetwork, Node], None]] = {
    "Conv": convolution,
    "MaxPool": pool,
    "AveragePool": pool,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "ReduceMean": reduce,
    "ReduceMax": reduce,
    "Gemm": dense,
    "MatMul": dense,
    "BatchNormalization": batch_norm,
    "Relu": relu,
    "LeakyRelu": nonlinearity("leaky_relu", slope=("alpha", 0.01)),
    "Elu": nonlinearity("elu", alpha=("alpha", 1.0)),
    "Sigmoid": nonlinearity("sigmoid"),
    "Tanh": nonlinearity("tanh"),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": nonlinearity("hard_swish"),
    "Gelu": gelu,
    "Clip": clip,
    "Max": largest,
    "Add": affine,
    "Sub": affine,
    "Mul": affine,
    "Div": affine,
    "Flatten": flatten,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Gather": colors,
    "Slice": colors,
    "Pad": pad,
    "Dropout": dropout,
    "Identity": lambda network, node: None,
    "Cast": cast,
    "CastLike": cast,
    "Softmax": softmax,
    "LogSoftmax": softmax,
}
