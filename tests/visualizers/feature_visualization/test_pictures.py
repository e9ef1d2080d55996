"""Pictures made by gradient ascent: each gets what it is after."""

import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn.errors import MinicnnError, OutputError
from minicnn.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from minicnn.pictures.photos import LUMINANCE
from minicnn.visualizers.ascent.finished import mosaic
from minicnn.visualizers.ascent.painting import first_of_each_block
from minicnn.visualizers.contract.layers import layer_weights
from minicnn.visualizers.feature_visualization.style_transfer import (
    default_content,
    in_the_colors_of,
)


@pytest.fixture(scope="module")
def moose():
    return minicnn.shipped_photo("moose")


def outputs(model, image, layer):
    """A layer's outputs for uint8 pixels."""
    return model.network.trace(model.preprocessing.apply(image)[None]).outputs[layer][0]


def test_filter_models_raise_their_channel_more_than_a_photo_does(model, panda):
    result = minicnn.filter_model(model, layer="conv2_1", channels=4, steps=25, side=64, seed=1)
    assert result.values["images"].shape == (4, 64, 64, 3) and result.values["scores"].shape == (25, 4)
    means = np.array([outputs(model, image, "conv2_1").mean(axis=(0, 1))[:4] for image in result.values["images"]])
    on_the_photo = model.network.trace(model.prepare(panda)).outputs["conv2_1"].mean(axis=(0, 1, 2))[:4]
    assert np.all(np.diagonal(means) > on_the_photo + 200)
    assert len(result.frames) == 25 and result.frames[0].shape == (130, 130, 3)
    assert result.source["settings"]["side"] == 64


def test_channels_are_drawn_the_same_alone(small_model):
    options = {"layer": "conv2", "steps": 4, "side": 40}
    together = minicnn.filter_model(small_model, channels=5, batch_size=2, **options)
    for i in (0, 3, 4):
        alone = minicnn.filter_model(small_model, channel=i, **options)
        assert alone.values["input"][0] == pytest.approx(together.values["input"][i], abs=1e-3)
        assert np.array_equal(alone.values["picture"], alone.values["images"][0])


def test_a_photo_chooses_the_channels(small_model, panda):
    result = minicnn.filter_model(small_model, panda, "conv2", channels=3, steps=1, side=24, size=(30, 46))
    means = np.maximum(small_model.network.trace(small_model.prepare(panda, (30, 46))).outputs["conv2"][0], 0).mean(axis=(0, 1))
    chosen = [int(part.split(":")[0]) for part in result.text.split("steps: ")[1].rstrip(".").split(", ")]
    assert chosen == np.argsort(-means)[:3].tolist()


def test_one_unit_changes_only_what_it_can_see(small_model):
    """Without random transformations, and with pixels as parameters, pictures for two units differ in their receptive fields only."""
    still = {"layer": "conv2", "jitter": 0, "scale": 0.0, "rotate": 0.0, "parametrization": "pixels", "side": 80, "steps": 3}
    units = [(10, 20, 3), (3, 4, 3)]
    with minicnn.use_algorithm("im2col"):
        one, other = (minicnn.filter_model(small_model, unit=unit, **still).values["input"][0] for unit in units)
    different = np.abs(one - other).sum(axis=2)
    for row, column, _ in units:
        box = small_model.network.receptive_fields()["conv2"].box(row, column, 80, 80)
        assert different[box].any()
        different[box] = 0
    assert not different.any()


def test_a_direction_is_a_mixture_of_channels(small_model, tmp_path):
    vector = np.zeros(12, np.float32)
    vector[4] = 1
    np.save(tmp_path / "one.npy", vector)
    options = {"layer": "conv2", "steps": 3, "side": 24}
    mixed = minicnn.filter_model(small_model, direction=tmp_path / "one.npy", **options)
    assert np.array_equal(mixed.values["input"], minicnn.filter_model(small_model, channel=4, **options).values["input"])


