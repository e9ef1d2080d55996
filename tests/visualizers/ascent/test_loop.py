"""The loop that makes pictures, and what keeps them tidy."""

import dataclasses

import numpy as np
import pytest

from minicnn.network.objectives import class_score, match
from minicnn.network.optimizers import adam, adam_for_images, normalized_gradient
from minicnn.pictures.frequency import gaussian_blur
from minicnn.visualizers.ascent import regularizers
from minicnn.visualizers.ascent.loop import AscentSettings, AscentState, ascend, damped, natural_colors

SIZE = (30, 46)


def climb(model, settings, start=None, seed=3, callback=lambda state: None):
    start = start or AscentState(np.random.default_rng(0).standard_normal((1, *SIZE, 3)).astype(np.float32), [])
    return ascend(model.network, lambda size: class_score(1), start, settings, SIZE, seed, callback)


SETTINGS = AscentSettings(
    steps=12,
    step_size=0.1,
    scales=2,
    jitter=5,
    spectrum=1.0,
    colors=natural_colors(("red", "green", "blue")),
    regularizers=(regularizers.l2(0.01),),
)


def test_the_score_rises(small_model):
    scores = climb(small_model, AscentSettings(steps=20, step_size=0.05)).scores
    assert len(scores) == 20 and np.all(np.diff(scores) > 0)


