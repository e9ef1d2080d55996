"""Photos with labels, from folders, arrays and lists."""

import gzip
import os
import pickle
import shutil
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from minicnn.errors import DatasetError
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


def test_a_list_with_the_label_first(folder):
    paths = sorted(folder.rglob("*.png"))
    rows = "\n".join(f"class {path.stem},{path.relative_to(folder)}" for path in paths)
    (folder / "list.csv").write_text(f"label,path\n{rows}")
    data = read_dataset(folder / "list.csv")
    assert list(data.photos) == paths and data.classes[data.labels[0]] == f"class {paths[0].stem}"
    for heading in ("", "class,file\n"):
        (folder / "list.csv").write_text(heading + rows)
        with pytest.raises(DatasetError, match="in its second column; .* heading 'label,path'"):
            read_dataset(folder / "list.csv")


def test_what_is_no_file_is_named(folder):
    (folder / "Zebra" / "more").mkdir()
    (folder / "Zebra" / "link.png").symlink_to("gone.png")
    data = read_dataset(folder)
    assert data.skipped == {"Zebra/link.png": "a link to what is not there", "Zebra/more": "a folder"} and len(data) == 9


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


@pytest.fixture
def mixed(folder, generator):
    """The folder, with what systems leave there, and three files that are no photos or not whole."""
    for name in ("Thumbs.db", "desktop.ini", "._a.jpg", ".DS_Store"):
        (folder / "Zebra" / name).write_bytes(b"x")
    (folder / "__MACOSX").mkdir()
    (folder / "Zebra" / "notes.txt").write_text("not a photo")
    noise = Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8))
    noise.save(folder / "Zebra" / "half.jpg")
    whole = (folder / "Zebra" / "half.jpg").read_bytes()
    (folder / "Zebra" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "tabby cat" / "empty.png").write_bytes(b"")
    return folder


def test_all_damaged_files_are_named_at_once_and_before_anything_else(mixed):
    told = []
    with pytest.raises(
        DatasetError,
        match=r"^3 of 12 files of .* Zebra/half.jpg, Zebra/notes.txt, tabby cat/empty.png. Leave .* --skip-damaged .*; the first: ",
    ):
        read_dataset(mixed, progress=lambda *numbers: told.append(numbers))
    assert told == [(i + 1, 12) for i in range(12)]


def test_damaged_files_can_be_left_out(mixed, pixels):
    data = read_dataset(mixed, skip_damaged=True)
    assert data.classes == ("Zebra", "tabby cat") and data.labels.tolist() == [0] * 3 + [1] * 6
    assert np.array_equal(data.pixels(np.array([1, 3]), (8, 12)), pixels[[3, 1]])
    assert list(data.skipped) == ["Zebra/half.jpg", "Zebra/notes.txt", "tabby cat/empty.png"]
    assert "half.jpg is damaged" in data.skipped["Zebra/half.jpg"]
    for path in mixed.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="no photo can be read in .*, of 12 files there"):
        read_dataset(mixed, skip_damaged=True)


def test_many_damaged_files_are_not_all_named(folder):
    for i in range(30):
        (folder / "Zebra" / f"{i:02}.jpg").write_text("x")
    with pytest.raises(DatasetError, match=r"^30 of 39 files of .* Zebra/00.jpg, .*, Zebra/07.jpg and 22 more. Leave"):
        read_dataset(folder)


def test_a_folder_in_between(folder):
    (folder.parent / "data").mkdir()
    folder.rename(folder.parent / "data" / "2024")
    with pytest.raises(DatasetError, match=r"2024 holds no files; if the classes are Zebra, tabby cat ..., give .*2024"):
        read_dataset(folder.parent / "data")


def test_folders_train_and_test_are_parts_and_no_classes(folder, pixels):
    data = folder.parent / "data"
    for part, image in (("train", 3), ("Val", 4)):
        shutil.copytree(folder, data / part)
        Image.fromarray(pixels[image]).save(data / part / "Zebra" / "0.png")
    train, test = read_dataset(data), read_dataset(data, "test")
    assert train.classes == test.classes == ("Zebra", "tabby cat") and "folder train of" in train.note and "folder Val of" in test.note
    assert np.array_equal(train.pixels(np.array([0]), (8, 12))[0], pixels[3])
    assert np.array_equal(test.pixels(np.array([0]), (8, 12))[0], pixels[4])
    shutil.rmtree(data / "train")
    with pytest.raises(DatasetError, match="holds the folders val; expected one called train or training"):
        read_dataset(data)
    Image.fromarray(pixels[0]).save(data / "Val" / "0.png")  # now it is a class
    with pytest.raises(DatasetError, match=r"one class|holds no files"):
        read_dataset(data).split(0.1, 0)


