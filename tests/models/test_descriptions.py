"""Descriptions: read as written, written as read, and one clear error for everything that is wrong."""

import dataclasses

import numpy as np
import pytest
from own_networks import TEXTS

import minicnn
from minicnn.errors import DescriptionError
from minicnn.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from minicnn.models.classes import cifar10
from minicnn.models.descriptions import read_description, write_description
from minicnn.models.files import describe
from minicnn.models.specs import MisfitError
from minicnn.pictures.photos import PREPROCESSING, Preprocessing

CLASSIC = """
name = "my-network"
input = [32, 40, 3]            # height, width, channels
classes = ["cat", "dog"]
preprocessing = "torch"

layers = [
  {convolution = "conv1", filters = 16, size = 3, stride = 1, padding = 1},
  {batch_norm = "norm1"},
  {relu = "relu1"},
  {max_pool = "pool1", size = 2},
  {average_pool = "pool2", size = [2, 3], stride = 2},
  {dropout = "drop1", rate = 0.25},
  {convolution = "conv2", filters = 4, size = [1, 3], stride = [2, 1], padding = [0, 1]},
  {batch_norm = "norm2", epsilon = 0.01, momentum = 0.5},
  {max_pool = "pool3", size = 3, stride = 1, padding = [1, 0]},
  {flatten = "flatten"},
  {dense = "fc", units = 2},
]
"""


def placeholder(*shape):
    return np.full(shape, np.nan, np.float32)


#: What `window` says in one form.
GEOMETRY = ("kernel_size", "stride", "padding", "dilation")


def settings(layer):
    """What makes a layer, without the numbers in its arrays."""
    values = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    values = {name: value.shape if isinstance(value, np.ndarray) else value for name, value in values.items()}
    return type(layer), layer.window, {name: value for name, value in values.items() if name not in GEOMETRY}


def same(one, other):
    return {name: settings(layer) for name, layer in one.layers.items()} == {name: settings(layer) for name, layer in other.layers.items()}


def test_a_description_is_the_network_that_it_says():
    description = read_description(CLASSIC, "classic.toml")
    by_hand = minicnn.Network(
        {
            "conv1": Conv2D(placeholder(3, 3, 3, 16), placeholder(16), padding=1),
            "norm1": BatchNorm(*[placeholder(16)] * 4),
            "relu1": ReLU(),
            "pool1": MaxPool2D(2),
            "pool2": AveragePool2D((2, 3), 2),
            "drop1": Dropout(0.25),
            "conv2": Conv2D(placeholder(1, 3, 16, 4), placeholder(4), (2, 1), (0, 1)),
            "norm2": BatchNorm(*[placeholder(4)] * 4, epsilon=0.01, momentum=0.5),
            "pool3": MaxPool2D(3, 1, (1, 0)),
            "flatten": Flatten(),
            "fc": Dense(placeholder(4 * 7 * 4, 2), placeholder(2)),
        }
    )
    assert list(description.network.layers) == list(by_hand.layers)
    assert same(description.network, by_hand)
    assert all(np.isnan(array).all() for arrays in description.network.arrays.values() for array in arrays.values())
    assert description.name == "my-network" and description.input_shape == (32, 40, 3)
    assert description.preprocessing == PREPROCESSING["torch"]
    assert list(description.classes) == ["cat", "dog"]


@pytest.mark.parametrize("name", minicnn.ARCHITECTURES)
def test_every_architecture_there_and_back(name):
    known = describe(name)
    text = write_description(known.network, known.input_shape, known.name, known.preprocessing, known.classes)
    again = read_description(text, name)
    assert same(again.network, known.network) and list(again.network.layers) == list(known.network.layers)
    assert (again.name, again.input_shape, again.preprocessing) == (known.name, known.input_shape, known.preprocessing)
    assert list(again.classes) == list(known.classes) and again.classes.identifiers == known.classes.identifiers
    assert len(text) < 500 + 120 * text.count("\n")  # the classes by the name of their list