def test_same_seed_same_image(small_model):
    first, again, other = (climb(small_model, SETTINGS, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.x, again.x) and first.scores == again.scores
    assert not np.array_equal(first.x, other.x)


@pytest.mark.parametrize("stop", [1, 2, 5, 11])
def test_stopped_and_continued_is_as_if_never_stopped(small_model, stop):
    seen = []

    def interrupt(state):
        seen.append(state)
        if len(state.scores) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        climb(small_model, SETTINGS, callback=interrupt)
    half = seen[-1]
    assert len(half.scores) == stop
    whole, continued = climb(small_model, SETTINGS), climb(small_model, SETTINGS, start=half)
    assert np.array_equal(whole.x, continued.x) and whole.scores == continued.scores


def test_scales_go_from_small_to_the_wanted_size(small_model):
    sizes = []
    settings = AscentSettings(steps=30, step_size=0.1, scales=3)
    ascend(
        small_model.network,
        lambda size: class_score(1),
        AscentState(np.ones((1, 120, 200, 3), np.float32), []),
        settings,
        (120, 200),
        0,
        lambda c: sizes.append(c.x.shape[1:3]),
    )
    assert sizes == sorted(sizes) and len(set(sizes)) == 3 and sizes[-1] == (120, 200)
    assert sizes[0] == (48, 80)  # no smaller than this


def test_a_step_has_the_wanted_size(small_model):
    start = AscentState(np.random.default_rng(0).standard_normal((1, *SIZE, 3)), [])
    for spectrum in (0.0, 1.0):
        end = climb(small_model, AscentSettings(steps=1, step_size=0.3, spectrum=spectrum), start)
        assert np.sqrt(np.mean((end.x - start.x) ** 2)) == pytest.approx(0.3)


def test_colors_stay_in_range(small_model):
    end = climb(small_model, AscentSettings(steps=5, step_size=9.0, low=np.array([-1.0, -2, -3]), high=np.array([1.0, 2, 3])))
    assert np.abs(end.x).max(axis=(0, 1, 2)) == pytest.approx([1, 2, 3])


def test_each_image_of_a_batch_climbs_by_itself(small_model):
    """Whatever the settings, as they get the same random transformations."""
    start = np.random.default_rng(0).standard_normal((3, *SIZE, 3)).astype(np.float32)
    settings = dataclasses.replace(SETTINGS, steps=4, scale=0.1, rotate=5.0, optimizer=adam_for_images)
    together = climb(small_model, settings, AscentState(start, []))
    for i in range(3):
        alone = climb(small_model, settings, AscentState(start[i : i + 1], []))
        assert together.x[i] == pytest.approx(alone.x[0], abs=1e-3)
        assert np.array(together.scores)[:, i] == pytest.approx(np.array(alone.scores)[:, 0], abs=1e-3)


def test_growing_puts_back_the_photos_detail(small_model, generator):
    photo = generator.standard_normal((1, 96, 120, 3))
    settings = AscentSettings(steps=4, step_size=0.0, scales=2, photo=photo)
    end = ascend(
        small_model.network.astype(np.float64),
        lambda size: class_score(1),
        AscentState(photo, []),
        settings,
        (96, 120),
        0,
        lambda state: None,
    )
    assert end.x == pytest.approx(photo)


def test_adam_by_its_definition(generator):
    """Against the paper's algorithm, one number at a time."""
    gradients, memory = generator.standard_normal((5, 2, 3)), ()
    m, v = np.zeros((2, 3)), np.zeros((2, 3))
    for step, gradient in enumerate(gradients, 1):
        found, memory = adam(gradient, memory)
        for index in np.ndindex(2, 3):
            m[index] = 0.9 * m[index] + 0.1 * gradient[index]
            v[index] = 0.999 * v[index] + 0.001 * gradient[index] ** 2
            expected = m[index] / (1 - 0.9**step) / np.sqrt(v[index] / (1 - 0.999**step))
            assert found[index] == pytest.approx(expected, rel=1e-5)
    for size in (1e-23, 1e-10, 1e10):  # each image by itself, and of any size
        mixed = np.float32(gradients[0]) * np.float32([[size], [1]])
        assert adam_for_images(mixed, ())[0] == pytest.approx(np.sign(mixed), rel=1e-3)
    assert not adam_for_images(np.zeros((1, 2)), ())[0].any() and not normalized_gradient(np.zeros((1, 2)), ())[0].any()


def test_adam_comes_to_the_top(small_model):
    """It matches a layer's output for another image ever better."""
    network = small_model.network.astype(np.float64)
    wanted = network.trace(np.random.default_rng(5).standard_normal((1, *SIZE, 3))).outputs["conv2"]
    start = AscentState(np.random.default_rng(6).standard_normal((1, *SIZE, 3)), [])
    end = ascend(
        network,
        lambda size: match("conv2", wanted),
        start,
        AscentSettings(60, 0.05, optimizer=adam_for_images),
        SIZE,
        0,
        lambda state: None,
    )
    assert end.scores[-1][0] > -0.1 > -0.3 > end.scores[0][0]


def test_damping_divides_amplitudes_by_frequency():
    columns = np.arange(64)
    for cycles in (2, 8, 16):
        wave = np.broadcast_to(np.cos(2 * np.pi * cycles * columns / 64), (1, 64, 64))[..., None]
        assert damped(wave, 1.5) == pytest.approx(wave * (cycles / 64) ** -1.5)
    assert np.array_equal(damped(wave, 0), wave)


def test_natural_colors_keep_brightness_and_damp_differences():
    colors = natural_colors(("red", "green", "blue"))
    assert colors == pytest.approx(colors.T)
    assert np.linalg.eigvalsh(colors)[-1] == pytest.approx(1)
    gray = np.ones(3) / np.sqrt(3)
    assert gray @ colors @ gray > 0.99
    assert natural_colors(("blue", "green", "red")) == pytest.approx(colors[::-1, ::-1])


@pytest.mark.parametrize("deviation", [0.2, 1.0, 3.5])
def test_gaussian_blur(deviation):
    """Of a point in the middle: the sum stays, and the variance is that of the Gaussian."""
    x = np.zeros((1, 61, 71, 2))
    x[0, 30, 35] = 1
    blurred = gaussian_blur(x, deviation)
    assert blurred.sum() == pytest.approx(2, rel=1e-4)
    rows, columns = blurred[0, ..., 0].sum(axis=1), blurred[0, ..., 0].sum(axis=0)
    assert rows @ (np.arange(61) - 30) ** 2 == pytest.approx(deviation**2, rel=0.15)
    assert columns @ (np.arange(71) - 35) ** 2 == pytest.approx(deviation**2, rel=0.15)
    assert gaussian_blur(np.full_like(x, 5.0), deviation) == pytest.approx(np.full_like(x, 5.0))


def test_total_variations_gradient_is_that_of_finite_differences(generator):
    x, direction = generator.standard_normal((2, 1, 7, 9, 3))
    ahead, behind = (regularizers.total_variation_gradient(x + step * direction, 0.7)[0] for step in (1e-6, -1e-6))
    _, gradient = regularizers.total_variation_gradient(x, 0.7)
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-6, rel=1e-7)


def test_regularizers(generator):
    x, gradient = generator.standard_normal((2, 1, 10, 10, 3))
    assert regularizers.l2(0.1)(x, gradient) == pytest.approx(0.9 * x)
    norms = np.abs(x).sum(axis=3)
    clipped = regularizers.clip_norm(0.25)(x, gradient)
    zero = ~clipped.any(axis=3)
    assert zero.sum() == 25 and norms[zero].max() < norms[~zero].min()
    assert np.array_equal(clipped[~zero], x[~zero])
    contributions = np.abs((x * gradient).sum(axis=3))
    zero = ~regularizers.clip_contribution(0.5)(x, gradient).any(axis=3)
    assert zero.sum() == 50 and contributions[zero].max() < contributions[~zero].min()
    smoother = regularizers.total_variation(0.1)(x, gradient)
    assert regularizers.total_variation_gradient(smoother, 0.8)[0] < regularizers.total_variation_gradient(x, 0.8)[0]
    assert regularizers.blur(1.0)(x, gradient).std() < x.std()
