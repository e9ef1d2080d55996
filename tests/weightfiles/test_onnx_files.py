"""ONNX files: networks that are read, and refusals that say why."""

import sys

import numpy as np
import pytest
from weight_file_helpers import onnx_model

from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description
from minicnn.models.matching import load_arrays
from minicnn.weightfiles import read_weights

KERNEL, BIAS = np.ones((2, 3, 3, 3), np.float32), np.ones(2, np.float32)
CONV = ("Conv", ["x", "w", "b"], ["c"], {})

REFUSED = {
    "unknown": ([CONV, ("Sigmoid", ["c"], ["y"], {})], r"'node1' \(Sigmoid\) .*expected .*Conv"),
    "a branch": ([CONV, ("Relu", ["c"], ["r"], {}), ("Add", ["r", "c"], ["y"], {})], "does not simply follow"),
    "groups": ([("Conv", ["x", "w", "b"], ["y"], {"group": 3})], "3 groups"),
    "dilated": ([("Conv", ["x", "w", "b"], ["y"], {"dilations": [2, 2]})], "is dilated"),
    "uneven padding": ([("Conv", ["x", "w", "b"], ["y"], {"pads": [0, 0, 1, 1]})], r"padding \[0, 0, 1, 1\]"),
    "padding by rules": ([("Conv", ["x", "w", "b"], ["y"], {"auto_pad": "SAME_UPPER"})], "pads by rules"),
    "rounding up": ([CONV, ("MaxPool", ["c"], ["y"], {"kernel_shape": [2, 2], "ceil_mode": 1})], "rounds up"),
    "means without padding": (
        [CONV, ("AveragePool", ["c"], ["y"], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]})],
        "leaves the padding out",
    ),
    "after the end": ([CONV, ("Softmax", ["c"], ["s"], {}), ("Relu", ["s"], ["y"], {})], "comes after a Softmax"),
    "scaled": ([("Gemm", ["x", "w", "b"], ["y"], {"alpha": 2.0})], "scales or transposes"),
    "epsilon that is a text": (
        [CONV, ("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"], {"epsilon": "x"})],
        "attribute epsilon of type bytes",
    ),
    "epsilons": ([CONV, ("BatchNormalization", ["c", "b", "b", "b", "b"], ["y"], {"epsilon": [1.0]})], "attribute epsilon of type list"),
    "no weights": ([("Conv", ["x", "nothing"], ["y"], {})], "does not simply follow"),
    "no layers": ([("Relu", ["x"], ["y"], {})], "no layers with weights"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_onnx_networks_that_are_not_read(name, tmp_path):
    nodes, message = REFUSED[name]
    onnx_model(tmp_path / "file", nodes, w=KERNEL, b=BIAS)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


def test_onnx_weights_in_other_files_are_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    onnx_model(tmp_path / "file", [("Conv", ["x", "w", "b"], ["y"], {})], w=KERNEL, b=BIAS)
    model = onnx.load(tmp_path / "file")
    onnx.save(model, tmp_path / "file", save_as_external_data=True, size_threshold=0, location="secret")
    with pytest.raises(WeightFileError, match="weights in another file"):
        read_weights(tmp_path / "file")


def test_onnx_pieces_that_make_dense_layers(tmp_path):
    """MatMul and Add; constants as nodes; a Softmax at the end, which is dropped; a Reshape that flattens."""
    nodes = [
        CONV,
        ("Reshape", ["c", "shape"], ["f"], {}),
        ("MatMul", ["f", "m"], ["d"], {}),
        ("Add", ["n", "d"], ["a"], {}),
        ("Softmax", ["a"], ["y"], {}),
    ]
    m, n = np.arange(48, dtype=np.float32).reshape(16, 3), np.arange(3, dtype=np.float32)
    onnx_model(tmp_path / "file", nodes, w=KERNEL, b=BIAS, shape=np.array([1, -1]), m=m, n=n)
    file = read_weights(tmp_path / "file")
    assert [step.word for step in file.steps] == ["convolution", "flatten", "dense"]
    assert np.array_equal(file.layers[1].arrays["weight"], m)
    assert np.array_equal(file.layers[1].arrays["bias"], n)


def test_onnx_is_compared_with_the_network_that_it_is_for(tmp_path):
    onnx_model(tmp_path / "file", [("Conv", ["x", "w", "b"], ["y"], {"strides": [2, 1]})], w=KERNEL, b=BIAS)
    file = read_weights(tmp_path / "file")
    text = 'input = [4, 6, 3]\nlayers = [{{convolution = "conv1", filters = 2, size = 3, stride = {}}}]'
    right, wrong = (read_description(text.format(stride), "text") for stride in ("[2, 1]", "1"))
    assert list(load_arrays(file, right.network, right.input_shape)) == ["conv1"]
    with pytest.raises(WeightFileError, match=r"stride \(2, 1\).*stride \(1, 1\)"):
        load_arrays(file, wrong.network, wrong.input_shape)


def test_onnx_weights_in_parts_are_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    onnx_model(tmp_path / "file", [("Conv", ["x", "w", "b"], ["y"], {})], w=KERNEL, b=BIAS)
    model = onnx.load(tmp_path / "file")
    model.graph.initializer[0].segment.end = 1
    onnx.save(model, tmp_path / "file")
    with pytest.raises(WeightFileError, match="or in parts"):
        read_weights(tmp_path / "file")


def test_onnx_without_its_package(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"\x08\x08\x12\x07pytorch")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(WeightFileError, match=r"pip install 'minicnn-numpy\[onnx\]'"):
        read_weights(tmp_path / "file")
