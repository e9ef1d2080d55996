import io

import numpy as np
import pytest
from PIL import Image

from minicnn import render


def test_colours_go_from_dark_to_bright_even_in_grey():
    for colours in (render.MAP_COLOURS, render.OVERLAY_COLOURS):
        ramp = render.colour(np.linspace(0, 1, 64)[None], colours, 0.0, 1.0)
        luminance = np.asarray(Image.fromarray(ramp).convert("L"), int)[0]
        assert (np.diff(luminance) >= -1).all() and luminance[-1] - luminance[0] > 120


def test_numbers_beyond_the_limits_get_the_nearest_colour():
    values = np.array([[-5.0, 0.0, 1.0, 5.0]])
    pixels = render.colour(values, "inferno", 0.0, 1.0)
    assert np.array_equal(pixels[0, 0], pixels[0, 1]) and np.array_equal(pixels[0, 2], pixels[0, 3])


def test_a_constant_map_is_no_division_by_zero():
    photo = np.zeros((4, 6, 3), np.uint8)
    for draw in (render.map_panels, render.overlay_panels):
        for value in (0.0, 3.0):
            assert draw(np.full((4, 6), value), photo)[-1].pixels.shape == (4, 6, 3)


def test_stretch_interpolates_between_centres():
    assert render.stretch(np.array([[0.0, 1.0]]), 2, 4)[0] == pytest.approx([0, 0.25, 0.75, 1])
    assert np.array_equal(render.stretch(np.arange(6.0).reshape(2, 3), 2, 3), np.arange(6.0).reshape(2, 3))
    moved = render.stretch(np.array([[0.0, 1.0]]), 1, 6, extent=(0, 1, 2, 4))
    assert moved[0] == pytest.approx([0, 0, 0, 1, 1, 1])


def test_panels_keep_their_scale():
    values = np.linspace(-2, 6, 24).reshape(4, 6)
    panel = render.overlay_panels(values, np.zeros((8, 12, 3), np.uint8), "score")[-1]
    assert (panel.low, panel.high, panel.unit) == (-2, 6, "score")


def test_a_few_bright_pixels_do_not_hide_the_rest():
    values = np.ones((100, 100))
    values[0, 0] = 1e6
    assert render.map_panels(values, None)[-1].high == 1


def test_png_keeps_pixels_and_texts():
    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    image = Image.open(io.BytesIO(render.png(pixels, {"Title": "Grün & <b>"})))
    assert np.array_equal(np.asarray(image), pixels) and image.text["Title"] == "Grün & <b>"
