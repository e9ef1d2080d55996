"""ONNX files: networks that are read, and refusals that say why."""

import sys
from pathlib import Path

import numpy as np
import pytest
from weight_file_helpers import described_network, onnx_model

from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description
from minicnn.models.matching import load_arrays
from minicnn.pictures.photos import Preprocessing
from minicnn.weightfiles import read_weights

STORED = Path(__file__).parent.parent / "references" / "weight_files" / "onnx"

GENERATOR = np.random.default_rng(0)


def numbers(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


KERNEL, BIAS = numbers(2, 3, 3, 3), numbers(2)
CONV = ("Conv", ["x", "w", "b"], ["c"], {})
ALL = ("Flatten", ["c"], ["f"], {})
TO_NCHW, TO_NHWC = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}
INTEGERS = {name: np.array(values) for name, values in {"hw": [2, 3], "whole": [0, -1], "rows": [-1, 16], "zero": 0, "first": [0]}.items()}

#: Networks, each with constants of its own, and what `onnx_model` is told otherwise. They are compared with ONNX' own reference.
READ = {
    "flatten, dense": [CONV, ALL, ("Gemm", ["f", "d", "e"], ["y"], {"transB": 1})],
    "reshape to whole rows": [CONV, ("Reshape", ["c", "whole"], ["f"], {}), ("Gemm", ["f", "d"], ["y"], {"transB": 1})],
    "reshape to rows of a number": [CONV, ("Reshape", ["c", "rows"], ["f"], {}), ("Gemm", ["f", "d"], ["y"], {"transB": 1})],
    "a shape that is put together": [
        CONV,
        ("Shape", ["c"], ["s"], {}),
        ("Gather", ["s", "zero"], ["n"], {}),
        ("Unsqueeze", ["n", "first"], ["u"], {}),
        ("Constant", [], ["k"], {"value_ints": [-1]}),
        ("Concat", ["u", "k"], ["t"], {"axis": 0}),
        ("Reshape", ["c", "t"], ["f"], {}),
        ("MatMul", ["f", "m"], ["y"], {}),
    ],
    "weights that are turned": [CONV, ALL, ("Transpose", ["d"], ["t"], {"perm": [1, 0]}), ("MatMul", ["f", "t"], ["y"], {})],
    "added by its pixels": [CONV, ("Add", ["c", "channel"], ["y"], {})],
    "biases after a dense layer": [CONV, ALL, ("MatMul", ["f", "m"], ["g"], {}), ("Add", ["e", "g"], ["y"], {})],
    "a normalization in parts": [
        CONV,
        ("Relu", ["c"], ["r"], {}),
        ("Sub", ["r", "channel"], ["s"], {}),
        ("Div", ["s", "above"], ["t"], {}),
        ("Mul", ["t", "channel"], ["u"], {}),
        ("Add", ["u", "half"], ["y"], {}),
    ],
    "nonlinearities": [
        CONV,
        ("LeakyRelu", ["c"], ["l1"], {}),
        ("LeakyRelu", ["l1"], ["l2"], {"alpha": 0.2}),
        ("Elu", ["l2"], ["l3"], {"alpha": 1.5}),
        ("HardSwish", ["l3"], ["l4"], {}),
        ("HardSigmoid", ["l4"], ["l5"], {}),
        ("Tanh", ["l5"], ["l6"], {}),
        ("Sigmoid", ["l6"], ["l7"], {}),
        ("Clip", ["l7", "nothing", "six"], ["y"], {}),
    ],
    "gelu": [CONV, ("Gelu", ["c"], ["g"], {}), ("Gelu", ["g"], ["y"], {"approximate": "tanh"})],
    "a factor": [CONV, ("Mul", ["half", "c"], ["r"], {}), ("Relu", ["r"], ["y"], {})],
    "turned colors": [
        ("Gather", ["x", "turned"], ["g"], {"axis": 1}),
        ("Sub", ["g", "colors"], ["s"], {}),
        ("Conv", ["s", "w", "b"], ["y"], {}),
    ],
    "rules for the padding": [("Conv", ["x", "w", "b"], ["y"], {"auto_pad": "SAME_LOWER"})],
    "padding that no window reaches": [("Conv", ["x", "w", "b"], ["y"], {"strides": [2, 1], "pads": [0, 1, 1, 1], "kernel_shape": [3, 3]})],
    "rounding up what is whole": [CONV, ("MaxPool", ["c"], ["y"], {"kernel_shape": [2, 2], "strides": [1, 2], "ceil_mode": 1})],
    "padding that is taken for a window": [
        CONV,
        ("MaxPool", ["c"], ["y"], {"kernel_shape": [2, 2], "pads": [1, 0, 0, 0], "strides": [2, 2]}),
    ],
    "zeros around": [("Pad", ["x", "ones"], ["p"], {}), ("Conv", ["p", "w"], ["y"], {"pads": [1, 0, 1, 0]})],
    "zeros around a pool": [
        CONV,
        ("Relu", ["c"], ["r"], {}),
        ("Pad", ["r", "ones"], ["p"], {}),
        ("MaxPool", ["p"], ["y"], {"kernel_shape": [2, 2]}),
    ],
    "means with zeros": [CONV, ("AveragePool", ["c"], ["y"], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1})],
    "a mean over the image": [CONV, ("ReduceMean", ["c"], ["r"], {"axes": [-1, 2], "keepdims": 0}), ("MatMul", ["r", "q"], ["y"], {})],
    "a mean over merged axes": [
        CONV,
        ("Reshape", ["c", "merge"], ["f"], {}),
        ("ReduceMean", ["f"], ["r"], {"axes": [2], "keepdims": 0}),
        ("MatMul", ["r", "q"], ["y"], {}),
    ],
    "dropped axes": [
        CONV,
        ("GlobalAveragePool", ["c"], ["r"], {}),
        ("Squeeze", ["r", "hw"], ["s"], {}),
        ("Gemm", ["s", "q"], ["y"], {}),
    ],
    "a convolution of one pixel": [CONV, ("GlobalAveragePool", ["c"], ["r"], {}), ("Conv", ["r", "one", "e"], ["y"], {"pads": [0] * 4})],
    "the largest of the image": [
        CONV,
        ("GlobalMaxPool", ["c"], ["r"], {}),
        ("Flatten", ["r"], ["f"], {}),
        ("MatMul", ["f", "q"], ["y"], {}),
    ],
    "half a ReLU": [CONV, ("Clip", ["c", "nothing"], ["r"], {}), ("Max", ["r", "nothing"], ["y"], {})],
    "things that do nothing": [
        ("Identity", ["x"], ["i"], {}),
        ("Cast", ["i"], ["j"], {"to": 1}),
        ("Conv", ["j", "w", "b"], ["c"], {}),
        ("Dropout", ["c"], ["o", "mask"], {}),
        ("Shape", ["mask"], ["unused"], {}),
        ("AveragePool", ["o"], ["y"], {"kernel_shape": [1, 1]}),
    ],
    "channels last": [
        ("Transpose", ["x"], ["t"], TO_NCHW),
        ("Conv", ["t", "w", "b"], ["c"], {}),
        ("Transpose", ["c"], ["u"], TO_NHWC),
        ("Add", ["u", "b"], ["a"], {}),
        ("Relu", ["a"], ["r"], {}),
        ("Reshape", ["r", "whole"], ["f"], {}),
        ("Mul", ["f", "sixteen"], ["n"], {}),
        ("MatMul", ["n", "m"], ["y"], {}),
    ],
    "channels last, to the end": [
        ("Transpose", ["x"], ["t"], TO_NCHW),
        ("Conv", ["t", "w", "b"], ["c"], {}),
        ("Transpose", ["c"], ["u"], TO_NHWC),
        ("ReduceMean", ["u"], ["r"], {"axes": [1, 2]}),
        ("Flatten", ["r"], ["f"], {}),
        ("MatMul", ["f", "q"], ["y"], {}),
    ],
    "gray, whose axes are moved as numbers": [
        ("Reshape", ["x", "gray"], ["t"], {}),
        ("Conv", ["t", "gray kernel", "b"], ["c"], {}),
        ("Transpose", ["c"], ["u"], TO_NHWC),
        ("Flatten", ["u"], ["f"], {}),
        ("MatMul", ["f", "m"], ["y"], {}),
    ],
}
CONSTANTS = {
    "w": KERNEL,
    "b": BIAS,
    "d": numbers(5, 16),
    "e": numbers(5),
    "m": numbers(16, 5),
    "q": numbers(2, 5),
    "one": numbers(5, 2, 1, 1),
    "channel": numbers(1, 2, 1, 1),
    "above": abs(numbers(2, 1, 1)) + 1,
    "half": np.float32(0.5),
    "nothing": np.float32(0),
    "gray kernel": numbers(2, 1, 3, 3),
    "colors": np.float32([103, 116, 123]).reshape(3, 1, 1),
    "turned": np.array([2, 1, 0]),
    "sixteen": numbers(16),
    "ones": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "merge": np.array([0, 2, -1]),
    "gray": np.array([-1, 1, 4, 6]),
    **INTEGERS,
}
SHAPES = {"channels last": (1, 4, 6, 3), "channels last, to the end": (1, 4, 6, 3), "gray, whose axes are moved as numbers": (2, 4, 6, 1)}
SHAPES |= {"padding that is taken for a window": (1, 3, 5, 7), "padding that no window reaches": (1, 3, 5, 6)}


