"""ONNX files of networks with branches, and of the layers that such have: what ONNX' own reference and PyTorch make of them comes out."""

from pathlib import Path

import numpy as np
import pytest
from onnx_helpers import BIAS, CONV, KERNEL, TO_NCHW, TO_NHWC, check_network, numbers
from weight_file_helpers import onnx_model

import minicnn

STORED = Path(__file__).parent.parent / "references" / "weight_files" / "onnx" / "graphs"

#: Networks, as in test_onnx_files.
GRAPHS = {
    "a shortcut": [CONV, ("Relu", ["c"], ["r"], {}), ("Add", ["r", "c"], ["y"], {})],
    "sums of three, and of one twice": [
        CONV,
        ("Relu", ["c"], ["r"], {}),
        ("Sum", ["c", "r", "c"], ["s"], {}),
        ("Add", ["s", "s"], ["y"], {}),
    ],
    "biases where others take the same": [
        CONV,
        ("Add", ["c", "channel"], ["a"], {}),
        ("Relu", ["c"], ["r"], {}),
        ("Add", ["a", "r"], ["y"], {}),
    ],
    "biases that several take": [
        CONV,
        ("Add", ["c", "channel"], ["a"], {}),
        ("Add", ["a", "channel"], ["b2"], {}),
        ("Mul", ["a", "half"], ["h"], {}),
        ("Concat", ["b2", "h", "a"], ["y"], {"axis": 1}),
    ],
    "colors for two layers": [
        ("Sub", ["x", "colors"], ["s"], {}),
        ("Conv", ["s", "w"], ["c"], {}),
        ("Conv", ["s", "w", "b"], ["d2"], {}),
        ("Concat", ["c", "d2"], ["y"], {"axis": -3}),
    ],
    "taken as it is, and scaled": [
        ("Mul", ["x", "half"], ["h"], {}),
        ("Concat", ["x", "h"], ["t"], {"axis": 1}),
        ("Conv", ["t", "six channels"], ["y"], {}),
    ],
    "a gate": [
        CONV,
        ("GlobalAveragePool", ["c"], ["g"], {}),
        ("Conv", ["g", "one", "e"], ["h"], {}),
        ("Relu", ["h"], ["i"], {}),
        ("Conv", ["i", "back"], ["j"], {}),
        ("Sigmoid", ["j"], ["k"], {}),
        ("Mul", ["k", "c"], ["y"], {}),
    ],
    "a gate of one pixel": [
        CONV,
        ("AveragePool", ["c"], ["g"], {"kernel_shape": [2, 4]}),
        ("Conv", ["g", "back and forth"], ["h"], {}),
        ("Mul", ["h", "c"], ["i"], {}),
        ("Mul", ["i", "g"], ["y"], {}),
    ],
    "a gate, channels last": [
        ("Transpose", ["x"], ["t"], TO_NCHW),
        ("Conv", ["t", "w", "b"], ["c"], {}),
        ("Transpose", ["c"], ["u"], TO_NHWC),
        ("ReduceMean", ["u"], ["r"], {"axes": [1, 2]}),
        ("Sigmoid", ["r"], ["s"], {}),
        ("Mul", ["u", "s"], ["y"], {}),
    ],
    "a SiLU, of an image and of rows": [
        CONV,
        ("Sigmoid", ["c"], ["s"], {}),
        ("Mul", ["s", "c"], ["t"], {}),
        ("ReduceMean", ["t"], ["r"], {"axes": [2, 3], "keepdims": 0}),
        ("Sigmoid", ["r"], ["u"], {}),
        ("Mul", ["r", "u"], ["y"], {}),
    ],
    "a SiLU whose sigmoid is taken, too": [
        CONV,
        ("Sigmoid", ["c"], ["s"], {}),
        ("Mul", ["s", "c"], ["t"], {}),
        ("Add", ["s", "t"], ["y"], {}),
    ],
    "a SiLU of a sum, which is scaled": [
        CONV,
        ("Add", ["c", "channel"], ["a"], {}),
        ("Mul", ["a", "half"], ["h"], {}),
        ("Sigmoid", ["h"], ["s"], {}),
        ("Mul", ["h", "s"], ["t"], {}),
        ("Mul", ["t", "above"], ["u"], {}),
        ("Concat", ["u", "a"], ["y"], {"axis": 1}),
    ],
    "a hard swish": [CONV, ("HardSigmoid", ["c"], ["s"], {"alpha": 1 / 6}), ("Mul", ["s", "c"], ["y"], {})],
    "a GELU of PyTorch": [
        CONV,
        ("Div", ["c", "root"], ["d2"], {}),
        ("Erf", ["d2"], ["e2"], {}),
        ("Add", ["e2", "unit"], ["f"], {}),
        ("Mul", ["c", "f"], ["g"], {}),
        ("Mul", ["g", "half"], ["y"], {}),
    ],
    "a GELU of Keras, scaled": [
        CONV,
        ("Mul", ["c", "channel"], ["h"], {}),
        ("Div", ["c", "root"], ["d2"], {}),
        ("Erf", ["d2"], ["e2"], {}),
        ("Add", ["unit", "e2"], ["f"], {}),
        ("Mul", ["f", "half"], ["g"], {}),
        ("Mul", ["g", "h"], ["y"], {}),
    ],
    "transposed": [
        CONV,
        ("ConvTranspose", ["c", "up"], ["a"], {"strides": [2, 3], "pads": [1, 0, 0, 1], "output_padding": [1, 2]}),
        ("Add", ["a", "colors"], ["y"], {}),
    ],
    "channels of zeros": [CONV, ("Pad", ["c", "channels more"], ["p"], {}), ("Relu", ["p"], ["y"], {})],
    "a part of the image": [CONV, ("Slice", ["c", "starts", "ends", "hw", "twos"], ["y"], {})],
    "layers for each pixel, channels last": [
        ("Transpose", ["x"], ["t"], TO_NCHW),
        ("Conv", ["t", "w", "b"], ["c"], {}),
        ("Transpose", ["c"], ["u"], TO_NHWC),
        ("MatMul", ["u", "q"], ["v"], {}),
        ("Add", ["v", "e"], ["y"], {}),
    ],
    "channels taken apart": [
        ("Conv", ["x", "four"], ["c"], {}),
        ("Split", ["c", "one and three"], ["s", "t"], {"axis": 1}),
        ("Split", ["c"], ["u", "v"], {"axis": -3}),
        ("Gather", ["c", "hw"], ["g"], {"axis": 1}),
        ("Slice", ["c", "one axis", "two", "one axis"], ["h"], {}),
        ("Concat", ["v", "t", "s", "h", "g", "u"], ["y"], {"axis": 1}),
    ],
    "a channel by its number": [
        ("Gather", ["x", "zero"], ["g"], {"axis": 1}),
        ("Mul", ["g", "half"], ["h"], {}),
        ("Unsqueeze", ["h", "one axis"], ["u"], {}),
        ("Conv", ["u", "gray kernel", "b"], ["y"], {}),
    ],
    "biases before channels are taken apart": [
        CONV,
        ("Add", ["c", "channel"], ["a"], {}),
        ("Split", ["a"], ["s", "t"], {"axis": 1}),
        ("Concat", ["t", "s"], ["y"], {"axis": 1}),
    ],
    "channels scaled apart": [
        ("Split", ["x"], ["r1", "r2", "r3"], {"axis": 1}),
        ("Mul", ["r1", "half"], ["s1"], {}),
        ("Add", ["r3", "half"], ["s3"], {}),
        ("Concat", ["s1", "r2", "s3"], ["t"], {"axis": 1}),
        ("Conv", ["t", "w", "b"], ["y"], {}),
    ],
    "channels put together in another order": [
        ("Split", ["x"], ["r1", "r2", "r3"], {"axis": 1}),
        ("Concat", ["r1", "r3", "r2"], ["t"], {"axis": 1}),
        ("Conv", ["t", "w", "b"], ["y"], {}),
    ],
    "shuffled": [
        ("Conv", ["x", "four"], ["c"], {}),
        ("Reshape", ["c", "in groups"], ["r"], {}),
        ("Transpose", ["r"], ["t"], {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["t", "shuffle"], ["y"], {}),
    ],
    "grouped for nothing": [
        ("Conv", ["x", "four"], ["c"], {}),
        ("Reshape", ["c", "in groups"], ["r"], {}),
        ("Transpose", ["r"], ["t"], {"perm": [0, 3, 4, 1, 2]}),
        ("Transpose", ["t"], ["u"], {"perm": [0, 3, 4, 1, 2]}),
        ("Reshape", ["u", "shuffle"], ["y"], {}),
    ],
    "repeated pixels": [CONV, ("Resize", ["c", "", "doubled"], ["y"], {})],
    "repeated pixels, of PyTorch": [
        CONV,
        ("Resize", ["c", "", "", "sized"], ["y"], {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    ],
    "pixels between others": [CONV, ("Resize", ["c", "", "doubled"], ["y"], {"mode": "linear"})],
    "resized for nothing": [CONV, ("Resize", ["c", "", "", "same size"], ["y"], {"mode": "linear"})],
    "slopes of one and of each": [CONV, ("PRelu", ["c", "slope"], ["p"], {}), ("PRelu", ["p", "slopes"], ["y"], {})],
    "neighboring channels": [("Conv", ["x", "four"], ["c"], {}), ("LRN", ["c"], ["y"], {"size": 3, "alpha": 0.5, "bias": 2.0})],
    "normalized by pixel, channels last": [
        ("Transpose", ["x"], ["t"], TO_NCHW),
        ("Conv", ["t", "w", "b"], ["c"], {}),
        ("Transpose", ["c"], ["u"], TO_NHWC),
        ("LayerNormalization", ["u", "norm", "b"], ["v"], {"epsilon": 0.01}),
        ("LayerNormalization", ["v", "norm"], ["y"], {}),
    ],
    "vectors side by side": [
        CONV,
        ("GlobalAveragePool", ["c"], ["g"], {}),
        ("GlobalMaxPool", ["c"], ["h"], {}),
        ("Concat", ["g", "h", "g"], ["i"], {"axis": 1}),
        ("Flatten", ["i"], ["y"], {}),
    ],
}
SHAPES = {name: (1, 4, 6, 3) for name in GRAPHS if "last" in name}
SHAPES["neighboring channels"] = (4, 3, 4, 6)  # ONNX' own reference takes the number of images for that of the channels


@pytest.mark.parametrize("name", GRAPHS)
def test_onnx_graphs_give_what_they_should(name, tmp_path):
    check_network(tmp_path, name, GRAPHS[name], SHAPES.get(name, (1, 3, 4, 6)))


#: What ONNX' own reference does not compute, beside the same in other words, and constants that only these take.
SAME = {
    "transposed in groups": (
        [CONV, ("ConvTranspose", ["c", "up in groups"], ["y"], {"group": 2, "dilations": [2, 1]})],
        [CONV, ("ConvTranspose", ["c", "up, written out"], ["y"], {"dilations": [2, 1]})],
    ),
    "padding below zero": (
        [CONV, ("Pad", ["c", "less"], ["p"], {}), ("Tanh", ["p"], ["y"], {})],
        [CONV, ("Tanh", ["c"], ["r"], {}), ("Pad", ["r", "column"], ["p"], {}), ("Slice", ["p", "corner", "far corner", "hw"], ["y"], {})],
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_onnx_graphs_give_the_same_as_others(name, tmp_path):
    nodes, others = SAME[name]
    check_network(tmp_path, name, nodes, others=others)


@pytest.mark.parametrize("path", sorted(STORED.glob("*.onnx")), ids=lambda path: path.stem)
def test_networks_with_branches(path):
    pytest.importorskip("onnx")
    network = minicnn.load(path, preprocessing="none").network
    with np.load(STORED / f"{path.stem.rpartition('-')[0]}.npz") as stored:
        x, seed, expected = stored["x"], stored["seed"], {"output": stored["output"], "gradient": stored["gradient"]}
    trace = network.trace(x)
    last = list(network.layers)[-1]
    found = {"output": trace.outputs[last], "gradient": network.backward(trace, {last: seed})}
    for what, array in expected.items():
        assert np.abs(found[what] - array).max() < 1e-5 * np.abs(array).max(), what


def test_layers_called_as_the_input_and_as_numbers(tmp_path):
    """What a file calls its layers may be what stands for others here."""
    nodes = [
        ("Conv", ["x", "input.weight", "b"], ["c"], {}),
        ("Relu", ["c"], ["r"], {}),
        ("Conv", ["r", "2.weight"], ["d"], {"pads": [1] * 4}),
        ("Add", ["d", "c"], ["y"], {}),
    ]
    onnx_model(tmp_path / "file.onnx", nodes, **{"input.weight": KERNEL, "b": BIAS, "2.weight": numbers(2, 2, 3, 3)})
    assert list(minicnn.load(tmp_path / "file.onnx").network.layers) == ["conv1", "relu1", "2", "add1"]
