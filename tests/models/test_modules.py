"""Networks of PyTorch as objects: what their modules say is what the network computes, or an error.

Their file is made by scripts/make_checkpoint_references.
"""

from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn.errors import WeightFileError
from minicnn.models.architectures import find_architecture
from minicnn.models.modules import as_modules_say, compare_modules
from minicnn.models.specs import build_network, spec
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import Module

FILE = Path(__file__).parents[1] / "references" / "weight_files" / "checkpoints" / "modules.pth"

DESCRIPTION = """
input = [9, 12, 3]
layers = [
  {convolution = "conv1", filters = 4, size = 4, padding = [[1, 2], [3, 3]], dilation = [1, 2]},
  {gelu = "gelu", approximate = "tanh"},
  {max_pool = "pool1", size = 3, stride = 2, ceil_mode = true},
  {convolution = "conv2", filters = 6, size = 3, stride = [1, 2], padding = 1, groups = 2},
  {leaky_relu = "leaky", slope = 0.2},
  {average_pool = "pool2", size = 2, stride = 1, padding = 1, count_include_pad = false},
  {upsample = "up", method = "bilinear"},
  {convolution = "conv3", filters = 5, size = 1},
  {relu6 = "relu6"},
  {global_average_pool = "gap"},
  {dense = "fc", units = 4},
]
"""


def described(tmp_path, old="", new=""):
    assert old in DESCRIPTION
    path = tmp_path / "my.toml"
    path.write_text(DESCRIPTION.replace(old, new, 1) if old else DESCRIPTION)
    return minicnn.load(path, weights=FILE)


def test_what_modules_say_is_computed(tmp_path):
    with np.load(FILE.with_suffix(".npz")) as stored:
        x, logits = stored["x"], stored["logits"]
    found = described(tmp_path).network(np.ascontiguousarray(x))
    assert np.abs(found - logits).max() < 1e-6 * np.abs(logits).max()


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("padding = [[1, 2], [3, 3]]", "padding = [[2, 1], [3, 3]]", r"module 0 \(Conv2d .*padding same.* stands where conv1 is expected"),
        (", dilation = [1, 2]", "", r"module 0 \(Conv2d .*dilation 1 x 2"),
        (', approximate = "tanh"', "", r"module 1 \(GELU with approximate tanh\) is not in the network"),
        (", ceil_mode = true", "", r"module 2 \(MaxPool2d .*ceil_mode True"),
        ("stride = [1, 2], padding = 1, groups", "stride = 1, padding = 1, groups", r"module 3 \(Conv2d"),
        ("slope = 0.2", "slope = 0.1", r"module 4 \(LeakyReLU with negative_slope 0.2\)"),
        (", count_include_pad = false", "", r"module 5 \(AvgPool2d .*count_include_pad False"),
        (', method = "bilinear"', "", r"module 6 \(Upsample .*mode bilinear"),
        ("relu6 = ", "relu = ", r"module 8 \(Hardtanh\)"),
        ("global_average_pool", "global_max_pool", r"module 9 \(AdaptiveAvgPool2d with output_size 1\)"),
    ],
)
def test_a_description_that_says_something_else(old, new, message, tmp_path):
    with pytest.raises(WeightFileError, match=message):
        described(tmp_path, old, new)


def test_the_modules_of_networks_by_name():
    """As torchvision's whole SqueezeNet and GoogLeNet have them, whose pools round up, and a ResNet with dilation for stride."""
    layers = find_architecture("resnet18").layers(10)
    dilated = Module("layer4.0.conv2", "Conv2d", word="convolution", options={"stride": (1, 1), "padding": (2, 2), "dilation": (2, 2)})
    pool = Module("maxpool", "MaxPool2d", word="max_pool", options={"size": 3, "stride": 2, "padding": 1, "ceil_mode": True})
    found = as_modules_say(layers, [dilated, pool])
    assert {name for name in layers if layers[name] != found[name]} == {"layer4.0.conv2", "maxpool"}
    expected = spec("convolution", filters=512, size=3, stride=1, padding=2, dilation=2, use_bias=False)
    assert found["layer4.0.conv2"] == expected
    assert found["maxpool"].options["ceil_mode"]


