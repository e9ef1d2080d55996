"""Keras' full models with branches: which step takes what, and what is refused because it would not be the same."""

import numpy as np
import pytest
from keras_helpers import call, conv, graph, keras_3_call, layer, write_graph, write_model

import minicnn
from minicnn.errors import WeightFileError
from minicnn.weightfiles import read_weights

IMAGE, CONV = ("a", "InputLayer"), ("b", conv(3, 1), call("a"))
MEAN = layer("GlobalAveragePooling2D", keepdims=True)
SIXTH = 1 / 6


def steps(path):
    """A file's steps: each a name, a word, and the names of what it takes where that is not the step before."""
    found = read_weights(path).steps
    names = [step.name for step in found] + ["input"]
    return [" ".join([step.name, step.word, *(names[place] for place in step.inputs)]) for step in found]


#: Layers after an input a and a convolution b of it, and all steps after b.
READ = {
    "a sum": ([("c", conv(3, 1), call("b")), ("d", "Add", call("c", "b", "c"))], ["c convolution", "d add c b c"]),
    "channels side by side": (
        [("c", "ReLU", call("b")), ("d", layer("Concatenate", axis=3), [call("b", "c")])],
        ["c relu", "d concatenate b c"],
    ),
    "a branch that nobody takes": ([("c", conv(3, 5), call("b")), ("d", "ReLU", call("b"))], ["d relu"]),
    "listed in another order than they run": (
        [("d", "Add", call("c", "b")), ("c", "ReLU", call("b")), ("e", "ReLU", call("d"))],
        ["c relu", "d add c b", "e relu"],
    ),
    "a layer called twice": (
        [("c", conv(3, 1), call("b"), call("d")), ("d", "ReLU", call("c")), ("e", "Add", [["c", 1, 0, {}], ["c", 0, 0, {}]])],
        ["c convolution", "d relu", "c_2 convolution", "e add c_2 c"],
    ),
    "a gate, first": (
        [("c", MEAN, call("b")), ("d", conv(3, 1, activation="sigmoid"), call("c")), ("e", "Multiply", call("d", "b"))],
        ["c global_average_pool", "d dense", "d_sigmoid sigmoid", "e multiply b d_sigmoid"],
    ),
    "zeros that a convolution takes, and others": (
        [
            ("c", "ZeroPadding2D", call("b")),
            ("d", conv(3, 3), call("c")),
            ("e", "ReLU", call("c")),
            ("f", layer("Cropping2D", cropping=1), call("c")),
            ("g", layer("Cropping2D", cropping=1), call("e")),
            ("h", "Add", call("d", "f", "g")),
        ],
        ["d convolution", "c zero_padding b", "f cropping", "e relu c", "g cropping", "h add d f g"],
    ),
    "a hard sigmoid of Keras 3": (
        [
            ("c", "Add", keras_3_call("b", 3.0)),
            ("d", layer("ReLU", max_value=6.0), call("c")),
            ("e", "Multiply", keras_3_call("d", SIXTH)),
            ("f", "ReLU", call("e")),
        ],
        ["e hard_sigmoid", "f relu"],
    ),
    "a hard swish of tf.keras": (
        [
            ("c", layer("TFOpLambda", function="__operators__.add"), ["b", 0, 0, {"y": 3.0, "name": None}]),
            ("d", layer("ReLU", max_value=6.0), call("c")),
            ("e", layer("TFOpLambda", function="math.multiply"), ["d", 0, 0, {"y": SIXTH, "name": None}]),
            ("f", "Multiply", call("b", "e")),
        ],
        ["f hard_swish"],
    ),
    "a sum in a formula": ([("c", "ReLU", call("b")), ("d", "Add", keras_3_call("b", "c"))], ["c relu", "d add b c"]),
    "softmax in a branch, and at the end": (
        [("c", "Softmax", call("b")), ("d", "Add", call("b", "c")), ("e", "Softmax", call("d"))],
        ["c softmax", "d add b c"],
    ),
    "names that are taken, or are none": (
        [("input", "ReLU", call("b")), ("x/y", "ReLU", call("input")), ("x_y", "ReLU", call("x/y"))],
        ["input_2 relu", "x_y relu", "x_y_2 relu"],
    ),
}


