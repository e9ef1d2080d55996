"""Methods side by side, of a network whose curves can be written down, of one photo and of many."""

import csv
from itertools import pairwise

import numpy as np
import pytest

import minicnn
from minicnn.errors import ImageError, MinicnnError
from minicnn.layers import Conv2D, GlobalAveragePool2D
from minicnn.pictures.frequency import gaussian_blur
from minicnn.visualizers.evaluation.compare import edges
from minicnn.visualizers.evaluation.deletion import BLUR_SHARE, area_under


@pytest.fixture
def weighing(generator):
    """A network that weighs every pixel of a 9 x 12 image of one channel, in two ways, and its weights for the second class."""
    weight = generator.uniform(0.1, 1, (9, 12, 1, 2))
    return minicnn.Network({"conv": Conv2D(weight, np.zeros(2)), "gap": GlobalAveragePool2D()}), weight[..., 0, 1]


def test_a_linear_network(weighing):
    """The gradient's order takes the largest weights away first, which no other order can beat; a blurred plain image is sharp already."""
    network, weight = weighing
    x = np.ones((1, 9, 12, 1))
    result = minicnn.compare(network, x, 1, methods=["saliency"], steps=108, output="logit", prepared=True)
    left = weight.sum() - np.cumsum(np.sort(weight, axis=None)[::-1])
    assert result.values["curves"][0, 0] == pytest.approx([weight.sum(), *left])
    assert result.values["curves"][1] == pytest.approx(np.full((3, 109), weight.sum()))
    deletion = {row["method"]: row["deletion"] for row in result.table}
    assert deletion["saliency"] == pytest.approx((weight.sum() / 2 + left[:-1].sum() + left[-1] / 2) / 108)
    assert deletion["saliency"] < min(deletion["random"], deletion["edges"])
    assert "Deletion: saliency beats random and edges on this photo." in result.text
    assert "Insertion: none beats random or edges on this photo.\n  Not better than random and edges: saliency.\n" in result.text
    assert "limit" not in result.text and "deletion limit" not in result.table[0]  # a logit has none


def test_few_steps(weighing):
    """The area under the linear network's curve at the steps that were asked for; each is as wide as it is."""
    network, weight = weighing
    result = minicnn.compare(network, np.ones((1, 9, 12, 1)), 1, methods=["saliency"], steps=4, output="logit", prepared=True)
    left = np.concatenate([[weight.sum()], weight.sum() - np.cumsum(np.sort(weight, axis=None)[::-1])])
    at = [0, 7, 27, 61, 108]  # 108 (k / 4)^2
    assert result.values["fractions"].tolist() == [[count / 108 for count in at]]
    assert result.values["curves"][0, 0] == pytest.approx(left[at])
    assert result.table[0]["deletion"] == pytest.approx(sum((b - a) / 108 * (left[a] + left[b]) / 2 for a, b in pairwise(at)))


@pytest.mark.parametrize("steps, batch_size", [(5, 2), (4, 1), (7, 8), (1, 3)])
def test_curves_one_by_one(small_model, x, steps, batch_size):
    """Against pixels replaced in a plain loop."""
    options = {"methods": ["grad-cam"], "steps": steps, "batch_size": batch_size, "prepared": True}
    values = minicnn.compare(small_model.network, x, 2, **options).values
    order = sorted(np.ndindex(30, 46), key=lambda place: -values["grad-cam"][place])
    for way, first, last in ((0, x, np.zeros_like(x)), (1, gaussian_blur(x, BLUR_SHARE * np.sqrt(30 * 46)), x)):
        for step in range(steps + 1):
            image = first.copy()
            for row, column in order[: round(step**2 * 30 * 46 / steps**2)]:
                image[0, row, column] = last[0, row, column]
            expected = minicnn.softmax(small_model.network(image))[0, 2]
            assert values["curves"][way, 0, step] == pytest.approx(expected)


def test_several_random_orders(small_model, x):
    """The line is their mean, the row says how far apart they are, and the map that is shown is the first."""
    options = {"methods": ["grad-cam"], "steps": 5, "prepared": True}
    result = minicnn.compare(small_model.network, x, 2, **options, seed=3)
    orders = result.values["random_scores"][0]
    assert orders.shape == (2, 5, 6) and len(np.unique(orders[0, :, 2])) == 5
    assert result.values["curves"][:, 1] == pytest.approx(orders.mean(axis=1))
    areas = area_under(orders, result.values["fractions"][0])
    (row,) = [row for row in result.table if row["method"] == "random"]
    assert [row["deletion low"], row["deletion high"]] == pytest.approx([areas[0].min(), areas[0].max()])
    assert [row["insertion low"], row["insertion high"]] == pytest.approx([areas[1].min(), areas[1].max()])
    assert np.array_equal(result.values["random"], np.random.default_rng(3).random((30, 46)))
    assert not np.array_equal(minicnn.compare(small_model.network, x, 2, **options, seed=4).values["random_scores"][0], orders)


def test_edges_are_where_a_photo_changes():
    x = np.zeros((1, 8, 10, 3))
    x[:, :, 5:] = 1
    found = edges(x)
    assert (found[:, 4:6] > 0).all() and not found[:, :4].any() and not found[:, 6:].any()


@pytest.fixture
def folder(tmp_path, panda):
    """Two photos, one that is broken, one that is none, and what is no business of ours."""
    for name, photo in (("b.jpg", panda), ("a.jpg", minicnn.shipped_photo("moose"))):
        (tmp_path / name).write_bytes(photo.read_bytes())
    (tmp_path / "half.jpg").write_bytes(panda.read_bytes()[:5000])
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / ".hidden").write_text("no photo")
    (tmp_path / "below").mkdir()
    return tmp_path


