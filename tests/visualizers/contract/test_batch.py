"""Several photos, or several classes: the method runs for one after the other."""

import json

import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn.errors import ImageError, MinicnnError, OutputError, UnknownNameError
from minicnn.models.classes import ClassNames
from minicnn.visualizers.contract import batch as batch_module


@pytest.fixture
def folder(panda, tmp_path):
    """A panda, a copy that the camera has turned, in a folder with what is no photo and what is damaged."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(panda.read_bytes())
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(panda).crop((0, 0, 300, 200)).save(photos / "b.jpg", exif=turned)
    (photos / "notes.txt").write_text("no photo")
    (photos / "z.jpg").write_bytes(panda.read_bytes()[:5000])
    return photos


def test_a_folder(small_model, folder):
    with pytest.warns(UserWarning, match=r"passed over 2 of 4 files: .*notes.txt is not an image.*z.jpg is damaged"):
        result = minicnn.saliency(small_model, folder)
    assert len(result) == 2 and result.values.shape == (2, 40, 40) and result.warnings[-1].startswith("passed over 2 of 4")
    for entry, values, name in zip(result, result.values, ("a.jpg", "b.jpg")):
        alone = minicnn.saliency(small_model, folder / name)
        assert np.array_equal(entry.values, alone.values) and np.array_equal(values, alone.values)
        assert entry.source == alone.source and entry.title == alone.title and np.array_equal(entry.photo, alone.photo)
    assert [row["photo"] for row in result.rows] == ["a.jpg", "b.jpg"]
    answers = small_model.predict(folder / "b.jpg")
    assert result.rows[1]["predicted"] == result.rows[1]["target"] == answers[0][0] and result.rows[1]["probability"] == answers[0][1]
    assert [source["path"] for source in result.source["results"]] == [str(folder / "a.jpg"), str(folder / "b.jpg")]


def test_a_slice_is_a_batch(small_model, panda, folder, tmp_path):
    whole = minicnn.saliency(small_model, [panda, folder / "b.jpg", panda], target=[1, 2])
    part = whole[1:3]
    alone = [minicnn.saliency(small_model, photo, target=target) for photo, target in ((panda, 2), (folder / "b.jpg", 1))]
    assert type(part) is type(whole) and len(part) == 2 and len(whole[9:]) == 0
    assert np.array_equal(part.values, [result.values for result in alone])
    assert part.rows == whole.rows[1:3] and part.names == whole.names[1:3] and "2 of 6 results" in part.title
    assert [source["settings"]["target"] for source in part.source["results"]] == [2, 1]
    part.save(tmp_path / "part")
    assert len(list((tmp_path / "part").iterdir())) == 2
    assert alone[0][0:1] is alone[0] and "of 1 photo" in minicnn.saliency(small_model, [panda]).title


def test_what_may_be_given(small_model, panda, folder):
    """A list, a tuple, an iterator, an array with one more axis, prepared or not, and traces."""
    pixels = np.stack([np.asarray(Image.open(panda).resize((60, 50))), np.zeros((50, 60, 3), np.uint8)])
    x = np.concatenate([small_model.prepare(photo) for photo in pixels])
    traces = [small_model.network.trace(x[i : i + 1]) for i in range(2)]
    results = [
        minicnn.saliency(small_model, given, target=1)
        for given in (pixels, list(pixels), tuple(pixels), iter(pixels), [Image.fromarray(photo) for photo in pixels], traces)
    ]
    results += [minicnn.saliency(small_model, x, target=1, prepared=True)]
    for result in results:
        assert len(result) == 2 and np.array_equal(result.values, results[0].values)
        assert result.names == ["photo-1", "photo-2"]
    assert len(minicnn.saliency(small_model, [panda])) == 1 and minicnn.saliency(small_model, [panda]).values.shape == (1, 40, 40)
    assert minicnn.saliency(small_model, x[:1], prepared=True).values.shape == (40, 40)
    with pytest.raises(ImageError, match="there is no photo in the array"):
        minicnn.saliency(small_model, x[:0], prepared=True)
    for array in (x, x[:1]):
        with pytest.raises(ImageError, match="values from .* If model.prepare made it, pass prepared=True"):
            minicnn.saliency(small_model, array)
    with pytest.raises(ImageError, match="a trace of 2 images; expected one of a single image, or a list"):
        minicnn.saliency(small_model, small_model.network.trace(x))


def test_a_named_photo_that_is_missing_is_an_error_at_once(small_model, panda, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_module, "load_photo", None)  # nothing has been done before
    with pytest.raises(ImageError, match="there is no file .*missing.jpg"):
        minicnn.saliency(small_model, [panda, tmp_path / "missing.jpg"])


def test_several_classes(small_model, panda):
    result = minicnn.saliency(small_model, panda, target=["bee", 3])
    assert [entry.source["settings"]["target"] for entry in result] == [1, 3] and result.names == ["panda-bee", "panda-gray-fox"]
    for entry, target in zip(result, (1, 3)):
        assert np.array_equal(entry.values, minicnn.saliency(small_model, panda, target=target).values)
    assert np.array_equal(minicnn.saliency(small_model, panda, target="bee, gray fox").values, result.values)
    of_photos = minicnn.saliency(small_model, [panda, panda], target="bee,gray fox")
    assert [row["target"] for row in of_photos.rows] == ["bee", "gray fox"] * 2 and len(set(of_photos.names)) == 4
    drawn = minicnn.class_model(small_model, target=["ant", "crane"], steps=2)
    assert drawn.values["image"].shape == (2, 40, 40, 3) and "photo" not in drawn.rows[0] and "predicted" not in drawn.rows[0]
    with pytest.raises(UnknownNameError, match="there is no class 'wasp'"):
        minicnn.saliency(small_model, panda, target=["bee", "wasp"])
    with pytest.raises(MinicnnError, match="target is "):
        minicnn.saliency(small_model, panda, target=[])


def test_names_of_classes_with_commas(small_model):
    names = ClassNames(["tabby, tabby cat", "tabby", "bee", "7", "fox"])
    model = minicnn.Model(small_model.network, "commas", classes=names)
    assert model.class_indices("tabby, tabby cat") == [0]
    assert model.class_indices("bee,tabby, tabby cat,fox") == [2, 0, 4] and model.class_indices("tabby,4") == [1, 4]
    assert model.class_indices("7") == [3] and model.class_indices(["fox", 0]) == [4, 0]
    assert model.class_indices("bee,") == [2]  # a comma at the end of a name is another spelling of it
    for wrong in (",", "tabby, tabby dog"):
        with pytest.raises(UnknownNameError, match="there is no class"):
            model.class_indices(wrong)
    assert minicnn.Model(small_model.network).class_indices("3,1") == [3, 1]


def test_one_style_for_all(small_model, panda):
    photos = [panda, Image.open(panda).crop((0, 0, 200, 400))]
    result = minicnn.style_transfer(small_model, photos, panda, steps=2, size=40)
    assert result[0].values["image"].shape != result[1].values["image"].shape  # photos keep their proportions, so these are not stacked
    assert {"0/image", "1/image"} <= set(result.values) and result.values["style loss"].shape == (2, 2)
    alone = minicnn.style_transfer(small_model, photos[1], panda, steps=2, size=40)
    assert np.array_equal(result.values["1/input"], alone.values["input"])


def test_the_same_seed_for_every_photo(small_model, panda):
    result = minicnn.smoothgrad(small_model, [panda, panda], samples=2, seed=5)
    assert np.array_equal(result.values[0], result.values[1]) and len(set(result.names)) == 2


@pytest.mark.parametrize("name", ["saliency", "smoothgrad"])
def test_progress_over_photos(small_model, folder, name):
    told = []
    options = {"samples": 3, "batch_size": 1} if name == "smoothgrad" else {}
    with pytest.warns(UserWarning, match="passed over"):
        getattr(minicnn, name)(small_model, folder, progress=lambda *now: told.append(now), **options)
    done, totals = zip(*told)
    assert list(done) == sorted(done) and len(set(totals)) == 1 and done[-1] == totals[-1]
    assert len(told) > 6 if options else told == [(1, 4), (2, 4), (4, 4)]
    with pytest.raises(MinicnnError, match="progress is 3; expected a function"):
        minicnn.saliency(small_model, folder, progress=3)


def test_ctrl_c_keeps_what_is_done(small_model, panda):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="stopped after 1 of 3 results"):
        result = minicnn.saliency(small_model, [panda] * 3, progress=stop)
    assert result.stopped and len(result) == 1 and not result[0].stopped


def test_a_method_that_is_stopped_by_itself_ends_the_batch(small_model):
    def stop(done, total):
        if done == 1300:  # of 3 classes with 10 steps each, 1000 parts each
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="stopped after"):
        result = minicnn.class_model(small_model, target=[0, 1, 2], steps=10, progress=stop)
    assert result.stopped and [entry.stopped for entry in result] == [False, True] and result.warnings[-1] == "stopped after 2 of 3 results"


def test_too_much_for_memory(small_model, panda, monkeypatch):
    monkeypatch.setattr(batch_module.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100_000}))
    monkeypatch.setattr(minicnn.Model, "check_memory", lambda *size, **options: None)
    assert len(minicnn.saliency(small_model, [panda] * 2)) == 2
    with pytest.raises(MinicnnError, match="9 results would take about .* GB .* give fewer photos at once"):
        minicnn.saliency(small_model, [panda] * 9)


def test_names_tell_photos_apart(small_model, panda, tmp_path):
    for place in ("a/1.jpg", "b/1.jpg", "b/1.png", "b/2.JPG"):
        (tmp_path / "photos" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / place).write_bytes(panda.read_bytes())
    result = minicnn.saliency(small_model, tmp_path / "photos")
    assert [row["photo"] for row in result.rows] == ["a/1.jpg", "b/1.jpg", "1.png", "2.JPG"]
    assert result.names == ["a-1", "b-1", "1", "2"]
    again = minicnn.saliency(small_model, [panda, panda])
    assert [row["photo"] for row in again.rows] == ["panda.jpg"] * 2 and again.names == ["panda", "panda-2"]


def test_saving(small_model, panda, tmp_path):
    result = minicnn.grad_cam(small_model, [panda, minicnn.shipped_photo("moose")], target="bee,crane")
    result.save(tmp_path / "maps.npz")
    with np.load(tmp_path / "maps.npz") as file:
        assert np.array_equal(file["values"], result.values) and file["values"].shape == (4, 10, 20)
        assert file["photo"].tolist() == ["panda.jpg"] * 2 + ["moose.jpg"] * 2 and file["target"].tolist() == ["bee", "crane"] * 2
        assert file["target index"].tolist() == [1, 4] * 2 and file["predicted"].shape == (4,)
        assert [source["settings"]["target"] for source in json.loads(str(file["source"]))["results"]] == [1, 4, 1, 4]
    result.save(tmp_path / "pictures")
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "moose-bee.png", "moose-crane.png", "panda-bee.png", "panda-crane.png",
    ]  # fmt: skip
    alone = minicnn.grad_cam(small_model, panda, target="bee")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "pictures" / "panda-bee.png")), alone.picture())
    with pytest.raises(OutputError, match="moose.*exists|panda.*exists"):
        result.save(tmp_path / "pictures")
    result.save(tmp_path / "pictures", overwrite=True)
    result.save(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().startswith("photo,target,target index,predicted,predicted index,probability\npanda.jpg,bee,1,")
    result.save(tmp_path / "a.npy")
    assert np.array_equal(np.load(tmp_path / "a.npy"), result.values)
    result.save(tmp_path / "a.png")
    with pytest.raises(OutputError, match="of 4 results expected the name of a folder"):
        result.save(tmp_path / "a.gif")
    with pytest.raises(OutputError, match="too many for one picture.* to a folder"):
        minicnn.saliency(small_model, [panda] * 25).save(tmp_path / "b.png")
    images = minicnn.class_model(small_model, target=[0, 1], steps=1)
    images.save_image(tmp_path / "images")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "images" / "ant.png")), images[0].values["image"])


def test_the_tables_of_all_photos(small_model, panda):
    result = minicnn.sanity(small_model, [panda, panda], methods=["saliency"], steps=1)
    assert len(result.table) == sum(len(entry.table) for entry in result) and {"photo", "target"} <= set(result.table[0])
    assert result.values["heatmaps" if "heatmaps" in result.values else next(iter(result.values))].shape[0] == 2


def test_a_contact_sheet_cannot_be_replayed(small_model, panda, tmp_path):
    model = minicnn.load("minivgg-cifar10")
    minicnn.saliency(model, [panda, panda]).save(tmp_path / "a.png")
    with pytest.raises(MinicnnError, match="shows several results"):
        minicnn.replay(tmp_path / "a.png")
