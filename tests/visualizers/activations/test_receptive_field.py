"""What a unit sees: the box against the literature and against gradients."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError
from minicnn.models.architectures import find_architecture
from minicnn.visualizers.activations.receptive_field import fit_gaussian

#: Size, jump and padding of VGG16's receptive fields, from the literature.
VGG16 = {
    "conv1_1": (3, 1, 1),
    "conv1_2": (5, 1, 2),
    "pool1": (6, 2, 2),
    "conv2_2": (14, 2, 6),
    "pool2": (16, 4, 6),
    "conv3_3": (40, 4, 18),
    "pool3": (44, 8, 18),
    "conv4_3": (92, 8, 42),
    "pool4": (100, 16, 42),
    "conv5_3": (196, 16, 90),
    "pool5": (212, 32, 90),
}
ALEXNET = {"conv1": 11, "pool1": 19, "conv2": 51, "conv3": 99, "conv4": 131, "conv5": 163, "pool5": 195}


@pytest.fixture(scope="module")
def panda_32(model, panda):
    return model.prepare(panda, 224)


@pytest.mark.parametrize("layer, unit", [("conv1_2", (0, 223)), ("pool2", (10, 20)), ("relu3_3", (55, 0)), ("conv4_3", (14, 13))])
def test_the_box_is_the_literatures_and_the_gradient_is_zero_outside(model, panda_32, layer, unit):
    result = minicnn.receptive_field(model, panda_32, layer, unit=unit, channels=2, prepared=True)
    size, jump, padding = VGG16[layer.replace("relu", "conv")]
    expected = []
    for position in unit:
        start = position * jump - padding
        expected += [max(0, start), min(224, start + size)]
    assert result.values["box"].tolist() == expected
    top, bottom, left, right = expected
    influence = result.values["influence"].copy()
    assert influence[top:bottom, left:right].any()
    influence[top:bottom, left:right] = 0
    assert not influence.any()


def test_alexnets_receptive_fields():
    fields = find_architecture("alexnet").network().receptive_fields()
    assert {name: fields[name].size[0] for name in ALEXNET} == ALEXNET
    assert fields["pool5"].jump == (32, 32)


def test_influence_is_the_mean_size_of_the_gradient(small_model, generator):
    x = generator.standard_normal((1, 30, 46, 3))
    network = small_model.network.astype(np.float64)
    trunk, _ = network.split("conv2")
    result = minicnn.receptive_field(network, x, "conv2", unit=(3, 8), channels=3, prepared=True)
    trace = trunk.trace(x)
    strongest = np.argsort(-trace.result[0, 3, 8])[:3]
    gradients = []
    for channel in strongest:
        seed = np.zeros_like(trace.result)
        seed[0, 3, 8, channel] = 1
        gradients.append(np.abs(trunk.backward(trace, {"conv2": seed})[0]).mean(axis=2))
    assert result.values["influence"] == pytest.approx(np.mean(gradients, axis=0))
    one = minicnn.receptive_field(network, x, "conv2", unit=(3, 8, int(strongest[1])), prepared=True)
    assert one.values["influence"] == pytest.approx(gradients[1])


def test_the_path_goes_through_the_winners_of_the_pools(model, panda_32):
    result = minicnn.receptive_field(model, panda_32, "pool2", unit=(20, 30, 5), prepared=True)
    trace = model.network.trace(panda_32)
    lines = {line.split()[0]: line.split()[1] for line in result.text.splitlines() if line.startswith("  ")}
    with minicnn.use_algorithm("im2col"):
        trace = model.network.split("pool2")[0].trace(panda_32)
    for pool in ("pool2", "pool1"):
        row, column, channel = map(int, lines[pool].split(","))
        winners, x_shape = trace.contexts[pool]
        winner = divmod(int(winners[0, row, column, channel]), x_shape[2])
        below = lines[{"pool2": "relu2_2", "pool1": "relu1_2"}[pool]]
        assert below == f"{winner[0]},{winner[1]},{channel}"
    assert len(result.values["path"]) == 11  # ten layers and the photo
    top, bottom, left, right = result.values["box"]
    row, column = result.values["path"][-1]
    assert top <= row < bottom and left <= column < right


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.0])
def test_the_fitted_gaussian(angle):
    y, x = np.indices((120, 140)) + 0.5
    along = (y - 60) * np.cos(angle) + (x - 75) * np.sin(angle)
    across = (x - 75) * np.cos(angle) - (y - 60) * np.sin(angle)
    fitted = fit_gaussian(np.exp(-0.5 * ((along / 12) ** 2 + (across / 5) ** 2)))
    assert fitted.center == pytest.approx((60, 75), abs=0.05)
    assert fitted.deviations == pytest.approx((12, 5), rel=0.01)
    assert fitted.angle == pytest.approx(angle, abs=0.01)


def test_units_that_see_everything_or_are_not_there(small_model, generator):
    x = generator.standard_normal((1, 30, 46, 3))
    with pytest.raises(ShapeError, match="sees the whole photo; choose a layer before gap"):
        minicnn.receptive_field(small_model.network, x, "fc", prepared=True)
    with pytest.raises(MinicnnError, match="expected one in the output of conv2"):
        minicnn.receptive_field(small_model.network, x, "conv2", unit=(100, 3), prepared=True)


def test_the_pictures_scale_is_that_of_the_box(model, panda_32):
    """Most of the photo is outside the box and 0; that must not make the inside one bright square."""
    result = minicnn.receptive_field(model, panda_32, "pool2", unit=(20, 20), channels=4, prepared=True)
    shown = result.panels()[-1]
    influence = result.values["influence"]
    assert (influence >= shown.high).sum() <= 0.05 * (influence > 0).sum() and shown.high > 0.5 * np.quantile(
        influence[influence > 0], 0.99
    )
