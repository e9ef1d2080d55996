"""What holds for every visualizer, read off the registry."""

import inspect
import io
import json

import numpy as np
import pytest
from docstring_parser import parse
from PIL import Image

import minicnn
from minicnn.errors import MinicnnError, OutputError
from minicnn.visualizers import REGISTRY

QUICK = {
    "smoothgrad": {"samples": 3},
    "occlusion": {"patch": 20},
    "integrated-gradients": {"steps": 3},
    "score-cam": {"channels": 5},
    "window": {"layer": "conv2"},
    "receptive-field": {"layer": "conv2"},
    "class-model": {"steps": 3},
    "filter-model": {"steps": 3, "channels": 2, "side": 24},
    "max-activating": {"steps": 2, "channels": 2, "top": 2},
    "invert": {"steps": 3},
    "deep-dream": {"steps": 3},
    "texture": {"steps": 3},
    "style-transfer": {"steps": 3},
    "compare": {"methods": ("saliency", "occlusion"), "steps": 2},
    "sanity": {"methods": ("saliency", "grad-cam"), "steps": 2},
}

#: What a network that ends in zeros still shows without a warning: filters, early layers, and what does not pass a dead ReLU.
NOT_DARK = ("intuition", "filters", "window", "layers", "deconvnet", "filter-model", "max-activating", "texture", "style-transfer")
SIZE = (30, 46)


@pytest.fixture(params=REGISTRY)
def visualizer(request):
    if REGISTRY[request.param].missing_extra:
        pytest.skip(REGISTRY[request.param].missing_extra)
    return REGISTRY[request.param]


@pytest.fixture
def run(visualizer, small_model, panda):
    def run(model=small_model, image=panda, **options):
        options = {**QUICK.get(visualizer.name, {}), **options}
        if not visualizer.takes_photo:
            return visualizer.function(model, **options)
        if image is panda:
            options.setdefault("size", SIZE)
        if "style" in visualizer.parameters:
            options.setdefault("style", image)
        return visualizer.function(model, image, **options)

    return run


@pytest.fixture
def needs_photo(visualizer):
    if not visualizer.takes_photo:
        pytest.skip("looks at no photo")


def arrays(result):
    return list(result.arrays.values())


def test_finite_and_deterministic(run):
    first, again = run(), run()
    assert any(array.any() for array in arrays(first))
    for a, b in zip(arrays(first), arrays(again)):
        assert np.isfinite(a).all()
        assert np.array_equal(a, b)


@pytest.mark.usefixtures("needs_photo")
def test_photos_one_by_one_give_the_same(run, visualizer, small_model, panda):
    """Bit for bit; methods that look at several photos together make one result of them."""
    photos = [panda, minicnn.shipped_photo("moose")]
    style = {"style": panda} if "style" in visualizer.parameters else {}
    found = run(image=photos, size=SIZE, **style)
    if visualizer.takes_photos:
        assert len(found) == 1 and [file["path"] for file in found.source["photos"]] == list(map(str, photos))
        return
    assert len(found) == 2 and set(found.arrays) >= set(arrays_alike(found))
    for entry, photo in zip(found, photos):
        alone = run(image=photo, size=SIZE, **style)
        assert list(entry.arrays) == list(alone.arrays) and entry.source == alone.source and entry.text == alone.text
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(arrays(entry), arrays(alone)))
    for name in arrays_alike(found):
        assert np.array_equal(found.arrays[name], np.stack([entry.arrays[name] for entry in found]))


def arrays_alike(found):
    """Name the arrays that all results have, with one shape."""
    shapes = [{name: array.shape for name, array in entry.arrays.items()} for entry in found]
    return [name for name, shape in shapes[0].items() if all(each.get(name) == shape for each in shapes)]


def test_seeds_make_a_difference(visualizer, run):
    if "seed" in visualizer.settings:
        noisy = {option: "noise" for option in ("fill", "start", "baseline") if option in visualizer.settings}
        one, other = arrays(run(seed=0, **noisy)), arrays(run(seed=1, **noisy))
        assert not all(np.array_equal(a, b) for a, b in zip(one, other))


