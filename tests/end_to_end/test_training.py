"""Train on a folder, stop, go on, and look inside what was trained."""

import csv
import errno
import json
import os
import signal
import sys
import time

import numpy as np
import pytest
from commands import default_signals, fail, finish, interrupted, minicnn, start, succeed, wait_for
from PIL import Image

import minicnn as package
from minicnn.training import start_training

NETWORK = """
name = "stripes"
input = [16, 20, 3]
preprocessing = "cifar10"
layers = [
  {convolution = "conv1", filters = 8, size = 3, padding = 1},
  {batch_norm = "norm1"},
  {relu = "relu1"},
  {max_pool = "pool1", size = 2},
  {convolution = "conv2", filters = 8, size = 3, padding = 1},
  {relu = "relu2"},
  {global_average_pool = "gap"},
  {dense = "fc", units = 2},
]
"""


@pytest.fixture
def place(tmp_path, generator):
    """Noisy stripes, lying and standing."""
    for i in range(24):
        stripes = np.where(np.arange(16) // 2 % 2, 200, 50)[:, None] * np.ones((1, 20))
        picture = stripes if i % 2 else np.where(np.arange(20) // 2 % 2, 200, 50) * np.ones((16, 1))
        noisy = np.clip(picture[..., None] + generator.normal(0, 30, (16, 20, 3)), 0, 255).astype(np.uint8)
        folder = tmp_path / "photos" / ("lying" if i % 2 else "standing")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(folder / f"{i}.png")
    (tmp_path / "net.toml").write_text(NETWORK)
    (tmp_path / "three.toml").write_text(NETWORK.replace("units = 2", "units = 3"))
    (tmp_path / "named.toml").write_text('classes = ["cat", "dog"]' + NETWORK)
    return tmp_path


TRAIN = ("train", "photos", "--model", "net.toml", "--out", "stripes.h5", "--batch-size", "6", "--rate", "0.1", "--no-flip", "--crop", "1")


def stopped_after(step):
    """Ctrl-C in the middle of an epoch, which are of four steps; the 24 photos are read before."""
    return interrupted("train.progress_bar", lambda done, total: done == step and total != 24)


def test_train_and_look_inside(place):
    output = succeed(*TRAIN, "--epochs", "12", folder=place)
    assert "22 photos" in output and "2 classes" in output and "epoch 12/12: loss" in output
    assert {path.name for path in place.glob("stripes*")} == {"stripes.h5", "stripes-log.csv", "stripes-curves.png"}
    with open(place / "stripes-log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(i) for i in range(1, 13)]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    found = json.loads(succeed("evaluate", "photos", "--model", "stripes.h5", "--json", folder=place))
    assert found["photos"] == 24 and found["accuracy"] > 0.9
    assert [row["class"] for row in found["classes"]] == ["lying", "standing"]
    photo = next((place / "photos" / "lying").glob("*.png"))
    assert succeed("predict", photo, "--model", "stripes.h5", "--top", "1", folder=place).split()[1] == "lying"
    succeed("saliency", photo, "--model", "stripes.h5", "--out", "map.png", folder=place)
    assert (place / "map.png").exists()
    assert "exists" in fail(*TRAIN, "--epochs", "1", folder=place)


def test_interrupted_and_resumed(place):
    """Ctrl-C saves a checkpoint and says how to go on; what comes out is bit for bit what comes out of one run."""
    long = (*TRAIN, "--epochs", "8")
    with stopped_after(10):
        code, _, errors = minicnn(*long, folder=place)
    assert code == 130 and "--resume goes on" in errors
    assert {path.name for path in place.glob("stripes*")} == {"stripes-checkpoint.npz"}
    assert "--resume" in fail(*long, folder=place)
    assert "epochs 8 (now 9)" in fail(*TRAIN, "--epochs", "9", "--resume", folder=place)
    assert "2 classes; going on after step " in succeed(*long, "--resume", folder=place)
    (place / "stripes.h5").rename(place / "resumed.h5")
    succeed(*long, "--overwrite", folder=place)
    resumed, whole = (package.load(place / f"{name}.h5").network.arrays for name in ("resumed", "stripes"))
    assert all(np.array_equal(array, whole[layer][name]) for layer, arrays in resumed.items() for name, array in arrays.items())


def test_interrupted_twice(place):
    """A second Ctrl-C does not stop the saving."""
    process = start(*TRAIN, "--epochs", "500", folder=place)
    wait_for("epoch 1/", process.stdout)
    process.send_signal(signal.SIGINT)
    wait_for("saving", process.stderr)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    assert process.returncode == 130 and "--resume goes on" in process.stderr.read()
    assert (place / "stripes-checkpoint.npz").exists()


def test_a_terminal_that_is_closed(place):
    """What was done is saved, though there is nobody to tell."""
    pty = pytest.importorskip("pty")
    child, terminal = pty.fork()
    if child == 0:
        default_signals()
        os.chdir(place)
        os.execv(sys.executable, [sys.executable, "-m", "minicnn", *TRAIN, "--epochs", "500"])
    shown = b""
    while b"epoch 2/" not in shown:
        shown += os.read(terminal, 1024)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    with np.load(place / "stripes-checkpoint.npz") as file:
        assert json.loads(str(file["state"]))["step"] >= 8  # 22 photos in batches of 6, twice


def test_a_reader_that_went_away(place):
    """The epoch that could not be told of is saved all the same."""
    process = start(*TRAIN, "--epochs", "500", folder=place)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) != 0 and "Traceback" not in process.stderr.read()
    assert (place / "stripes-checkpoint.npz").exists()


def test_a_training_outlives_its_terminal(place):
    """As under nohup: what is to be ignored stays ignored."""
    process = start(*TRAIN, "--epochs", "8", folder=place, prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for("epoch 1/", process.stdout)
    process.send_signal(signal.SIGHUP)
    assert finish(process).returncode == 0 and (place / "stripes.h5").exists()


def test_going_on_from_a_model_with_other_classes(place):
    succeed(*TRAIN, "--epochs", "12", folder=place)
    for i, path in enumerate(sorted((place / "photos").rglob("*.png"))):  # three classes, called by numbers
        folder = place / "numbers" / str(1 + i % 3)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 20, 3), 60 * (i % 3) + 50, np.uint8)).save(folder / path.name)
    command = ("train", "numbers", "--model", "stripes.h5", "--batch-size", "6", "--rate", "0.05", "--no-flip")
    output = succeed(*command, "--epochs", "15", "--out", "numbers.h5", folder=place)
    assert "3 classes" in output
    grays = np.arange(6, dtype=np.uint8) % 3
    np.savez(place / "numbers.npz", images=np.broadcast_to(60 * grays[:, None, None] + 50, (6, 16, 20)), labels=grays)
    for data in ("numbers", "numbers.npz"):  # folders are named 1, 2, 3; labels are 0, 1, 2
        found = json.loads(succeed("evaluate", data, "--model", "numbers.h5", "--json", folder=place))
        assert [row["class"] for row in found["classes"]] == ["1", "2", "3"] and found["accuracy"] == 1.0
    assert "0 is 1, 1 is 2, 2 is 3" in minicnn("evaluate", "numbers.npz", "--model", "numbers.h5", folder=place).stderr
    assert "taken for" not in minicnn("evaluate", "numbers", "--model", "numbers.h5", folder=place).stderr
    np.savez(place / "mixed.npz", images=np.zeros((2, 16, 20), np.uint8), labels=np.array(["0", "00"]))
    assert "not the only class" in fail("evaluate", "mixed.npz", "--model", "numbers.h5", folder=place)
    start = start_training(place / "stripes.h5", ("a", "b", "c"), seed=3).model.network
    trained = package.load(place / "stripes.h5", fold=False).network
    assert all(same(start, trained, layer) for layer in trained.arrays if layer != "fc")
    assert start.arrays["fc"]["weight"].shape == (8, 3) and not any(array.any() for array in start.arrays["fc"].values())


