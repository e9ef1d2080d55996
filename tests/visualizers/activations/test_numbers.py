"""What the layers, filters and single numbers are, against the network itself."""

import re

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers import GlobalAveragePool2D


def test_layer_outputs_are_means_over_channels(small_model, x):
    values = minicnn.layer_outputs(small_model.network, x, prepared=True).values
    trace = small_model.network.trace(x)
    assert list(values) == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2"]
    for name, value in values.items():
        assert value == pytest.approx(trace.outputs[name][0].mean(axis=2))


def test_one_layer_of_layers(small_model, x):
    values = minicnn.layer_outputs(small_model.network, x, "pool1", prepared=True).values
    assert list(values) == ["pool1"]
    assert np.array_equal(values["pool1"], minicnn.layer_outputs(small_model.network, x, prepared=True).values["pool1"])
    with pytest.raises(ShapeError, match="layer fc is no image"):
        minicnn.layer_outputs(small_model.network, x, "fc", prepared=True)


def test_channels(small_model, x):
    output = small_model.network.split("relu2")[0](x)[0]
    every = minicnn.channels(small_model.network, x, prepared=True)
    assert np.array_equal(every.values["channels"], np.moveaxis(output, 2, 0))
    off = int((output.max(axis=(0, 1)) <= 0).sum())
    assert every.text.startswith(f"{off} of the 12 channels of relu2 are off")
    top = minicnn.channels(small_model.network, x, top=3, prepared=True).values
    assert top["indices"].tolist() == np.argsort(-output.mean(axis=(0, 1)))[:3].tolist()
    assert np.array_equal(top["channels"], np.moveaxis(output, 2, 0)[top["indices"]])
    assert minicnn.channels(small_model.network, x, first=4, prepared=True).values["indices"].tolist() == [0, 1, 2, 3]
    with pytest.raises(MinicnnError, match="expected one of them"):
        minicnn.channels(small_model.network, x, first=4, top=3, prepared=True)


def test_channels_that_are_off_are_marked_and_counted(small_model, x):
    dead = small_model.network.with_parameters({"conv2": {"bias": np.array([-1e9] * 3 + [0.0] * 9)}})
    result = minicnn.channels(dead, x, "relu2", prepared=True)
    assert result.show["channels"].marked[:3] == [0, 1, 2]
    assert result.text.startswith(f"{len(result.show['channels'].marked)} of the 12")


def test_filters(small_model):
    weight = small_model.network.layers["conv2"].weight
    means = minicnn.filters(small_model, "conv2").values["filters"]
    assert means == pytest.approx(np.moveaxis(weight.mean(axis=2), 2, 0), abs=1e-7)
    slices = minicnn.filters(small_model, "conv2", channel=0, first=5).values["filters"]
    assert np.array_equal(slices, np.moveaxis(weight[:, :, 0, :5], 2, 0))
    with pytest.raises(MinicnnError, match="expected 0 to 7"):
        minicnn.filters(small_model, "conv2", channel=8)
    with pytest.raises(MinicnnError, match="expected one of the convolutions conv1, conv2"):
        minicnn.filters(small_model, "relu1")


def test_the_first_filters_are_in_rgb(model, small_model):
    assert np.array_equal(minicnn.filters(model).values["filters"], np.moveaxis(model.network.layers["conv1_1"].weight, 3, 0)[..., ::-1])
    assert np.array_equal(minicnn.filters(small_model).values["filters"], np.moveaxis(small_model.network.layers["conv1"].weight, 3, 0))


def test_filters_of_11_by_11():
    from minicnn.models.architectures import find_architecture

    network = minicnn.he_initialized(find_architecture("alexnet").network())
    assert minicnn.filters(network).values["filters"].shape == (64, 11, 11, 3)
    assert minicnn.filters(network, channel=2).values["filters"].shape == (64, 11, 11)