BRANCHES = """
input = [8, 8, 3]
layers = [
  {convolution = "conv1", filters = 4, size = 3, padding = 1},
  {convolution = "conv2", filters = 4, size = 1, inputs = ["input"]},
  {concatenate = "both", inputs = ["conv1", "conv2", "input"]},
  {global_average_pool = "gap"},
  {dense = "fc", units = 11},
  {hard_sigmoid = "gate", slope = 0.25},
  {multiply = "gated", inputs = ["both", "gate"]},
  {add = "sum", inputs = ["gated", "both"]},
]
"""


def test_branches_written_as_read():
    first = read_description(BRANCHES, "a").network
    written = write_description(first, (8, 8, 3))
    assert written.count("inputs = ") == 4 and 'inputs = ["conv1", "conv2", "input"]' in written
    second = read_description(written, "b").network
    assert same(first, second) and first.inputs == second.inputs


@pytest.mark.parametrize("text", [CLASSIC, *TEXTS.values()])
def test_written_as_read(text):
    first = read_description(text, "a")
    written = write_description(first.network, first.input_shape, first.name, first.preprocessing, first.classes)
    second = read_description(written, "b")
    assert same(first.network, second.network)
    assert first.preprocessing == second.preprocessing and first.classes.names == second.classes.names
    assert write_description(second.network, second.input_shape, second.name, second.preprocessing, second.classes) == written


def test_defaults_are_not_written():
    description = read_description(CLASSIC, "classic.toml")
    text = write_description(description.network, description.input_shape)
    assert '{max_pool = "pool1", size = 2},' in text and '{batch_norm = "norm1"},' in text
    assert '{convolution = "conv1", filters = 16, size = 3, padding = 1},' in text
    assert '{average_pool = "pool2", size = [2, 3], stride = 2},' in text
    assert "classes" not in text and "preprocessing" not in text


def test_names_that_need_escaping():
    network = minicnn.Network({"gap": GlobalAveragePool2D()})
    names = ['a "quoted" one', "back\\slash", "Löwe", "🐼"]
    text = write_description(network, (3, 3, 4), 'my "net"', None, names)
    assert list(read_description(text, "x").classes) == names


def test_preprocessing_of_ones_own():
    text = CLASSIC.replace('"torch"', '{colors = "bgr", mean = [1, 2, 3.5], scale = 2}')
    assert read_description(text, "x").preprocessing == Preprocessing("bgr", 2.0, (1.0, 2.0, 3.5), (1.0, 1.0, 1.0))
    gray = read_description(CLASSIC.replace('"torch"', '{colors = "gray", std = [2]}').replace("40, 3]", "40, 1]"), "x")
    assert gray.preprocessing == Preprocessing("gray", 1.0, (0.0,), (2.0,))
    assert read_description(CLASSIC.replace('preprocessing = "torch"', ""), "x").preprocessing is None
    assert list(read_description(CLASSIC.replace('["cat", "dog"]', '"cifar10"').replace("units = 2", "units = 10"), "x").classes) == list(
        cifar10()
    )


def changed(old, new):
    assert CLASSIC.count(old) >= 1
    return CLASSIC.replace(old, new, 1)