OPSETS = {"gelu": 20}


def used(nodes):
    return {name: CONSTANTS[name] for _, inputs, _, _ in nodes for name in inputs if name in CONSTANTS}


def prepared(file, x):
    """What a model does to its input before the network, which a file may do in the network."""
    if not isinstance(file.preprocessing, dict):
        return x
    return Preprocessing(**file.preprocessing).apply(x)


def output_of(file, x):
    """Run the network that a file describes."""
    network, shape = described_network(file)
    assert shape == x.shape[1:]
    return network.with_parameters(load_arrays(file, network, shape))(prepared(file, x))


@pytest.mark.parametrize("name", READ)
def test_onnx_networks_give_what_they_should(name, tmp_path):
    reference = pytest.importorskip("onnx.reference")
    shape = SHAPES.get(name, (1, 3, 4, 6))
    onnx_model(tmp_path / "file", READ[name], input_shape=shape, opset=OPSETS.get(name, 17), **used(READ[name]))
    x = numbers(*shape) * (100 if name == "turned colors" else 1)
    (expected,) = reference.ReferenceEvaluator(str(tmp_path / "file")).run(None, {"x": x})
    output = output_of(read_weights(tmp_path / "file"), x if "last" in name or "gray" in name else np.moveaxis(x, 1, 3))
    output = np.moveaxis(output, 3, 1) if output.ndim == 4 and expected.shape[1] == output.shape[3] else output
    assert np.abs(output.reshape(expected.shape) - expected).max() < 1e-5 * np.abs(expected).max()


