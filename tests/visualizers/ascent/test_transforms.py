"""Random views of an image, and other sizes of it."""

import numpy as np
import pytest

from minicnn.pictures.resampling import resized
from minicnn.visualizers.ascent.transforms import Shift, Warp, random_transform

SIZE = (13, 18)

TRANSFORMS = [Shift(3, -5), Warp(SIZE), Warp(SIZE, 1.2, 0.3, 2, -1), Warp(SIZE, 0.8, -0.5), Warp(SIZE, 1.0, 0.0, 0.5, 4.25)]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_backward_is_the_adjoint(transform, generator):
    x, y = generator.standard_normal((2, 2, *SIZE, 3))
    assert np.vdot(transform.forward(x), y) == pytest.approx(np.vdot(x, transform.backward(y)))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_plain_colors_stay(transform):
    x = np.broadcast_to(np.array([1.0, 2, 3], np.float32), (1, *SIZE, 3))
    assert transform.forward(x) == pytest.approx(x, rel=1e-6)
    assert transform.forward(x).dtype == np.float32 and transform.backward(x).dtype == np.float32


def test_a_warp_without_scaling_or_turning_is_a_shift(generator):
    x = generator.standard_normal((2, *SIZE, 3))
    assert Warp(SIZE, down=3, right=-5).forward(x) == pytest.approx(Shift(3, -5).forward(x))


def test_a_quarter_turn(generator):
    x = generator.standard_normal((1, 9, 9, 2))
    assert Warp((9, 9), angle=np.pi / 2).forward(x) == pytest.approx(np.rot90(x, -1, (1, 2)))  # right goes down


def test_enlarging_about_the_center():
    columns = np.arange(21) - 10.0
    ramp = np.broadcast_to(columns[None, None, :, None], (1, 21, 21, 1))
    assert Warp((21, 21), factor=2.0).forward(ramp)[0, 10, :, 0] == pytest.approx(columns / 2)


def test_random_transforms_stay_in_their_ranges():
    generator = np.random.default_rng(0)
    drawn = [random_transform(generator, SIZE, 4, 0.25, 10) for _ in range(300)]
    assert {t.down for t in drawn} == {t.right for t in drawn} == set(range(-4, 5))
    assert 0.8 <= min(t.factor for t in drawn) < 0.82 and 1.23 < max(t.factor for t in drawn) <= 1.25
    assert 9.5 < np.rad2deg(max(t.angle for t in drawn)) <= 10 and -10 <= np.rad2deg(min(t.angle for t in drawn)) < -9.5
    assert isinstance(random_transform(generator, SIZE, 4, 0.0, 0.0), Shift)


@pytest.mark.parametrize("size", [(13, 5), (2, 3), (6, 9), (11, 20)])
def test_resizing_keeps_plain_colors(size):
    x = np.broadcast_to(np.array([1.0, 2, 3]), (2, 6, 9, 3))
    assert resized(x, size) == pytest.approx(np.broadcast_to(np.array([1.0, 2, 3]), (2, *size, 3)))


def test_shrinking_averages_and_growing_interpolates(generator):
    x = generator.standard_normal((2, 8, 12, 3))
    smaller = resized(x, (4, 6))
    assert smaller.std() < 0.7 * x.std()  # no pixel is left out
    ramp = np.broadcast_to(np.arange(4.0)[None, None, :, None], (1, 2, 4, 1))
    assert resized(ramp, (2, 8))[0, 0, :, 0] == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
