"""ONNX files that are not read, and why."""

import pytest
from onnx_helpers import ALL, CONV, SMALL, TO_NHWC, used
from weight_file_helpers import onnx_model

from minicnn.errors import WeightFileError
from minicnn.weightfiles import read_weights

REFUSED = {
    "unknown": ([CONV, ("Softplus", ["c"], ["y"], {})], r"'node1' \(Softplus\) .*no.*layer.*expected .*Conv"),
    "unknown rules": ([("Conv", ["x", "w", "b"], ["y"], {"auto_pad": "SAME"})], "by a rule that is not known"),
    "a window that is too large": ([CONV, ("MaxPool", ["c"], ["y"], {"kernel_shape": [3, 3]})], r"size \[3, 3\], larger"),
    "sparse windows by a rule": (
        [("Conv", ["x", "small"], ["y"], {"auto_pad": "SAME_UPPER", "strides": [1, 6]})],
        r"\(SAME_UPPER\) where windows leave pixels out",
    ),
    "sparse pools by a rule": (
        [CONV, ("MaxPool", ["c"], ["y"], {"kernel_shape": [1, 1], "auto_pad": "SAME_LOWER", "strides": [1, 2]})],
        r"\(SAME_LOWER\) where windows leave pixels out",
    ),
    "mirrored": ([("Pad", ["x", "ones"], ["p"], {"mode": "reflect"}), ("Conv", ["p", "w"], ["y"], {})], "other numbers than zeros"),
    "padded by ones": ([("Pad", ["x", "ones", "half"], ["p"], {}), ("Conv", ["p", "w"], ["y"], {})], "other numbers than zeros"),
    "after the end": ([CONV, ALL, ("Softmax", ["f"], ["s"], {}), ("Relu", ["s"], ["y"], {})], "comes after a Softmax"),
    "two ends": ([CONV, ALL, ("Softmax", ["f"], ["s"], {}), ("Softmax", ["s"], ["y"], {})], "comes after another"),
    "a flattened image at the end": ([CONV, ("Relu", ["c"], ["r"], {}), ("Flatten", ["r"], ["y"], {})], "in another order"),
    "images that are mixed at the end": ([CONV, ("Flatten", ["c"], ["y"], {"axis": 2})], r"gives the axes \(NC, HW\)"),
    "scaled after the end": ([CONV, ALL, ("Softmax", ["f"], ["s"], {}), ("Mul", ["s", "half"], ["y"], {})], "comes after a Softmax"),
    "softmax over the images": ([CONV, ALL, ("Softmax", ["f"], ["y"], {"axis": 0})], "over the axis 0"),
    "softmax over columns": ([CONV, ("Softmax", ["c"], ["y"], {})], "over the axis 3 of 4; expected that of the classes"),
    "log-softmax over columns": ([CONV, ("LogSoftmax", ["c"], ["y"], {})], "over the axis 3 of 4"),
    "scaled": ([("Flatten", ["x"], ["f"], {}), ("Gemm", ["f", "d", "e"], ["y"], {"alpha": 2.0})], "scales what it adds"),
    "turned": ([("Flatten", ["x"], ["f"], {}), ("Gemm", ["f", "d", "e"], ["y"], {"transA": 1})], "transposes its input"),
    "dense over an image": ([CONV, ("MatMul", ["c", "m"], ["y"], {})], r"takes the axes \(N, C, H, W\); expected \(N, C\)"),
    "another number of inputs": ([CONV, ALL, ("MatMul", ["f", "q"], ["y"], {})], r"shape \(2, 5\), where 16 numbers"),
    "mixed images": ([CONV, ("Flatten", ["c"], ["y"], {"axis": 0})], "mixes the numbers of several images"),
    "numbers by pixel": (
        [("Mul", ["x", "image"], ["h"], {}), ("Conv", ["h", "w"], ["y"], {})],
        r"shape \(3, 4, 6\); expected a single one",
    ),
    "shuffled": ([CONV, ("Reshape", ["c", "shuffle"], ["y"], {})], "makes 1 x 4 x 2 x 4 of 1 x 2 x 2 x 4"),
    "turned around": (
        [CONV, ("Transpose", ["c"], ["t"], {"perm": [0, 3, 2, 1]}), ("Flatten", ["t"], ["f"], {}), ("MatMul", ["f", "m"], ["y"], {})],
        "in the order W, H, C",
    ),
    "colors alone": (
        [("Gather", ["x", "turned"], ["g"], {"axis": 1}), ("Conv", ["g", "w"], ["y"], {})],
        "order of colors that is no preprocessing",
    ),
    "a row": ([CONV, ("Gather", ["c", "zero"], ["y"], {"axis": 2})], "parts of another axis than the channels"),
    "channels in another order": ([CONV, ("Gather", ["c", "swapped"], ["y"], {"axis": 1})], "takes channels in another order"),
    "every other channel": ([CONV, ("Slice", ["c", "first", "far", "one axis", "two"], ["y"], {})], "takes every 2th of an axis"),
    "images left out": ([CONV, ("Slice", ["c", "one axis", "far", "first"], ["y"], {})], "another axis than height, width or channels"),
    "an image cut away": ([CONV, ("Pad", ["c", "all rows"], ["y"], {})], "cuts off all of the image"),
    "padded images": ([CONV, ("Pad", ["c", "more images"], ["y"], {})], "other axes than height, width and channels"),
    "images of all sizes": (
        [CONV, *(("Resize", [a, "", "a thousandfold"], [b], {}) for a, b in zip("cghij", "ghijy"))],
        "an axis of more than",
    ),
    "more channels than there are": (
        [
            ("Identity", ["x"], ["c0"], {}),
            *(("Concat", [f"c{i}"] * 4, [f"c{i + 1}"], {"axis": 1}) for i in range(12)),
            ("Mul", ["c12", "half"], ["y"], {}),
        ],
        "changes 50,331,648 channels",
    ),
    "nothing to add": ([CONV, ("Sum", [], ["s"], {}), ("Add", ["c", "s"], ["y"], {})], "takes nothing at all"),
    "splits of other sums": (
        [CONV, ("Split", ["c", "twos"], ["s", "t"], {"axis": 1}), ("Relu", ["s"], ["y"], {})],
        "splits 2 channels into",
    ),
    "split rows": ([CONV, ("Split", ["c"], ["s", "t"], {"axis": 2}), ("Relu", ["s"], ["y"], {})], "splits another axis"),
    "groups of channels": (
        [("Conv", ["x", "four"], ["c"], {}), ("Reshape", ["c", "in groups"], ["r"], {}), ("Relu", ["r"], ["y"], {})],
        "channels that are in groups",
    ),
    "groups with rows": (
        [
            ("Conv", ["x", "four"], ["c"], {}),
            ("Reshape", ["c", "in groups"], ["r"], {}),
            ("Transpose", ["r"], ["t"], {"perm": [0, 1, 3, 2, 4]}),
            ("Reshape", ["t", "shuffle"], ["y"], {}),
        ],
        "in another way than a channel shuffle",
    ),
    "resized by corners": (
        [CONV, ("Resize", ["c", "", "doubled"], ["y"], {"mode": "linear", "coordinate_transformation_mode": "align_corners"})],
        "in the way linear align_corners",
    ),
    "resized by cubes": ([CONV, ("Resize", ["c", "", "doubled"], ["y"], {"mode": "cubic"})], "in the way cubic half_pixel"),
    "resized, rounding down from the middle": (
        [CONV, ("Resize", ["c", "", "doubled"], ["y"], {"nearest_mode": "floor"})],
        "nearest half_pixel floor",
    ),
    "resized by a fraction": ([CONV, ("Resize", ["c", "", "by half"], ["y"], {})], "expected whole numbers"),
    "resized channels": ([CONV, ("Resize", ["c", "", "channels doubled"], ["y"], {})], "other axes than height and width"),
    "normalized rows": ([CONV, ("LayerNormalization", ["c", "sixteen"], ["y"], {})], "other axes than the channels"),
    "an even number of neighbors": ([CONV, ("LRN", ["c"], ["y"], {"size": 2})], "an odd number"),
    "slopes by pixel": ([CONV, ("PRelu", ["c", "rows of slopes"], ["y"], {})], "one for each channel"),
    "an erf alone": ([CONV, ("Erf", ["c"], ["y"], {})], r"'node1' \(Erf\) .* but in a GELU"),
    "a GELU of other numbers": (
        [
            CONV,
            ("Mul", ["c", "half"], ["h"], {}),
            ("Erf", ["h"], ["i"], {}),
            ("Add", ["i", "unit"], ["j"], {}),
            ("Mul", ["c", "j"], ["y"], {}),
        ],
        "expected an image and a gate",
    ),
    "a sigmoid of something else": (
        [CONV, ("Relu", ["c"], ["r"], {}), ("Sigmoid", ["r"], ["s"], {}), ("Mul", ["c", "s"], ["y"], {})],
        "expected an image and a gate",
    ),
    "a sigmoid of the same, turned": (
        [
            ("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 0, 1, 0]}),
            ("Transpose", ["c"], ["t"], {"perm": [0, 1, 3, 2]}),
            ("Sigmoid", ["t"], ["s"], {}),
            ("Mul", ["c", "s"], ["y"], {}),
        ],
        "expected an image and a gate",
    ),
    "transposed, to a given size": ([CONV, ("ConvTranspose", ["c", "up"], ["y"], {"output_shape": [3, 5]})], "pads by a rule"),
    "transposed, with too much padding": ([CONV, ("ConvTranspose", ["c", "up"], ["y"], {"pads": [3, 3, 3, 3]})], "more padding"),
    "transposed, for other channels": ([CONV, ("ConvTranspose", ["c", "deep"], ["y"], {})], "a kernel for 4 channels"),
    "mean over channels": ([CONV, ("ReduceMean", ["c"], ["y"], {"axes": [1]})], "other axes than height and width"),
    "mean over rows": ([CONV, ("ReduceMean", ["c"], ["y"], {"axes": [2]})], "other axes than height and width"),
    "mean over all": ([CONV, ("ReduceMean", ["c"], ["y"], {})], "over all axes"),
    "a sigmoid at the end": ([CONV, ("Sigmoid", ["c"], ["y"], {})], "ends in a sigmoid"),
    "a hard sigmoid that is not 0.5 at 0": ([CONV, ("HardSigmoid", ["c"], ["y"], {"beta": 0.4})], "is 0.4.* at 0, expected 0.5"),
    "clipped from below zero": ([CONV, ("Clip", ["c", "six"], ["y"], {})], "clips to 6.0"),
    "a larger one": ([CONV, ("Max", ["c", "half"], ["y"], {})], "expected zero"),
    "divided by nothing": ([CONV, ("Div", ["c", "nothing"], ["y"], {})], "not finite"),
    "whole numbers": ([CONV, ("Cast", ["c"], ["y"], {"to": 7})], "turns numbers into others"),
    "batches": ([CONV, ("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"], {"training_mode": 1})], "in training mode"),
    "rows normalized": (
        [CONV, ("Transpose", ["c"], ["t"], TO_NHWC), ("BatchNormalization", ["t", "b", "b", "b", "b"], ["y"], {})],
        "other axes than the channels",
    ),
    "dropped while training": ([CONV, ("Dropout", ["c", "half", "yes"], ["y"], {})], "type 9, expected|in training mode"),
    "epsilon that is a text": (
        [CONV, ("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"], {"epsilon": "x"})],
        "attribute epsilon of type bytes",
    ),
    "epsilons": ([CONV, ("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"], {"epsilon": [1.0]})], "attribute epsilon of type list"),
    "an attribute of another kind of ONNX": ([CONV, ("Relu", ["c"], ["y"], {"slope": 0.1})], "attribute slope that is not known"),
    "no weights": ([("Conv", ["x", "missing"], ["y"], {})], "takes 'missing', which no node before it gives"),
    "an Add that spreads": (
        [CONV, ("GlobalAveragePool", ["c"], ["g"], {}), ("Add", ["c", "g"], ["y"], {})],
        "expected tensors of the same axes",
    ),
    "an Add of other sizes": (
        [CONV, ("MaxPool", ["c"], ["p"], SMALL), ("Add", ["c", "p"], ["y"], {})],
        "expected tensors of the same axes",
    ),
    "put together in rows": ([CONV, ("Concat", ["c", "c"], ["y"], {"axis": 2})], "along another axis than the channels"),
    "put together with constants": ([CONV, ("Concat", ["c", "one"], ["y"], {"axis": 1})], "is nothing that"),
    "images multiplied": ([CONV, ("Mul", ["c", "c"], ["y"], {})], "expected an image and a gate"),
    "a gate for pixels": (
        [CONV, ("ReduceMean", ["c"], ["r"], {"axes": [1]}), ("Mul", ["c", "r"], ["y"], {})],
        "other axes than height and width",
    ),
    "flattened images side by side": ([CONV, ALL, ("Concat", ["f", "f"], ["y"], {"axis": 1})], "the numbers of a flattened image"),
    "two orders": (
        [
            CONV,
            ALL,
            ("Transpose", ["c"], ["t"], TO_NHWC),
            ("Flatten", ["t"], ["h"], {}),
            ("MatMul", ["f", "m"], ["m1"], {}),
            ("MatMul", ["h", "m"], ["m2"], {}),
            ("Add", ["m1", "m2"], ["y"], {}),
        ],
        "another order of its axes",
    ),
    "an image prepared in two ways": (
        [
            ("Sub", ["x", "colors"], ["s"], {}),
            ("Conv", ["s", "w"], ["c"], {}),
            ("Conv", ["x", "w"], ["d2"], {}),
            ("Add", ["c", "d2"], ["y"], {}),
        ],
        "takes the input other than prepared",
    ),
    "an output that is there twice": ([CONV, ("Relu", ["c"], ["c"], {}), ("Relu", ["c"], ["y"], {})], "which there is already"),
    "no layers": ([("Relu", ["x"], ["y"], {})], "no layers with weights"),
    "kernels of other channels": ([("Conv", ["x", "gray kernel"], ["y"], {})], "kernel for 1 channels, where 3 reach it"),
    "arithmetic of other kinds": ([("Sin", ["w"], ["v"], {}), ("Conv", ["x", "v"], ["y"], {})], "even between constants"),
    "large constants": ([("Mul", ["large", "half"], ["v"], {}), ("Conv", ["x", "v"], ["y"], {})], "computes with 147,456 numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_onnx_networks_that_are_not_read(name, tmp_path):
    nodes, message = REFUSED[name]
    onnx_model(tmp_path / "file", nodes, **used(nodes))
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")
