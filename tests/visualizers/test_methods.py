"""Each method against its definition."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers import Conv2D, Dense, GlobalAveragePool2D, ReLU
from minicnn.render import stretch

X_SHAPE = (1, 30, 46, 3)


@pytest.fixture
def x(generator):
    return generator.standard_normal(X_SHAPE)


@pytest.fixture
def linear(generator):
    """Mean over the image, then weights: the gradient is the same at every pixel."""
    weight = generator.standard_normal((3, 4))
    return minicnn.Network({"gap": GlobalAveragePool2D(), "fc": Dense(weight, np.zeros(4))}), weight


def test_saliency_of_a_linear_network(linear, x):
    network, weight = linear
    result = minicnn.saliency(network, x, 2, prepared=True)
    assert result.values == pytest.approx(np.full((30, 46), np.abs(weight[:, 2]).max() / (30 * 46)))


@pytest.mark.parametrize("output", ["logit", "probability", "log-probability"])
def test_saliency_against_finite_differences(small_model, x, output):
    network = small_model.network.astype(np.float64)
    read = {"logit": lambda z: z, "probability": minicnn.softmax, "log-probability": lambda z: np.log(minicnn.softmax(z))}[output]
    values = minicnn.saliency(network, x, 1, output=output, prepared=True).values
    for row, column in [(0, 0), (13, 29), (29, 45)]:
        differences = []
        for colour in range(3):
            step = np.zeros(X_SHAPE)
            step[0, row, column, colour] = 1e-6
            differences.append(abs(read(network(x + step))[0, 1] - read(network(x - step))[0, 1]) / 2e-6)
        assert values[row, column] == pytest.approx(max(differences), rel=1e-5, abs=1e-9)


def test_smoothgrad_without_noise_is_saliency(small_model, x):
    smooth = minicnn.smoothgrad(small_model.network, x, 1, samples=3, noise=0.0, prepared=True)
    assert smooth.values == pytest.approx(minicnn.saliency(small_model.network, x, 1, prepared=True).values)


def test_smoothgrad_is_the_mean_of_the_gradients_not_of_the_maps(linear, x):
    """Over a linear network noise changes nothing."""
    network, weight = linear
    result = minicnn.smoothgrad(network, x, 2, samples=5, prepared=True)
    assert result.values == pytest.approx(np.full((30, 46), np.abs(weight[:, 2]).max() / (30 * 46)))


def test_smoothgrads_noise_is_a_share_of_the_range(small_model, x):
    """The same by hand: same generator, same order of samples."""
    network = small_model.network.astype(np.float64)
    noise = np.random.default_rng(3).standard_normal((4, *X_SHAPE[1:])) * 0.2 * (x.max() - x.min())
    gradients = [minicnn.objectives.class_score(1).value_and_gradient(network, x + n)[1][0] for n in noise]
    result = minicnn.smoothgrad(network, x, 1, samples=4, noise=0.2, seed=3, prepared=True)
    assert result.values == pytest.approx(np.abs(np.mean(gradients, axis=0)).max(axis=2))


def test_smoothgrad_does_not_depend_on_the_batch_size(small_model, x):
    maps = [minicnn.smoothgrad(small_model.network, x, samples=7, batch_size=size, prepared=True).values for size in (1, 3, 100)]
    assert maps[1] == pytest.approx(maps[0]) and maps[2] == pytest.approx(maps[0])


@pytest.mark.parametrize(
    "options",
    [{"samples": 0}, {"samples": 2.5}, {"batch_size": 0}, {"noise": -1.0}, {"noise": float("nan")}, {"noise": 1e38}, {"seed": -1}],
)
def test_smoothgrads_options(small_model, x, options):
    with pytest.raises(MinicnnError, match="; expected "):
        minicnn.smoothgrad(small_model.network, x, prepared=True, **options)


@pytest.mark.parametrize("target", ["giant panda", "tabby"])
def test_grad_cam_at_the_last_layer_of_vgg16_gap_is_cam(model, panda, target):
    """CAM weights each channel of pool5 with the head's weight; Grad-CAM's weight is that over the number of positions."""
    trunk, _ = model.network.split("pool5")
    maps = trunk(model.prepare(panda, size=(224, 288)))[0]
    weight = model.network.layers["fc"].weight[:, model.class_index(target)]
    cam = np.maximum(maps @ weight, 0) / (maps.shape[0] * maps.shape[1])
    result = minicnn.grad_cam(model, panda, target, "pool5", size=(224, 288))
    assert result.values.shape == (7, 9)
    assert result.values == pytest.approx(cam, rel=1e-4, abs=1e-6)


def test_grad_cams_layer(small_model, x):
    default = minicnn.grad_cam(small_model.network, x, 1, prepared=True)
    assert default.source["settings"]["layer"] == "relu2"
    assert np.array_equal(default.values, minicnn.grad_cam(small_model.network, x, 1, "relu2", prepared=True).values)
    with pytest.raises(MinicnnError, match="no layer 'conv3'; the layers are conv1"):
        minicnn.grad_cam(small_model.network, x, 1, "conv3", prepared=True)
    for layer in ("gap", "fc"):
        with pytest.raises(ShapeError, match=f"layer {layer} is no image"):
            minicnn.grad_cam(small_model.network, x, 1, layer, prepared=True)


def test_a_network_without_convolutions_has_no_last_one(linear, x):
    with pytest.raises(MinicnnError, match="no convolution; its layers are gap, fc"):
        minicnn.grad_cam(linear[0], x, 1, prepared=True)


def test_the_last_convolution_without_relu(generator):
    conv = Conv2D(generator.standard_normal((3, 3, 3, 3)), np.zeros(3))
    assert minicnn.Network({"a": conv, "b": ReLU(), "c": conv, "d": GlobalAveragePool2D()}).last_convolution == "c"


@pytest.mark.parametrize("fill", ["grey", "mean"])
@pytest.mark.parametrize("output", ["logit", "probability"])
def test_occlusion_one_by_one(small_model, x, fill, output):
    colour = x.mean(axis=(0, 1, 2)) if fill == "mean" else 0
    result = minicnn.occlusion(small_model.network, x, 1, patch=12, stride=7, fill=fill, output=output, batch_size=4, prepared=True)
    assert result.values.shape == (3, 5)
    for i, j in np.ndindex(3, 5):
        hidden = x.copy()
        hidden[0, 7 * i : 7 * i + 12, 7 * j : 7 * j + 12] = colour
        logits = small_model.network(hidden)
        expected = logits if output == "logit" else minicnn.softmax(logits)
        assert result.values[i, j] == pytest.approx(expected[0, 1])


def test_occlusions_default_patch_is_recorded(small_model, x):
    settings = minicnn.occlusion(small_model.network, x, prepared=True).source["settings"]
    assert (settings["patch"], settings["stride"]) == (5, 2)


def test_occlusion_draws_each_cell_around_its_patch(small_model, x):
    result = minicnn.occlusion(small_model.network, x, 1, patch=12, stride=6, prepared=True)
    drawn = stretch(result.values, 30, 46, result.show.extent)
    for i, j in [(0, 0), (2, 1), (3, 5)]:
        centre = drawn[6 * i + 5 : 6 * i + 7, 6 * j + 5 : 6 * j + 7]  # the four pixels around the patch's centre
        assert centre.mean() == pytest.approx(result.values[i, j], rel=0.02)


@pytest.mark.parametrize("options", [{"patch": 0}, {"stride": 0}, {"batch_size": 0}, {"patch": 31}, {"fill": "black"}])
def test_occlusions_options(small_model, x, options):
    with pytest.raises(MinicnnError, match="; expected "):
        minicnn.occlusion(small_model.network, x, prepared=True, **options)


def test_layer_outputs_are_means_over_channels(small_model, x):
    values = minicnn.layer_outputs(small_model.network, x, prepared=True).values
    trace = small_model.network.trace(x)
    assert list(values) == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2"]
    for name, value in values.items():
        assert value == pytest.approx(trace.outputs[name][0].mean(axis=2))


def test_a_patch_over_the_pandas_face_lowers_the_probability_most(model, panda):
    """On the shipped photo the face is left of the middle, above the lower third."""
    values = minicnn.occlusion(model, panda, "giant panda", patch=96, stride=64).values
    assert np.unravel_index(values.argmin(), values.shape)[1] == 0
    assert values.min() < 0.97 and values.max() > 0.999