def arrays_of(network, layer):
    return list(network.arrays[layer].values())


def same(one, other, layer):
    return all(np.array_equal(a, b) for a, b in zip(arrays_of(one, layer), arrays_of(other, layer), strict=True))


def test_what_a_training_starts_from(place):
    """The command says which layers have whose weights; classes and preprocessing are those that belong to them."""
    succeed(*TRAIN, "--epochs", "2", folder=place)
    trained = package.load(place / "stripes.h5", fold=False)
    go_on = ("train", "photos", "--epochs", "1", "--batch-size", "6")
    assert "starting from random weights" in succeed(*go_on, "--model", "net.toml", "--out", "a.h5", folder=place)
    output = succeed(*go_on, "--model", "stripes.h5", "--out", "b.h5", folder=place)
    assert "starting from the weights of stripes.h5\n" in output
    (place / "wide.toml").write_text(NETWORK.replace('"conv2", filters = 8', '"conv2", filters = 9').replace("cifar10", "torch"))
    output = succeed(*go_on, "--model", "wide.toml", "--weights", "stripes.h5", "--out", "c.h5", folder=place)
    assert "weights of stripes.h5, new ones in conv2, fc\n" in output
    assert package.load(place / "c.h5").preprocessing == package.PREPROCESSING["torch"]
    hint = "--weights minivgg-cifar10"
    assert hint in succeed(*go_on, "--model", "minivgg-cifar10", "--out", "d.h5", folder=place)
    assert hint not in succeed(*go_on, "--model", "minivgg-cifar10", "--weights", "minivgg-cifar10", "--out", "e.h5", folder=place)

    assert package.load(place / "e.h5").credit == f"trained by minicnn on photos; before that: {package.load('minivgg-cifar10').credit}"

    start = start_training(place / "net.toml", ("standing", "lying"), place / "stripes.h5")
    assert list(start.model.classes) == ["lying", "standing"] and start.fresh == ()
    assert all(same(start.model.network, trained.network, layer) for layer in trained.network.arrays)
    (place / "turned.toml").write_text('classes = ["standing", "lying"]' + NETWORK)
    start = start_training(place / "turned.toml", ("lying", "standing"), place / "stripes.h5")
    assert list(start.model.classes) == ["standing", "lying"] and start.fresh == ("fc",)  # whose outputs would be the other way round
    start = start_training(place / "stripes.h5", ("cat", "dog"))
    assert list(start.model.classes) == ["cat", "dog"] and start.fresh == ("fc",)
    assert same(start.model.network, trained.network, "conv1") and not start.model.network.arrays["fc"]["weight"].any()
    start = start_training("minivgg", ("cat", "dog"), "minivgg-cifar10")
    assert start.fresh == ("fc",) and start.model.preprocessing == package.PREPROCESSING["cifar10"]
    with pytest.raises(package.MinicnnError, match="conv1, norm1, conv2, fc"):
        start_training("minivgg", ("cat", "dog"), place / "stripes.h5")


