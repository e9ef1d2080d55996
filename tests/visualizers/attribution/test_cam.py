"""The class activation maps, each against its formula, channel by channel."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError, UnknownNameError
from minicnn.network.objectives import class_score
from minicnn.pictures.render import stretch

CLASSES = (1, 3)


@pytest.fixture
def network(small_model):
    return small_model.network.astype(np.float64)


def at_layer(network, x, layer, target):
    """A layer's output and the gradient of one logit with respect to it, (rows, columns, channels)."""
    trunk, head = network.split(layer)
    activations = trunk(x)
    return activations[0], class_score(target).value_and_gradient(head, activations)[1][0]


@pytest.mark.parametrize("layer", ["relu1", "pool1", "relu2"])
@pytest.mark.parametrize("target", CLASSES)
def test_grad_cam_plus_plus(network, x, layer, target):
    """With Y = exp(score), whose second and third derivatives are Y g^2 and Y g^3 where the network is linear; divided by Y."""
    activations, gradient = at_layer(network, x, layer, target)
    expected = np.zeros(activations.shape[:2])
    for k in range(activations.shape[2]):
        weight = 0.0
        for i, j in np.ndindex(expected.shape):
            g = gradient[i, j, k]
            if g > 0:
                weight += g**2 / (2 * g**2 + activations[..., k].sum() * g**3) * g
        expected += weight * activations[..., k]
    result = minicnn.grad_cam_plus_plus(network, x, target, layer, prepared=True)
    assert result.values == pytest.approx(np.maximum(expected, 0))


@pytest.mark.parametrize("layer", ["relu1", "conv2", "relu2"])
def test_layer_cam(network, x, layer):
    activations, gradient = at_layer(network, x, layer, 2)
    expected = np.zeros(activations.shape[:2])
    for i, j, k in np.ndindex(activations.shape):
        expected[i, j] += max(gradient[i, j, k], 0) * activations[i, j, k]
    assert minicnn.layer_cam(network, x, 2, layer, prepared=True).values == pytest.approx(np.maximum(expected, 0))


def score_cam_by_hand(network, x, layer, target, channels):
    """One channel at a time, dead ones too."""
    activations = network.split(layer)[0](x)[0]
    order = sorted(range(activations.shape[2]), key=lambda k: -activations[..., k].std())[:channels]
    worth = []
    for k in order:
        channel = activations[..., k]
        stencil = (channel - channel.min()) / np.ptp(channel) if np.ptp(channel) else np.zeros_like(channel)
        mask = stretch(stencil, *x.shape[1:3])[None, ..., None]
        worth.append(network(x * mask)[0, target] - network(np.zeros_like(x))[0, target])
    weights = np.exp(worth) / np.exp(worth).sum()
    return np.maximum(sum(weight * activations[..., k] for weight, k in zip(weights, order)), 0)


@pytest.mark.parametrize("dead, channels", [(0, 12), (5, 12), (5, 4), (5, 10), (0, 100)])
def test_score_cam_one_channel_at_a_time(network, x, dead, channels):
    """Dead channels add nothing to the map, but their share of the softmax counts."""
    bias = network.layers["conv2"].bias.copy()
    bias[[0, 2, 3, 7, 11][:dead]] = -1e9
    network = network.with_parameters({"conv2": {"bias": bias}})
    calls = []
    options = {"channels": channels, "also": CLASSES[1:], "batch_size": 5, "prepared": True}
    result = minicnn.score_cam(network, x, CLASSES[0], progress=lambda *call: calls.append(call), **options)
    for target, values in zip(CLASSES, result.values.values()):
        assert values == pytest.approx(score_cam_by_hand(network, x, "relu2", target, channels))
    tried = min(channels, 12 - dead)
    assert calls[-1] == (1 + tried, 1 + tried)  # and the baseline image
    assert result.text.startswith(f"{tried} of 12 channels were tried")


def test_score_cam_does_not_depend_on_the_batch_size(network, x):
    maps = [minicnn.score_cam(network, x, 1, batch_size=size, prepared=True).values for size in (1, 4, 100)]
    assert maps[1] == pytest.approx(maps[0]) and maps[2] == pytest.approx(maps[0])


@pytest.mark.parametrize("method", [minicnn.grad_cam, minicnn.grad_cam_plus_plus, minicnn.layer_cam, minicnn.score_cam])
def test_several_classes_side_by_side(method, small_model, panda):
    result = method(small_model, panda, "bee", "relu2", also=["Red fox", 1, 4, "red_fox"])
    assert list(result.values) == ["bee", "red fox", "crane"]
    assert result.source["settings"]["also"] == (2, 1, 4, 2)
    for target, values in zip((1, 2, 4), result.values.values()):
        assert np.array_equal(values, method(small_model, panda, target, "relu2").values)
    panels = result.panels()
    assert [panel.caption for panel in panels] == ["photo", "bee", "red fox", "crane"]
    together = np.stack(list(result.values.values()))
    assert {(panel.low, panel.high) for panel in panels[1:]} == {(float(together.min()), float(together.max()))}
    with pytest.raises(UnknownNameError, match="no class 'wolf'"):
        method(small_model, panda, "bee", also=["wolf"])
    for wrong in ([None], 3, [-1], [1.5]):
        with pytest.raises(MinicnnError, match="also is .*; expected a list of classes"):
            method(small_model, panda, "bee", also=wrong)
    with pytest.raises(UnknownNameError, match="no class 5"):
        method(small_model.network, small_model.prepare(panda), 1, also=[5], prepared=True)


def test_classes_of_the_same_name(model, panda):
    result = minicnn.grad_cam(model, panda, 134, also=[517], size=64)
    assert list(result.values) == ["crane (134)", "crane (517)"]


def test_the_family_at_the_last_layer_of_vgg16_gap(model, panda):
    """There the gradient is the same everywhere, the class's weights w over the number of positions n, so all is known.

    CAM is the sum of w A. Its mean over the positions, plus the bias, is the logit.
    """
    target, size = model.class_index("tabby"), (96, 160)
    x = model.prepare(panda, size)
    activations = model.network.split("pool5")[0](x)[0]
    n = activations.shape[0] * activations.shape[1]
    weight, bias = model.network.layers["fc"].weight[:, target], model.network.layers["fc"].bias[target]
    cam, positive = activations @ weight, np.maximum(weight, 0)
    assert cam.mean() + bias == pytest.approx(model.network(x)[0, target], rel=1e-4)
    assert cam.min() < 0 < cam.max()
    close = {"rel": 1e-4, "abs": 1e-6}
    found = {
        method: getattr(minicnn, method)(model, x, target, "pool5", prepared=True).values
        for method in ("grad_cam", "layer_cam", "grad_cam_plus_plus")
    }
    assert found["grad_cam"] == pytest.approx(np.maximum(cam, 0) / n, **close)
    assert found["layer_cam"] == pytest.approx(activations @ positive / n, **close)
    assert found["grad_cam_plus_plus"] == pytest.approx(activations @ (positive / (2 + positive * activations.mean(axis=(0, 1)))), **close)


def test_layers_that_do_not_do(network, x):
    with pytest.raises(MinicnnError, match="the output of layer conv2 goes down to -.*; expected a layer after a ReLU"):
        minicnn.grad_cam_plus_plus(network, x, 1, "conv2", prepared=True)
    for method in (minicnn.grad_cam_plus_plus, minicnn.layer_cam, minicnn.score_cam, minicnn.guided_grad_cam):
        with pytest.raises(ShapeError, match="layer gap is no image"):
            method(network, x, 1, "gap", prepared=True)