def test_variants_are_pushed_apart(model):
    def likeness(diversity):
        result = minicnn.filter_model(model, layer="conv3_1", channel=5, variants=3, diversity=diversity, steps=20, side=64)
        grams = minicnn.objectives.gram_matrix(model.network.trace(result.values["input"]).outputs["conv3_1"]).reshape(3, -1)
        grams /= np.linalg.norm(grams, axis=1, keepdims=True)
        return (grams @ grams.T)[np.triu_indices(3, 1)].mean()

    assert likeness(3.0) < likeness(0.0) - 0.01


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("invert", {"layer": "relu2"}),
        ("deep_dream", {"layers": "relu2"}),
        ("texture", {"layers": "relu2"}),
        ("style_transfer", {"content_weight": 0.0, "style_weight": 0.0}),
        ("class_model", {"target": 1}),
        ("filter_model", {"layer": "relu2", "channels": 2}),
    ],
)
def test_pictures_that_nothing_shaped_say_so(small_model, panda, method, options):
    dead = small_model.network.with_parameters({"conv2": {"bias": np.full(12, -1e9, np.float32)}})
    model = minicnn.Model(dead, preprocessing=small_model.preprocessing)
    photos = [panda] * ("style" in minicnn.visualizers.REGISTRY[method.replace("_", "-")].parameters)
    with pytest.warns(UserWarning, match="nothing was raised"):
        getattr(minicnn, method)(model, panda, *photos, size=48, steps=2, **options)


def test_channels_that_stay_off_are_named(small_model):
    dead = small_model.network.with_parameters({"conv2": {"bias": np.array([0, -1e9, *[0] * 10], np.float32)}})
    with pytest.warns(UserWarning, match="gradient for 1 was 0"):
        result = minicnn.filter_model(minicnn.Model(dead), layer="relu2", channel=(0, 1), steps=2, side=40)
    assert result.values["scores"][:, 0].any() and not result.values["scores"][:, 1].any()


@pytest.mark.parametrize(
    "options",
    [
        {"channel": 12},
        {"channel": (1, 1)},
        {"unit": (0, 0, 1), "scales": 2},
        {"unit": (1, 2)},
        {"unit": (90, 0, 0)},
        {"channel": 1, "unit": (0, 0, 1)},
        {"variants": 2},
        {"direction": "missing.npy"},
        {"channel": 1, "diversity": -1.0},
        {"scale": 2.0},
        {"rotate": 1000.0},
        {"layer": "conv9"},
    ],
)
def test_filter_models_options(small_model, options):
    with pytest.raises(MinicnnError, match="expected|there is no|cannot read|say which"):
        minicnn.filter_model(small_model, **{"layer": "conv2", "side": 24, "steps": 1, **options})


