"""ONNX files: networks that are read, and refusals that say why."""

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx_helpers import ALL, BIAS, CONV, KERNEL, SMALL, TO_NCHW, TO_NHWC, check_network, output_of, used
from weight_file_helpers import onnx_model

from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description
from minicnn.models.matching import load_arrays
from minicnn.weightfiles import read_weights

STORED = Path(__file__).parent.parent / "references" / "weight_files" / "onnx"

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
    "groups": [CONV, ("Conv", ["c", "deep"], ["y"], {"group": 2})],
    "dilated": [("Conv", ["x", "small", "b"], ["y"], {"dilations": [2, 3]})],
    "uneven padding": [("Conv", ["x", "w", "b"], ["y"], {"pads": [0, 0, 1, 2]})],
    "uneven padding by rules": [("Conv", ["x", "w", "b"], ["y"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]})],
    "uneven padding in two nodes": [("Pad", ["x", "ones", "nothing"], ["p"], {}), ("Conv", ["p", "w"], ["y"], {"pads": [1, 0, 0, 2]})],
    "rounding up": [CONV, ("MaxPool", ["c"], ["y"], {**SMALL, "strides": [2, 3], "ceil_mode": 1})],
    "rounding up, with padding": [
        CONV,
        ("MaxPool", ["c"], ["y"], {"kernel_shape": [2, 3], "strides": [1, 2], "pads": [1, 1, 0, 0], "ceil_mode": 1}),
    ],
    "rounding up, uneven in one way": [
        CONV,
        ("MaxPool", ["c"], ["y"], {"kernel_shape": [2, 4], "strides": [1, 2], "pads": [1, 3, 0, 1], "ceil_mode": 1}),
    ],
    "means without padding": [CONV, ("AveragePool", ["c"], ["y"], {**SMALL, "pads": [1, 1, 0, 1]})],
    "means without the padding, after a padding": [
        CONV,
        ("Pad", ["c", "ones"], ["p"], {}),
        ("AveragePool", ["p"], ["y"], {"kernel_shape": [3, 3], "pads": [1] * 4}),
    ],
    "means that round up": [CONV, ("AveragePool", ["c"], ["y"], {**SMALL, "strides": [1, 3], "ceil_mode": 1})],
    "zeros that could win": [CONV, ("Pad", ["c", "ones"], ["p"], {}), ("MaxPool", ["p"], ["y"], SMALL)],
    "padding at the end": [CONV, ("Pad", ["c", "ones"], ["y"], {})],
    "padding before a ReLU": [CONV, ("Pad", ["c", "ones"], ["p"], {}), ("Relu", ["p"], ["r"], {}), ("Mul", ["r", "half"], ["y"], {})],
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
SHAPES = {name: (1, 4, 6, 3) for name in READ if "last" in name} | {"gray, whose axes are moved as numbers": (2, 4, 6, 1)}
SHAPES |= {"padding that is taken for a window": (1, 3, 5, 7), "padding that no window reaches": (1, 3, 5, 6)}
OPSETS = {"gelu": 20}


@pytest.mark.parametrize("name", READ)
def test_onnx_networks_give_what_they_should(name, tmp_path):
    check_network(tmp_path, name, READ[name], SHAPES.get(name, (1, 3, 4, 6)), OPSETS.get(name, 17))


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


def test_onnx_windows_that_depend_on_an_open_size(tmp_path):
    rules = {"auto_pad": "SAME_UPPER", "strides": [2, 2]}
    onnx_model(tmp_path / "file", [("Conv", ["x", "w"], ["y"], rules)], input_shape=("n", 3, "h", "w"), w=KERNEL)
    with pytest.raises(WeightFileError, match="fixed height and width"):
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
