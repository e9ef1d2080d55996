"""What the tests of ONNX files have in common: constants for small networks, and running what was read."""

import numpy as np
import pytest
from weight_file_helpers import described_network, onnx_model

from minicnn.models.matching import load_arrays
from minicnn.pictures.photos import Preprocessing
from minicnn.weightfiles import read_weights

GENERATOR = np.random.default_rng(0)


def numbers(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


KERNEL, BIAS = numbers(2, 3, 3, 3), numbers(2)
SMALL = {"kernel_shape": [2, 2]}
CONV = ("Conv", ["x", "w", "b"], ["c"], {})
ALL = ("Flatten", ["c"], ["f"], {})
TO_NCHW, TO_NHWC = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}
INTEGERS = {name: np.array(values) for name, values in {"hw": [2, 3], "whole": [0, -1], "rows": [-1, 16], "zero": 0, "first": [0]}.items()}

CONSTANTS = {
    "w": KERNEL,
    "b": BIAS,
    "d": numbers(5, 16),
    "e": numbers(5),
    "m": numbers(16, 5),
    "q": numbers(2, 5),
    "one": numbers(5, 2, 1, 1),
    "back and forth": numbers(2, 2, 1, 1),
    "back": numbers(2, 5, 1, 1),
    "deep": numbers(4, 1, 2, 2),
    "small": numbers(2, 3, 2, 2),
    "six channels": numbers(2, 6, 3, 3),
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
    "up": numbers(2, 3, 3, 2),
    "up in groups": numbers(2, 2, 2, 3),
    "root": np.float32(2**0.5),
    "unit": np.float32(1),
    "sixth": np.float32(1 / 6),
    "less": np.array([0, 0, 0, -1, 0, 0, -1, 1]),
    "column": np.array([0, 0, 0, 0, 0, 0, 0, 1]),
    "corner": np.array([0, 1]),
    "far corner": np.array([-1, 9]),
    "channels more": np.array([0, 1, 0, 0, 0, 2, 0, 1]),
    "all rows": np.array([0, 0, -1, 0, 0, 0, -1, 0]),
    "more images": np.array([1, 0, 0, 0, 0, 0, 0, 0]),
    "swapped": np.array([1, 0]),
    "far": np.array([2**63 - 1]),
    "one axis": np.array([1]),
    "two": np.array([2]),
    "ends": np.array([-1, 4]),
    "starts": np.array([0, -3]),
    "twos": np.array([1, 2]),
    "four": numbers(4, 3, 3, 3),
    "in groups": np.array([0, 2, 2, -1, 4]),
    "doubled": np.float32([1, 1, 2, 3]),
    "same size": np.array([1, 2, 2, 4]),
    "sized": np.array([1, 2, 6, 4]),
    "a thousandfold": np.float32([1, 1, 1000, 1000]),
    "by half": np.float32([1, 1, 1.5, 1]),
    "channels doubled": np.float32([1, 2, 1, 1]),
    "rows of slopes": numbers(2, 4),
    "slope": np.float32([0.25]),
    "slopes": numbers(2, 1, 1),
    "norm": numbers(2),
    "one and three": np.array([1, 3]),
    **INTEGERS,
}
CONSTANTS |= {"image": np.ones((3, 4, 6), np.float32), "shuffle": np.array([0, 4, 2, 4]), "six": np.float32(6), "yes": np.array(True)}
CONSTANTS["up, written out"] = np.zeros((2, 4, 2, 3), np.float32)
CONSTANTS["up, written out"][0, :2], CONSTANTS["up, written out"][1, 2:] = CONSTANTS["up in groups"]
CONSTANTS |= {"large": np.ones((128, 128, 3, 3), np.float32)}


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


def check_network(folder, name, nodes, shape=(1, 3, 4, 6), opset=17, others=None):
    """Compare what is read of such nodes with what ONNX' own reference makes of them, or of others that do the same."""
    reference = pytest.importorskip("onnx.reference")
    onnx_model(folder / "file", nodes, input_shape=shape, opset=opset, **used(nodes))
    onnx_model(folder / "other", others or nodes, input_shape=shape, opset=opset, **used(others or nodes))
    x = numbers(*shape) * (100 if "colors" in name else 1)
    (expected,) = reference.ReferenceEvaluator(str(folder / "other")).run(None, {"x": x})
    output = output_of(read_weights(folder / "file"), x if "last" in name or "gray" in name else np.moveaxis(x, 1, 3))
    output = np.moveaxis(output, 3, 1) if output.ndim == expected.ndim == 4 and "last" not in name else output
    assert np.abs(output.reshape(expected.shape) - expected).max() < 1e-5 * np.abs(expected).max()