NAMES = {
    "torch-dynamo": ["features.0", "features.2", "features.3", "avgpool", "", "fc1", "", "fc2"],
    "torch-torchscript": ["features.0", "features.2", "features.3", "avgpool", "", "fc1", "", "fc2"],
    "keras-torch": [""] * 6,
    "keras-tensorflow": ["first_1", "", "", "max_pooling2d_1", "flatten_1", "classes_1"],
    "tf2onnx": ["first_1", "", "", "max_pooling2d_1_1", "global_average_pooling2d_1", "", "classes_1"],
}


@pytest.mark.parametrize("name", NAMES)
def test_files_of_the_usual_exporters(name):
    """What onnxruntime makes of the same images, but for a softmax or its logarithm at the end; and what the file calls its layers."""
    pytest.importorskip("onnx")
    file = read_weights(STORED / f"{name}.onnx")
    assert [step.name for step in file.steps] == NAMES[name]
    colors = {"torch": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, "keras": {"mean": [127.5] * 3, "std": [127.5] * 3}}
    table = colors["torch" if name.startswith("torch") else "keras"]
    assert {key: file.preprocessing[key] for key in table} == table
    with np.load(STORED / f"{name}.npz") as stored:
        x, expected = stored["x"] * (255 if name.startswith("torch") else 1), stored["output"]
    logits = output_of(file, x)
    softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = expected if name.startswith("torch") else np.log(expected)
    assert np.abs(softmax - expected).max() < 1e-5 * np.abs(expected).max()


