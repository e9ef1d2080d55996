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
@pytest.mark.parametrize("full", [False, True])
def test_occlusion_one_by_one(small_model, x, fill, output, full):
    colour = x.mean(axis=(0, 1, 2)) if fill == "mean" else 0
    options = {"patch": 12, "stride": 7, "fill": fill, "output": output, "batch_size": 4, "full": full, "prepared": True}
    result = minicnn.occlusion(small_model.network, x, 1, **options)
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


@pytest.mark.parametrize("dtype, agreement", [(np.float64, 1e-9), (np.float32, 1e-4)])
def test_incremental_occlusion_is_the_full_one(model, panda, dtype, agreement):
    network = model.network.astype(dtype)
    x = model.prepare(panda, size=96).astype(dtype)
    options = {"target": 388, "patch": 20, "stride": 25, "output": "logit", "prepared": True, "batch_size": 5}
    quick, full = (minicnn.occlusion(network, x, full=full, **options).values for full in (False, True))
    assert quick == pytest.approx(full, rel=agreement)
    assert np.ptp(full) > 0.1  # the patch does matter


def test_occlusions_blur_and_noise(small_model, x):
    """A blurred patch is nearer to the photo than a grey one; noise has the photo's mean and deviation."""
    from minicnn.visualizers.occlusion import _hiding

    smooth = np.broadcast_to(np.linspace(0, 1, 46)[None, None, :, None], X_SHAPE).astype(np.float64)
    blurred = _hiding(smooth, "blur", 8, 0)
    assert np.abs(blurred - smooth[0]).max() < 0.06
    noise = _hiding(x, "noise", 8, 0)
    assert noise.mean(axis=(0, 1)) == pytest.approx(x[0].mean(axis=(0, 1)), abs=0.1)
    assert noise.std(axis=(0, 1)) == pytest.approx(x[0].std(axis=(0, 1)), rel=0.1)
    maps = [minicnn.occlusion(small_model.network, x, 1, patch=10, fill=fill, prepared=True).values for fill in ("grey", "blur", "noise")]
    assert not np.allclose(maps[0], maps[1]) and not np.allclose(maps[1], maps[2])


def test_a_saturated_answer_is_said_to_be(model, panda):
    x = model.prepare(panda)
    with pytest.warns(UserWarning, match="hardly changes wherever the patch lies"):
        minicnn.occlusion(model, x, "giant panda", patch=4, stride=200, prepared=True)
    with pytest.warns(UserWarning, match="probability is saturated"):
        minicnn.saliency(model, x, "giant panda", output="probability", prepared=True)


def test_saliencys_forms(small_model, x):
    maps = {form: minicnn.saliency(small_model.network, x, 1, form=form, prepared=True).values for form in ("absolute", "signed", "raw")}
    assert maps["raw"].shape == X_SHAPE[1:]
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
    noise = np.random.default_rng(3).standard_normal((6, *X_SHAPE[1:])) * 0.2 * (x.max() - x.min())
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
        minicnn.smoothgrad(small_model.network, x, 1, samples=30, noise=0.3, seed=seed, variant=variant, standard_error=True, batch_size=30, prepared=True)
        for seed in range(12)
    ]
    found = np.std([result.values["map"] for result in results], axis=0, ddof=1).mean()
    said = np.mean([result.values["standard error"] for result in results])
    assert said == pytest.approx(found, rel=0.3)
    assert "standard error is" in results[0].text


@pytest.mark.parametrize("base", ["guided", "integrated"])
def test_smoothgrads_bases(small_model, x, base):
    from minicnn.rules import guided

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
    from minicnn.architectures import find_architecture

    network = minicnn.he_initialised(find_architecture("alexnet").network())
    assert minicnn.filters(network).values["filters"].shape == (64, 11, 11, 3)
    assert minicnn.filters(network, channel=2).values["filters"].shape == (64, 11, 11)


