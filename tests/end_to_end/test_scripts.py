"""The scripts that made the shipped weights, on small data: a head for a folder of its own classes; CIFAR-10 unpacked."""

import contextlib
import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from commands import Finished
from PIL import Image

import minicnn
from minicnn.training import read_dataset

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(name, *arguments):
    """Run a script in this process."""
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        patch.setattr("sys.argv", [name, *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        except SystemExit as ended:
            code = ended.code or 0
    return Finished(code, stdout.getvalue(), stderr.getvalue())


def refused(process, text):
    return process.returncode == 2 and text in process.stderr


def test_a_head_for_a_folder_of_classes(tmp_path, generator):
    for i in range(9):
        color = [(200, 60, 60), (60, 200, 60), (60, 60, 200)][i % 3]
        photo = np.clip(generator.normal(color, 30, (64, 64, 3)), 0, 255).astype(np.uint8)
        folder = tmp_path / "photos" / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(folder / f"{i}.png")
    command = ["train_head", tmp_path / "photos", "--cache", tmp_path / "features.npz", "--views", "2", "--set", "hard=0.5"]
    process = run(*command, "--out", tmp_path / "head.h5")
    assert process.stdout.startswith("top-1 100.00%"), process.stderr
    model = minicnn.load(tmp_path / "head.h5")
    assert list(model.classes) == ["a", "b", "c"] and model.credit and "scripts/train_head on 9 photos" in model.origin.metadata["head"]
    assert model.predict(tmp_path / "photos" / "b" / "1.png")[0][0] == "b"
    assert refused(run(*command, "--out", tmp_path / "head.h5"), "exists")
    assert refused(run(*command, "--seed", "1"), "Choose another --cache")
    (tmp_path / "photos" / "a" / "0.png").rename(tmp_path / "photos" / "b" / "0.png")
    assert refused(run(*command), "Choose another --cache")


def test_a_head_cannot_be_trained_on_that(tmp_path):
    cache = ("--cache", tmp_path / "features.npz")
    assert refused(run("train_head", tmp_path / "nowhere", *cache), "nowhere")
    (tmp_path / "photos" / "only").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(tmp_path / "photos" / "only" / "a.png")
    assert refused(run("train_head", tmp_path / "photos", *cache), "expected at least two")
    assert refused(run("train_head", tmp_path / "photos", *cache, "--set", "ridges=1"), "expected one of equal, ridge")


def test_cifar10_unpacked(tmp_path, generator):
    stored = {"classes": np.array(["cat", "dog"])}
    photos = {}
    for part, count in (("train", 4), ("test", 2)):
        files = []
        for _ in range(count):
            stream = io.BytesIO()
            Image.fromarray(generator.integers(0, 256, (32, 32, 3), np.uint8)).save(stream, "JPEG")
            files.append(stream.getvalue())
        photos[part] = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
        stored |= {
            f"{part}_jpeg": np.frombuffer(b"".join(files), np.uint8),
            f"{part}_offsets": np.cumsum([0, *map(len, files)]),
            f"{part}_labels": np.arange(count, dtype=np.uint8) % 2,
        }
    np.savez(tmp_path / "stored.npz", **stored)
    assert run("unpack_cifar10", tmp_path / "stored.npz", tmp_path / "out").returncode == 0
    for part, pixels in photos.items():
        data = read_dataset(tmp_path / "out" / f"cifar10-{part}.npz")
        assert data.classes == ("cat", "dog") and np.array_equal(data.photos, pixels)
    assert refused(run("unpack_cifar10", tmp_path / "stored.npz", tmp_path / "out"), "exists")
    assert refused(run("unpack_cifar10", tmp_path / "nowhere.npz", tmp_path / "out2"), "nowhere")
    np.savez(tmp_path / "other.npz", a=1)
    assert refused(run("unpack_cifar10", tmp_path / "other.npz", tmp_path / "out2"), "train_jpeg") and not (tmp_path / "out2").exists()
