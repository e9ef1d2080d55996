"""Damaged data sets, checkpoints of trainings, pictures to replay and stopped runs: each is read, or refused with one error.

MINICNN_FUZZ sets the number of files of each kind; by default there are few.
"""

import gzip
import io
import random
import warnings

import numpy as np
import pytest
from damage import FILES, changed, changed_inside
from PIL import Image, PngImagePlugin

import minicnn
from minicnn.errors import LONGEST_MESSAGE, MinicnnError
from minicnn.training import State, read_checkpoint, read_dataset, write_checkpoint
from minicnn.training.reading.idx import is_idx

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 5), np.uint8)
LABELS = np.arange(6, dtype=np.uint8) % 2


def as_npz(save):
    stream = io.BytesIO()
    save(stream, images=PIXELS, labels=LABELS, classes=["cat", "dog"])
    return stream.getvalue()


def as_idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


def as_table():
    heading = ",".join(["label", *(f"pixel{i}" for i in range(25))])
    rows = [",".join(map(str, [label, *image.ravel()])) for label, image in zip(LABELS, PIXELS)]
    return "\n".join([heading, *rows]).encode()


#: Data sets by the names of their files.
DATASETS = {
    "stored.npz": as_npz(np.savez),
    "compressed.npz": as_npz(np.savez_compressed),
    "train-images-idx3-ubyte": as_idx(PIXELS),
    "train-images-idx3-ubyte.gz": gzip.compress(as_idx(PIXELS)),
    "pixels.csv": as_table(),
    "paths.csv": b"path,label\na.png,cat\na.png,dog\n",
}


def damaged(content, number, others):
    """The content of one damaged file; of archives in every other also the members, under right checksums."""
    generator = random.Random(number)
    inside = content.startswith(b"PK") and number % 2
    return (changed_inside if inside else changed)(content, others, generator)


def check(path, read):
    """Read a file; whatever is not right with it must be one clear error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except MinicnnError as error:
        assert str(error).isprintable() and len(str(error)) <= LONGEST_MESSAGE


@pytest.mark.parametrize("name", DATASETS)
def test_damaged_data_sets(name, tmp_path):
    if is_idx(tmp_path / name):
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(as_idx(LABELS))
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    (tmp_path / name).write_bytes(DATASETS[name])
    assert len(read_dataset(tmp_path / name)) in (2, 6)
    for number in range(FILES):
        (tmp_path / name).write_bytes(damaged(DATASETS[name], number, list(DATASETS.values())))
        check(tmp_path / name, lambda path: read_dataset(path).pixels(np.arange(1), (5, 5)))


def test_damaged_checkpoints(small_model, tmp_path):
    network = small_model.network
    memory = {layer: {name: (array, 3) for name, array in arrays.items()} for layer, arrays in network.parameters.items()}
    state = State(network, memory, 7, (1.0, 2.0, 3.0), ({"epoch": 1, "loss": 0.5},), network, 1)
    write_checkpoint(tmp_path / "state.npz", state, {"seed": 3})
    content = (tmp_path / "state.npz").read_bytes()
    assert read_checkpoint(tmp_path / "state.npz", network, {"seed": 3}).step == 7
    for number in range(FILES):
        (tmp_path / "state.npz").write_bytes(damaged(content, number, list(DATASETS.values())))
        check(tmp_path / "state.npz", lambda path: read_checkpoint(path, network, {"seed": 3}))


def test_damaged_stopped_runs(small_model, tmp_path):
    options = {"target": 1, "size": 16, "steps": 4, "scales": 1}
    minicnn.class_model(small_model, until=2, **options).save(tmp_path / "run.npz")
    content = (tmp_path / "run.npz").read_bytes()
    assert len(minicnn.class_model(small_model, resume=tmp_path / "run.npz", **options).values["scores"]) == 4
    for number in range(FILES):
        (tmp_path / "run.npz").write_bytes(damaged(content, number, list(DATASETS.values())))
        check(tmp_path / "run.npz", lambda path: minicnn.class_model(small_model, resume=path, **options))


def with_texts(path, texts):
    """Write the picture again with other texts."""
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text, zip=True)
    with Image.open(path) as image:
        pixels = image.copy()
    pixels.save(path, pnginfo=info)


def test_damaged_pictures_to_replay(panda, tmp_path):
    model = minicnn.load("minivgg-cifar10")
    minicnn.saliency(model, panda, size=16).save(tmp_path / "map.png")
    content, texts = (tmp_path / "map.png").read_bytes(), dict(Image.open(tmp_path / "map.png").text)
    assert minicnn.replay(tmp_path / "map.png").values.shape == (16, 16)
    for number in range(FILES):
        generator = random.Random(number)
        if number % 2:
            (tmp_path / "map.png").write_bytes(changed(content, list(DATASETS.values()), generator))
        else:
            (tmp_path / "map.png").write_bytes(content)
            name = generator.choice(sorted(texts))
            other = changed(texts[name].encode(), [b'"', b"[]", b"{}", b"null", b"1e999", b"-1"], generator).decode("latin-1")
            with_texts(tmp_path / "map.png", {**texts, name: other.replace("\0", "0")})
        check(tmp_path / "map.png", minicnn.replay)