def test_intuition_by_hand(small_model, panda):
    result = minicnn.intuition(small_model, panda, size=(30, 46), stride=2, padding=1)
    gray = np.pad(result.values["gray"], 1)
    for name in ("vertical", "horizontal", "sobel", "blur", "sharpen"):
        kernel, output = result.values[f"{name} filter"], result.values[f"{name} output"]
        assert output.shape == (15, 23)
        for row, column in [(0, 0), (7, 11), (14, 22)]:
            patch = gray[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            assert output[row, column] == pytest.approx((patch * kernel).sum(), abs=1e-3)
    a, b = (np.maximum(result.values[f"{name} output"], 0) for name in ("vertical", "horizontal"))
    assert result.values["corner output"] == pytest.approx(np.minimum(a, b), abs=1e-3)
    assert "((30 - 3 + 2 x 1) / 2) + 1 = 15" in result.text and "((46 - 3 + 2 x 1) / 2) + 1 = 23" in result.text


def test_the_corner_detector_finds_a_corner():
    gray = np.zeros((1, 20, 20, 3))
    gray[:, 10:, 10:] = 200
    network = minicnn.Network({"gap": GlobalAveragePool2D()})
    corner = minicnn.intuition(network, gray, filter="corner", padding=0, prepared=True).values["corner output"]
    rows, columns = np.nonzero(corner > 100)
    assert len(rows) and rows.min() >= 8 - 1 and rows.max() <= 10 and columns.min() >= 8 - 1 and columns.max() <= 10
    assert corner[8, 15] == 0 and corner[15, 8] == 0  # an edge alone


def test_intuitions_step_writes_the_window_out(small_model, panda):
    text = minicnn.intuition(small_model, panda, size=(30, 46), filter="sobel", step=(3, 4)).text
    values = minicnn.intuition(small_model, panda, size=(30, 46), filter="sobel").values
    patch = values["gray"][2:5, 3:6]
    for row in patch:
        assert "  ".join(str(int(value)) for value in row)[:3] in text
    assert f"sum of the products = {int(values['sobel output'][3, 4])}" in text
    with pytest.raises(MinicnnError, match="expected a row below 30 and a column below 46"):
        minicnn.intuition(small_model, panda, size=(30, 46), step=(30, 0))


@pytest.mark.parametrize("layer", ["conv1", "relu1", "pool1", "conv2", "pool2", "gap", "fc"])
def test_window_shows_the_numbers_that_the_network_computed(small_model, x, layer):
    network = small_model.network.astype(np.float64)
    trace = network.trace(x)
    gradients = network.gradients(trace, minicnn.objectives.class_score(1).evaluate(trace)[1])
    output = trace.outputs[layer][0]
    unit = tuple(np.random.default_rng(1).integers(0, output.shape).tolist())
    values = minicnn.window(network, x, 1, layer, unit=unit, prepared=True).values
    layers = network.layers
    bias = layers[layer].bias[unit[-1]] if hasattr(layers[layer], "bias") else 0
    assert values["value"][0] == output[unit] and values["products"].sum() + bias == pytest.approx(output[unit])
    assert values["gradient"][0] == gradients[layer][0][unit]
    if layer not in ("conv1", "fc"):  # above conv1 is a ReLU, which may be shut
        assert values["products back"].sum() == pytest.approx(gradients[layer][0][unit])


def test_windows_units(small_model, x):
    output = small_model.network.trace(x).outputs["conv2"][0]
    strongest = minicnn.window(small_model.network, x, 1, "conv2", prepared=True)
    assert strongest.values["value"][0] == output.max()
    here = minicnn.window(small_model.network, x, 1, "conv2", unit=(2, 3), prepared=True)
    assert here.values["value"][0] == output[2, 3].max()
    for unit in [(99, 0, 0), (0,)]:
        with pytest.raises(MinicnnError, match="expected one in the output of conv2, whose shape is"):
            minicnn.window(small_model.network, x, 1, "conv2", unit=unit, prepared=True)


def test_windows_name_the_channels_that_they_show(small_model, x):
    network = small_model.network
    for layer, unit, name in [("pool1", (2, 3, 5), "channel 5"), ("relu1", (2, 3, 5), "channel 5"), ("gap", (7,), "channel 7")]:
        result = minicnn.window(network, x, 1, layer, unit=unit, prepared=True)
        assert f"inputs, {name}" in result.show and name in result.text
    below_gap = minicnn.window(network, x, 1, "pool2", unit=(1, 2, 9), prepared=True)
    assert "gradients above, numbers 9" in below_gap.show and re.search(r"^ *9 ", below_gap.text, re.MULTILINE)


def test_windows_say_the_colors_of_the_first_layer(model, small_model, panda):
    assert "channel 0 (blue)" in minicnn.window(model, panda, size=48).text
    assert "channel 0 (red)" in minicnn.window(small_model, panda).text
    assert "input channel 0 (blue)" in minicnn.filters(model, channel=0).title


def test_windows_say_the_units_own_gradient(small_model, x):
    """Also where a ReLU above is shut, and what comes from further above does not arrive."""
    network = small_model.network
    trace = network.trace(x)
    row, column, channel = np.argwhere(trace.outputs["conv1"][0] < 0)[0]
    result = minicnn.window(network, x, 1, "conv1", unit=(row, column, channel), prepared=True)
    assert result.values["gradient"][0] == 0
    assert f"with respect to conv1 at {row},{column},{channel} is 0." in result.text and "relu1 passes 0 times" in result.text
    with pytest.raises(MinicnnError, match="expected at most 8"):
        minicnn.window(network, x, 1, "conv1", channels=9, prepared=True)
