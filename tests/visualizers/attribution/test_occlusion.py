"""Occlusion against hiding parts by hand."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError
from minicnn.pictures.render import stretch
from minicnn.visualizers.attribution.fills import filled


@pytest.mark.parametrize("fill", ["gray", "mean"])
@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("full", [False, True])
def test_occlusion_one_by_one(small_model, x, fill, output, full):
    color = x.mean(axis=(0, 1, 2)) if fill == "mean" else 0
    options = {"patch": 12, "stride": 7, "fill": fill, "output": output, "batch_size": 4, "full": full, "prepared": True}
    result = minicnn.occlusion(small_model.network, x, 1, **options)
    assert result.values.shape == (3, 5)
    for i, j in np.ndindex(3, 5):
        hidden = x.copy()
        hidden[0, 7 * i : 7 * i + 12, 7 * j : 7 * j + 12] = color
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
        center = drawn[6 * i + 5 : 6 * i + 7, 6 * j + 5 : 6 * j + 7]  # the four pixels around the patch's center
        assert center.mean() == pytest.approx(result.values[i, j], rel=0.02)


@pytest.mark.parametrize("options", [{"patch": 0}, {"stride": 0}, {"batch_size": 0}, {"patch": 31}, {"fill": "black"}])
def test_occlusions_options(small_model, x, options):
    with pytest.raises(MinicnnError, match="; expected "):
        minicnn.occlusion(small_model.network, x, prepared=True, **options)


def test_a_patch_over_the_pandas_face_lowers_the_probability_most(model, panda):
    """On the shipped photo the face is left of the middle, above the lower third."""
    values = minicnn.occlusion(model, panda, "giant panda", patch=96, stride=64).values
    assert np.unravel_index(values.argmin(), values.shape)[1] == 0
    assert values.min() < 0.995 and values.max() > 0.9999


@pytest.mark.parametrize("dtype, agreement", [(np.float64, 1e-9), (np.float32, 1e-4)])
def test_incremental_occlusion_is_the_full_one(model, panda, dtype, agreement):
    network = model.network.astype(dtype)
    x = model.prepare(panda, size=96).astype(dtype)
    options = {"target": 388, "patch": 20, "stride": 25, "output": "logit", "prepared": True, "batch_size": 5}
    quick, full = (minicnn.occlusion(network, x, full=full, **options).values for full in (False, True))
    assert quick == pytest.approx(full, rel=agreement)
    assert np.ptp(full) > 0.1  # the patch does matter


def test_occlusions_blur_and_noise(small_model, x):
    """A blurred patch is nearer to the photo than a gray one; noise has the photo's mean and deviation."""
    smooth = np.broadcast_to(np.linspace(0, 1, 46)[None, None, :, None], x.shape).astype(np.float64)
    blurred = filled(smooth, "blur", 2, 0)
    assert np.abs(blurred - smooth).max() < 0.06
    noise = filled(x, "noise", 2, 0)
    assert noise.mean(axis=(1, 2)) == pytest.approx(x.mean(axis=(1, 2)), abs=0.1)
    assert noise.std(axis=(1, 2)) == pytest.approx(x.std(axis=(1, 2)), rel=0.1)
    maps = [minicnn.occlusion(small_model.network, x, 1, patch=10, fill=fill, prepared=True).values for fill in ("gray", "blur", "noise")]
    assert not np.allclose(maps[0], maps[1]) and not np.allclose(maps[1], maps[2])
