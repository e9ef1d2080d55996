"""Which pixels go when, and the area under a curve: closed forms."""

import numpy as np
import pytest

from minicnn.visualizers.evaluation.deletion import area_error, area_under, limit_of, pixel_counts, replaced


def test_steps_are_close_together_at_the_start():
    assert pixel_counts(1600, 4).tolist() == [0, 100, 400, 900, 1600]
    assert pixel_counts(50176, 16)[:3].tolist() == [0, 196, 784]
    assert pixel_counts(7, 7).tolist() == list(range(8))  # where one more pixel is the least


@pytest.mark.parametrize("pixels", [1, 2, 9, 100, 1024])
def test_every_step_takes_pixels(pixels):
    for steps in range(1, min(pixels, 40) + 1):
        counts = pixel_counts(pixels, steps)
        assert counts[0] == 0 and counts[-1] == pixels and (np.diff(counts) > 0).all()


def test_areas():
    fractions = np.array([0, 0.01, 0.09, 0.36, 1])
    assert area_under(np.full((2, 3, 5), 0.7), fractions) == pytest.approx(np.full((2, 3), 0.7))
    assert area_under(1 - fractions, fractions) == pytest.approx(0.5)  # a straight line, whatever the steps
    assert area_under(np.array([4.0, 2.0, 1.0]), np.array([0, 0.25, 1])) == pytest.approx(0.25 * 3 + 0.75 * 1.5)
    each = area_under(np.array([[[1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]]]), np.array([[[0, 0.5, 1]], [[0, 0.1, 1]]]))
    assert each == pytest.approx(np.array([[0.25], [0.05]]))  # of photos of different sizes


def test_no_curve_passes_the_limit(generator):
    """An answer that is gone at the first step has the area of the triangle under it."""
    equal = np.linspace(0, 1, 7)
    assert limit_of(np.array([0.96, 0.3, 0.2, 0.1, 0, 0, 0]), equal, 0) == pytest.approx(0.08)
    assert limit_of(np.array([0.2, 0.3, 0.6, 0.1, 0, 0, 0.9]), equal, 1) == pytest.approx(1 - (0.8 + 0.1) / 12)
    scores, fractions = generator.random((50, 9)), pixel_counts(1024, 8) / 1024
    areas = area_under(scores, fractions)
    assert (limit_of(scores, fractions, 0) <= areas).all() and (areas <= limit_of(scores, fractions, 1)).all()


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 16])
def test_the_error_is_that_of_twice_as_wide_steps(steps):
    fractions = pixel_counts(1024, steps) / 1024
    assert area_error(3 - 2 * fractions, fractions) == pytest.approx(0)
    curve = (1 - fractions) ** 8
    estimate, true = abs(area_error(curve, fractions)), abs(area_under(curve, fractions) - 1 / 9)
    assert steps < 3 or true < estimate < 8 * true


def test_equal_pixels_go_row_by_row():
    first, last = np.zeros((1, 2, 3, 1)), np.ones((1, 2, 3, 1))
    images = [image[0, ..., 0].tolist() for image in replaced(first, last, np.full((2, 3), 0.5), [0, 2, 4, 6])]
    assert images == [[[0, 0, 0], [0, 0, 0]], [[1, 1, 0], [0, 0, 0]], [[1, 1, 1], [1, 0, 0]], [[1, 1, 1], [1, 1, 1]]]