@pytest.mark.parametrize("case", READ)
def test_what_takes_what(case, tmp_path):
    layers, expected = READ[case]
    write_graph(tmp_path / "file", graph(IMAGE, CONV, *layers))
    assert steps(tmp_path / "file")[1:] == expected
    assert minicnn.load(tmp_path / "file").network.layers.keys() == {"b", *(step.split()[0] for step in expected)}


#: Layers after an input a and a convolution b of it, and what is said about the one to blame.
REFUSED = {
    "a sum over pixels": ([("c", MEAN, call("b")), ("d", "Add", call("b", "c"))], r"'d' \(Add, layer 4 of 'model'\) joins an image and"),
    "a sum of sizes": ([("c", "MaxPooling2D", call("b")), ("d", "Add", call("b", "c"))], "adds images of different shapes"),
    "a sum of channels": ([("c", conv(1, 1), call("b")), ("d", "Add", call("b", "c"))], "adds images of different shapes"),
    "a product of images": ([("c", "ReLU", call("b")), ("d", "Multiply", call("b", "c"))], "multiplies something else"),
    "a product of gates": ([("c", MEAN, call("b")), ("d", "Multiply", call("c", "c"))], "multiplies something else"),
    "a gate of too few": (
        [("c", MEAN, call("b")), ("d", conv(1, 1), call("c")), ("e", "Multiply", call("b", "d"))],
        "multiplies 3 channels by 1 numbers",
    ),
    "one under the other": ([("c", layer("Concatenate", axis=1), call("b", "b"))], "concatenates along another axis"),
    "one alone": ([("c", "Add", call("b"))], "takes the output of one layer"),
    "two for one": ([("c", "ReLU", call("b", "a"))], "takes the outputs of 2 layers"),
    "for none": ([("c", "ReLU", [])], "takes the output of no layer"),
    "another sum": ([("c", "Add", keras_3_call("b", 2.0))], "is a formula with the number 2.0"),
    "another product": ([("c", "Multiply", keras_3_call("b", SIXTH))], "is a formula with the number 0.16"),
    "another share": (
        [
            ("c", "Add", keras_3_call("b", 3.0)),
            ("d", layer("ReLU", max_value=6.0), call("c")),
            ("e", "Multiply", keras_3_call("d", 0.2)),
        ],
        "is a formula with the number 0.2",
    ),
    "a sum that leads nowhere": ([("c", "Add", keras_3_call("b", 3.0)), ("d", "ReLU", call("c"))], r"'c' \(Add.*no part of relu6"),
    "a bounded sum that leads nowhere": (
        [("c", "Add", keras_3_call("b", 3)), ("d", layer("ReLU", max_value=6), call("c")), ("e", "MaxPooling2D", call("d"))],
        r"'d' \(ReLU.*no part of relu6",
    ),
    "another function": ([("c", layer("TFOpLambda", function="math.sin"), call("b"))], "is the function math.sin"),
    "a difference": ([("c", "Subtract", call("b", "b"))], r"\(Subtract, layer 3 of 'model'\) takes the outputs of 2 layers"),
    "pixels as they are beside scaled ones": (
        [("c", layer("Rescaling", scale=0.5), call("a")), ("d", conv(3, 1), call("c")), ("e", "Add", call("b", "d"))],
        "pixels that are scaled otherwise",
    ),
    "a circle": ([("c", "Add", call("b", "d")), ("d", "ReLU", call("c"))], "depends on its own output"),
    "itself": ([("c", "Add", call("b", "c"))], "depends on its own output"),
    "a name of nothing": ([("c", "ReLU", call("x"))], "takes 'x', which is none"),
    "a call that there is not": ([("d", "ReLU", call("b"), call("b")), ("c", "ReLU", [["d", 7, 0, {}]])], "output 0 of its call 7"),
    "an output that there is not": ([("c", "ReLU", [["b", 0, 1, {}]])], "output 1 of its call 0"),
    "two of one name": ([("b", "ReLU", call("a"))], "two layers of one name"),
    "while training": ([("c", "Dropout", call("b", training=True))], "is called with training true"),
    "another argument": ([("c", "ReLU", keras_3_call("b", 3, training=True))], "is called with argument 2 3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_graphs_that_are_refused(case, tmp_path):
    layers, message = REFUSED[case]
    write_graph(tmp_path / "file", graph(IMAGE, CONV, *layers))
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


def test_several_outputs_are_refused(tmp_path):
    write_graph(tmp_path / "file", graph(IMAGE, CONV, ("c", "ReLU", call("b")), outputs=[["b", 0, 0], ["c", 0, 0]]))
    with pytest.raises(WeightFileError, match="2 output layers"):
        read_weights(tmp_path / "file")
    write_model(tmp_path / "file", [], class_name="Functional", config={"name": "model", "layers": []})
    with pytest.raises(WeightFileError, match="has no list of layers"):
        read_weights(tmp_path / "file")


def test_a_layer_called_twice_has_the_same_weights(tmp_path):
    layers, _ = READ["a layer called twice"]
    write_graph(tmp_path / "file", graph(IMAGE, CONV, *layers))
    network = minicnn.load(tmp_path / "file").network
    assert np.array_equal(network.layers["c"].weight, network.layers["c_2"].weight) and network.layers["c"].weight.any()


def test_models_in_branches(tmp_path):
    inner = {"class_name": "Functional", "config": graph(("x", "InputLayer"), ("y", "ReLU", call("x")), ("z", "Add", call("x", "y")))}
    write_graph(tmp_path / "file", graph(IMAGE, CONV, ("m", inner, call("b")), ("c", "Concatenate", call("m", "b"))))
    assert steps(tmp_path / "file") == ["b convolution", "y relu", "z add b y", "c concatenate z b"]
    write_graph(tmp_path / "file", graph(IMAGE, CONV, ("m", inner, call("b"), call("b")), ("c", "Add", call("m", "m"))))
    with pytest.raises(WeightFileError, match=r"'m' \(Functional, layer 3 of 'model'\) is called 2 times"):
        read_weights(tmp_path / "file")


def test_long_lines(tmp_path):
    """No layer is reached by recursion."""
    names = [f"r{i}" for i in range(2000)]
    write_graph(tmp_path / "file", graph(IMAGE, CONV, *((name, "ReLU", call(before)) for name, before in zip(names, ["b", *names]))))
    assert len(steps(tmp_path / "file")) == 2001


FIRST = {"data_format": "channels_first"}


def test_rows_of_images_with_channels_first_are_not_mixed(tmp_path):
    """Only dense layers are given their weights in our order."""
    flat = [("c", layer("Flatten"), call("b")), ("d", layer("Flatten"), call("b"))]
    for layers, message in (
        ([*flat, ("e", "Concatenate", call("c", "d")), ("f", layer("Dense", units=2), call("e"))], r"'e' \(Concatenate.*C, H, W after"),
        ([*flat, ("e", "Add", call("c", "d"))], r"'e' \(Add.*C, H, W after"),
        ([flat[0], ("e", "Softmax", call("c")), ("f", layer("Dense", units=2), call("e"))], r"'e' \(Softmax.*C, H, W after"),
        ([flat[0], ("e", "LayerNormalization", call("c"))], r"'e' \(LayerNormalization.*C, H, W after"),
        ([flat[0]], "ends in a Flatten"),
        ([flat[0], ("d", layer("Flatten", **FIRST), call("b")), ("e", "ReLU", call("d")), ("f", "Add", call("c", "e"))], "another order"),
    ):
        write_graph(tmp_path / "file", graph(IMAGE, ("b", conv(3, 1, **FIRST), call("a")), *layers), inputs=(3, 8, 8))
        with pytest.raises(WeightFileError, match=message):
            read_weights(tmp_path / "file")


def test_channels_first_beside_each_other(tmp_path):
    layers = [("c", "ReLU", call("b")), ("d", layer("Concatenate", axis=1), call("b", "c"))]
    write_graph(tmp_path / "file", graph(IMAGE, ("b", conv(3, 1, **FIRST), call("a")), *layers), inputs=(3, 8, 6))
    assert minicnn.load(tmp_path / "file").network.shapes((8, 6, 3))["d"] == (8, 6, 6)
