import io
import sys

import numpy as np
import pytest
from PIL import Image

from minicnn.errors import OutputError
from minicnn.pictures import render
from minicnn.pictures.render.curves import _line_style, _name_steps, _top
from minicnn.pictures.render.figure import new_canvas, wrapped
from minicnn.pictures.render.panel import MAP_COLORS, OVERLAY_COLORS, SIGNED_COLORS, largest_shown


def test_colors_go_from_dark_to_bright_even_in_gray():
    for colors in (MAP_COLORS, OVERLAY_COLORS, SIGNED_COLORS):
        ramp = render.color(np.linspace(0, 1, 64)[None], colors, 0.0, 1.0)
        luminance = np.asarray(Image.fromarray(ramp).convert("L"), int)[0]
        assert (np.diff(luminance) >= -1).all() and luminance[-1] - luminance[0] > 120


def test_numbers_beyond_the_limits_get_the_nearest_color():
    values = np.array([[-5.0, 0.0, 1.0, 5.0]])
    pixels = render.color(values, "inferno", 0.0, 1.0)
    assert np.array_equal(pixels[0, 0], pixels[0, 1]) and np.array_equal(pixels[0, 2], pixels[0, 3])


PHOTO = np.zeros((8, 12, 3), np.uint8)


@pytest.mark.parametrize("display", [render.Map(), render.Signed(), render.Range(), render.Overlay(), render.Numbers()])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_map_is_no_division_by_zero(display, value):
    panels = display.panels(np.full((4, 6), value), "map", PHOTO)
    assert all(panel.pixels.dtype == np.uint8 and np.isfinite([panel.low, panel.high]).all() for panel in panels)


def test_stretch_interpolates_between_centers():
    assert render.stretch(np.array([[0.0, 1.0]]), 2, 4)[0] == pytest.approx([0, 0.25, 0.75, 1])
    assert np.array_equal(render.stretch(np.arange(6.0).reshape(2, 3), 2, 3), np.arange(6.0).reshape(2, 3))
    moved = render.stretch(np.array([[0.0, 1.0]]), 1, 6, extent=(0, 1, 2, 4))
    assert moved[0] == pytest.approx([0, 0, 0, 1, 1, 1])


def test_panels_keep_their_scale():
    values = np.linspace(-2, 6, 24).reshape(4, 6)
    for panel in render.Overlay("score", raw=True).panels(values, "map", PHOTO):
        assert (panel.low, panel.high, panel.unit) == (-2, 6, "score")


def test_overlays_may_share_a_scale():
    shared = render.Overlay("score", low=0.0, high=4.0)
    panels = [shared.panels(np.full((2, 3), value), "map", PHOTO)[0] for value in (1.0, 2.0, 4.0)]
    assert {(panel.low, panel.high) for panel in panels} == {(0.0, 4.0)}
    assert len({tuple(panel.pixels[0, 0]) for panel in panels}) == 3
    (alone,) = shared.panels(np.ones((2, 3)), "giant panda", None)
    assert alone.caption == "giant panda" and alone.high == 4


def test_signed_maps_have_equal_limits_and_gray_is_zero():
    values = np.array([[-2.0, 0.0, 1.0]])
    (panel,) = render.Signed().panels(values, "map", None)
    assert panel.low == -panel.high
    red, green, blue = panel.pixels[0, 1].astype(int)
    assert max(red, green, blue) - min(red, green, blue) < 16  # gray
    (colors,) = render.Signed().panels(values[..., None].repeat(3, axis=2), "map", None)
    assert colors.pixels[0, 1].tolist() == [128, 128, 128] and colors.pixels[0, 0].tolist() == [0, 0, 0]


def test_a_few_bright_pixels_do_not_hide_the_rest():
    values = np.ones((100, 100))
    values[0, 0] = 1e6
    assert render.Map().panels(values, "map", None)[0].high == 1


@pytest.mark.parametrize("shape", [(5, 3, 3), (7, 11, 11, 3), (64, 40, 30), (2, 300, 200), (1, 1, 1)])
def test_tiles_show_every_tile_with_one_scale(shape):
    values = np.random.default_rng(0).uniform(-1, 1, shape)
    tiles = render.Tiles([str(i) for i in range(len(values))], marked=[0], signed=True)
    (panel,) = tiles.panels(values, "tiles", None)
    assert panel.large and panel.pixels.ndim == 3
    assert len(shape) == 4 or panel.low == -panel.high
    marked = (panel.pixels == (200, 60, 0)).all(axis=2).any()
    assert marked  # the cross
    with pytest.raises(ValueError):
        render.Tiles(["only one label"] * (len(values) + 1)).panels(values, "tiles", None)


