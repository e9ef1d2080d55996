"""Data sets, checkpoints, states to go on from and pictures to make again, damaged at random or made up.

Whatever comes, it is refused with one error or read; and what is read and has a checksum is what was written. MINICNN_FUZZ sets the number
of files of each kind; by default there are few.
"""

import base64
import gzip
import io
import json
import os
import random
import signal
import warnings
import zlib

import numpy as np
import pytest
from damage import FILES, changed, changed_inside
from PIL import Image, PngImagePlugin

import minicnn
from minicnn.errors import LONGEST_MESSAGE, MinicnnError
from minicnn.layers import Conv2D, Dense, GlobalAveragePool2D, ReLU
from minicnn.pictures.photos import PREPROCESSING
from minicnn.pictures.results import INPUT_TEXT, SOURCE_TEXT
from minicnn.training import Dataset, PhotoTask, Settings, State, read_checkpoint, read_dataset, train, write_checkpoint
from minicnn.training.curves import curves_png

#: Reading a small file takes no longer, in seconds.
LONGEST_TIME = 20

PIXELS = np.random.default_rng(7).integers(0, 256, (6, 5, 4, 3), np.uint8)
GRAY = np.random.default_rng(8).integers(0, 256, (6, 4, 4), np.uint8)
LABELS = np.arange(6) % 3
SETTINGS = Settings(epochs=2, batch_size=4, optimizer="adam", rate=0.01)
RESUMED = {"target": 1, "steps": 3, "scales": 1, "noise": 5.0}


def small_network():
    def empty(*shape):
        return np.zeros(shape, np.float32)

    layers = {
        "conv1": Conv2D(empty(3, 3, 3, 4), empty(4), padding=1),
        "relu1": ReLU(),
        "gap": GlobalAveragePool2D(),
        "fc": Dense(empty(4, 3), empty(3)),
    }
    return minicnn.he_initialized(minicnn.Network(layers), seed=3)


NETWORK = small_network()
MODEL = minicnn.Model(NETWORK, "small", PREPROCESSING["cifar10"], ["ant", "bee", "cow"], input_size=8)
TASK = PhotoTask(Dataset(PIXELS, LABELS, ("a", "b", "c")), np.arange(4), np.arange(4, 6), PREPROCESSING["cifar10"], (5, 4))
IDENTITY = {"epochs": 2, "photos": "those"}


