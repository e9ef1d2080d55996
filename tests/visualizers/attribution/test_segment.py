"""Cutting out: seeds from a map, GrabCut on what has clear colors, and what happens without OpenCV."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn.errors import MinicnnError
from minicnn.layers import Conv2D, Dense, Flatten, ReLU
from minicnn.pictures.photos import PREPROCESSING
from minicnn.report import write_report
from minicnn.visualizers.attribution.segment import (
    BACKGROUND,
    FOREGROUND,
    UNDECIDED,
    _grab_cut,
    choose_seeds,
)


def test_without_opencv(monkeypatch, small_model, panda, tmp_path):
    """The method says what to install, and the report does without it and says so."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MinicnnError, match=r"segment needs the module cv2, .* pip install 'minicnn-numpy\[segment\]'"):
        minicnn.segment(small_model, panda)
    report = write_report(small_model, panda, tmp_path, only=["saliency", "segment"])
    assert [time.part for time in report.times] == ["prediction", "saliency"]
    assert "Left out: segment needs the module cv2" in report.page.read_text()
    with pytest.raises(MinicnnError, match="no method is left"):
        write_report(small_model, panda, tmp_path / "none", only=["segment"])


def test_seeds_are_quantiles():
    seeds = choose_seeds(np.arange(200.0).reshape(10, 20), 0.95, 0.3)
    assert [(seeds == kind).sum() for kind in (BACKGROUND, UNDECIDED, FOREGROUND)] == [60, 130, 10]
    assert (seeds[:3] == BACKGROUND).all() and (seeds[-1, 10:] == FOREGROUND).all()
    assert (choose_seeds(np.zeros((4, 5)), 0.95, 0.3) == BACKGROUND).all()


@pytest.fixture
def opencv():
    return pytest.importorskip("cv2")


@pytest.fixture
def noisy_square(generator):
    """A red square on green, both noisy; where it is; and a map that is high in its middle only."""
    square = np.zeros((40, 64), bool)
    square[10:30, 20:44] = True
    pixels = np.where(square[..., None], (200, 40, 40), (40, 160, 60)) + generator.integers(-15, 15, (40, 64, 3))
    rows, columns = np.mgrid[:40, :64]
    return pixels.astype(np.uint8), square, np.exp(-((rows - 19.5) ** 2 + (columns - 31.5) ** 2) / 200)


def test_colors_decide_what_the_map_leaves_open(opencv, noisy_square):
    pixels, square, smooth = noisy_square
    seeds = choose_seeds(smooth, 0.95, 0.3)
    mask = _grab_cut(pixels, smooth, seeds, 5, seed=0)
    assert np.array_equal(mask, square)
    assert not np.array_equal(seeds == FOREGROUND, square)
    assert np.array_equal(mask, _grab_cut(pixels, smooth, seeds, 5, seed=0))


def test_nothing_stands_out(opencv, noisy_square):
    pixels, _, smooth = noisy_square
    flat = np.zeros_like(smooth)
    assert not _grab_cut(pixels, flat, choose_seeds(flat, 0.95, 0.3), 5, seed=0).any()


#: On the shipped photos, in pixels of 200 x 300: what the animal surely covers, and what it surely does not.
INSIDE = {"panda": np.s_[60:150, 85:220], "moose": np.s_[90:140, 145:190]}
OUTSIDE = {"panda": np.s_[:, 260:], "moose": np.s_[:100, :80]}


@pytest.mark.parametrize("name", INSIDE)
def test_the_mask_covers_the_animal(opencv, model, name):
    result = minicnn.segment(model, minicnn.shipped_photo(name), method="saliency")
    mask, cut_out, outline = (result.values[name] for name in ("mask", "cut-out", "outline"))
    assert mask.shape == (200, 300) and mask[INSIDE[name]].mean() > 0.9 and mask[OUTSIDE[name]].mean() < 0.02
    assert np.array_equal(cut_out[..., 3], np.where(mask, 255, 0)) and np.array_equal(cut_out[..., :3], result.photo)
    drawn = (outline != result.photo).any(axis=2)
    assert drawn.any() and not drawn[1:-1, 1:-1][_all_alike(mask)].any()
    assert f"{mask.mean():.0%}" in result.text


def _all_alike(mask):
    """Where a pixel and its eight neighbors are all in the mask, or all outside."""
    windows = np.lib.stride_tricks.sliding_window_view(mask, (3, 3))
    return windows.all(axis=(2, 3)) | ~windows.any(axis=(2, 3))


def test_a_map_of_zeros_gives_an_empty_mask(opencv, small_model, x):
    dead = small_model.network.with_parameters({"conv2": {"bias": np.full(12, -1e9)}})
    with pytest.warns(UserWarning, match="the mask is empty|all values of saliency"):
        result = minicnn.segment(dead, x, 1, method="saliency", prepared=True)
    assert not result.values["mask"].any() and not result.values["cut-out"][..., 3].any()
    assert any("the mask is empty" in text for text in result.warnings)


@pytest.mark.parametrize("options", [{"foreground": 0.2}, {"foreground": 1.1}, {"background": -0.1}, {"blur": -1.0}, {"method": "filters"}])
def test_options(opencv, small_model, x, options):
    with pytest.raises(MinicnnError, match="; expected "):
        minicnn.segment(small_model.network, x, prepared=True, **options)


def test_colors_are_needed(opencv, generator):
    network = minicnn.Network(
        {"conv": minicnn.layers.Conv2D(generator.standard_normal((3, 3, 1, 2)), np.zeros(2)), "gap": minicnn.layers.GlobalAveragePool2D()}
    )
    with pytest.raises(MinicnnError, match="has 1 channels; expected 3"):
        minicnn.segment(network, generator.standard_normal((1, 12, 15, 1)), 0, prepared=True)


def test_the_report_of_a_network_that_takes_one_size(opencv, tmp_path):
    """A photo that is not square is cropped to it; the methods that need no classes still get all of the photo."""
    layers = {"conv": Conv2D(np.zeros((3, 3, 3, 4), np.float32), np.zeros(4, np.float32), padding=1), "relu": ReLU(), "flatten": Flatten()}
    network = minicnn.he_initialized(
        minicnn.Network({**layers, "fc": Dense(np.zeros((32 * 32 * 4, 3), np.float32), np.zeros(3, np.float32))}), seed=1
    )
    model = minicnn.Model(network, "fixed", PREPROCESSING["torch"], ["ant", "bee", "crane"], input_size=32)
    write_report(model, minicnn.shipped_photo("moose"), tmp_path, only=["segment", "deep-dream"], quick=True)
    with Image.open(tmp_path / "segment.png") as picture:
        assert json.loads(picture.text["minicnn"])["input"] == {"height": 32, "width": 32}
    with Image.open(tmp_path / "deep-dream.png") as picture:
        made = json.loads(picture.text["minicnn"])["input"]
    assert max(made.values()) == 32 and min(made.values()) < 32