def test_tiles_keep_their_numbers_apart():
    """A bright tile and a dark one must differ in the picture as they do in the numbers."""
    values = np.stack([np.zeros((4, 4)), np.full((4, 4), 2.0)])
    (panel,) = render.Tiles(["0", "1"]).panels(values, "tiles", None)
    colors = {tuple(pixel) for pixel in panel.pixels.reshape(-1, 3)}
    assert {tuple(render.color(np.array([[v]]), "inferno", 0, 2)[0, 0]) for v in (0.0, 2.0)} <= colors


def test_marks_are_drawn_where_they_belong():
    photo = np.zeros((100, 100, 3), np.uint8)
    ellipse = {"center": (50.0, 50.0), "deviations": (15.0, 5.0), "angle": 0.0}
    drawn, shown = render.Marks((10, 90, 20, 80), [(30, 30), (60, 60)], ellipse).panels(np.ones((100, 100)), "influence", photo)
    yellow = (drawn.pixels == (255, 220, 0)).all(axis=2)
    scale = drawn.pixels.shape[0] / 100
    rows, columns = np.flatnonzero(yellow.any(axis=1)) / scale, np.flatnonzero(yellow.any(axis=0)) / scale
    assert (rows[0], columns[0]) == pytest.approx((10, 20), abs=1) and (rows[-1], columns[-1]) == pytest.approx((90, 80), abs=1)
    pink = np.argwhere((drawn.pixels == (255, 90, 160)).all(axis=2)) / scale
    assert np.ptp(pink, axis=0) == pytest.approx([60, 20], abs=2)  # two deviations each way, the first one down
    assert shown.caption == "influence"


def test_figures_have_room_for_everything():
    small = [render.Panel("photo", PHOTO), *render.Map("unit").panels(np.ones((8, 12)), "map", None)]
    large = render.Panel("sheet", np.full((300, 700, 3), 7, np.uint8), large=True)
    pixels = render.figure([small[0], large, *small], "A title that is longer than all the panels beside each other would need " * 2)
    assert pixels.shape[1] > 700 and pixels.shape[0] > 300
    assert (pixels == 7).all(axis=2).sum() > 0.9 * 300 * 700  # shown one to one


def test_several_curves_differ_without_their_colors():
    """Ten equal lines side by side: in grayscale no two look the same."""
    seen = set()
    for i in range(10):
        style = _line_style(i, 5)
        seen.add((str(style["linestyle"]), style["marker"]))
    assert len(seen) == 10
    values = np.stack([np.linspace(0, 1, 5), np.linspace(1, 0, 5)])
    (one,) = render.Curve("score").panels(values[0], "curve", None)
    (several,) = render.Curve("score", lines=["up", "down"], at=list("abcde")).panels(values, "curve", None)
    (two,) = render.Curve("score", lines=["up", "down"], diagrams=["first", "second"]).panels(np.stack([values, values]), "curve", None)
    assert not one.large and several.large and two.pixels.shape[1] > 1.8 * several.pixels.shape[1]
    assert several.pixels.shape[0] > one.pixels.shape[0]  # room for the legend
    with pytest.raises(ValueError):
        render.Curve(lines=["up", "down"], diagrams=["only one"]).panels(np.stack([values, values]), "curve", None)


def test_curves_leave_room_above():
    """Marks at the largest value are not cut off, and where the axis ends is the display's choice if it makes one."""
    lines = np.array([[1.0], [0.9]])
    assert _top(lines, render.Curve(low=0)) == pytest.approx(1.05) and _top(lines, render.Curve(low=0, high=2)) == 2
    assert _top(lines, render.Curve()) is None and _top(np.zeros((1, 3)), render.Curve(low=0)) is None
    render.Curve("loss", "epoch", ["training", "validation"], low=0).panels(lines, "loss", None)  # of one step


def test_the_beginning_of_an_axis_stretched():
    """Squares are as far apart as their roots, and the ticks say where they are."""
    places = np.linspace(0, 1, 5) ** 2
    axes = new_canvas(4, 3, "").subplots()
    axes.plot(places, places)
    _name_steps(axes, places, render.Curve(at=places.tolist(), stretched=True))
    x = axes.transData.transform(np.stack([places, places], axis=1))[:, 0]
    assert np.diff(x) == pytest.approx(np.full(4, (x[-1] - x[0]) / 4))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "0.04", "0.16", "0.36", "0.64", "1"]