OPTIONS = {"methods": ["saliency"], "steps": 3, "size": (30, 46)}


def test_a_folder_is_the_mean_of_its_photos(small_model, folder):
    with pytest.warns(UserWarning, match="passed over 2 of 4 files: .*half.jpg is damaged.*notes.txt is not an image"):
        result = minicnn.compare(small_model, folder, **OPTIONS)
    single = [minicnn.compare(small_model, folder / name, **OPTIONS) for name in ("a.jpg", "b.jpg")]
    scores = result.values["scores"]
    assert scores.shape == (2, 2, 3, 4)
    assert np.array_equal(scores[0], single[0].values["curves"])  # the second photo has other random maps
    assert np.array_equal(scores[1][:, [0, 2]], single[1].values["curves"][:, [0, 2]])
    assert result.values["curves"] == pytest.approx(scores.mean(axis=0))
    assert "on these 2 photos" in result.text and "2 photos say little about others" in result.text
    rows = [row for row in result.table if row["method"] == "saliency"]
    assert [row["photo"] for row in rows] == ["a.jpg", "b.jpg", "mean of 2 photos", "standard deviation"]
    areas = [row["insertion"] for row in rows]
    assert areas[2] == pytest.approx(np.mean(areas[:2])) and areas[3] == pytest.approx(np.std(areas[:2], ddof=1))
    likeliest = [small_model.predict(folder / name, size=(30, 46))[0][0] for name in ("a.jpg", "b.jpg")]
    assert [row["class"] for row in rows] == [*likeliest, "", ""]
    assert result.photo is None and not result.inputs and "Mean +- standard deviation over 2 photos" in result.text
    assert [file["path"] for file in result.source["photos"]] == [str(folder / "a.jpg"), str(folder / "b.jpg")]
    assert result.picture().dtype == np.uint8


def test_intervals_from_six_photos_on(small_model, generator, tmp_path):
    photos = [generator.standard_normal((1, 12, 14, 3)).astype(np.float32) for _ in range(6)]
    options = {"methods": ["saliency", "gradient-x-input"], "steps": 4, "prepared": True}
    result = minicnn.compare(small_model.network, photos, 1, **options)
    rows = {row["method"]: row for row in result.table if row["photo"] == "mean of 6 photos"}
    assert list(rows) == ["saliency", "gradient-x-input", "random", "edges"]
    for row in rows.values():
        assert row["deletion low"] <= row["deletion"] <= row["deletion high"]
    difference = rows["saliency"]["insertion"] - rows["random"]["insertion"]
    assert rows["saliency"]["insertion minus random"] == pytest.approx(difference)
    assert rows["saliency"]["insertion minus random low"] < difference < rows["saliency"]["insertion minus random high"]
    best = max(("saliency", "gradient-x-input"), key=lambda name: rows[name]["insertion"])
    assert [name for name, row in rows.items() if "insertion minus best" not in row] == [best]
    assert "over 6 photos" in result.text and "95 % intervals" in result.text
    result.save(tmp_path / "areas.csv")
    with open(tmp_path / "areas.csv", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["photo"] == "mean of 6 photos" and row["method"] == "saliency"]
    assert float(found[0]["deletion minus random high"]) == rows["saliency"]["deletion minus random high"]
    assert minicnn.compare(small_model.network, photos, 1, **options).text == result.text
    assert "low" not in str(minicnn.compare(small_model.network, photos[:5], 1, **options).table[-8:])


def test_lists_of_photos(small_model, folder, panda):
    result = minicnn.compare(small_model, [folder / "b.jpg", panda], target="ant", **OPTIONS)
    assert np.array_equal(result.values["scores"][0, :, 0], result.values["scores"][1, :, 0])
    assert {row["class"] for row in result.table} == {"ant", ""}
    arrays = [small_model.prepare(photo, (30, 46)) for photo in (folder / "b.jpg", panda)]
    prepared = minicnn.compare(small_model, arrays, target="ant", methods=["saliency"], steps=3, prepared=True)
    assert np.array_equal(prepared.values["scores"], result.values["scores"])
    assert {row["photo"] for row in prepared.table} > {"photo 1", "photo 2"}
    with pytest.raises(ImageError, match="half.jpg is damaged"):
        minicnn.compare(small_model, [panda, folder / "half.jpg"], **OPTIONS)


def test_nothing_to_look_at(small_model, folder):
    with pytest.raises(ImageError, match="no photo in .*below; expected at least one"):
        minicnn.compare(small_model, folder / "below", **OPTIONS)
    with pytest.raises(ImageError, match="no photo in the list"):
        minicnn.compare(small_model, [], **OPTIONS)
    (folder / "below" / "a.txt").write_text("no photo")
    with pytest.raises(ImageError, match="no photo can be read in .*below, of 1 file there; .*a.txt is not an image"):
        minicnn.compare(small_model, folder / "below", **OPTIONS)


@pytest.mark.parametrize("methods", [["magic"], ["compare"], [], "saliency", [3]])
def test_methods_that_draw_no_map(small_model, x, methods):
    with pytest.raises(MinicnnError, match="methods is .*; expected some of saliency, smoothgrad"):
        minicnn.compare(small_model.network, x, methods=methods, prepared=True)


def test_more_steps_than_pixels(small_model, panda):
    with pytest.raises(MinicnnError, match="expected at most 900"):
        minicnn.compare(small_model, panda, size=30, steps=901)


def test_each_method_once(small_model, panda):
    with pytest.raises(MinicnnError, match="each once"):
        minicnn.compare(small_model, panda, methods=("saliency", "saliency"))
