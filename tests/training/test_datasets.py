"""Photos with labels, from folders, arrays and lists."""

import pickle

import numpy as np
import pytest
from PIL import Image

from minicnn.errors import DatasetError, ImageError
from minicnn.training import read_dataset


@pytest.fixture
def pixels(generator):
    return generator.integers(0, 256, (9, 8, 12, 3), np.uint8)


@pytest.fixture
def folder(tmp_path, pixels):
    for i, image in enumerate(pixels):
        place = tmp_path / "photos" / ("tabby cat" if i % 3 else "Zebra")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
    return tmp_path / "photos"


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_folder_of_class_folders(folder, pixels):
    data = read_dataset(folder)
    assert data.classes == ("Zebra", "tabby cat") and data.labels.tolist() == [0] * 3 + [1] * 6
    assert np.array_equal(data.pixels(np.array([1, 3]), (8, 12)), pixels[[3, 1]])
    assert data.pixels(np.array([0]), (4, 4)).shape == (1, 4, 4, 3)


def test_arrays(tmp_path, pixels):
    labels = np.array([2, 0, 1] * 3)
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=labels))
    assert data.classes == ("0", "1", "2") and isinstance(data.photos, np.memmap)
    assert np.array_equal(data.pixels(np.array([4, 0]), (8, 12)), pixels[[4, 0]])
    np.savez_compressed(tmp_path / "b.npz", images=np.asfortranarray(pixels[..., 0]), labels=labels, classes=["a", "b", "c"])
    gray = read_dataset(tmp_path / "b.npz")
    assert gray.classes == ("a", "b", "c")
    assert np.array_equal(gray.pixels(np.array([5]), (8, 12))[0], np.repeat(pixels[5, ..., :1], 3, axis=2))
    assert str(data.photos.filename) == str(tmp_path / "a.npz") and gray.photos.filename is None  # mapped where it is, or unpacked
    named = read_dataset(save(tmp_path / "c.npz", images=pixels, labels=np.array(["b", "a", "c"] * 3)))
    assert named.classes == ("a", "b", "c") and named.labels.tolist() == [1, 0, 2] * 3


@pytest.mark.parametrize("header", ["", "path,label\n"])
def test_a_list(folder, header, pixels):
    rows = [f"{path.relative_to(folder)},{10 - int(path.stem)}" for path in sorted(folder.rglob("*.png"))]
    (folder / "list.csv").write_text(header + "\n".join(rows))
    data = read_dataset(folder / "list.csv")
    assert data.classes == tuple(str(i) for i in range(2, 11))  # in the order of numbers
    assert np.array_equal(data.pixels(np.array([0]), (8, 12))[0], pixels[0]) and data.classes[data.labels[0]] == "10"


def test_rare_classes_are_in_both_parts(tmp_path, generator):
    labels = np.array([0] * 50 + [1] * 10)
    data = read_dataset(save(tmp_path / "a.npz", images=np.zeros((60, 2, 2, 3), np.uint8), labels=generator.permutation(labels)))
    training, validation = data.split(0.2, seed=1)
    assert sorted([*training, *validation]) == list(range(60))
    assert np.bincount(data.labels[validation]).tolist() == [10, 2]
    assert np.array_equal(data.split(0.2, seed=1)[1], validation) and not np.array_equal(data.split(0.2, seed=2)[1], validation)
    assert len(data.split(0.0, seed=1)[1]) == 0
    pair = read_dataset(save(tmp_path / "b.npz", images=np.zeros((2, 2, 2, 3), np.uint8), labels=np.arange(2)))
    with pytest.raises(DatasetError, match="set fewer apart"):
        pair.split(0.9, seed=1)


def test_what_is_no_dataset(tmp_path, folder, pixels):
    wrong = {
        "no images": save(tmp_path / "1.npz", x=pixels),
        "one label short": save(tmp_path / "2.npz", images=pixels, labels=np.zeros(8, int)),
        "floats": save(tmp_path / "3.npz", images=pixels / 255, labels=np.arange(9)),
        "negative": save(tmp_path / "4.npz", images=pixels, labels=np.arange(9) - 1),
        "classes alike": save(tmp_path / "5.npz", images=pixels, labels=np.array(["my cat", "My_cat", "dog"] * 3)),
        "a class without a name": save(tmp_path / "8.npz", images=pixels, labels=np.array(["cat", "", "dog"] * 3)),
        "missing": tmp_path / "none.npz",
        "photo": next(folder.rglob("*.png")),
        "empty": tmp_path / "empty.csv",
        "broken": tmp_path / "broken.npz",
        "names and list": save(tmp_path / "6.npz", images=pixels, labels=np.array(["a", "b", "c"] * 3), classes=["a", "b", "c"]),
        "objects": save(tmp_path / "7.npz", images=np.array([None] * 9), labels=np.arange(9)),
        "unsigned and far apart": save(tmp_path / "9.npz", images=pixels, labels=np.array([0, 2**63 + 1] + [0] * 7, np.uint64)),
        "classes in no list": save(tmp_path / "10.npz", images=pixels, labels=np.zeros(9, int), classes="cat"),
        "classes in a table": save(tmp_path / "11.npz", images=pixels, labels=np.zeros(9, int), classes=[["cat", "dog"]]),
        "more labels than classes": save(tmp_path / "12.npz", images=pixels, labels=np.arange(9), classes=["cat"]),
        "not to be shown": save(tmp_path / "13.npz", images=pixels, labels=np.array(["cat", "\x1b[31mdog", "cow"] * 3)),
        "not UTF-8": save(tmp_path / "14.npz", images=pixels, labels=np.array(["cat", "d\udcf6g", "cow"] * 3)),
        "a single array": tmp_path / "single.npz",
        "a pickle": tmp_path / "pickle.npz",
        "three columns": tmp_path / "columns.csv",
        "no such file": tmp_path / "files.csv",
    }
    wrong["empty"].write_text("")
    with open(wrong["a single array"], "wb") as file:
        np.save(file, pixels)
    wrong["broken"].write_bytes((tmp_path / "5.npz").read_bytes()[:1000])
    wrong["a pickle"].write_bytes(pickle.dumps({"images": 1}))
    wrong["three columns"].write_text("a.png,1,2\n")
    wrong["no such file"].write_text("a.png,1\nb.png,2\n")
    for path in wrong.values():
        with pytest.raises(DatasetError, match="expected|paths count from") as error:
            read_dataset(path)
        assert str(error.value).count(str(path)) == 1
    (folder / "unicorn").mkdir()
    with pytest.raises(DatasetError, match="unicorn holds no files"):
        read_dataset(folder)