WRONG = {
    "no valid TOML: .*line 8": changed("filters = 16,", "filters = 16"),
    "no valid TOML": "layers = [",
    "nested too deeply|no valid TOML": f"a = {'[' * 100_000}",
    "input is missing; expected input =": changed("input = [32, 40, 3]", ""),
    "the field layers is missing": "input = [3, 3, 3]",
    "'imput' .*'input'": changed("input", "imput"),
    "name is 3; expected a text": changed('"my-network"', "3"),
    "name is ''; expected a text": changed('"my-network"', '""'),
    r"input is \[32, 40\].*\[height, width, channels\]": changed("[32, 40, 3]", "[32, 40]"),
    r"input is \[32, 0, 3\]": changed("[32, 40, 3]", "[32, 0, 3]"),
    r"input is \[32, True, 3\]": changed("[32, 40, 3]", "[32, true, 3]"),
    r"input is \[32.5": changed("[32, 40, 3]", "[32.5, 40, 3]"),
    "input is 'big'": changed("[32, 40, 3]", '"big"'),
    "input is .99999999999": changed("[32, 40, 3]", "[99999999999, 40, 3]"),
    "'torhc' .*'torch'.*caffe, caffe-rgb, torch, cifar10": changed('"torch"', '"torhc"'),
    "preprocessing is 3; expected": changed('"torch"', "3"),
    "'menas' .*'mean'": changed('"torch"', "{menas = [1, 2, 3]}"),
    "'grey'.* rgb, bgr, gray": changed('"torch"', '{colors = "grey"}'),
    "scale is 0;.* above 0": changed('"torch"', "{scale = 0}"),
    "scale is 1000.*;.* above 0": changed('"torch"', f"{{scale = 1{'0' * 400}}}"),
    "names that can be shown": changed('"dog"', '"\\u001b[31mdog"'),
    "scale is nan": changed('"torch"', "{scale = nan}"),
    r"mean is \[1, 2\].* 3 numbers": changed('"torch"', "{mean = [1, 2]}"),
    r"mean is \['a'": changed('"torch"', '{mean = ["a", 1, 2]}'),
    "std is .*; expected numbers above 0": changed('"torch"', "{std = [1, 0, 1]}"),
    r"1 channels \(gray\), .*3": changed('"torch"', '{colors = "gray"}'),
    "classes is no list of names": changed('["cat", "dog"]', "[1, 2]"),
    "'imagnet' .*'imagenet'": changed('["cat", "dog"]', '"imagnet"'),
    "3 classes are .*fc, .*2 numbers": changed('"dog"]', '"dog", "cow"]'),
    "puts out an image, 1 x 1 x 5": 'input=[3,3,1]\nclasses=["a"]\nlayers=[{convolution="c", filters=5, size=3}]',
    "layers .*empty": "input = [3, 3, 3]\nlayers = []",
    "layer 1 is 'relu'": 'input = [3, 3, 3]\nlayers = ["relu"]',
    "layer 1 has no kind": "input = [3, 3, 3]\nlayers = [{}]",
    "layer 1 .*'convolutoin'.*'convolution'.* convolution, batch_norm": changed("{convolution", "{convolutoin"),
    "layer 3 .*2 kinds, relu and flatten": changed('{relu = "relu1"}', '{relu = "relu1", flatten = "f"}'),
    "layer 3.* 'a/b'.* letters": changed('"relu1"', '"a/b"'),
    "layer 3, a relu, is called 7": changed('"relu1"', "7"),
    "'norm1'.* layer 3": changed('"relu1"', '"norm1"'),
    "layer 1, conv1: .*'filter' .*'filters'.* filters, size, stride, padding": changed("filters", "filter"),
    "layer 3, relu1: .*'size'.* none": changed('"relu1"', '"relu1", size = 3'),
    "layer 1, conv1: .*needs filters": changed("filters = 16, ", ""),
    "layer 11, fc: dense needs units": changed(", units = 2", ""),
    "filters is 0; expected": changed("filters = 16", "filters = 0"),
    "filters is 1.5.* whole number": changed("filters = 16", "filters = 1.5"),
    "filters is True": changed("filters = 16", "filters = true"),
    r"size is \[1, 2, 3\].* 1 to 1,000,000, or \[vertical, horizontal\]": changed("size = 3", "size = [1, 2, 3]"),
    "padding is -1.* from 0": changed("padding = 1", "padding = -1"),
    "stride is 0": changed("stride = 1", "stride = 0"),
    "stride is 10000000": changed("stride = 1", "stride = 10000000"),
    "layer 6, drop1: rate is 1.0.* 0 to less than 1": changed("rate = 0.25", "rate = 1.0"),
    "epsilon is 0.* above 0": changed("epsilon = 0.01", "epsilon = 0"),
    "momentum is 'half'": changed("momentum = 0.5", 'momentum = "half"'),
    "layer 9, pool3: .*padding ..3, 3., .3, 3.. .*kernel size .3, 3..* smaller": changed("padding = [1, 0]", "padding = 3"),
    r"layer 3, relu1: inputs is 'norm1'; expected a list of names": changed('"relu1"', '"relu1", inputs = "norm1"'),
    r"layer 3, relu1: relu1 takes 'norm2', which does not come before it; .* conv1, norm1": changed(
        '"relu1"', '"relu1", inputs = ["norm2"]'
    ),
    r"layer 3, relu1: relu1 \(ReLU\) takes conv1, norm1; expected one": changed('"relu1"', '"relu1", inputs = ["conv1", "norm1"]'),
    r"layer 4, sum: sum \(Add\) takes relu1; expected at least two inputs": changed("{max_pool", '{add = "sum"},\n  {max_pool'),
    "no layer takes the output of norm1; name it in a layer's inputs": changed('"relu1"', '"relu1", inputs = ["conv1"]'),
    r"layer 1, conv1: .*3,000,000,000,000 weights .*at most": changed("16, size = 3", "1000000, size = 1000"),
}