@pytest.mark.parametrize("form", ["last", "first", "gray", "gray last", "gray first"])
def test_images_in_the_order_of_any_program(tmp_path, pixels, form):
    gray = np.repeat(pixels[..., :1], 3, axis=3)
    images, expected = {
        "last": (pixels, pixels),
        "first": (np.moveaxis(pixels, 3, 1), pixels),
        "gray": (pixels[..., 0], gray),
        "gray last": (pixels[..., :1], gray),
        "gray first": (pixels[:, None, ..., 0], gray),
    }[form]
    data = read_dataset(save(tmp_path / "a.npz", images=images, labels=np.arange(9) % 2))
    assert np.array_equal(data.pixels(np.arange(9), (8, 12)), expected)


def test_images_whose_colors_may_be_first_or_last(tmp_path):
    with pytest.raises(DatasetError, match="whose colors may be first or last"):
        read_dataset(save(tmp_path / "a.npz", images=np.zeros((9, 3, 5, 3), np.uint8), labels=np.arange(9) % 2))


@pytest.mark.parametrize("kind", [np.uint8, np.float32, bool])
def test_labels_in_a_column_or_one_for_each_class(tmp_path, pixels, kind):
    labels = np.arange(9) % 3
    data = read_dataset(save(tmp_path / "a.npz", images=pixels, labels=np.eye(3)[labels].astype(kind), classes=["a", "b", "c"]))
    assert data.labels.tolist() == labels.tolist() and data.classes == ("a", "b", "c")
    if kind is not bool:
        data = read_dataset(save(tmp_path / "b.npz", images=pixels, labels=labels[:, None].astype(kind)))
        assert data.labels.tolist() == labels.tolist() and data.classes == ("0", "1", "2")
    for wrong in (np.ones((9, 3)), np.zeros((9, 3)), np.arange(9) + 0.5, np.full(9, np.nan)):
        with pytest.raises(DatasetError, match="expected one number or name each"):
            read_dataset(save(tmp_path / "c.npz", images=pixels, labels=wrong))


@pytest.mark.parametrize("kind, advice", [(np.float32, r"\(255 \* images\)"), (np.int64, "images.astype"), (np.uint16, "images.astype")])
def test_images_of_other_numbers(tmp_path, pixels, kind, advice):
    with pytest.raises(DatasetError, match=f"uint8; of numbers from 0 to .* save {advice}"):
        read_dataset(save(tmp_path / "a.npz", images=pixels.astype(kind), labels=np.arange(9)))


def test_keras_mnist_in_two_parts(tmp_path, pixels):
    gray, labels = pixels[..., 0], np.arange(9, dtype=np.uint8) % 4
    np.savez_compressed(tmp_path / "mnist.npz", x_train=gray[:6], y_train=labels[:6], x_test=gray[6:], y_test=labels[6:])
    for part, expected in (("train", slice(0, 6)), ("test", slice(6, 9))):
        data = read_dataset(tmp_path / "mnist.npz", part)
        assert np.array_equal(data.photos, gray[expected]) and data.labels.tolist() == labels[expected].tolist()


def test_other_names_and_what_was_taken_is_said(tmp_path, pixels):
    parts = {
        f"{part}_{what}": array for part in ("train", "val", "test") for what, array in (("images", pixels), ("labels", np.arange(9) % 2))
    }
    path = save(tmp_path / "medical.npz", **parts)
    assert read_dataset(path).note == "train_images and train_labels of medical.npz"
    assert read_dataset(path, "test").note == "test_images and test_labels of medical.npz"
    with pytest.raises(DatasetError, match="holds x_train, y_train; expected images and labels, or x_test and y_test, or test_images"):
        read_dataset(save(tmp_path / "b.npz", x_train=pixels, y_train=np.arange(9)), "test")


def write_idx(path, array):
    content = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_mnists_own_files(tmp_path, pixels, end, dot):
    gray, labels = pixels[..., 0], np.arange(9, dtype=np.uint8) % 4
    for part, places in (("train", slice(0, 6)), ("t10k", slice(6, 9))):
        write_idx(tmp_path / f"{part}-images{dot}idx3-ubyte{end}", gray[places])
        write_idx(tmp_path / f"{part}-labels{dot}idx1-ubyte{end}", labels[places])
    train, test = read_dataset(tmp_path), read_dataset(tmp_path, "test")
    assert np.array_equal(train.photos, gray[:6]) and train.labels.tolist() == labels[:6].tolist()
    assert np.array_equal(test.photos, gray[6:]) and test.labels.tolist() == labels[6:].tolist()
    for name in ("images", "labels"):
        path = next(tmp_path.glob(f"t10k-{name}*"))
        assert np.array_equal(read_dataset(path).photos, gray[6:])
    path.unlink()
    with pytest.raises(DatasetError, match="there is no t10k-labels.* two files that are called alike"):
        read_dataset(tmp_path, "test")
    next(tmp_path.glob("t10k-images*")).unlink()
    with pytest.raises(DatasetError, match="expected one such file whose name begins with t10k or test"):
        read_dataset(tmp_path, "test")


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda content: content[:-1], "claims .* and holds"),
        (lambda content: content + b"1", "claims .* and holds more"),
        (lambda content: content[:10], "ends after 10 bytes; expected a header of 16"),
        (lambda content: b"\0\0\x0d\3" + content[4:], "begins with"),
        (lambda content: content[:4] + b"\xff" * 12 + content[16:], "claims"),
    ],
)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_damaged_files_of_mnists_kind(tmp_path, pixels, damage, message, end):
    write_idx(tmp_path / "train-images-idx3-ubyte", pixels[..., 0])
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(9, np.uint8))
    path = tmp_path / "train-images-idx3-ubyte"
    content = damage(path.read_bytes())
    path.write_bytes(content)
    if end:
        path.unlink()
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DatasetError, match=message):
        read_dataset(tmp_path)