IMAGE = np.ones((3, 4, 6), np.float32)
SMALL = {"kernel_shape": [2, 2]}

REFUSED = {
    "unknown": ([CONV, ("Softplus", ["c"], ["y"], {})], r"'node1' \(Softplus\) .*no.*layer.*expected .*Conv"),
    "a branch": ([CONV, ("Relu", ["c"], ["r"], {}), ("Add", ["r", "c"], ["y"], {})], "does not simply follow"),
    "groups": ([("Conv", ["x", "w", "b"], ["y"], {"group": 3})], "3 groups"),
    "dilated": ([("Conv", ["x", "w", "b"], ["y"], {"dilations": [2, 2]})], "is dilated"),
    "uneven padding": ([("Conv", ["x", "w", "b"], ["y"], {"pads": [0, 0, 1, 1]})], "uneven padding, 0 pixels before and 1 after"),
    "uneven padding by rules": ([("Conv", ["x", "w", "b"], ["y"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]})], "uneven padding"),
    "unknown rules": ([("Conv", ["x", "w", "b"], ["y"], {"auto_pad": "SAME"})], "by a rule that is not known"),
    "rounding up": ([CONV, ("MaxPool", ["c"], ["y"], {**SMALL, "strides": [2, 3], "ceil_mode": 1})], "rounds up"),
    "a window that is too large": ([CONV, ("MaxPool", ["c"], ["y"], {"kernel_shape": [3, 3]})], r"size \[3, 3\], larger"),
    "means without padding": ([CONV, ("AveragePool", ["c"], ["y"], {**SMALL, "pads": [1] * 4})], "leaves the padding out"),
    "means without the padding, after a padding": (
        [CONV, ("Pad", ["c", "ones"], ["p"], {}), ("AveragePool", ["p"], ["y"], {"kernel_shape": [3, 3], "pads": [1] * 4})],
        "leaves the padding out of its means",
    ),
    "zeros that could win": ([CONV, ("Pad", ["c", "ones"], ["p"], {}), ("MaxPool", ["p"], ["y"], SMALL)], "after a Relu"),
    "mirrored": ([("Pad", ["x", "ones"], ["p"], {"mode": "reflect"}), ("Conv", ["p", "w"], ["y"], {})], "other numbers than zeros"),
    "padded by ones": ([("Pad", ["x", "ones", "half"], ["p"], {}), ("Conv", ["p", "w"], ["y"], {})], "other numbers than zeros"),
    "padding at the end": ([CONV, ("Pad", ["c", "ones"], ["y"], {})], "padding at the end"),
    "padding before a ReLU": ([CONV, ("Pad", ["c", "ones"], ["p"], {}), ("Relu", ["p"], ["y"], {})], "comes after a padding"),
    "after the end": ([CONV, ALL, ("Softmax", ["f"], ["s"], {}), ("Relu", ["s"], ["y"], {})], "comes after a Softmax"),
    "two ends": ([CONV, ALL, ("Softmax", ["f"], ["s"], {}), ("Softmax", ["s"], ["y"], {})], "comes after another"),
    "means that round up": (
        [CONV, ("AveragePool", ["c"], ["y"], {**SMALL, "strides": [1, 2], "pads": [0, 1, 0, 0], "ceil_mode": 1, "count_include_pad": 1})],
        "over fewer pixels",
    ),
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
        [("Mul", ["x", "image"], ["m"], {}), ("Conv", ["m", "w"], ["y"], {})],
        r"shape \(3, 4, 6\); expected a single one",
    ),
    "shuffled": ([CONV, ("Reshape", ["c", "shuffle"], ["y"], {})], "makes 1 x 4 x 2 x 2 of 1 x 2 x 2 x 4"),
    "turned around": (
        [CONV, ("Transpose", ["c"], ["t"], {"perm": [0, 3, 2, 1]}), ("Flatten", ["t"], ["f"], {}), ("MatMul", ["f", "m"], ["y"], {})],
        "in the order W, H, C",
    ),
    "colors alone": (
        [("Gather", ["x", "turned"], ["g"], {"axis": 1}), ("Conv", ["g", "w"], ["y"], {})],
        "order of colors that is no preprocessing",
    ),
    "a part": ([CONV, ("Gather", ["c", "zero"], ["y"], {"axis": 1})], "takes a part"),
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
    "no weights": ([("Conv", ["x", "missing"], ["y"], {})], "does not simply follow"),
    "no layers": ([("Relu", ["x"], ["y"], {})], "no layers with weights"),
    "kernels of other channels": ([("Conv", ["x", "gray kernel"], ["y"], {})], "kernel for 1 channels, where 3 reach it"),
    "arithmetic of other kinds": ([("Sin", ["w"], ["v"], {}), ("Conv", ["x", "v"], ["y"], {})], "even between constants"),
    "large constants": ([("Mul", ["large", "half"], ["v"], {}), ("Conv", ["x", "v"], ["y"], {})], "computes with 147,456 numbers"),
}
CONSTANTS |= {"image": IMAGE, "shuffle": np.array([0, 4, 2, 2]), "six": np.float32(6), "yes": np.array(True)}
CONSTANTS |= {"large": np.ones((128, 128, 3, 3), np.float32)}