def archive(save=np.savez, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


def table(pixels, labels):
    heading = ["label", *(f"pixel{i}" for i in range(pixels[0].size))]
    rows = [heading, *([label, *photo.ravel()] for label, photo in zip(labels, pixels))]
    return "\n".join(",".join(map(str, row)) for row in rows).encode()


def checkpoint(folder):
    states = []
    train(TASK, State(NETWORK), SETTINGS, states.append)
    write_checkpoint(folder / "checkpoint.npz", states[0], IDENTITY)
    return (folder / "checkpoint.npz").read_bytes()


def stopped_class_model(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minicnn.class_model(MODEL, **RESUMED, size=8, until=1).save(folder / "state.npz")
    return (folder / "state.npz").read_bytes()


def picture(folder):
    model = minicnn.load("minivgg-cifar10")
    minicnn.saliency(model, PIXELS[0], size=8).save(folder / "picture.png")
    return (folder / "picture.png").read_bytes()


def write_photos(folder):
    for i, image in enumerate(PIXELS[:2]):
        Image.fromarray(image).save(folder / f"{i}.png")
    return b"path,label\n0.png,cat\n1.png,dog\n"


#: The name of a file of each kind, and how its content is made, given a folder for other files.
KINDS = {
    "arrays.npz": lambda folder: archive(images=PIXELS, labels=LABELS, classes=np.array(["a", "b", "c"])),
    "compressed.npz": lambda folder: archive(np.savez_compressed, images=PIXELS, labels=LABELS),
    "keras.npz": lambda folder: archive(np.savez_compressed, x_train=PIXELS, y_train=LABELS[:, None], x_test=PIXELS, y_test=LABELS),
    "train-images-idx3-ubyte": lambda folder: idx(GRAY),
    "train-images-idx3-ubyte.gz": lambda folder: gzip.compress(idx(GRAY)),
    "pixels.csv": lambda folder: table(GRAY, LABELS),
    "paths.csv": write_photos,
    "checkpoint.npz": checkpoint,
    "state.npz": stopped_class_model,
    "picture.png": picture,
}


def read(path):
    """Read a file of any kind, as the commands do; returns what must be as it was written, by name."""
    if path.name == "checkpoint.npz":
        state = read_checkpoint(path, NETWORK, IDENTITY)
        curves_png(train(TASK, state, SETTINGS, lambda state: None).history, "training")
        memory = {f"memory of {layer} {name}": list(parts) for layer, each in state.memory.items() for name, parts in each.items()}
        return {layer: list(arrays.values()) for layer, arrays in state.network.arrays.items()} | memory | {"step": [state.step]}
    if path.name == "state.npz":
        return {"values": [minicnn.class_model(MODEL, **RESUMED, size=8, resume=str(path)).values["input"]]}
    if path.name == "picture.png":
        return {"values": [minicnn.replay(path).values]}
    data = read_dataset(path)
    return {"photos": list(data.pixels(np.arange(len(data)), PIXELS.shape[1:3])), "labels": list(data.labels)}


class TooLongError(BaseException):
    """Not one of those that are taken for damage."""


def read_or_refuse(path):
    """Read a file, or return None if it is refused; any other error than MinicnnError comes out, and so does a long wait."""

    def too_long(*signal_and_frame):
        raise TooLongError(f"{path} takes longer than {LONGEST_TIME} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST_TIME)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(path)
    except MinicnnError as error:
        assert len(str(error)) <= LONGEST_MESSAGE and str(error).isprintable()
        return None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    return {name: make(folder) for name, make in KINDS.items()}


@pytest.fixture
def place(tmp_path):
    """A folder with what files of data sets name."""
    write_photos(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS.astype(np.uint8)))
    return tmp_path


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_read_right_or_refused(name, good_files, place):
    """What has a checksum is the same if it is read at all; tables and plain idx files have none, and every other archive a new one."""
    path = place / name
    path.write_bytes(good_files[name])
    good, refused = read_or_refuse(path), 0
    for seed in range(FILES):
        inside = path.suffix == ".npz" and seed % 2
        damaged = (changed_inside if inside else changed)(good_files[name], list(good_files.values()), random.Random(seed))
        path.write_bytes(damaged)
        found = read_or_refuse(path)
        refused += found is None
        if found is not None and path.suffix in (".npz", ".gz", ".png") and not inside:
            for key, arrays in found.items():
                assert len(arrays) == len(good[key]) and all(map(np.array_equal, arrays, good[key])), f"{key} of {name}, seed {seed}"
    assert refused > FILES // 10


VALUES = [
    None,
    True,
    -1,
    0,
    1,
    1.5,
    2**63,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "a",
    "\x1b[31m",
    [],
    [1],
    {},
    {"a": 1},
    "9" * 5000,
]


def made_up(value, generator):
    """A value of JSON with one thing changed somewhere in it."""
    if isinstance(value, dict) and value and generator.random() < 0.9:
        key = generator.choice(list(value))
        if generator.random() < 0.1:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: made_up(value[key], generator)}
    if isinstance(value, list) and value and generator.random() < 0.7:
        place = generator.randrange(len(value))
        return [*value[:place], made_up(value[place], generator), *value[place + generator.randint(0, 1) :]]
    return generator.choice(VALUES)


def changed_arrays(arrays, generator):
    """An archive's arrays with one of another type or shape, renamed, missing, or with another text."""
    name = generator.choice(list(arrays))
    array = arrays[name]
    kind = generator.choice(["type", "shape", "name", "missing", "numbers", "text"])
    if array.dtype.kind == "U" and array.ndim == 0 and kind != "missing":
        try:
            text = json.dumps(made_up(json.loads(str(array)), generator))
        except ValueError:
            text = "{"
        return {**arrays, name: np.array(text)}
    if kind == "missing":
        return {key: each for key, each in arrays.items() if key != name}
    if kind == "name":
        return {
            generator.choice(["", "a/b", "\x1b[31m", "x" * 3000, "images"]) if key == name else key: each for key, each in arrays.items()
        }
    if kind == "shape":
        shape = generator.choice([(), (0,), (array.size,), (1, *array.shape), (*array.shape, 1), array.shape[::-1], (1,) * 30])
        return {**arrays, name: np.resize(array, shape)}
    if kind == "text":
        return {**arrays, name: np.array(["\x1b[31m", "a\0b"] * 3)}
    if kind == "numbers" and array.dtype.kind in "fiu":
        limits = np.finfo(array.dtype) if array.dtype.kind == "f" else np.iinfo(array.dtype)
        value = generator.choice([limits.max, limits.min, 0, *([np.nan, np.inf] if array.dtype.kind == "f" else [])])
        return {**arrays, name: np.where(np.arange(array.size).reshape(array.shape) % 3, array, value).astype(array.dtype)}
    type_ = generator.choice(["f2", "f8", ">f4", "c8", "i1", "u8", "?", "U3", "S2", "V3", "M8[s]", "i4,f4", "V0", "U0"])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return {**arrays, name: array.astype(type_)}
        except (ValueError, TypeError):
            return {**arrays, name: np.zeros(array.shape, type_)}


@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith(".npz")])
def test_sound_archives_of_anything_are_read_or_refused(name, good_files, place):
    with np.load(io.BytesIO(good_files[name])) as file:
        good = dict(file)
    refused = 0
    for seed in range(FILES):
        generator = random.Random(seed)
        (place / name).write_bytes(archive(**changed_arrays(good, generator)))
        refused += read_or_refuse(place / name) is None
    assert refused > FILES // 10