def test_intuition_by_hand(small_model, panda):
    result = minicnn.intuition(small_model, panda, size=(30, 46), stride=2, padding=1)
    grey = np.pad(result.values["grey"], 1)
    for name in ("vertical", "horizontal", "sobel", "blur", "sharpen"):
        kernel, output = result.values[f"{name} filter"], result.values[f"{name} output"]
        assert output.shape == (15, 23)
        for row, column in [(0, 0), (7, 11), (14, 22)]:
            patch = grey[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            assert output[row, column] == pytest.approx((patch * kernel).sum(), abs=1e-3)
    a, b = (np.maximum(result.values[f"{name} output"], 0) for name in ("vertical", "horizontal"))
    assert result.values["corner output"] == pytest.approx(np.minimum(a, b), abs=1e-3)
    assert "((30 - 3 + 2 x 1) / 2) + 1 = 15" in result.text and "((46 - 3 + 2 x 1) / 2) + 1 = 23" in result.text


def test_the_corner_detector_finds_a_corner():
    grey = np.zeros((1, 20, 20, 3))
    grey[:, 10:, 10:] = 200
    network = minicnn.Network({"gap": GlobalAveragePool2D()})
    corner = minicnn.intuition(network, grey, filter="corner", padding=0, prepared=True).values["corner output"]
    rows, columns = np.nonzero(corner > 100)
    assert len(rows) and rows.min() >= 8 - 1 and rows.max() <= 10 and columns.min() >= 8 - 1 and columns.max() <= 10
    assert corner[8, 15] == 0 and corner[15, 8] == 0  # an edge alone


def test_intuitions_step_writes_the_window_out(small_model, panda):
    text = minicnn.intuition(small_model, panda, size=(30, 46), filter="sobel", step=(3, 4)).text
    values = minicnn.intuition(small_model, panda, size=(30, 46), filter="sobel").values
    patch = values["grey"][2:5, 3:6]
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


def test_class_models_stop_and_go_on(small_model, tmp_path):
    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    options = {"target": "bee", "steps": 9, "scales": 2, "size": (60, 70)}
    whole = minicnn.class_model(small_model, **options)
    with pytest.warns(UserWarning, match="stopped after 4 of 9 steps"):
        half = minicnn.class_model(small_model, progress=interrupt, **options)
    assert half.stopped and not whole.stopped
    half.save(tmp_path / "half.npz")
    continued = minicnn.class_model(small_model, resume=tmp_path / "half.npz", **options)
    for name, array in whole.values.items():
        assert np.array_equal(array, continued.values[name]), name
    assert continued.values["image"].shape == (60, 70, 3) and continued.values["scores"].shape == (9,)
    assert len(whole.frames) == 9 and whole.frames[-1].shape == (60, 70, 3)


def test_class_models_raise_the_score(small_model):
    for preset in ("natural", "yosinski", "simonyan"):
        result = minicnn.class_model(small_model, target="bee", preset=preset, steps=15, noise=1.0)
        logits = small_model.network(result.values["input"][None])
        assert logits[0, 1] > small_model.network(small_model.blank())[0, 1], preset


def test_class_model_from_a_photo(small_model, panda):
    result = minicnn.class_model(small_model, panda, "bee", steps=1, step_size=0.0, noise=0.0, l2=0.0, blur=0.0, scales=1)
    assert np.array_equal(result.values["image"], small_model.deprocess(small_model.prepare(panda))[0])


@pytest.mark.parametrize(
    "options", [{"l2": 1.5}, {"steps": 0}, {"jitter": -1}, {"blur": -1.0}, {"colours": "grey"}, {"target": None}, {"clip_norm": 2.0}]
)
def test_class_models_options(small_model, options):
    with pytest.raises(MinicnnError, match="expected|needs a class"):
        minicnn.class_model(small_model, **{"target": 1, **options})


def test_class_model_resumes_from_nothing_else(small_model, tmp_path, panda):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for path in (panda, tmp_path / "missing.npz", tmp_path / "other.npz"):
        with pytest.raises(MinicnnError, match="expected the .npz file"):
            minicnn.class_model(small_model, target=1, resume=path)
