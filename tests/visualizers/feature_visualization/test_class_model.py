"""Class models: they climb, stop, go on, and refuse what makes no sense."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers import Conv2D, Dense, Flatten, GlobalAveragePool2D, ReLU


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
    assert half.source["settings"]["until"] == 4 and whole.source["settings"]["until"] is None
    with pytest.warns(UserWarning, match="stopped after 4 of 9 steps"):
        assert np.array_equal(minicnn.class_model(small_model, until=4, **options).values["input"], half.values["input"])
    for other in ({"target": "ant"}, {"steps": 8}, {"seed": 1}, {"size": (60, 71)}, {"l2": 0.5}):
        with pytest.raises(MinicnnError, match="it was made with .* use the same settings"):
            minicnn.class_model(small_model, resume=tmp_path / "half.npz", **{**options, **other})
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
    result = minicnn.class_model(small_model, panda, "bee", steps=1, step_size=0.0, noise=0.0, preset="simonyan", l2=0.0)
    assert np.array_equal(result.values["image"], small_model.deprocess(small_model.prepare(panda))[0])


@pytest.mark.parametrize(
    "options",
    [
        {"l2": 1.5},
        {"steps": 0},
        {"jitter": -1},
        {"blur": -1.0},
        {"colors": "gray"},
        {"target": None},
        {"clip_norm": 2.0},
        {"blur": 1e300},
        {"jitter": 10**20},
        {"total_variation": 1e30},
    ],
)
def test_class_models_options(small_model, options):
    with pytest.raises(MinicnnError, match="expected|needs a class"):
        minicnn.class_model(small_model, **{"target": 1, **options})


def test_class_model_resumes_from_nothing_else(small_model, tmp_path, panda):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "single.npy", np.zeros(3))
    for path in (panda, tmp_path, tmp_path / "missing.npz", tmp_path / "other.npz", tmp_path / "single.npy"):
        with pytest.raises(MinicnnError, match="expected the .npz file"):
            minicnn.class_model(small_model, target=1, resume=path)


def test_a_network_for_one_size_of_image(generator):
    """A dense layer on top fixes the size, so there is only one scale."""
    layers = {
        "conv": Conv2D(generator.standard_normal((3, 3, 3, 4)), np.zeros(4), padding=1),
        "relu": ReLU(),
        "flatten": Flatten(),
        "fc": Dense(generator.standard_normal((90 * 90 * 4, 3)), np.zeros(3)),
    }
    result = minicnn.class_model(minicnn.Network(layers), target=1, steps=3, size=90)
    assert result.source["settings"]["scales"] == 1 and result.values["input"].shape == (90, 90, 3)
    with pytest.raises(ShapeError, match=r"fc: .*\(10404,\)"):
        minicnn.class_model(minicnn.Network(layers), target=1, steps=3, size=90, scales=2)


def test_inputs_that_are_no_colors(generator):
    layers = {"conv": Conv2D(generator.standard_normal((3, 3, 2, 4)), np.zeros(4)), "gap": GlobalAveragePool2D()}
    result = minicnn.class_model(minicnn.Network(layers), target=1, steps=2, size=50)
    assert [panel.caption for panel in result.panels()[:2]] == ["input, channel 0", "input, channel 1"]
    assert result.picture().dtype == np.uint8