@pytest.mark.parametrize("message", WRONG)
def test_errors(message):
    with pytest.raises(DescriptionError, match=f"^my.toml(:| is).*{message}") as caught:
        read_description(WRONG[message], "my.toml")
    assert not isinstance(caught.value, MisfitError)
    assert "\n" not in str(caught.value)


MISFITS = {
    "layer 4, pool1, .*32 x 40 x 16: .*33 .*32 pixels": ("size = 2}", "size = 33}"),
    "layer 10, fc, .*4 x 7 x 4: .*flatten or global_average_pool": (
        '  {flatten = "flatten"},\n',
        "",
    ),
    "layer 11, again, .*112: .*expected .height, width, channels.": (
        '{dense = "fc", units',
        '{global_average_pool = "again"}, {dense = "fc", units',
    ),
    "layer 11, c, .*112": ('{dense = "fc", units = 2}', '{convolution = "c", filters = 2, size = 1}'),
}


@pytest.mark.parametrize("message", MISFITS)
def test_a_layer_that_does_not_fit(message):
    with pytest.raises(MisfitError, match=f"^my.toml: {message}") as caught:
        read_description(changed(*MISFITS[message]), "my.toml")
    number = int(message.split()[1].rstrip(","))
    assert len(caught.value.below.layers) == number - 1
    assert len(caught.value.below.shapes(caught.value.input_shape)) == number - 1


def test_what_cannot_be_written():
    class Other(Layer):
        pass

    with pytest.raises(DescriptionError, match="odd: a Other cannot be written .* put the class into a module"):
        write_description(minicnn.Network({"odd": Other()}), (3, 3, 3))
    with pytest.raises(DescriptionError, match="is called 'a, b'"):
        write_description(minicnn.Network({"a, b": ReLU()}), (3, 3, 3))
    with pytest.raises(DescriptionError, match="does not fit"):
        write_description(minicnn.Network({"gap": GlobalAveragePool2D(), "pool": MaxPool2D(2)}), (3, 3, 3))
    with pytest.raises(DescriptionError, match="layers .*empty"):
        write_description(minicnn.Network({}), (3, 3, 3))


@pytest.mark.parametrize(
    "padding, written",
    [
        (((1, 1), (1, 1)), "padding = 1"),
        (((1, 1), (2, 2)), "padding = [1, 2]"),
        (((0, 1), (0, 1)), "padding = [[0, 1], [0, 1]]"),
        (((1, 1), (0, 2)), "padding = [[1, 1], [0, 2]]"),
    ],
)
def test_paddings_are_written_as_they_are_read(padding, written):
    network = minicnn.Network({"c": minicnn.layers.Conv2D(placeholder(3, 3, 3, 2), placeholder(2), padding=padding)})
    text = write_description(network, (9, 9, 3), "net", None, None)
    assert written in text and read_description(text, "text").network.layers["c"].window.padding == padding
