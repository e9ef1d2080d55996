"""Every method on networks of one's own, read from a description and a file with random weights."""

import numpy as np
import pytest
from own_networks import TEXTS

import minicnn
from minicnn.errors import MinicnnError
from minicnn.models.descriptions import read_description
from minicnn.report import write_report
from minicnn.visualizers import REGISTRY

QUICK = {
    "smoothgrad": {"samples": 3},
    "occlusion": {"patch": 12},
    "integrated-gradients": {"steps": 3},
    "score-cam": {"channels": 5},
    "receptive-field": {"unit": (3, 4)},
    "class-model": {"steps": 3},
    "filter-model": {"steps": 3, "channels": 2},
    "max-activating": {"steps": 2, "channels": 2, "top": 2},
    "invert": {"steps": 3},
    "deep-dream": {"steps": 3},
    "texture": {"steps": 3},
    "style-transfer": {"steps": 3},
    "compare": {"methods": ("saliency", "occlusion"), "steps": 2},
    "sanity": {"methods": ("saliency", "grad-cam"), "steps": 2},
}


def saved(name, folder):
    """Write a description, and a file with random weights for it; returns both paths."""
    description = read_description(TEXTS[name], name)
    generator = np.random.default_rng(5)
    network = minicnn.he_initialized(description.network, seed=5)
    network = network.with_parameters(  # as training leaves them: no bias is 0, no statistic that of the start
        {
            layer: {key: (array + 0.1 * generator.random(array.shape)).astype(np.float32) for key, array in arrays.items()}
            for layer, arrays in network.arrays.items()
        }
    )
    height, width, _ = description.input_shape
    model = minicnn.Model(network, description.name, description.preprocessing, description.classes, (height, width))
    text, weights = folder / f"{name}.toml", folder / f"{name}.h5"
    text.write_text(TEXTS[name])
    minicnn.save(model, weights)
    return text, weights


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    paths = {name: saved(name, tmp_path_factory.mktemp(name)) for name in TEXTS}
    return {name: minicnn.load(text, weights, fold=False) for name, (text, weights) in paths.items()}


@pytest.mark.filterwarnings("ignore")  # random weights answer with too much confidence
@pytest.mark.parametrize("network", TEXTS)
@pytest.mark.parametrize("method", REGISTRY)
def test_every_method(method, network, models, panda, tmp_path):
    entry, model = REGISTRY[method], models[network]
    if entry.missing_extra:
        pytest.skip(entry.missing_extra)
    photos = [panda] * sum(name in entry.parameters for name in ("image", "photos", "style"))
    if method == "lrp" and network == "normalized":
        with pytest.raises(MinicnnError, match="folded"):
            entry.function(model, *photos)
        return
    result = entry.function(model, *photos, **QUICK.get(method, {}))
    assert any(array.any() for array in result.arrays.values())
    assert all(np.isfinite(array).all() for array in result.arrays.values())
    result.save(tmp_path / "picture.png")
    assert result.photo is None or result.photo.shape[2] == 3
    again = minicnn.replay(tmp_path / "picture.png")
    assert again.warnings == result.warnings  # nothing about other bits
    assert all(np.array_equal(a, b) for a, b in zip(again.arrays.values(), result.arrays.values()))


#: What a network of dense layers alone has to show.
WITHOUT_IMAGES = {
    "intuition",
    "saliency",
    "smoothgrad",
    "gradient-x-input",
    "integrated-gradients",
    "guided-backprop",
    "deconvnet",
    "lrp",
    "occlusion",
    "segment",
    "compare",
    "class-model",
    "invert",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", REGISTRY)
def test_a_network_without_images_inside(method, panda):
    text = 'input = [20, 24, 3]\npreprocessing = "torch"\n'
    text += 'layers = [{flatten = "flat"}, {dense = "a", units = 9}, {relu = "b"}, {dense = "c", units = 3}]'
    description = read_description(text, "dense")
    model = minicnn.Model(minicnn.he_initialized(description.network, seed=1), "dense", description.preprocessing, None, (20, 24))
    entry = REGISTRY[method]
    if entry.missing_extra:
        pytest.skip(entry.missing_extra)
    photos = [panda] * sum(name in entry.parameters for name in ("image", "photos", "style"))
    if method in WITHOUT_IMAGES:
        assert entry.function(model, *photos, **QUICK.get(method, {})).picture().dtype == np.uint8
        return
    with pytest.raises(MinicnnError, match="no convolution; its layers are flat, a, b, c|no layer .* image"):
        entry.function(model, *photos, **QUICK.get(method, {}))


def test_a_report_leaves_out_what_does_not_work_on_a_network(tmp_path, panda):
    """Grad-CAM++ needs outputs above 0, which a network without ReLU does not have; the page says so, and has the rest."""
    text = """
        input = [24, 30, 3]
        preprocessing = "torch"
        layers = [{convolution = "conv", filters = 6, size = 3}, {global_average_pool = "gap"}, {dense = "fc", units = 3}]
    """
    description = read_description(text, "text")
    network = minicnn.he_initialized(description.network, seed=1)
    model = minicnn.Model(network, "linear", description.preprocessing, ["a", "b", "c"], (24, 30))
    slow = [name for name, entry in REGISTRY.items() if entry.question == "What does the network dream of?"]
    report = write_report(model, panda, tmp_path / "page", quick=True, skip=[*slow, "invert"])
    text = report.page.read_text()
    assert "Left out: grad-cam++ on this network and photo: " in text
    assert not (tmp_path / "page" / "grad-cam++.png").exists() and (tmp_path / "page" / "saliency.png").exists()
    assert "saliency" in [time.part for time in report.times]
    with pytest.raises(MinicnnError):
        write_report(model, panda, tmp_path / "other", quick=True, only=["saliency", "grad-cam++"])
    assert not (tmp_path / "other").exists()


def test_a_report_of_a_network_without_top(tmp_path, panda):
    """Layers, filters and what they look for can be shown without classes; the page says what cannot."""
    text = """
        input = [24, 30, 3]
        preprocessing = "torch"
        layers = [{convolution = "conv", filters = 6, size = 3}, {relu = "relu"}, {max_pool = "pool", size = 2}]
    """
    description = read_description(text, "text")
    model = minicnn.Model(minicnn.he_initialized(description.network, seed=1), "trunk", description.preprocessing, None, (24, 30))
    report = write_report(model, panda, tmp_path / "page", quick=True, skip=["deep-dream", "texture", "invert", "filter-model"])
    names = {path.name for path in (tmp_path / "page").iterdir()}
    assert {"index.html", "photo.png", "layers.png", "filters.png", "channels.png"} <= names
    assert not {"prediction.png", "saliency.png", "grad-cam.png"} & names
    text = report.page.read_text()
    assert "This network names no classes: it ends with pool." in text and "saliency, smoothgrad, " in text.partition("Left out: ")[2]
    with pytest.raises(MinicnnError, match="holds no classes"):
        write_report(model, panda, tmp_path / "other", target=3)
    assert not (tmp_path / "other").exists()