@pytest.mark.parametrize("shape", [(2, 3, 30, 46), (1, 17, 60, 20), (4, 1, 300, 200)])
def test_grids_show_each_map_on_its_own_scale(shape):
    values = np.random.default_rng(0).uniform(0.9, 1, shape) * 10.0 ** np.arange(shape[1])[:, None, None]
    values[0, 0] = 0
    (panel,) = render.Grid([f"row {i}" for i in range(shape[0])], [f"column {i}" for i in range(shape[1])]).panels(values, "maps", None)
    black = (panel.pixels == render.color(np.zeros((1, 1)), MAP_COLORS, 0, 1)[0, 0]).all(axis=2)
    bright = (panel.pixels[..., 0] > 220) & (panel.pixels[..., 2] < 200)  # orange to yellow
    tile = black.sum()
    assert tile >= 40 * 13 and bright.sum() == pytest.approx(tile * (shape[0] * shape[1] - 1), rel=0.01)
    assert panel.large and panel.pixels.shape[1] < 1600
    with pytest.raises(ValueError):
        render.Grid(["only one row"] * (shape[0] + 1), ["a"] * shape[1]).panels(values, "maps", None)


def test_what_is_transparent_shows_a_checkered_ground():
    values = np.zeros((20, 30, 4), np.uint8)
    values[:, :10] = (250, 10, 20, 255)
    (panel,) = render.Photo().panels(values, "cut-out", None)
    assert panel.pixels.shape == (20, 30, 3) and (panel.pixels[:, :10] == (250, 10, 20)).all()
    assert {tuple(pixel) for pixel in panel.pixels[:, 10:].reshape(-1, 3)} == {(200,) * 3, (240,) * 3}


def test_overlays_say_that_there_are_numbers_beyond_their_limits():
    values = np.linspace(1, 6, 24).reshape(4, 6)
    (panel,) = render.Overlay(low=0.0, high=5.0).panels(values, "map", PHOTO)
    assert (panel.low, panel.high, panel.beyond) == (0, 5, "max")
    (panel,) = render.Overlay().panels(values, "map", PHOTO)
    assert (panel.low, panel.high, panel.beyond) == (1, 6, "neither")


def test_animations():
    frames = [np.full((20, 30, 3), level, np.uint8) for level in (0, 80, 160)]
    gif = Image.open(io.BytesIO(render.animation(frames, ".gif")))
    assert gif.n_frames == 3 and gif.size == (30, 20)


def test_an_mp4_needs_its_encoder(monkeypatch):
    frames = [np.full((21, 31, 3), level, np.uint8) for level in (0, 80)]
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        pass
    else:
        assert render.animation(frames, ".mp4")[4:8] == b"ftyp"
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(OutputError, match="minicnn-numpy.video."):
        render.animation(frames, ".mp4")


def test_png_keeps_pixels_and_texts():
    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    image = Image.open(io.BytesIO(render.png(pixels, {"Title": "Grün & <b>"})))
    assert np.array_equal(np.asarray(image), pixels) and image.text["Title"] == "Grün & <b>"


LONG = [f"features.denseblock4.denselayer{i}.conv2" for i in range(60)]


def test_many_columns_with_long_names():
    values = np.random.default_rng(0).uniform(0, 1, (2, 60, 30, 46))
    (panel,) = render.Grid(["one", "two"], LONG).panels(values, "maps", None)
    assert panel.pixels.shape[1] < 1200 and panel.caption.endswith("20 of 60 columns")
    written = (panel.pixels < 100).all(axis=2).any(axis=1)[:40]
    assert written.any()  # upright, over the tiles
    last = render.color(values[1, 59], MAP_COLORS, 0, largest_shown(values[1, 59]))
    assert (panel.pixels[-33:-3, -49:-3] == last).all()


def test_steps_with_long_names():
    axes = new_canvas(4, 3, "").subplots()
    _name_steps(axes, np.arange(1, 61), render.Curve(at=LONG))
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert (len(names), names[0], names[-1]) == (20, LONG[0], LONG[-1])
    values = np.linspace(0, 1, 60)[None]
    long, short = (render.Curve(lines=["a"], at=at).panels(values, "", None)[0].pixels for at in (LONG, list(map(str, range(60)))))
    assert long.shape[0] - short.shape[0] > 200 and long.shape[1] == short.shape[1]


def test_captions_that_are_broken():
    assert wrapped("features.denseblock1.norm1  16 x 16", 22) == "features.denseblock1.\nnorm1  16 x 16"
    assert wrapped("a" * 25, 10) == "\n".join(["a" * 10, "a" * 10, "a" * 5])
    small = [render.Panel(caption, PHOTO) for caption in ("photo", LONG[0] * 2)]
    assert render.figure(small, "title").shape[0] > render.figure(small[:1] * 2, "title").shape[0]


def test_labels_end_where_their_tiles_do():
    """The next tile's label is not written over."""
    tiles = np.zeros((4, 30, 30, 3), np.uint8)
    (one, two) = (render.Pictures([first, *"bcd"], columns=2).panels(tiles, "", None)[0].pixels for first in (LONG[0], "conv2"))
    right = slice(one.shape[1] // 2 + 2, None)
    assert (one[:, right] == two[:, right]).all() and (one != two).any()
