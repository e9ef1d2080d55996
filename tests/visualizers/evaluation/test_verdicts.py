"""Who is best, and when that cannot be told."""

import numpy as np
import pytest
from scipy import stats

from minicnn.visualizers.evaluation.verdicts import Areas, conclusion, interval, verdict


def areas(methods, random, edges, errors=0.0, limits=None, way="deletion"):
    """Areas of methods, {name: one for each photo}, of random orders (photos, orders), and of edges."""
    random = np.array(random, float)
    lines = np.stack([*map(np.array, methods.values()), random.mean(axis=1), np.array(edges)], axis=1).astype(float)
    limits = None if limits is None else np.array(limits)
    return Areas(way, way == "deletion", list(methods), lines, random, np.full(lines.shape, errors), limits)


ORDERS = [[0.4, 0.5, 0.6]]


def test_one_photo():
    assert verdict(areas({"a": [0.1], "b": [0.2]}, ORDERS, [0.5])) == "a is best on this photo"
    assert verdict(areas({"a": [0.1], "b": [0.2]}, ORDERS, [0.5], way="insertion")) == "none beats random or edges on this photo"
    assert verdict(areas({"a": [0.7], "b": [0.9]}, ORDERS, [0.5], way="insertion")) == "b is best on this photo"
    assert verdict(areas({"a": [0.1]}, ORDERS, [0.5])) == "a beats random and edges on this photo"


def test_ties():
    """What the steps may have made, and what looks the same in the table."""
    assert verdict(areas({"a": [0.1], "b": [0.1], "c": [0.3]}, ORDERS, [0.5])) == "cannot tell between a and b on this photo"
    assert verdict(areas({"a": [0.1], "b": [0.1004]}, ORDERS, [0.5])) == "cannot tell between a and b on this photo"
    assert verdict(areas({"a": [0.10], "b": [0.12], "c": [0.125]}, ORDERS, [0.5], 0.02)) == "cannot tell between a, b and c on this photo"
    assert verdict(areas({"a": [0.10], "b": [0.12], "c": [0.14]}, ORDERS, [0.5], 0.02)) == "cannot tell between a and b on this photo"
    assert verdict(areas({"a": [0.10], "b": [0.12], "c": [0.13]}, ORDERS, [0.5], 0.01)) == "a is best on this photo"


def test_the_floor_of_wide_steps():
    """Six equal steps, of which the first takes an answer of 0.96 away: an area of 0.08, for methods and for random numbers."""
    found = areas({"smoothgrad": [0.0800], "saliency": [0.0830]}, [[0.0850, 0.0855]], [0.2], 0.01, [0.08])
    assert verdict(found) == "none beats random on this photo"
    assert conclusion(found, 6).endswith("At the limit of what these steps can show: smoothgrad, saliency, random.")
    assert "limit" not in conclusion(areas({"a": [0.1]}, ORDERS, [0.5], 0.01, [0.08]), 6)


def test_every_random_order_must_be_beaten():
    assert verdict(areas({"a": [0.41]}, ORDERS, [0.5])) == "none beats random on this photo"
    assert verdict(areas({"a": [0.1], "b": [0.41]}, ORDERS, [0.3])) == "a is best on this photo"
    assert verdict(areas({"a": [0.39], "b": [0.41]}, ORDERS, [0.3])) == "none beats edges on this photo"
    assert verdict(areas({"a": [0.2, 0.41]}, ORDERS * 2, [0.5, 0.5])) == "none beats random on these 2 photos"
    two = areas({"a": [0.2, 0.5], "b": [0.2, 0.3]}, [[0.6], [0.4]], [0.3, 0.6])
    assert verdict(two) == "cannot tell between a and b on these 2 photos" and two.beaten("a") == ["edges"] and len(two.beaten("b")) == 2


def test_one_method_for_each_baseline():
    found = areas({"a": [0.2, 0.5], "b": [0.5, 0.2]}, [[0.45], [0.6]], [0.55, 0.4])
    assert verdict(found) == "none beats random and edges on these 2 photos"


def test_few_photos_must_agree():
    assert verdict(areas({"a": [0.1, 0.2, 0.1], "b": [0.2, 0.3, 0.2]}, ORDERS * 3, [0.5] * 3)) == "a is best on these 3 photos"
    assert verdict(areas({"a": [0.1, 0.2, 0.1], "b": [0.4, 0.1, 0.2]}, ORDERS * 3, [0.5] * 3)).startswith("cannot tell between a and b")


def test_many_photos_need_not():
    """Differences of 0.1 +- 0.02 over ten photos, one of which is the other way round, and of 0.1 +- 0.3."""
    b = np.linspace(0.2, 0.4, 10)
    small, large = np.array([0.1, 0.12, 0.08, 0.15, 0.1, 0.12, 0.1, 0.14, 0.1, -0.01]), np.array([0.4, -0.2] * 5)
    assert verdict(areas({"a": b - small, "b": b}, ORDERS * 10, [0.6] * 10)) == "a is best over 10 photos"
    assert verdict(areas({"a": b - large, "b": b}, ORDERS * 10, [0.6] * 10)) == "cannot tell between a and b over 10 photos"
    mixed = areas({"a": b - 0.1}, np.array(ORDERS * 10) - 0.2 + large[:, None], [0.9] * 10)
    assert verdict(mixed) == "none beats random over 10 photos"


def test_differences_are_paired():
    """Photos that are far apart, of which one method is always 0.02 better."""
    b = np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.7])
    found = areas({"a": b - 0.02, "b": b}, b[:, None] + 0.1, b + 0.1)
    assert found.estimates("b")["minus best"] == pytest.approx((0.02, 0.02, 0.02))
    assert found.estimates("a")["minus random"] == pytest.approx((-0.12, -0.12, -0.12)) and "minus best" not in found.estimates("a")
    assert verdict(found) == "a is best over 6 photos"


def test_intervals():
    """Of many numbers that of the normal distribution; of few as wide as Student's t, within what they can give; the same for a seed."""
    generator = np.random.default_rng(1)
    for count, within in ((400, 0.05), (12, 0.15)):
        numbers = generator.normal(0.3, 1, count)
        low, high = interval(numbers, 0)
        expected = stats.t.interval(0.95, count - 1, numbers.mean(), numbers.std(ddof=1) / np.sqrt(count))
        assert [low, high] == pytest.approx(expected, abs=within * (expected[1] - expected[0]))
        assert interval(numbers, 0) == (low, high) != interval(numbers, 1)
    assert interval(np.full(6, 0.25), 0) == pytest.approx((0.25, 0.25))


def test_intervals_hold_as_often_as_they_say():
    generator = np.random.default_rng(2)
    for count in (6, 20):
        held = [low <= 0 <= high for low, high in (interval(generator.normal(size=count), 0) for _ in range(200))]
        assert 0.9 <= np.mean(held) <= 0.99