def test_network_and_image_stay_as_they_were(run, small_model, panda):
    x = small_model.prepare(panda, SIZE)
    before = x.copy()
    parameters = [array.copy() for layer in small_model.network.parameters.values() for array in layer.values()]
    x.flags.writeable = False
    run(image=x, prepared=True)
    assert np.array_equal(x, before)
    after = [array for layer in small_model.network.parameters.values() for array in layer.values()]
    assert all(np.array_equal(a, b) for a, b in zip(after, parameters))


@pytest.mark.usefixtures("needs_photo")
def test_photo_and_prepared_array_give_the_same(run, visualizer, small_model, panda):
    pixels = np.asarray(Image.open(panda))
    results = [run(), run(image=Image.open(panda), size=SIZE), run(image=pixels, size=SIZE)]
    prepared = {"image": small_model.prepare(panda, SIZE, whole=visualizer.whole is not None)}
    if "style" in visualizer.parameters:
        prepared["style"] = small_model.prepare(panda, max(SIZE), whole=True)
    results.append(run(**prepared, prepared=True))
    for result in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(arrays(result), arrays(results[0])))


def test_a_bare_network_takes_prepared_arrays(run, visualizer, small_model, generator):
    x = generator.standard_normal((1, 30, 46, 3))
    network = small_model.network.astype(np.float64)
    result = run(model=network, image=x, prepared=True) if visualizer.takes_photo else run(model=network)
    assert all(array.dtype == np.float64 for array in arrays(result) if array.dtype.kind == "f")
    assert result.photo is None
    assert result.picture().dtype == np.uint8


def test_without_a_photo(visualizer, small_model):
    if visualizer.needs_photo:
        with pytest.raises(MinicnnError, match="got no photo"):
            visualizer.function(small_model, None, *([None] if "style" in visualizer.parameters else []))


def test_results_save_as_their_method_says(visualizer, run, tmp_path):
    result = run()
    for suffix in visualizer.saves:
        if suffix != ".mp4":
            result.save(tmp_path / f"a{suffix}")
    assert set(visualizer.saves) >= {".png", ".npz"}
    with np.load(tmp_path / "a.npz") as file:
        assert json.loads(str(file["source"]))["method"] == visualizer.name


@pytest.mark.usefixtures("needs_photo")
def test_a_bare_network_takes_no_photo(run, small_model, panda):
    with pytest.raises(MinicnnError, match="bare network knows no preprocessing"):
        run(model=small_model.network)


def test_targets_by_name_and_index(visualizer, run, small_model, panda):
    if "target" in visualizer.parameters:
        by_name, by_index = run(target="Red Fox"), run(target=2)
        assert all(np.array_equal(a, b) for a, b in zip(arrays(by_name), arrays(by_index)))
        assert by_name.source["settings"]["target"] == 2
        assert "red fox" in by_name.title + by_name.text
        likeliest = small_model.class_index(small_model.predict(panda, size=SIZE)[0][0])
        assert run().source["settings"]["target"] == likeliest
        with pytest.raises(MinicnnError, match="red fox"):
            run(target="fox")
        x = small_model.prepare(panda, SIZE)
        assert run(model=small_model.network, image=x, prepared=True, target=np.int64(2)).source["settings"]["target"] == 2


@pytest.mark.filterwarnings("ignore:the score", "ignore:the probability")
def test_a_guess_that_is_not_sure_says_so(visualizer, small_model, run):
    """Of a class that the network chose itself, not of one that was asked for."""
    if "target" in visualizer.parameters and visualizer.photo_name == "image":
        weight = small_model.network.parameters["fc"]["weight"]
        network = small_model.network.with_parameters({"fc": {"weight": weight * np.float32(1e-3)}})
        unsure = minicnn.Model(network, preprocessing=small_model.preprocessing, classes=small_model.classes)
        assert "Not sure: even the likeliest class" in run(model=unsure).text
        assert "Not sure" not in run(model=unsure, target=2).text


def test_progress_ends_complete(visualizer, run):
    if "progress" in visualizer.parameters:
        calls = []
        run(progress=lambda done, total: calls.append((done, total)))
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)
        assert calls[-1][0] == calls[-1][1]
        assert len({total for _, total in calls}) == 1