def test_errors_that_say_what_to_do(tmp_path, folder, pixels):
    photo = next(folder.rglob("*.png"))
    wrong = {
        "line 1 .* 1 column.* two": f"{photo};1\n",
        "line 4 of .* has 3 columns": f"path,label\n\n{photo},1\n{photo},1,2\n",
        "'path,label'": f"file,class\n{photo},1\n",
        "save it as UTF-8": f"{photo},K\u00e4tzchen\n".encode("latin-1"),
    }
    for message, content in wrong.items():
        (tmp_path / "list.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DatasetError, match=message):
            read_dataset(tmp_path / "list.csv")
    with pytest.raises(DatasetError, match="give the folder above"):
        read_dataset(photo.parent)
    with pytest.raises(DatasetError, match="labels.astype"):
        read_dataset(save(tmp_path / "a.npz", images=pixels, labels=np.array(["cat", "dog", "cow"] * 3, object)))
    with pytest.raises(DatasetError, match=r"shape \(9, 0, 12, 3\)"):
        read_dataset(save(tmp_path / "b.npz", images=pixels[:, :0], labels=np.arange(9)))


def test_names_that_look_alike_are_one_class(tmp_path, pixels):
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=np.array(["Ka\u0308tzchen", "Hund", "Kuh"] * 3)))
    assert data.in_order(["Kuh", "k\u00e4tzchen", "Hund"]).labels.tolist() == [1, 2, 0] * 3


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, "S1", "U1"])
def test_labels_and_classes_of_any_type(tmp_path, pixels, dtype):
    labels = np.arange(9) % 3
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=labels.astype(dtype)))
    assert data.classes == ("0", "1", "2") and data.labels.tolist() == labels.tolist()
    data = read_dataset(save(tmp_path / "b.npz", images=pixels, labels=labels.astype(np.uint8), classes=np.array([7, 8, 9]).astype(dtype)))
    assert data.classes == ("7", "8", "9")


def test_the_same_classes_in_another_order(tmp_path, pixels):
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=np.arange(9) % 3, classes=["cat", "dog", "Red_fox"]))
    other = data.in_order(["red fox", "cat", "dog"])
    assert other.classes == ("red fox", "cat", "dog") and other.labels.tolist() == [1, 2, 0] * 3


def test_the_fingerprint_is_of_the_pixels_too(tmp_path, folder, pixels):
    labels = np.arange(9) % 2
    one, two = (read_dataset(save(tmp_path / f"{i}.npz", images=pixels + np.uint8(i), labels=labels)) for i in range(2))
    assert one.fingerprint() == read_dataset(tmp_path / "0.npz").fingerprint() != two.fingerprint()
    before = read_dataset(folder).fingerprint()
    Image.fromarray(pixels[1] // 4).save(folder / "Zebra" / "0.png")
    assert read_dataset(folder).fingerprint() != before


@pytest.mark.parametrize("share", [float("nan"), -0.1, 0.95])
def test_a_share_that_is_none(tmp_path, pixels, share):
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=np.arange(9) % 2))
    with pytest.raises(DatasetError, match="validate .* 0 to 0.9"):
        data.split(share, seed=0)


def test_photos_of_one_class_can_be_read_but_not_trained_on(tmp_path, pixels):
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=np.zeros(9, int)))
    with pytest.raises(DatasetError, match="at least two classes"):
        data.split(0.1, seed=0)


def test_classes_called_by_numbers_are_in_their_order(tmp_path, pixels):
    for name in ("10", "9", "1"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.fromarray(pixels[0]).save(tmp_path / "photos" / name / "a.png")
    assert read_dataset(tmp_path / "photos").classes == ("1", "9", "10")


def test_files_that_are_no_photos_are_named_at_once(folder):
    count = len(read_dataset(folder))
    (folder / "Zebra" / "notes.txt").write_text("not a photo")
    (folder / "Zebra" / "Thumbs.db").write_bytes(b"")
    with pytest.raises(DatasetError, match=f"^2 of {count + 2} files of .*Thumbs.db .* Remove"):
        read_dataset(folder)


def test_a_photo_that_breaks_off_is_named_when_it_is_read(folder, generator):
    noise = Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8))
    noise.save(folder / "Zebra" / "half.jpg")
    whole = (folder / "Zebra" / "half.jpg").read_bytes()
    (folder / "Zebra" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    data = read_dataset(folder)
    with pytest.raises(ImageError, match="half.jpg is damaged"):
        data.pixels(np.arange(len(data)), (8, 12))
