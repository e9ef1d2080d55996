"""A picture says how to make its numbers again."""

import base64
import io
import json
import os

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import minicnn
from minicnn.errors import ImageError, MinicnnError, WeightFileError
from minicnn.pictures.results import INPUT_TEXT, SOURCE_TEXT
from minicnn.visualizers import REGISTRY

QUICK = {
    "smoothgrad": {"samples": 2, "seed": 5},
    "occlusion": {"patch": 20, "fill": "noise", "seed": 2},
    "integrated-gradients": {"steps": 10, "baseline": "noise", "seed": 2},
    "window": {"layer": "conv2_1", "unit": (3, 4, 5)},
    "receptive-field": {"layer": "conv2_1", "unit": (3, 4)},
    "intuition": {"filter": "sobel", "step": (1, 2)},
    "class-model": {"steps": 3, "seed": 4},
    "filters": {"first": 7},
    "filter-model": {"steps": 2, "channels": 2, "side": 64, "seed": 3},
    "max-activating": {"steps": 2, "layer": "conv3_1", "channel": (3, 40), "top": 2, "seed": 3},
    "invert": {"steps": 2, "layer": "relu2_1", "seed": 3},
    "deep-dream": {"steps": 3, "layers": "relu2_1=0.5,relu1_1", "guide": minicnn.shipped_photo("moose"), "octaves": 2, "seed": 3},
    "texture": {"steps": 3, "layers": {"relu2_1": 2.0}, "seed": 3},
    "style-transfer": {"steps": 3, "style": minicnn.shipped_photo("moose"), "start": "noise", "preserve_color": True, "seed": 3},
    "compare": {"methods": ("smoothgrad", "grad-cam"), "steps": 2, "seed": 3},
    "sanity": {"methods": ("saliency", "grad-cam"), "steps": 2, "randomize": "permutation", "seed": 6},
    "segment": {"method": "grad-cam", "foreground": 0.9, "seed": 1},
    "grad-cam": {"also": ("tabby", 282)},
    "score-cam": {"channels": 4, "also": ["zebra"]},
}


@pytest.mark.parametrize("name", [name for name, visualizer in REGISTRY.items() if not visualizer.missing_extra])
def test_every_method_again(name, model, panda, tmp_path):
    visualizer = REGISTRY[name]
    photo = {visualizer.photo_name: panda, "size": (40, 56)} if visualizer.takes_photo else {}
    result = visualizer.function(model, **photo, **QUICK.get(name, {}))
    result.save(tmp_path / "picture.png")
    again = minicnn.replay(tmp_path / "picture.png")
    assert again.warnings == result.warnings
    assert list(again.arrays) == list(result.arrays)
    assert all(np.array_equal(a, b) for a, b in zip(again.arrays.values(), result.arrays.values()))
    assert again.title == result.title


def test_without_a_photo_and_with_another_algorithm(model, tmp_path):
    with minicnn.use_algorithm("winograd"):
        result = minicnn.class_model(model, target="zebra", steps=2, size=48)
    result.save(tmp_path / "picture.png")
    told = []
    again = minicnn.replay(tmp_path / "picture.png", progress=lambda *numbers: told.append(numbers))
    assert np.array_equal(again.values["input"], result.values["input"])
    assert told and told[-1][0] == told[-1][1]


def test_an_input_that_is_no_photo(model, panda, tmp_path):
    """Pixels do not say what was fed in; the array itself must be in the file."""
    x = model.prepare(panda, 40) + np.float32(0.25)
    result = minicnn.saliency(model, x, prepared=True)
    result.save(tmp_path / "picture.png")
    assert np.array_equal(minicnn.replay(tmp_path / "picture.png").values, result.values)