@pytest.mark.parametrize("name", REFUSED)
def test_onnx_networks_that_are_not_read(name, tmp_path):
    nodes, message = REFUSED[name]
    onnx_model(tmp_path / "file", nodes, **used(nodes))
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


def test_onnx_softmax_of_older_files(tmp_path):
    """Before version 13 it was over all axes from one on together."""
    end = [("GlobalAveragePool", ["c"], ["g"], {}), ("Softmax", ["g"], ["y"], {})]
    onnx_model(tmp_path / "vector", [CONV, *end], opset=11, **used([CONV]))
    assert [step.word for step in read_weights(tmp_path / "vector").steps] == ["convolution", "global_average_pool"]
    onnx_model(tmp_path / "image", [CONV, ("Softmax", ["c"], ["y"], {})], opset=11, **used([CONV]))
    with pytest.raises(WeightFileError, match="over the axis 1 of 4"):
        read_weights(tmp_path / "image")


def test_onnx_operators_of_long_ago_are_refused(tmp_path):
    onnx_model(tmp_path / "file", [("Conv", ["x", "w", "b"], ["y"], {})], opset=6, w=KERNEL, b=BIAS)
    with pytest.raises(WeightFileError, match=r"version 6 .* expected 7 or later"):
        read_weights(tmp_path / "file")


