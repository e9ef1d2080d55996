"""Maps made from gradients, each against its definition."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers import Conv2D, Dense, GlobalAveragePool2D, ReLU


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
        for color in range(3):
            step = np.zeros(x.shape)
            step[0, row, column, color] = 1e-6
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
    noise = np.random.default_rng(3).standard_normal((4, *x.shape[1:])) * 0.2 * (x.max() - x.min())
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
    layers = {"a": conv, "b": ReLU(), "c": conv, "d": GlobalAveragePool2D(), "e": Dense(generator.standard_normal((3, 2)), np.zeros(2))}
    assert minicnn.Network(layers).last_convolution == "c"


def test_the_maps_of_the_classes_themselves_are_not_the_last_convolution(generator):
    conv = Conv2D(generator.standard_normal((3, 3, 3, 3)), np.zeros(3))
    assert minicnn.Network({"a": conv, "b": ReLU(), "c": conv, "d": GlobalAveragePool2D()}).last_convolution == "b"


def test_a_saturated_answer_is_said_to_be(model, panda):
    x = model.prepare(panda)
    with pytest.warns(UserWarning, match="hardly changes wherever the patch lies"):
        minicnn.occlusion(model, x, "giant panda", patch=4, stride=200, prepared=True)
    with pytest.warns(UserWarning, match="probability is saturated"):
        minicnn.saliency(model, x, "giant panda", output="probability", prepared=True)
    for method, options in ((minicnn.smoothgrad, {"samples": 1}), (minicnn.grad_cam, {}), (minicnn.saliency, {})):
        with pytest.warns(UserWarning, match="probability is saturated"):
            method(model, x, "giant panda", output="log-probability", prepared=True, **options)


def test_saliencys_forms(small_model, x):
    maps = {form: minicnn.saliency(small_model.network, x, 1, form=form, prepared=True).values for form in ("absolute", "signed", "raw")}
    assert maps["raw"].shape == x.shape[1:]
    assert np.array_equal(np.abs(maps["signed"]), maps["absolute"]) and maps["signed"].min() < 0 < maps["signed"].max()
    assert np.array_equal(np.abs(maps["raw"]).max(axis=2), maps["absolute"])


def test_raw_saliency_is_in_rgb_order(model, panda):
    """The network's own order is blue, green, red."""
    x = model.prepare(panda, 64)
    _, gradient = minicnn.objectives.class_score(388).value_and_gradient(model.network, x)
    assert np.array_equal(minicnn.saliency(model, x, 388, form="raw", prepared=True).values, gradient[0, ..., ::-1])


@pytest.fixture
def noisy_gradients(small_model, x):
    network = small_model.network.astype(np.float64)
    noise = np.random.default_rng(3).standard_normal((6, *x.shape[1:])) * 0.2 * (x.max() - x.min())
    return network, [minicnn.objectives.class_score(1).value_and_gradient(network, x + n)[1][0] for n in noise]


@pytest.mark.parametrize("variant", ["mean", "squared", "vargrad"])
def test_smoothgrads_variants_and_their_standard_errors(noisy_gradients, x, variant):
    network, gradients = noisy_gradients
    gradients = np.array(gradients)
    estimate = {"mean": gradients.mean(axis=0), "squared": (gradients**2).mean(axis=0), "vargrad": gradients.var(axis=0, ddof=1)}[variant]
    options = {"samples": 6, "noise": 0.2, "seed": 3, "batch_size": 4, "variant": variant, "prepared": True}
    assert minicnn.smoothgrad(network, x, 1, **options).values == pytest.approx(np.abs(estimate).max(axis=2))
    values = minicnn.smoothgrad(network, x, 1, standard_error=True, **options).values
    assert values["map"] == pytest.approx(np.abs(estimate).max(axis=2))
    if variant != "vargrad":
        samples = gradients if variant == "mean" else gradients**2
        error = samples.std(axis=0, ddof=1) / np.sqrt(6)
        strongest = np.abs(estimate).argmax(axis=2)[..., None]
        assert values["standard error"] == pytest.approx(np.take_along_axis(error, strongest, axis=2)[..., 0], abs=1e-9)


@pytest.mark.parametrize("variant", ["mean", "squared", "vargrad"])
def test_the_standard_error_is_how_much_repetitions_differ(small_model, x, variant):
    results = [
        minicnn.smoothgrad(
            small_model.network, x, 1, samples=30, noise=0.3, seed=seed, variant=variant, standard_error=True, batch_size=30, prepared=True
        )
        for seed in range(12)
    ]
    found = np.std([result.values["map"] for result in results], axis=0, ddof=1).mean()
    said = np.mean([result.values["standard error"] for result in results])
    assert said == pytest.approx(found, rel=0.3)
    assert "standard error is" in results[0].text


@pytest.mark.parametrize("base", ["guided", "integrated"])
def test_smoothgrads_bases(small_model, x, base):
    from minicnn.network.rules import guided

    network, objective = small_model.network.astype(np.float64), minicnn.objectives.class_score(1)
    if base == "guided":
        expected = objective.value_and_gradient(network, x, {ReLU: guided})[1][0]
    else:
        shares = (np.arange(8) + 0.5) / 8
        expected = (x * np.mean([objective.value_and_gradient(network, share * x)[1] for share in shares], axis=0))[0]
    result = minicnn.smoothgrad(network, x, 1, samples=2, noise=0.0, base=base, prepared=True)
    assert result.values == pytest.approx(np.abs(expected).max(axis=2))


def test_one_sample_says_nothing_about_spread(small_model, x):
    with pytest.raises(MinicnnError, match="expected at least 2"):
        minicnn.smoothgrad(small_model.network, x, samples=1, standard_error=True, prepared=True)