def test_pictures_that_say_anything_are_made_again_or_refused(good_files, place):
    texts = dict(Image.open(io.BytesIO(good_files["picture.png"])).text)
    source, content = json.loads(texts[SOURCE_TEXT]), base64.b64decode(texts[INPUT_TEXT])
    with np.load(io.BytesIO(content)) as file:
        photos = dict(file)
    path, refused = place / "picture.png", 0
    for seed in range(FILES):
        generator = random.Random(seed)
        kind = generator.choice(["source", "text", "bytes", "arrays"])
        says = {SOURCE_TEXT: json.dumps(source), INPUT_TEXT: texts[INPUT_TEXT]}
        if kind == "source":
            says[SOURCE_TEXT] = json.dumps(made_up(source, generator))
        elif kind == "text":
            says[SOURCE_TEXT] = changed(texts[SOURCE_TEXT].encode(), [b"{}"], generator).decode("utf-8", "replace").replace("\0", "")
        else:
            inside = changed(content, [content], generator) if kind == "bytes" else archive(**changed_arrays(photos, generator))
            says[INPUT_TEXT] = base64.b64encode(inside).decode()
        information = PngImagePlugin.PngInfo()
        for key, text in says.items():
            information.add_itxt(key, text)
        Image.new("RGB", (2, 2)).save(path, pnginfo=information)
        refused += read_or_refuse(path) is None
    assert refused > FILES // 10


def test_texts_that_unpack_to_much_more_are_refused(place):
    """A picture of a few kB whose text would take 100 MB."""
    packed = zlib.compress(bytes(100 << 20), 9)
    chunk = b"zTXt" + SOURCE_TEXT.encode() + b"\0\0" + packed
    plain = io.BytesIO()
    Image.new("RGB", (2, 2)).save(plain, "PNG")
    head, end = plain.getvalue()[:33], plain.getvalue()[33:]
    (place / "picture.png").write_bytes(head + (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + end)
    with pytest.raises(MinicnnError, match="expected a PNG file"):
        minicnn.replay(place / "picture.png")


@pytest.mark.parametrize("name", [name for name in KINDS if name != "paths.csv"])
def test_what_is_no_file_is_refused_at_once(name, place):
    os.mkfifo(place / name)
    assert read_or_refuse(place / name) is None
    (place / name).unlink()
    (place / name).symlink_to("/dev/zero")
    assert read_or_refuse(place / name) is None
    (place / name).unlink()
    (place / name).mkdir()
    assert read_or_refuse(place / name) is None