OPEN = {"strided by rules": {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, "uneven": {"pads": [0, 0, 1, 1]}}


@pytest.mark.parametrize("name", OPEN)
def test_onnx_windows_that_depend_on_an_open_size(name, tmp_path):
    onnx_model(tmp_path / "file", [("Conv", ["x", "w"], ["y"], OPEN[name])], input_shape=("n", 3, "h", "w"), w=KERNEL)
    with pytest.raises(WeightFileError, match="fixed height and width|uneven padding"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("target", [[0, -1], [-1, 2]])
def test_onnx_images_of_any_size(target, tmp_path):
    """The file then says all but the input's shape; a flattening whose size is open must say that it is one image a row."""
    nodes = [CONV, ("Reshape", ["c", "t"], ["f"], {}), ("MatMul", ["f", "q"], ["y"], {})]
    onnx_model(tmp_path / "file", nodes, input_shape=("n", 3, "h", "w"), t=np.array(target), **used(nodes))
    if target[0] == 0:
        file = read_weights(tmp_path / "file")
        assert file.input_shape is None and [step.word for step in file.steps] == ["convolution", "flatten", "dense"]
    else:
        with pytest.raises(WeightFileError, match="expected a fixed height and width"):
            read_weights(tmp_path / "file")


INPUT = {
    "0 to 1": (1, 1, [0.485, 0.456, 0.406], [0.25] * 3, {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.25] * 3}),
    "bytes": (1, 1, [123.68, 116.779, 103.939], [1.0] * 3, {"scale": 1, "mean": [123.68, 116.779, 103.939], "std": [1] * 3}),
    "integers": (2, 1, [0.0] * 3, [4.0] * 3, {"scale": 0.25, "mean": [0] * 3, "std": [1] * 3}),
    "to 1, then normalized": (1, 255, [0.5] * 3, [0.25] * 3, {"scale": 1, "mean": [127.5] * 3, "std": [63.75] * 3}),
    "of no known range": (1, 1, [0.0] * 3, [4.0] * 3, None),
    "negative": (1, 1, [0.5] * 3, [-0.25] * 3, None),
}


@pytest.mark.parametrize("name", INPUT)
def test_onnx_preprocessing_in_the_network(name, tmp_path):
    """It tells 0-1 from 0-255 by its numbers; what is no preprocessing stays, as a normalization."""
    kind, first, mean, std, expected = INPUT[name]
    nodes = [("Div", ["x", "first"], ["a"], {}), ("Sub", ["a", "mean"], ["b"], {}), ("Div", ["b", "std"], ["c"], {})]
    nodes = [("Cast", ["x"], ["z"], {"to": 1}), ("Div", ["z", "first"], ["a"], {}), *nodes[1:], ("Conv", ["c", "w"], ["y"], {})]
    arrays = {name: np.float32(values).reshape(-1, 1, 1) for name, values in {"first": first, "mean": mean, "std": std}.items()}
    onnx_model(tmp_path / "file", nodes, kind=kind, w=KERNEL, **arrays)
    file = read_weights(tmp_path / "file")
    if expected is None:
        assert file.preprocessing is None and file.steps[0].word == "batch_norm"
    else:
        assert file.preprocessing["colors"] == "rgb" and file.steps[0].word == "convolution"
        assert all(np.allclose(file.preprocessing[key], value) for key, value in expected.items())


@pytest.mark.filterwarnings("error")
def test_onnx_numbers_that_are_not_finite_are_refused_without_a_word_of_numpy(tmp_path):
    signaling = np.array([0x7F800001], np.uint32).view(np.float32)
    onnx_model(tmp_path / "file.onnx", [("Add", ["x", "odd"], ["y"], {})], odd=signaling)
    with pytest.raises(WeightFileError, match="numbers that are not finite"):
        read_weights(tmp_path / "file.onnx")


def test_onnx_is_compared_with_the_network_that_it_is_for(tmp_path):
    onnx_model(tmp_path / "file", [("Conv", ["x", "w", "b"], ["y"], {"strides": [2, 1]})], w=KERNEL, b=BIAS)
    file = read_weights(tmp_path / "file")
    text = 'input = [4, 6, 3]\nlayers = [{{convolution = "conv1", filters = 2, size = 3, stride = {}}}]'
    right, wrong = (read_description(text.format(stride), "text") for stride in ("[2, 1]", "1"))
    assert list(load_arrays(file, right.network, right.input_shape)) == ["conv1"]
    with pytest.raises(WeightFileError, match=r"stride \[2, 1\].*stride 1"):
        load_arrays(file, wrong.network, wrong.input_shape)


def test_onnx_weights_in_parts_are_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    onnx_model(tmp_path / "file", [("Conv", ["x", "w", "b"], ["y"], {})], w=KERNEL, b=BIAS)
    model = onnx.load(tmp_path / "file")
    model.graph.initializer[0].segment.end = 1
    onnx.save(model, tmp_path / "file")
    with pytest.raises(WeightFileError, match="stored in parts"):
        read_weights(tmp_path / "file")


def test_onnx_without_its_package(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"\x08\x08\x12\x07pytorch")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(WeightFileError, match=r"pip install 'minicnn-numpy\[onnx\]'"):
        read_weights(tmp_path / "file")