def test_what_a_training_says_of_its_photos_and_its_end(place):
    """Classes without photos, too few photos to set some apart, and a training that only got worse."""
    generator = np.random.default_rng(0)
    np.savez(place / "gaps.npz", images=generator.integers(0, 256, (8, 16, 20, 3), np.uint8), labels=np.array([0, 2] * 4))
    command = (
        "train",
        "gaps.npz",
        "--model",
        "three.toml",
        "--epochs",
        "2",
        "--batch-size",
        "4",
        "--optimizer",
        "adam",
        "--rate",
        "100",
        "--warm-up",
        "0",
    )
    process = minicnn(*command, "--out", "gaps.h5", folder=place)
    assert process.returncode == 0
    assert "share of 0.1" in process.stdout and "1 of the classes" in process.stdout
    assert "guessing, 1.099" in process.stderr
    error = fail("evaluate", "photos", "--model", "gaps.h5", folder=place)
    assert "lying, standing" in error and "0, 1, 2" in error


def test_starting_from_weights_for_other_channels(place):
    """What is left out is said, and the pixels become what the network itself takes."""
    gray = NETWORK.replace("[16, 20, 3]", "[16, 20, 1]").replace('"cifar10"', '{colors = "gray", mean = [120.0], std = [60.0]}')
    (place / "gray.toml").write_text(gray)
    package.save(start_training(place / "gray.toml", ("lying", "standing")).model, place / "gray.h5")
    start = start_training(place / "net.toml", ("lying", "standing"), place / "gray.h5")
    assert start.fresh == ("conv1",) and start.model.preprocessing == package.PREPROCESSING["cifar10"]
    (place / "bare.toml").write_text(NETWORK.replace('preprocessing = "cifar10"', ""))
    with pytest.raises(package.MinicnnError, match="does not say how pixels become"):
        start_training(place / "bare.toml", ("lying", "standing"), place / "gray.h5")


def test_a_training_that_ended_before_its_model_was_written(place):
    """The log was there, the model not yet: the same command with --resume writes both."""
    succeed(*TRAIN, "--epochs", "3", "--overwrite", folder=place)
    first = (place / "stripes-log.csv").read_text()
    (place / "stripes.h5").rename(place / "whole.h5")

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minicnn.cli.train.save", full)
        process = minicnn(*TRAIN, "--epochs", "3", "--overwrite", folder=place)
    assert process.returncode == 2 and "No space left" in process.stderr
    assert (place / "stripes-log.csv").exists() and not (place / "stripes.h5").exists()
    succeed(*TRAIN, "--epochs", "3", "--resume", folder=place)
    assert (place / "stripes-log.csv").read_text() == first
    assert (place / "stripes.h5").read_bytes() == (place / "whole.h5").read_bytes()


def test_tiny_photos(place):
    np.savez(
        place / "tiny.npz",
        images=np.random.default_rng(0).integers(0, 256, (12, 2, 2, 3), np.uint8),
        labels=np.arange(12, dtype=np.uint8) % 2,
    )
    (place / "tiny.toml").write_text("""
input = [2, 2, 3]
preprocessing = "cifar10"
layers = [{flatten = "flat"}, {dense = "fc", units = 2}]
""")
    succeed("train", "tiny.npz", "--model", "tiny.toml", "--epochs", "1", "--out", "tiny.h5", folder=place)
    assert "12 photos: accuracy" in succeed("evaluate", "tiny.npz", "--model", "tiny.h5", folder=place)