def test_directions_of_another_kind(small_model, tmp_path):
    for name, array in {
        "short": np.ones(3),
        "words": np.full(12, "a"),
        "zeros": np.zeros(12),
        "nan": np.full(12, np.nan),
        "matrix": np.ones((12, 1)),
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(MinicnnError, match="expected \\(12,\\) finite"):
            minicnn.filter_model(small_model, layer="conv2", direction=tmp_path / f"{name}.npy")


def test_filter_models_of_a_network_for_one_size(generator):
    layers = {
        "conv": Conv2D(generator.standard_normal((3, 3, 1, 4)), np.zeros(4), padding=1),
        "relu": ReLU(),
        "flatten": Flatten(),
        "fc": Dense(generator.standard_normal((100 * 100 * 4, 3)), np.zeros(3)),
    }
    model = minicnn.Model(minicnn.Network(layers), input_size=100)
    result = minicnn.filter_model(model, layer="fc", channel=1, steps=2)
    assert result.values["input"].shape == (1, 100, 100, 1) and result.source["settings"]["scales"] == 1
    assert result.picture().dtype == np.uint8
    early = minicnn.filter_model(model, layer="conv", channel=1, steps=2, side=24)
    assert early.values["input"].shape == (1, 24, 24, 1)


def test_inversion_comes_back_to_the_photo(model, panda):
    result = minicnn.invert(model, panda, "relu1_1", steps=60, size=(48, 64))
    (image,) = result.values["images"]
    photo = model.deprocess(model.prepare(panda, (48, 64)))[0]
    assert np.corrcoef(image.ravel(), photo.ravel())[0, 1] > 0.97
    assert result.values["scores"][-1, 0] > -0.02 > -0.5 > result.values["scores"][0, 0]


def test_inversion_of_every_block(small_model, panda):
    result = minicnn.invert(small_model, panda, steps=2, size=(30, 46))
    assert [result.displays["images"].labels] == [["relu1", "relu2", "fc"]]
    assert result.values["images"].shape == (3, 30, 46, 3)


def test_dreams_raise_what_they_are_about(model, panda):
    result = minicnn.deep_dream(model, panda, layers="relu3_1", steps=8, octaves=2, size=96)
    photo = model.trunk.prepare(panda, 96, whole=True)
    assert result.values["image"].shape == photo.shape[1:] == (64, 96, 3)
    energies = [np.square(model.network.trace(x).outputs["relu3_1"]).mean() for x in (photo, result.values["input"][None])]
    assert energies[1] > 1.5 * energies[0]
    assert result.values["scores"][0] == pytest.approx(1, rel=0.2)  # but for the jitter


def test_guides_lead_elsewhere(model, panda, moose):
    options = {"layers": {"relu3_1": 1.0}, "steps": 6, "octaves": 1, "size": 64, "jitter": 0}
    guided = minicnn.deep_dream(model, panda, guide=moose, **options)
    free = minicnn.deep_dream(model, panda, **options)
    features = model.network.trace(model.trunk.prepare(moose, 64, whole=True)).outputs["relu3_1"]
    likeness = minicnn.objectives.likeness("relu3_1", features.reshape(-1, features.shape[3]))
    scores = [likeness.evaluate(model.network.trace(r.values["input"][None]))[0][0] for r in (guided, free)]
    assert scores[0] > scores[1]
    assert set(guided.inputs) == {"image", "guide"} and "guide" not in guided.source["settings"]


@pytest.mark.parametrize(
    "options",
    [
        {"layers": "conv9"},
        {"layers": "conv1=x"},
        {"layers": ""},
        {"layers": {"conv1": -1}},
        {"octave_ratio": 1.0},
        {"octaves": 99},
        {"layers": 3},
    ],
)
def test_dreams_options(small_model, panda, options):
    with pytest.raises(MinicnnError, match="there is no|expected"):
        minicnn.deep_dream(small_model, panda, **options)


def test_layers_with_weights(small_model):
    network = small_model.network
    expected = {"relu1": 1.0, "relu2": 0.5}
    for value in ("relu1,relu2=0.5", "relu1=1, relu2 = .5", ["relu1", "relu2=0.5"], expected):
        assert layer_weights(value, network) == expected


def test_whole_photos_keep_their_proportions(small_model, tmp_path):
    picture = Image.new("RGB", (300, 100), "blue")
    picture.paste("red", (0, 0, 10, 100))  # at the very edge
    assert small_model.prepare(picture, 60, whole=True).shape == (1, 20, 60, 3)
    assert small_model.deprocess(small_model.prepare(picture, 60, whole=True))[0, 10, 0].tolist() == [255, 0, 0]
    assert small_model.prepare(picture, (40, 50), whole=True).shape == (1, 40, 50, 3)
    assert small_model.prepare(picture, 60).shape == (1, 60, 60, 3)


def test_methods_on_whole_photos_need_no_top(panda, generator):
    """A network whose dense layer fixes the size can still dream on another."""
    layers = {
        "conv": Conv2D(generator.standard_normal((3, 3, 3, 4)).astype(np.float32), np.zeros(4, np.float32), padding=1),
        "relu": ReLU(),
        "pool": MaxPool2D(2),
        "flatten": Flatten(),
        "fc": Dense(np.zeros((20 * 20 * 4, 3), np.float32), np.zeros(3, np.float32)),
    }
    model = minicnn.Model(minicnn.Network(layers), "fixed", minicnn.PREPROCESSING["torch"], input_size=40)
    assert minicnn.deep_dream(model, panda, steps=2, size=60).values["image"].shape == (40, 60, 3)
    assert minicnn.texture(model, panda, steps=2, size=60).values["image"].shape == (40, 60, 3)


def test_early_layers_need_no_more_than_their_own_size(model, panda):
    assert minicnn.texture(model, panda, layers="relu1_1", size=20, steps=1).values["image"].shape[1] == 20
    with pytest.raises(MinicnnError, match="pool4"):
        minicnn.texture(model, panda, size=20, steps=1)


def test_layers_of_the_top_may_be_asked_for(model, panda):
    scores = minicnn.deep_dream(model, panda, layers="fc", size=96, steps=5, octaves=1).values["scores"]
    assert scores[-1] > scores[0]


def test_limits_of_counts_begin_at_1(small_model, panda):
    with pytest.raises(MinicnnError, match="octaves is 50; expected 1 to 12"):
        minicnn.deep_dream(small_model, panda, octaves=50)


def test_textures_match_ever_better(model, panda):
    result = minicnn.texture(model, panda, steps=40, size=64, scales=1)
    assert result.values["loss"][-1] < 0.2 * result.values["loss"][0]
    photo = model.deprocess(model.trunk.prepare(panda, 64, whole=True))[0]
    assert abs(result.values["image"].mean() - photo.mean()) < 25 < 4 * abs(result.frames[0].mean() - photo.mean()) + 100


def test_default_layers(model):
    assert first_of_each_block(model.network) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert default_content(model.network) == "relu4_2"


def test_style_transfer_weighs_content_against_style(model, panda, moose):
    options = {"steps": 25, "size": 64, "scales": 1, "start": "noise", "seed": 1}
    of_content = minicnn.style_transfer(model, panda, moose, style_weight=0.01, **options)
    of_style = minicnn.style_transfer(model, panda, moose, content_weight=0.01, **options)
    for name, smaller, larger in (("content loss", of_content, of_style), ("style loss", of_style, of_content)):
        assert smaller.values[name][-1] < 0.7 * larger.values[name][-1]
        assert smaller.values[name].shape == (25,)


def test_colors_may_be_kept(model, panda, moose, generator):
    painted = minicnn.style_transfer(model, panda, moose, steps=3, size=64, preserve_color=True)
    assert painted.values["image"].shape == (43, 64, 3)
    photo, pixels = generator.integers(60, 190, (2, 5, 6, 3), dtype=np.uint8)
    kept = in_the_colors_of(pixels, photo).astype(float)
    inside = (kept > 0).all(axis=2) & (kept < 255).all(axis=2)
    assert inside.any() and (kept @ LUMINANCE)[inside] == pytest.approx((pixels @ LUMINANCE)[inside], abs=1)
    assert (kept - kept[..., :1])[inside] == pytest.approx((photo - photo[..., :1].astype(float))[inside], abs=1.01)


def test_finished_pictures_are_files_of_their_own(small_model, panda, tmp_path):
    result = minicnn.texture(small_model, panda, steps=2, size=40)
    result.save_image(tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), result.values["image"])
    result.save_image(tmp_path / "a.jpg")
    assert Image.open(tmp_path / "a.jpg").size == (40, 27)
    for path in ("a.gif", "a.png"):
        with pytest.raises(OutputError, match="expected a name|exists"):
            result.save_image(tmp_path / path)
    with pytest.raises(OutputError, match="holds no finished picture"):
        minicnn.saliency(small_model, panda).save_image(tmp_path / "b.png")


def test_mosaics(generator):
    pictures = generator.integers(0, 255, (5, 4, 6, 3), dtype=np.uint8)
    sheet = mosaic(pictures)
    assert sheet.shape == (4 * 2 + 2, 6 * 3 + 4, 3)
    assert np.array_equal(sheet[6:10, 8:14], pictures[4]) and (sheet[6:, 16:] == 255).all()
    assert np.array_equal(mosaic(pictures[:1]), pictures[0])