LAYERS = {
    "conv1": spec("convolution", filters=4, size=3, padding=1),
    "act1": spec("relu"),
    "pool1": spec("max_pool", size=2),
    "conv2": spec("convolution", filters=4, size=3, padding=1),
    "act2": spec("relu"),
    "pool2": spec("max_pool", size=2),
    "gap": spec("global_average_pool"),
    "fc": spec("dense", units=2),
}


def compare(*modules, layers=LAYERS, exactly=True):
    network = build_network(layers, (28, 28, 3))
    stored = [
        StoredLayer(name, layer.word, {key: np.zeros(array.shape, np.float32) for key, array in layer.arrays.items()})
        for name, layer in network.layers.items()
        if layer.arrays
    ]
    compare_modules(WeightFile("PyTorch", stored, modules=modules), network, (28, 28, 3), exactly)


POOL = {"size": 2, "stride": 2, "padding": 0}


@pytest.mark.parametrize(
    "module",
    [
        Module("relu", "ReLU", word="relu"),
        Module("drop", "Dropout", word="dropout"),
        Module("gap", "AvgPool2d", word="average_pool", options={"size": 7, "stride": 7}),
        Module("pool", "MaxPool2d", word="max_pool", options=POOL),
        Module("seven", "AdaptiveAvgPool2d", word="adaptive_average_pool", options={"size": (7, 7)}),
        Module("act1", "Swish", own=False),
        Module("aux1.fc", "GRU"),
        Module("fc", "Conv2d", word="convolution", options={"stride": (1, 1), "padding": (0, 0)}),
        Module("last", "Softmax", word="softmax"),
    ],
)
def test_modules_that_fit(module):
    compare(module)


@pytest.mark.parametrize(
    "modules, message",
    [
        ([Module("pool1", "Identity", word="dropout")], r"pool1 \(Identity\) stands where pool1 is expected: max_pool, size 2"),
        ([Module("act1", "SiLU", word="silu")], "stands where act1 is expected: relu"),
        ([Module("up", "PixelShuffle")], "none of the layers that minicnn has"),
        ([Module("norm", "LayerNorm", word="layer_norm")], "none of the layers that minicnn has"),
        ([Module("conv1", "Conv2d with padding_mode reflect")], "stands where conv1 is expected"),
        ([Module("pool", "MaxPool2d", word="max_pool", options={**POOL, "ceil_mode": True})], "not in the network that is expected"),
        ([Module("nine", "AdaptiveAvgPool2d", word="adaptive_average_pool", options={"size": (9, 9)})], "not in the network"),
        ([Module(f"features.{i}", "MaxPool2d", word="max_pool", options=POOL) for i in range(3)], "is there 3 times, and 2 times in"),
        ([Module("mid", "Softmax", word="softmax"), Module("relu", "ReLU", word="relu")], r"mid \(Softmax\) is not in"),
        ([Module("fc", "Conv2d", word="convolution", options={"padding": (1, 1)})], "stands where fc is expected"),
        ([Module("conv1", "Conv2d", word="convolution", options={"stride": "two"})], "does not fit: stride is 'two'"),
    ],
)
def test_modules_that_do_not_fit(modules, message):
    with pytest.raises(WeightFileError, match=message):
        compare(*modules)


def test_what_a_program_computes_without_a_module():
    """A description may have more layers than the file has modules, not fewer; a network by name has just as many."""
    relus = [Module(f"features.{i}", "ReLU", word="relu") for i in range(2)]
    layers = {"act0": spec("relu"), **LAYERS}
    compare(*relus, layers=layers, exactly=False)
    with pytest.raises(WeightFileError, match="is there 2 times, and 3 times"):
        compare(*relus, layers=layers)
    with pytest.raises(WeightFileError, match="is there 3 times, and 2 times"):
        compare(*relus, Module("relu", "ReLU", word="relu"), exactly=False)


def test_a_class_that_nobody_knows_in_a_network_by_name():
    with pytest.raises(WeightFileError, match=r"its module relu \(Swish\) is of a class that is not known, where relu is expected"):
        as_modules_say(find_architecture("resnet18").layers(10), [Module("relu", "Swish", own=False)])