def test_a_folder_is_read_again(model, panda, tmp_path):
    """Its picture says which files they were, and replay says which are gone or changed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(panda.read_bytes())
    result = minicnn.compare(model, folder, methods=["saliency"], steps=2, size=40)
    result.save(tmp_path / "picture.png")
    again = minicnn.replay(tmp_path / "picture.png")
    assert np.array_equal(again.values["scores"], result.values["scores"]) and not again.warnings
    (folder / "a.jpg").unlink()
    (folder / "b.jpg").write_bytes(minicnn.shipped_photo("moose").read_bytes())
    with pytest.raises(ImageError, match=r"missing: .*a\.jpg; changed since then: .*b\.jpg"):
        minicnn.replay(tmp_path / "picture.png")
    arrays = [np.asarray(Image.open(panda))]
    minicnn.compare(model, arrays, methods=["saliency"], steps=2, size=40).save(tmp_path / "arrays.png")
    with pytest.raises(MinicnnError, match="in Python only"):
        minicnn.replay(tmp_path / "arrays.png")


def test_files_of_options_are_found_again(model, tmp_path, monkeypatch):
    """From another folder, too, and not if they have changed."""
    monkeypatch.chdir(tmp_path)
    np.save("mix.npy", np.arange(64))
    result = minicnn.filter_model(model, layer="conv1_2", direction="mix.npy", steps=2, side=32)
    result.save(tmp_path / "picture.png")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert np.array_equal(minicnn.replay(tmp_path / "picture.png").values["input"], result.values["input"])
    np.save(tmp_path / "mix.npy", np.ones(64))
    with pytest.raises(ImageError, match=r"changed since then: .*mix\.npy"):
        minicnn.replay(tmp_path / "picture.png")


@pytest.fixture(scope="module")
def texts(model, panda):
    picture = Image.open(io.BytesIO(minicnn.saliency(model, panda, size=40)._repr_png_()))
    return dict(picture.text)


def write(path, texts):
    information = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        information.add_itxt(key, text)
    Image.new("RGB", (4, 4)).save(path, pnginfo=information)
    return path


def changed(texts, **changes):
    return {**texts, SOURCE_TEXT: json.dumps({**json.loads(texts[SOURCE_TEXT]), **changes})}


def test_other_values_are_reported(texts, tmp_path):
    with pytest.warns(UserWarning, match="not bit for bit those of the picture"):
        result = minicnn.replay(write(tmp_path / "a.png", changed(texts, values_sha256="0")))
    assert "not bit for bit" in result.warnings[0]


def test_bad_pictures(texts, tmp_path, panda):
    empty = io.BytesIO()
    np.savez(empty, other=np.zeros(2))
    cases = {
        "no text": {},
        "no json": {**texts, SOURCE_TEXT: "{"},
        "a list": {**texts, SOURCE_TEXT: "[1]"},
        "unknown method": changed(texts, method="magic"),
        "no settings": changed(texts, settings=None),
        "unknown setting": changed(texts, settings={"magic": 1}),
        "no base64": {**texts, INPUT_TEXT: "!"},
        "no npz": {**texts, INPUT_TEXT: base64.b64encode(b"PK nothing").decode()},
        "another array": {**texts, INPUT_TEXT: base64.b64encode(empty.getvalue()).decode()},
        "a model in a list": changed(texts, model=["a"]),
        "settings with a model": changed(texts, settings={"model": 1}),
        "nested": {**texts, SOURCE_TEXT: "[" * 100_000},
        "no input": {key: text for key, text in texts.items() if key != INPUT_TEXT},
    }
    for name, case in cases.items():
        with pytest.raises(ImageError, match="expected|another version"):
            minicnn.replay(write(tmp_path / f"{name}.png", case))
    for path in (tmp_path / "missing.png", tmp_path, panda):
        with pytest.raises(ImageError, match="expected a PNG file"):
            minicnn.replay(path)


def test_what_is_no_png_is_not_replayed(tmp_path, panda, monkeypatch):
    """Whatever its name says. An EPS file is a program; a pipe would be waited for without end."""
    monkeypatch.setattr("subprocess.check_call", lambda *arguments, **options: pytest.fail(f"{arguments} was started"))
    Image.new("RGB", (4, 4)).save(tmp_path / "eps.png", format="EPS")
    (tmp_path / "jpeg.png").write_bytes(panda.read_bytes())
    for name in ("eps.png", "jpeg.png"):
        with pytest.raises(ImageError, match=f"{name} is no PNG file, whatever its name says; expected a PNG file that minicnn saved"):
            minicnn.replay(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="is no ordinary file; expected a PNG file that minicnn saved"):
        minicnn.replay(tmp_path / "pipe.png")


def test_a_stopped_class_model(model, tmp_path):
    """It is made again up to where it stopped."""

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="stopped after 2 of 5 steps"):
        result = minicnn.class_model(model, target="zebra", steps=5, size=48, progress=interrupt)
    result.save(tmp_path / "picture.png")
    with pytest.warns(UserWarning, match="stopped after 2 of 5 steps"):
        again = minicnn.replay(tmp_path / "picture.png")
    assert np.array_equal(again.values["input"], result.values["input"]) and again.warnings == result.warnings


def test_class_models_input_may_be_tampered_with(model, tmp_path):
    picture = Image.open(io.BytesIO(minicnn.class_model(model, target="zebra", steps=1, size=48)._repr_png_()))
    for wrong in (3, None, {"height": "a", "width": 3}):
        with pytest.raises(MinicnnError):
            minicnn.replay(write(tmp_path / "a.png", changed(dict(picture.text), input=wrong)))


def test_other_weights_are_refused(texts, small_model, tmp_path, panda):
    with pytest.raises(WeightFileError, match="was made with weights of SHA-256 123"):
        minicnn.replay(write(tmp_path / "a.png", changed(texts, weights_sha256="123")))
    minicnn.saliency(small_model, panda).save(tmp_path / "small.png")
    with pytest.raises(MinicnnError, match="in Python only"):
        minicnn.replay(tmp_path / "small.png")