def test_every_parameter_is_documented(visualizer):
    docstring = parse(visualizer.function.__doc__)
    documented = {parameter.arg_name for parameter in docstring.params}
    assert documented == set(inspect.signature(visualizer.function).parameters)
    assert docstring.short_description and len(docstring.long_description.split(". ")) >= 2
    assert docstring.returns and visualizer.paper and "Cost:" in docstring.long_description
    assert not any(parameter.required for parameter in visualizer.settings.values())


def test_the_signature_shows_what_may_be_passed(visualizer):
    parameters = inspect.signature(visualizer.function).parameters
    assert next(iter(parameters)) == "model"
    assert ({"size", "prepared"} <= set(parameters)) == visualizer.takes_photo


def test_results_say_what_made_them(run, visualizer):
    source = run().source
    assert source["method"] == visualizer.name
    assert set(source["settings"]) == set(visualizer.parameters) - {"model", "progress", *visualizer.photo_parameters}
    assert not visualizer.takes_photo or source["input"] == {"height": 30, "width": 46}
    assert source["algorithm"] == "auto" and set(source["versions"]) == {"minicnn", "numpy", "numba"}
    json.dumps(source, default=lambda number: number.item())


def test_results_show_and_save_themselves(run, visualizer, tmp_path):
    result = run()
    assert result.photo.shape == (*SIZE, 3) if visualizer.takes_photo else result.photo is None
    picture = Image.open(io.BytesIO(result._repr_png_()))
    assert json.loads(picture.text["minicnn"]) == json.loads(json.dumps(result.source, default=lambda number: number.item()))
    result.save(tmp_path / "picture.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "picture.png")), result.picture())
    several = len(result.arrays) > 1 or "values" not in result.arrays
    raw = tmp_path / ("raw.npz" if several else "raw.npy")
    result.save(raw)
    for option, value in {"seed": np.int64(3), "patch": np.int64(8), "noise": np.float32(0.1)}.items():
        if option in visualizer.settings:
            json.loads(Image.open(io.BytesIO(run(**{option: value})._repr_png_())).text["minicnn"])
    if not several:
        assert np.array_equal(np.load(raw), result.values)
        raw = tmp_path / "raw.npz"
        result.save(raw)
    loaded = np.load(raw)
    assert all(np.array_equal(loaded[name], array) for name, array in result.arrays.items())
    for path in ("picture.png", "picture.jpg", "several.npy" if several else "raw.npy", "picture", *(() if result.frames else ("a.gif",))):
        with pytest.raises(OutputError):
            result.save(tmp_path / path)


def test_a_dead_network_gives_a_warning_and_no_nan(visualizer, small_model, panda):
    dead = small_model.network.with_parameters({"conv2": {"bias": np.full(12, -1e9, np.float32)}})
    model = minicnn.Model(dead, "dead", small_model.preprocessing, small_model.classes)
    options = {**QUICK.get(visualizer.name, {}), "size": SIZE}
    if visualizer.name in NOT_DARK:
        options = options if visualizer.takes_photo else {}
        photos = [panda for name in ("image", "photos", "style") if name in visualizer.parameters]
        assert not visualizer.function(model, *photos, **options).warnings
        return
    if visualizer.name in ("channels", "receptive-field"):
        options["layer"] = "relu2"
    with pytest.warns(UserWarning, match="all values of .* are zero: .*|hardly changes|the mask is empty|nothing was raised"):
        result = visualizer.function(model, panda, **options)
    assert result.warnings and np.isfinite(arrays(result)[0]).all()
    assert result.picture().dtype == np.uint8


@pytest.mark.usefixtures("needs_photo")
def test_nan_is_an_error(run, small_model):
    with pytest.raises(MinicnnError, match="NaN"):
        run(image=np.full((1, 30, 46, 3), np.nan, np.float32), prepared=True)
    with pytest.raises(MinicnnError, match="NaN"):
        run(model=small_model.network, image=np.full((1, 30, 46, 3), np.nan, np.float32), prepared=True)
