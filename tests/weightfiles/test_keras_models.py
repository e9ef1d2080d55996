"""Keras' full models: what their configuration says becomes the network, and what cannot become one is refused by name."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras_helpers import conv, layer, words, write_model

import minicnn
from minicnn.errors import WeightFileError
from minicnn.models.files import load
from minicnn.weightfiles import read_weights

STORED = Path(__file__).parent.parent / "references" / "weight_files"
OUTPUTS = np.load(STORED / "keras-outputs.npz")
SOFTMAX = ("nested.keras", "nested.h5", "nested-2.h5")
GRAPHS = (
    "residual.keras", "residual-2.h5", "concatenating.h5", "gated.keras", "gated.h5", "gated-2.h5", "u-net.keras", "u-net-2.h5",
)  # fmt: skip


def softmax(logits):
    numbers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return numbers / numbers.sum(axis=1, keepdims=True)


def answer(path, pixels):
    """What a file's network gives for pixels, with the file's own preprocessing."""
    table = read_weights(path).preprocessing or {"scale": 1, "mean": 0, "std": 1}
    return load(path).network(((pixels * table["scale"] - table["mean"]) / table["std"]).astype(np.float32))


@pytest.mark.parametrize("name", [*SOFTMAX, "channels-first-2.h5", *GRAPHS])
def test_models_answer_as_in_keras(name):
    x, y = OUTPUTS[f"{name} x"], OUTPUTS[f"{name} y"]
    x = np.moveaxis(x, 1, 3) if name.startswith("channels-first") else x
    logits = answer(STORED / name, x)
    assert np.abs((softmax(logits) if name in SOFTMAX else logits) - y).max() < 1e-5 * np.abs(y).max()
    assert read_weights(STORED / name).input_shape == x.shape[1:]


@pytest.mark.parametrize("name", ["channels-first-2.h5", *GRAPHS])
def test_models_have_the_gradients_of_keras(name):
    """Of the first logit, with respect to the pixels as they come."""
    x, gradient = OUTPUTS[f"{name} x"], OUTPUTS[f"{name} dx"]
    if name.startswith("channels-first"):
        x, gradient = np.moveaxis(x, 1, 3), np.moveaxis(gradient, 1, 3)
    table = read_weights(STORED / name).preprocessing or {"scale": 1, "mean": 0, "std": 1}
    network = load(STORED / name).network
    trace = network.trace(((x * table["scale"] - table["mean"]) / table["std"]).astype(np.float32))
    seed = np.zeros_like(trace.result)
    seed[:, 0] = 1
    found = network.backward(trace, {trace.last: seed}) * table["scale"] / table["std"]
    assert np.abs(gradient).max() > 0 and np.abs(found - gradient).max() < 1e-5 * np.abs(gradient).max()


def test_compressed_archives(tmp_path):
    with zipfile.ZipFile(STORED / "nested.keras") as stored, zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    x = OUTPUTS["nested.keras x"]
    assert np.array_equal(answer(tmp_path / "a.keras", x), answer(STORED / "nested.keras", x))


def test_the_names_and_order_of_steps():
    steps = read_weights(STORED / "nested.keras").steps
    assert [step.word for step in steps] == [
        "convolution", "relu", "batch_norm", "convolution", "convolution", "relu", "global_average_pool", "dense",
    ]  # fmt: skip
    assert [step.name for step in steps] == [
        "conv2d_1", "conv2d_1_relu", "batch_normalization", "conv2d", "conv2d_2", "conv2d_2_relu", "global_average_pooling2d", "dense",
    ]  # fmt: skip
    assert steps[2].options["epsilon"] == 0.01 and steps[4].options["padding"] == [0, 0] and steps[4].options["stride"] == [2, 2]


#: Layers after a first convolution, and the steps that they become.
READ = {
    "as in ConvNeXt": (
        [
            layer("LayerNormalization", epsilon=1e-6),
            layer("LayerScale", init_values=0.5, projection_dim=3),
            layer("StochasticDepth", drop_path_rate=0.5),
        ],
        ["layer_norm epsilon 1e-06", "scale start 0.5"],
    ),
    "slopes of channels, and of all": (
        [layer("PReLU", shared_axes=[1, 2]), layer("PReLU", alpha_shape=[1, 1, 1])],
        ["prelu", "prelu shared True"],
    ),
    "padding before a convolution": (
        [layer("ZeroPadding2D", padding=[[1, 1], [2, 2]]), conv(strides=2)],
        ["convolution filters 2 size [3, 3] stride [2, 2] padding [1, 2]"],
    ),
    "padding twice, and the layer's own": (
        [layer("ZeroPadding2D", padding=1), layer("ZeroPadding2D"), conv(padding="same")],
        ["convolution filters 2 size [3, 3] stride [1, 1] padding [3, 3]"],
    ),
    "same, even": (
        [layer("MaxPooling2D", pool_size=[4, 2], strides=[2, 2], padding="same")],
        ["max_pool size [4, 2] stride [2, 2] padding [1, 0]"],
    ),
    "same, nothing to pad": (
        [layer("AveragePooling2D", pool_size=2, padding="same")],
        ["average_pool size [2, 2] stride [2, 2] padding [0, 0]"],
    ),
    "a mean that stays an image": (
        [layer("GlobalAveragePooling2D", keepdims=True), conv(size=1)],
        ["global_average_pool", "dense units 2"],
    ),
    "a pixel of a row": (
        [layer("GlobalMaxPooling2D"), layer("Reshape", target_shape=[1, 1, 3]), conv(size=1), layer("GlobalAveragePooling2D")],
        ["global_max_pool", "dense units 2"],
    ),
    "same, uneven": (
        [conv(padding="same", strides=2)],
        ["convolution filters 2 size [3, 3] stride [2, 2] padding [[0, 1], [0, 1]]"],
    ),
    "dilated, the same": (
        [conv(padding="same", dilation_rate=[2, 1])],
        ["convolution filters 2 size [3, 3] stride [1, 1] padding [2, 1] dilation [2, 1]"],
    ),
    "groups": ([conv(3, groups=3)], ["convolution filters 3 size [3, 3] stride [1, 1] padding [0, 0] groups 3"]),
    "depthwise": (
        [layer("DepthwiseConv2D", kernel_size=[3, 2], depth_multiplier=2, use_bias=False, activation="relu")],
        ["convolution filters 6 size [3, 2] stride [1, 1] padding [0, 0] groups 3", "relu"],
    ),
    "uneven padding before a convolution, and its own": (
        [layer("ZeroPadding2D", padding=[[0, 1], [2, 1]]), conv(padding="same")],
        ["convolution filters 2 size [3, 3] stride [1, 1] padding [[1, 2], [3, 2]]"],
    ),
    "padding before a pool, where zeros may win": (
        [layer("ZeroPadding2D", padding=[1, 2]), layer("ZeroPadding2D", padding=[[0, 1], [0, 0]]), layer("MaxPooling2D")],
        ["zero_padding padding [[1, 2], [2, 2]]", "max_pool size [2, 2] stride [2, 2] padding [0, 0]"],
    ),
    "padding at the end": ([layer("ZeroPadding2D")], ["zero_padding padding [1, 1]"]),
    "cropping": ([layer("Cropping2D", cropping=[[1, 0], [0, 2]]), layer("Cropping2D")], ["cropping sides [[1, 0], [0, 2]]"]),
    "means of padded images": (
        [layer("AveragePooling2D", pool_size=[3, 2], strides=1, padding="same")],
        ["average_pool size [3, 2] stride [1, 1] padding [[1, 1], [0, 1]] count_include_pad False"],
    ),
    "transposed, the same": (
        [layer("Conv2DTranspose", filters=2, kernel_size=[3, 1], strides=[2, 2], padding="same")],
        ["transposed_convolution filters 2 size [3, 1] stride [2, 2] padding [[0, 1], [0, 0]] output_padding [0, 1]"],
    ),
    "transposed": (
        [layer("Conv2DTranspose", filters=2, kernel_size=[3, 4], strides=2)],
        ["transposed_convolution filters 2 size [3, 4] stride [2, 2] padding [0, 0]"],
    ),
    "larger": (
        [layer("UpSampling2D", size=[2, 3], interpolation="bilinear"), layer("UpSampling2D")],
        ["upsample factor [2, 3] method bilinear", "upsample factor [2, 2] method nearest"],
    ),
    "dense on images": ([layer("Dense", units=2)], ["convolution filters 2 size [1, 1] stride [1, 1] padding [0, 0]"]),
    "softmax within": (
        [layer("Softmax"), layer("Activation", activation="softmax"), layer("MaxPooling2D")],
        ["softmax", "softmax", "max_pool size [2, 2] stride [2, 2] padding [0, 0]"],
    ),
    "leaky": ([layer("ReLU", negative_slope=0.1)], ["leaky_relu slope 0.1"]),
    "of straight lines": (
        [layer("Activation", activation=name) for name in ("hard_sigmoid", "hard_swish", "hard_silu")],
        ["hard_sigmoid", "hard_swish", "hard_swish"],
    ),
    "a mean that is flattened": ([layer("GlobalAveragePooling2D", keepdims=True), layer("Flatten")], ["global_average_pool"]),
    "the maximum of all": ([layer("GlobalMaxPooling2D")], ["global_max_pool"]),
    "reshape": ([layer("Reshape", target_shape=[-1]), layer("Flatten")], ["flatten"]),
    "softmax and idle layers": (
        [layer("RandomFlip"), layer("GaussianNoise"), layer("Softmax"), layer("SpatialDropout2D"), layer("Dropout", rate=0.25)],
        ["dropout rate 0.25"],
    ),
    "activations": (
        [layer("Activation", activation="linear"), layer("Activation", activation="relu"), layer("ReLU", negative_slope=0.0)],
        ["relu", "relu"],
    ),
    "other nonlinearities": (
        [
            layer("ReLU", max_value=6.0),
            layer("LeakyReLU", alpha=0.1),
            layer("LeakyReLU", negative_slope=0.25),
            layer("ELU", alpha=1.5),
            *(layer("Activation", activation=name) for name in ("leaky_relu", "elu", "sigmoid", "silu", "swish", "gelu", "tanh")),
        ],
        [
            "relu6",
            "leaky_relu slope 0.1",
            "leaky_relu slope 0.25",
            "elu alpha 1.5",
            "leaky_relu slope 0.2",
            "elu",
            "sigmoid",
            "silu",
            "silu",
            "gelu",
            "tanh",
        ],
    ),
    "activations that are layers or functions": (
        [
            conv(activation={"class_name": "ReLU", "config": {"max_value": None}}),
            layer("Activation", activation={"class_name": "function", "config": "relu", "module": "builtins"}),
        ],
        ["convolution filters 2 size [3, 3] stride [1, 1] padding [0, 0]", "relu", "relu"],
    ),
    "batch normalization": (
        [layer("BatchNormalization", axis=[3], momentum=0.9)],
        ["batch_norm epsilon 0.001 momentum 0.1"],
    ),
    "resizing to the same": ([layer("Resizing", height=8, width=8)], []),
}


@pytest.mark.parametrize("case", READ)
def test_what_layers_become(case, tmp_path):
    layers, steps = READ[case]
    write_model(tmp_path / "file", [conv(3, 1), *layers])
    assert words(tmp_path / "file")[1:] == steps


#: Layers after a first convolution that cannot become steps, and what is said about the one that is to blame.
REFUSED = {
    "a layer scale of one's own": ([layer("LayerScale")], "is not that of Keras' applications"),
    "a stochastic depth of one's own": ([layer("StochasticDepth", rate=0.5)], "is not that of Keras' applications"),
    "hard sigmoid at the end": (
        [layer("GlobalAveragePooling2D"), layer("Dense", units=1, activation="hard_sigmoid")],
        "ends in dense.*, a sigmoid",
    ),
    "slopes of pixels": ([layer("PReLU", alpha_shape=[8, 8, 3])], "slopes of shape"),
    "a norm of roots": ([layer("LayerNormalization", rms_scaling=True)], "has rms_scaling"),
    "a norm of rows": ([layer("LayerNormalization", axis=[1, 2, 3])], "normalizes along another axis"),
    "a relu with two bends": ([layer("ReLU", negative_slope=0.1, max_value=6.0)], "has max_value 6 and negative_slope 0.1"),
    "a pixel that is no image": (
        [layer("GlobalAveragePooling2D", keepdims=True), conv(padding="same")],
        r"'conv2d_3' \(Conv2D, layer 4 of 'model'\) takes the one pixel that is left",
    ),
    "a pixel that is not": ([layer("GlobalAveragePooling2D"), layer("Reshape", target_shape=[1, 3, 1])], "one pixel of a row"),
    "all cut off": ([layer("Cropping2D", cropping=4)], "leaves nothing"),
    "bicubic": ([layer("UpSampling2D", interpolation="bicubic")], "interpolation bicubic"),
    "transposed and dilated": ([layer("Conv2DTranspose", filters=2, kernel_size=[3, 3], dilation_rate=2)], "dilation_rate or groups"),
    "more outputs": ([layer("Conv2DTranspose", filters=2, kernel_size=[3, 3], strides=2, output_padding=1)], "has an output_padding"),
    "causal": ([conv(padding="causal")], "padding causal"),
    "softplus": ([conv(activation="softplus")], "has the activation softplus"),
    "sigmoid at the end": ([layer("GlobalAveragePooling2D"), layer("Dense", units=1, activation="sigmoid")], "ends in dense.*, a sigmoid"),
    "a function of one's own": ([conv(activation={"class_name": "function", "config": "relu", "module": "mine"})], "activation function"),
    "relu up to 5": ([layer("ReLU", max_value=5.0)], "has max_value 5.0"),
    "relu up to 0": ([layer("ReLU", max_value=0)], "has max_value 0"),
    "unknown": ([layer("ThresholdedReLU")], r"\(ThresholdedReLU, layer 3 of 'model'\) is not supported"),
    "a program": ([layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}})], r"\(Lambda.*not supported"),
    "one's own": ([{**layer("Conv2D", filters=2, kernel_size=[3, 3]), "registered_name": "mine>Conv2D"}], "is not one of Keras' own"),
    "of another module": ([{**layer("ReLU"), "module": "mine.layers"}], "is not one of Keras' own"),
    "two layouts": ([conv(data_format="channels_last"), conv(data_format="channels_first")], 'data_format "channels_first"'),
    "rows": ([layer("BatchNormalization", axis=1)], "normalizes along another axis"),
    "images of rows": ([layer("Flatten"), layer("MaxPooling2D")], "takes one row of numbers"),
    "softmax of rows": ([layer("Softmax", axis=1)], "along another axis"),
    "scaling within": ([layer("Rescaling", scale=2.0)], "within the network"),
    "another size": ([layer("Resizing", height=9, width=8)], "changes the size of images"),
    "another shape": ([layer("Reshape", target_shape=[4, 16, 3])], "something else than one row"),
    "too large a window": ([conv(size=9)], "has a window of 9 pixels on 8"),
    "no filters": ([conv(filters=0)], "has filters 0"),
    "half a pixel": ([conv(strides=[1.5, 1])], r"has strides \[1.5, 1\]"),
    "epsilon": ([layer("BatchNormalization", epsilon=0.0)], "epsilon 0; expected a finite number above 0"),
    "epsilon below 0": ([layer("BatchNormalization", epsilon=-1.0)], "epsilon -1;"),
    "epsilon without end": ([layer("BatchNormalization", epsilon=float("inf"))], "has epsilon Infinity"),
    "epsilon that is no number": ([layer("BatchNormalization", epsilon=float("nan"))], "has epsilon NaN"),
    "all dropped": ([layer("Dropout", rate=1.0)], "has rate 1.0"),
    "no bias": ([conv(use_bias=False)], r"has 2 arrays in the file, where its settings want 1 \(kernel\)"),
}


def test_hard_sigmoids_of_keras_2(tmp_path):
    """Its slope is 0.2; who does not say which Keras it was is not believed."""
    layers = [conv(activation="hard_sigmoid")]
    write_model(tmp_path / "file", [*layers, layer("UpSampling2D")], version="2.15.0")
    assert words(tmp_path / "file")[1] == "hard_sigmoid slope 0.2"
    for version in ("", "17"):
        write_model(tmp_path / "file", layers, version=version)
        with pytest.raises(WeightFileError, match="Keras 2 and Keras 3 compute differently"):
            read_weights(tmp_path / "file")
    write_model(tmp_path / "file", [conv(activation="hard_swish")], version="2.15.0")
    with pytest.raises(WeightFileError, match="activation hard_swish"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("case", REFUSED)
def test_layers_that_are_refused(case, tmp_path):
    layers, message = REFUSED[case]
    write_model(tmp_path / "file", [conv(3, 1), *layers])
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


PIXELS = {
    "rescaling": ([layer("Rescaling", scale=0.5, offset=-1.0)], {"scale": 0.5, "mean": [1.0] * 3, "std": [1.0] * 3}),
    "twice": (
        [layer("Rescaling", scale=0.5), layer("Rescaling", scale=4.0, offset=1.0)],
        {"scale": 2.0, "mean": [-1.0] * 3, "std": [1.0] * 3},
    ),
    "by channel": ([layer("Rescaling", scale=[1, 2, 4], offset=1)], {"scale": 1.0, "mean": [-1.0, -0.5, -0.25], "std": [1.0, 0.5, 0.25]}),
    "normalization": (
        [layer("Rescaling", scale=2.0), layer("Normalization", mean=[[[[1, 2, 3]]]], variance=4.0)],
        {"scale": 2.0, "mean": [1.0, 2.0, 3.0], "std": [2.0] * 3},
    ),
    "inverted": ([layer("Normalization", mean=3.0, variance=4.0, invert=True)], {"scale": 1.0, "mean": [-1.5] * 3, "std": [0.5] * 3}),
}


@pytest.mark.parametrize("case", PIXELS)
def test_preprocessing_in_the_model(case, tmp_path):
    layers, table = PIXELS[case]
    write_model(tmp_path / "file", [*layers, conv()])
    assert read_weights(tmp_path / "file").preprocessing == {"colors": "rgb", **table}


@pytest.mark.parametrize(
    "layers, channels, message",
    [
        ([layer("Rescaling", scale=0.5)], 4, "scales images of 4 channels"),
        ([layer("Rescaling", scale=-0.5)], 3, "by a number above 0"),
        ([layer("Rescaling", scale="1/255")], 3, "scale that is no number"),
        ([layer("Normalization", mean=[1, 2], variance=[1, 2])], 3, "2 numbers for 3 channels"),
        ([layer("Normalization", mean=1, variance=-1)], 3, "negative variance"),
        ([layer("Normalization", mean=1, variance=1, axis=[1, 2, 3])], 3, "along other axes"),
        ([layer("Rescaling", scale=1e300), layer("Rescaling", scale=1e300)], 3, "too large or too small"),
    ],
)
def test_preprocessing_that_is_refused(layers, channels, message, tmp_path):
    write_model(tmp_path / "file", [*layers, conv()], inputs=(8, 8, channels), channels=channels)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


def test_configurations_that_are_none(tmp_path):
    deep = layer("Sequential", layers=[])
    for _ in range(20):
        deep = layer("Sequential", layers=[deep])
    for whole, message in (
        ({"class_name": "Mine"}, "is no Sequential and no Functional"),
        ({"class_name": 3}, "no table with a class_name"),
        ({"config": 3}, "no table of settings"),
        ({"config": {"layers": [3]}}, "layer 1 of 'sequential' is no table"),
        (deep, "16 deep"),
    ):
        write_model(tmp_path / "file", [], **whole)
        with pytest.raises(WeightFileError, match=message):
            read_weights(tmp_path / "file")
    for text in ("", "{", "[" * 100_000, "9" * 5000):
        with h5py.File(tmp_path / "file", "r+") as file:
            file.attrs["model_config"] = text[:60_000]
        with pytest.raises(WeightFileError, match="no valid JSON|no table"):
            read_weights(tmp_path / "file")


def test_kernels_of_theano_are_refused(tmp_path):
    write_model(tmp_path / "file", [conv()])
    with h5py.File(tmp_path / "file", "r+") as file:
        file.attrs["backend"] = "theano"
    with pytest.raises(WeightFileError, match="on Theano"):
        read_weights(tmp_path / "file")


DESCRIPTION = """
input = [8, 8, 3]
layers = [
  {convolution = "c", filters = 3, size = 3, padding = 1},
  {batch_norm = "n"},
  {relu = "r"},
  {max_pool = "p", size = 2},
  {global_average_pool = "g"},
  {dropout = "o"},
  {dense = "d", units = 2},
]
"""
CONTRADICTIONS = {
    "nothing": ("", "", None),
    "no dropout": ('{dropout = "o"},', "", None),
    "the same epsilon": ('"n"', '"n", epsilon = 0.002', None),
    "another epsilon": (
        '"n"',
        '"n", epsilon = 0.001',
        "batch_norm with epsilon 0.002 .*batch_norm with epsilon 0.001 .called n. is expected",
    ),
    "a stride": ("padding = 1", "padding = 1, stride = 2", r"stride 1.*stride 2"),
    "no padding": ("padding = 1", "padding = 0", r"padding 1.*padding 0"),
    "a mean": ("max_pool", "average_pool", "max_pool.*average_pool"),
    "no activation": ('{relu = "r"},', "", "relu .called activation_3. where max_pool"),
    "an activation more": ('{dropout = "o"}', '{relu = "o"}', "dense .* where relu .called o. is expected"),
    "another order": ('{batch_norm = "n"},\n  {relu = "r"}', '{relu = "r"},\n  {batch_norm = "n"}', "batch_norm .*where relu"),
    "flattened": ('{global_average_pool = "g"}', '{max_pool = "g", size = 4}, {flatten = "f"}', "global_average_pool .*where max_pool"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_descriptions_that_contradict_the_file(case, tmp_path):
    before, after, message = CONTRADICTIONS[case]
    layers = [
        conv(3, padding="same"),
        layer("BatchNormalization", epsilon=0.002),
        layer("Activation", activation="relu"),
        layer("MaxPooling2D"),
        layer("GlobalAveragePooling2D"),
        layer("Dense", units=2, activation="softmax"),
    ]
    write_model(tmp_path / "file.h5", layers)
    (tmp_path / "net.toml").write_text(DESCRIPTION.replace(before, after))
    if message is None:
        assert minicnn.load(tmp_path / "net.toml", tmp_path / "file.h5", fold=False).network.layers["n"].epsilon == 0.002
    else:
        with pytest.raises(WeightFileError, match=message):
            minicnn.load(tmp_path / "net.toml", tmp_path / "file.h5")


def test_three_arrays_of_batch_normalization_without_names(tmp_path):
    """The first is the shift if convolutions have no biases, or if many of its numbers are negative; else it could be the scale."""
    first = np.array([0.3, 0.5], np.float32)
    for bias, sign, known in ((False, 1, True), (True, -1, True), (True, 1, False)):
        with h5py.File(tmp_path / "file", "w") as file:
            file["layers/conv2d/vars/0"] = np.ones((3, 3, 3, 2), np.float32)
            if bias:
                file["layers/conv2d/vars/1"] = np.ones(2, np.float32)
            for i, array in enumerate((sign * first, first, first)):
                file[f"layers/batch_normalization/vars/{i}"] = array
        if known:
            found = read_weights(tmp_path / "file")
            assert np.array_equal(found.layers[0].arrays["bias"], sign * first) and "beta" in found.metadata["assumed"]
        else:
            with pytest.raises(WeightFileError, match="can be gamma or beta"):
                read_weights(tmp_path / "file")


def test_weights_alone_of_models_in_models_do_not_tell_their_order(tmp_path):
    """A generator's state is no layer; the groups' names say which model a layer is in, but not which runs first."""
    with h5py.File(tmp_path / "file", "w") as file:
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
        for place in ("layers/conv2d", "layers/functional/layers/conv2d"):
            file[f"{place}/vars/0"] = np.ones((1, 1, 3, 3), np.float32)
    (tmp_path / "net.toml").write_text(
        'input = [8, 8, 3]\nlayers = [{convolution = "a", filters = 3, size = 1}, {convolution = "b", filters = 3, size = 1}]'
    )
    with pytest.raises(WeightFileError, match="does not say which comes first"):
        minicnn.load(tmp_path / "net.toml", tmp_path / "file")