@pytest.mark.parametrize("change", [("padding = 1", "padding = 0"), ('"cifar10"', '"torch"')])
def test_a_checkpoint_of_another_network(place, change):
    with stopped_after(5):
        minicnn(*TRAIN, "--epochs", "200", folder=place)
    (place / "net.toml").write_text(NETWORK.replace(*change))
    assert "other description" in fail(*TRAIN, "--epochs", "200", "--resume", folder=place)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("train", "nowhere", "--out", "a.h5"), "no nowhere"),
        (("train", "net.toml", "--out", "a.h5"), "class folders"),
        (("train", "photos", "--out", "a.h5", "--model", "minivg"), "'minivgg'"),
        (("train", "photos", "--out", "a.h5", "--epochs", "0"), "epochs .*0.* 1"),
        (("train", "photos", "--out", "a.h5", "--resume"), "no checkpoint"),
        (("train", "photos"), "--out"),
        (("train", "photos", "--out", "nowhere/a.h5"), "nowhere"),
        (("train", "photos", "--out", "a.txt"), "expected .*[.]h5"),
        (("train", "photos", "--out", "a.h5", "--model", "three.toml"), "fc has 3 .*2 classes"),
        (("train", "photos", "--out", "a.h5", "--model", "net.toml", "--size", "1"), "pool1"),
        (
            ("train", "photos", "--out", "a.h5", "--model", "named.toml"),
            "named.toml .*cat, dog.* lying, standing",
        ),
        (("train", "photos", "--out", "a.h5", "--validation", "nan"), "validate .*nan"),
        (("train", "photos", "--out", "a.h5", "--rate", "nan"), "rate .*nan"),
        (("train", "photos", "--out", "a.h5", "--patience", "2", "--validation", "0"), "--validation"),
        (("evaluate", "photos"), "no class"),
    ],
)
def test_bad_input(place, arguments, message):
    line = fail(*arguments, folder=place)
    with pytest.raises(ValueError, match=message):
        raise ValueError(line)
    assert not list(place.glob("a*"))


def test_a_photo_that_cannot_be_read_ends_the_training(place):
    (place / "photos" / "lying" / "broken.png").write_bytes(b"no photo")
    process = minicnn(*TRAIN, "--epochs", "1", folder=place)
    assert process.returncode == 2 and "broken.png is not an image" in process.stderr


def test_damaged_photos_are_left_out_and_named(place):
    for name in ("half.png", "notes.txt"):
        (place / "photos" / "lying" / name).write_bytes(b"\x89PNG no more")
    os.mkfifo(place / "photos" / "standing" / "pipe.png")
    (place / "photos" / "standing" / "link.png").symlink_to("gone.png")
    (place / "photos" / "standing" / "more").mkdir()
    assert "2 of 26 files of photos cannot be read as photos: lying/half.png, lying/notes.txt" in fail(*TRAIN, folder=place)
    process = minicnn(*TRAIN, "--epochs", "1", "--skip-damaged", folder=place)
    assert process.returncode == 0 and "22 photos to train on" in process.stdout
    names = "standing/link.png, standing/more, standing/pipe.png, lying/half.png, lying/notes.txt"
    left_out = f"Warning: what cannot be read as a photo is left out: {names}"
    assert left_out in process.stderr
    assert "--skip-damaged" in fail("evaluate", "photos", "--model", "stripes.h5", folder=place)
    process = minicnn("evaluate", "photos", "--model", "stripes.h5", "--skip-damaged", "--json", folder=place)
    assert json.loads(process.stdout)["photos"] == 24 and left_out in process.stderr


def test_both_parts_of_a_data_set(place):
    """Each command says which part it took."""
    images, labels = np.random.default_rng(0).integers(0, 256, (12, 16, 20, 3), np.uint8), np.arange(12)[:, None] % 2
    np.savez_compressed(place / "both.npz", x_train=images[:8], y_train=labels[:8], x_test=images[8:], y_test=labels[8:])
    process = minicnn(*(TRAIN[:1]), "both.npz", *TRAIN[2:], "--epochs", "1", folder=place)
    assert "8 photos to train on" in process.stdout and "(x_train and y_train of both.npz)" in process.stderr
    process = minicnn("evaluate", "both.npz", "--model", "stripes.h5", folder=place)
    assert "4 photos: accuracy" in process.stdout and "(x_test and y_test of both.npz)" in process.stderr
