"""The patches that excite a channel most: the right ones, cut out exactly."""

import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn.errors import MinicnnError

SIZE = (30, 46)


@pytest.fixture
def folder(tmp_path, generator):
    """Three pictures, of which the last is the brightest, and a file that is none."""
    for name, high in {"a.png": 90, "b.png": 160, "c.png": 255}.items():
        Image.fromarray(generator.integers(0, high, (*SIZE, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def excited(model, photos, **options):
    return minicnn.max_activating(model, photos, "conv2", size=SIZE, steps=1, **options)


def naive(model, photos, channel):
    """Every unit of a channel over all photos as (output, photo, row, column), the strongest first."""
    outputs = [model.network.trace(model.prepare(photo, SIZE)).outputs["conv2"][0, :, :, channel] for photo in photos]
    units = [(value, i, *place) for i, output in enumerate(outputs) for place, value in np.ndenumerate(output)]
    return sorted(units, key=lambda unit: -unit[0])


@pytest.mark.filterwarnings("ignore:passed over 1 of 4 files")
def test_the_strongest_unit_of_each_photo(small_model, folder):
    photos = sorted(folder.glob("*.png"))
    result = excited(small_model, folder, channel=(3, 7), top=5)
    assert result.values["scores"].shape == (2, 3)  # one from each photo
    for channel, scores, units in zip((3, 7), result.values["scores"], result.values["units"]):
        expected = [max(unit for unit in naive(small_model, photos, channel) if unit[1] == i) for i in range(3)]
        expected = sorted(expected, reverse=True)
        assert scores == pytest.approx([unit[0] for unit in expected], rel=1e-5)
        assert units.tolist() == [list(unit[1:]) for unit in expected]
    assert [row["photo"] for row in result.table[:3]] == [photos[i].name for i in result.values["units"][0, :, 0]]
    assert "photos" in result.source and len(result.source["photos"]) == 3


def test_patches_are_the_receptive_fields(small_model, folder):
    """Pixel by pixel, and gray beyond the border."""
    photos = sorted(folder.glob("*.png"))
    result = excited(small_model, photos, channel=5, top=9, per_photo=9)
    field = small_model.network.receptive_fields()["conv2"]
    assert result.values["patches"].shape[2:] == (*field.size, 3)
    beyond = 0
    for patch, (photo, row, column) in zip(result.values["patches"][0], result.values["units"][0]):
        image = small_model.deprocess(small_model.prepare(photos[photo], SIZE))[0]
        for i, j in np.ndindex(field.size):
            y, x = row * field.jump[0] - field.padding[0] + i, column * field.jump[1] - field.padding[1] + j
            inside = 0 <= y < SIZE[0] and 0 <= x < SIZE[1]
            beyond += not inside
            assert np.array_equal(patch[i, j], image[y, x] if inside else [128] * 3)
    assert beyond


def test_patches_of_one_photo_are_not_the_same_place(small_model, panda):
    result = excited(small_model, panda, channels=2, top=4)
    field = small_model.network.receptive_fields()["conv2"]
    for scores, units in zip(result.values["scores"], result.values["units"]):
        assert np.all(np.diff(scores) <= 0) and set(units[:, 0]) == {0}
        for i, one in enumerate(units):
            for other in units[:i]:
                apart = np.abs(one[1:] - other[1:]) * field.jump
                assert apart[0] >= field.size[0] // 2 - field.jump[0] or apart[1] >= field.size[1] // 2 - field.jump[1]


def test_channels_are_the_strongest_on_average(small_model, folder):
    photos = sorted(folder.glob("*.png"))
    result = excited(small_model, photos, channels=2)
    means = sum(
        np.maximum(small_model.network.trace(small_model.prepare(photo, SIZE)).outputs["conv2"][0], 0).mean(axis=(0, 1)) for photo in photos
    )
    assert [row["channel"] for row in result.table if row["rank"] == 1] == np.argsort(-means)[:2].tolist()


def test_beside_them_stands_what_the_channel_wants(small_model, panda):
    result = excited(small_model, panda, channel=4, seed=2)
    wanted = minicnn.filter_model(small_model, layer="conv2", channel=4, steps=1, seed=2)
    assert np.array_equal(result.values["wanted"], wanted.values["images"])


def test_units_that_see_everything(small_model, folder):
    photos = sorted(folder.glob("*.png"))
    result = minicnn.max_activating(small_model, photos, "fc", channel=1, size=SIZE, steps=1, top=2)
    logits = [small_model.network(small_model.prepare(photo, SIZE))[0, 1] for photo in photos]
    assert result.values["units"][0, :, 0].tolist() == np.argsort(logits)[::-1][:2].tolist()
    best = small_model.deprocess(small_model.prepare(photos[int(np.argmax(logits))], SIZE))[0]
    assert np.array_equal(result.values["patches"][0, 0], best)


@pytest.mark.parametrize("options", [{"channel": 12}, {"channel": ()}, {"channel": (1, -1)}, {"top": 0}])
def test_options(small_model, panda, options):
    with pytest.raises(MinicnnError, match="expected|there is no channel 12"):
        excited(small_model, panda, **options)