@pytest.mark.parametrize("order", ["first", "last", "no heading"])
def test_pixels_in_a_table(tmp_path, generator, order):
    pixels, labels = generator.integers(0, 256, (7, 16)), np.arange(7) % 3
    heading = [f"pixel{i}" for i in range(16)]
    table, heading = {
        "first": (np.column_stack([labels, pixels]), ["label", *heading]),
        "last": (np.column_stack([pixels, labels]), [*heading, "Label"]),
        "no heading": (np.column_stack([labels, pixels]), None),
    }[order]
    rows = [heading] * bool(heading) + table.tolist()
    (tmp_path / "train.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    data = read_dataset(tmp_path / "train.csv")
    assert np.array_equal(data.photos, pixels.reshape(7, 4, 4)) and data.labels.tolist() == labels.tolist()


def test_labels_of_tables_may_be_names_and_cells_quoted(tmp_path):
    (tmp_path / "train.csv").write_text('"label","1x1","1x2","2x1","2x2"\n"dog","1","2","3","4"\ncat,5,6,7,8\n')
    data = read_dataset(tmp_path / "train.csv")
    assert data.classes == ("cat", "dog") and data.labels.tolist() == [1, 0] and data.photos.ravel().tolist() == list(range(1, 9))


@pytest.mark.parametrize(
    "text, message",
    [
        ("1,2,3,4,5\n1,2,3,4,256", "line 2 .* is no label with 2 x 2 pixels; expected whole numbers from 0 to 255"),
        ("1,2,3,4,5\n\n1,2,3", "line 3 .* is no label"),
        ("label,p0,p1,p2,p3\n1,0.5,0.25,1.0,0.0", "line 2 .* is no label"),
        ("label,p0,p1,p2,p3\n", "there is no photo"),
        ("1,2,3,4", "expected a label and the pixels of a square gray photo"),
        ("p0,p1,p2,p3,p4\n1,2,3,4,5", "has no columns of labels"),
        ("0,1,2,3,4\n1,2,3,4,5", "has no columns of labels"),
        ("label,p0,p1,p2,class\n1,2,3,4,5", "has 2 columns of labels"),
        ("id,label,p0,p1,p2\n1,2,3,4,5", "has a column 'id'; expected one column called label"),
        ("1,2,3,4," + "5" * (1 << 22), "a line of more than 4,194,304 characters"),
    ],
)
def test_tables_that_hold_no_pixels(tmp_path, text, message):
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_dataset(tmp_path / "train.csv")


def test_reading_photos_leaves_pythons_rules_of_warnings_as_they_were(folder):
    for i in range(60):
        shutil.copy(next(folder.rglob("*.png")), folder / "Zebra" / f"copy-{i}.png")
    before = list(warnings.filters)
    for _ in range(3):
        read_dataset(folder)
    assert warnings.filters == before


def test_archives_that_claim_what_they_do_not_hold(tmp_path, pixels):
    """A bomb is compared with its header before it is unpacked; damage that the checksum tells is not read as pixels."""
    path = save(tmp_path / "a.npz", images=pixels, labels=np.arange(9))
    content = bytearray(path.read_bytes())
    content[content.index(pixels.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read .*CRC"):
        read_dataset(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, {"shape": (9, 8, 12, 3), "fortran_order": False, "descr": "|u1"})
        for _ in range(100):
            member.write(bytes(1 << 20))
    with zipfile.ZipFile(path, "a") as archive, archive.open("labels.npy", "w") as member:
        np.lib.format.write_array(member, np.arange(9))
    with pytest.raises(DatasetError, match=r"claims an array of shape \(9, 8, 12, 3\), 2,592 bytes, and holds 104,857,600"):
        read_dataset(path)


def test_pipes_are_no_data_sets(tmp_path):
    for name in ("a.npz", "a.csv", "train-images-idx3-ubyte"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DatasetError, match="no ordinary file"):
            read_dataset(tmp_path / name)
