"""Whatever is wrong: one line that says so, exit code 2, nothing half-written."""

import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest
from commands import default_signals, fail, finish, interrupted, minicnn, start

from minicnn.files.resources import shipped_file


def png_of(width, height):
    """Make the head of a PNG that claims to be large."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.fixture
def photos(tmp_path, panda):
    folder = tmp_path / "photos"
    folder.mkdir()
    content = panda.read_bytes()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "text.jpg").write_text("no picture at all")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    (folder / "bomb.png").write_bytes(png_of(60_000, 60_000))
    (folder / "large.png").write_bytes(png_of(10_000, 10_000))
    return folder


@pytest.mark.parametrize(
    "photo, message",
    [
        ("none.jpg", "no file .*none.jpg.* photo"),
        ("pipe.jpg", "pipe.jpg is no ordinary file"),
        ("text.jpg", "text.jpg is not an image"),
        ("empty.jpg", "empty.jpg is not an image"),
        ("half.jpg", "half.jpg is damaged: .*truncated"),
        ("bomb.png", "bomb.png holds more pixels than are read"),
        ("large.png", "large.png holds more pixels than are read"),
        ("", "directory.* photo"),
    ],
)
def test_photos(photos, tmp_path, photo, message):
    assert_matches(fail("report", photos / photo, "--out", tmp_path / "page"), message)
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["predict", "--size", "16"], "pool5: .*2 .*1 pixels"),
        (["predict", "--size", "99999"], "GB of memory"),
        (["predict", "--size", "0x5"], "'0x5' is no size"),
        (["predict", "--top", "0"], "top"),
        (["predict", "shipped:lion"], "'lion'.*panda, moose"),
        (["predict", "--model", "vgg61"], "'vgg61' .*did you mean 'vgg1"),
        (["predict", "--model", "vgg16"], "vgg16 .*weights"),
        (["predict", "--algorithm", "fft"], "'fft'.*'auto', 'im2col'"),
        (["summary", "nothing"], "no model 'nothing'"),
        (["gradcheck", "nothing"], "no model 'nothing'"),
        (["gradcheck", "--size", "20000"], "GB of memory"),
        (["saliency", "--target", "giant pandas"], "'giant pandas'.* giant panda"),
        (["saliency", "--target", "1000"], "0 to 999"),
        (["saliency", "--output", "score"], "'score'.*'logit'"),
        (["grad-cam", "--layer", "conv6_1"], "'conv6_1'.* conv1_1, .*pool5, gap, fc"),
        (["grad-cam", "--layer", "fc"], "fc .*image"),
        (["occlusion", "--patch", "500"], "patch .*500.* 224"),
        (["smoothgrad", "--samples", "-1"], "samples .*-1.* 1"),
        (["smoothgrad", "--noise", "nan"], "noise .*nan.* finite"),
        (["smoothgrad", "--seed", "-1"], "seed .*-1"),
        (["smoothgrad", "--batch-size", "100000"], "100000 images of 224 x 224 .* GB"),
        (["report", "--seed", "-1"], "--seed"),
        (
            ["compare", "--methods", "saliency,magic"],
            r"methods .*'magic'.* saliency, smoothgrad, .*grad-cam",
        ),
        (["compare", "."], "no photo in .*"),
        (["sanity", "--out", "a.gif"], ".png, .npz, .csv, .json"),
        (["segment", "--method", "filters"], "'filters'.*'saliency'"),
        (["predict", "--size", "\u00b2"], "is no size"),
        (["predict", "--size", "9" * 5000], "is no size"),
        (["saliency", "--target", "9" * 5000], "0 to 999"),
        (["saliency", "--out", "none/map.png"], "directory none"),
        (["saliency", "--out", "map.bmp"], "map.bmp: .*.png, .npy"),
        (["nothing"], "no command 'nothing'"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_arguments(tmp_path, arguments, message):
    assert_matches(fail(*arguments, folder=tmp_path), message)
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Copies of the shipped weights, each with one thing wrong."""
    folder = tmp_path_factory.mktemp("weights")
    good = shipped_file("vgg16-gap.h5")
    content = good.read_bytes()
    (folder / "text.h5").write_text("no HDF5")
    (folder / "half.h5").write_bytes(content[: len(content) // 2])

    def changed(name, change):
        shutil.copy(good, folder / name)
        with h5py.File(folder / name, "r+") as file:
            change(file)

    def replace_kernel(make):
        def change(file):
            old = file["conv2_1/kernel:0"][...]
            del file["conv2_1/kernel:0"]
            file["conv2_1/kernel:0"] = make(old)

        return change

    changed("shape.h5", replace_kernel(lambda old: old.transpose(1, 0, 3, 2)))
    changed("nan.h5", replace_kernel(lambda old: old * np.float16(np.nan)))
    changed("other.h5", lambda file: file.attrs.create("layer_names", ["conv1_1", "conv1_2", "fc"]))
    with h5py.File(folder / "foreign.h5", "w") as file:
        file["numbers"] = np.zeros(3)
    return folder


@pytest.mark.parametrize(
    "name, message",
    [
        ("none.h5", "no file .*none.h5"),
        ("text.h5", "text.h5: .* format"),
        ("half.h5", "half.h5: .*truncated"),
        ("shape.h5", r"conv2_1 .*\(3, 3, 128, 64\), .*\(128,\).*expected"),
        ("nan.h5", "conv2_1 .*NaN"),
        ("other.h5", r"conv1_1, conv1_2, fc;.*14 in all"),
        ("foreign.h5", "HDF5 .*Keras weights.* numbers"),
    ],
)
def test_weights(weights, name, message):
    assert_matches(fail("predict", "--weights", weights / name), message)


@pytest.mark.parametrize("command", ["report", "saliency"])
def test_places_that_cannot_be_written(tmp_path, command):
    (tmp_path / "file").write_text("")
    (tmp_path / "locked").mkdir(mode=0o500)
    places = [tmp_path / "file" / "page", "/proc/nowhere/page"] + ([] if os.geteuid() == 0 else [tmp_path / "locked" / "page"])
    for place in places:
        out = place if command == "report" else f"{place}.png"
        assert_matches(fail(command, "--size", "32", "--out", out), "cannot write .*another place")


def test_a_file_in_place_of_the_directory(tmp_path):
    (tmp_path / "page").write_text("mine")
    assert_matches(fail("report", "--out", tmp_path / "page"), "page is a file.* directory")
    assert (tmp_path / "page").read_text() == "mine"


def test_existing_files_stay(tmp_path):
    (tmp_path / "map.png").write_text("mine")
    assert_matches(fail("saliency", "--out", tmp_path / "map.png"), "map.png exists")
    assert (tmp_path / "map.png").read_text() == "mine"


def test_a_full_disk(tmp_path):
    """On a file system of 20 kB, mounted where only this test sees it."""
    script = f"""
        mount -t tmpfs -o size=20k none {tmp_path} || exit 77
        cd {tmp_path} && echo mine > mine
        {sys.executable} -m minicnn report --model minivgg-cifar10 --only saliency --out page; code=$?
        {sys.executable} -m minicnn saliency --model minivgg-cifar10 --out map.png; code=$code$?
        echo "codes $code"; ls -A {tmp_path}
    """
    process = subprocess.run(["unshare", "--mount", "--map-root-user", "bash", "-c", script], capture_output=True, text=True, check=False)
    if process.returncode == 77 or "unshare" in process.stderr:
        pytest.skip("mounting a file system is not allowed here")
    assert process.stderr.count("No space left on device") == 2 and "Traceback" not in process.stderr
    assert process.stdout.split() == ["codes", "22", "mine"]


def test_a_file_that_may_not_grow(tmp_path):
    """The same through a limit on file sizes, which needs no rights."""

    def limit():
        default_signals()
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    command = ("report", "--model", "minivgg-cifar10", "--only", "saliency", "--out", tmp_path / "page")
    process = finish(start(*command, prepare=limit))
    assert process.returncode == 2 and "cannot write" in process.stderr and "Traceback" not in process.stderr
    assert os.listdir(tmp_path) == []


def test_a_closed_terminal_loses_no_result(tmp_path):
    script = f"{sys.executable} -m minicnn smoothgrad --model minivgg-cifar10 --samples 1 --out {tmp_path}/map.png >&- 2>&-"
    assert subprocess.run(["bash", "-c", script], check=False).returncode == 0
    assert os.listdir(tmp_path) == ["map.png"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(tmp_path, sent):
    command = ("report", "--model", "minivgg-cifar10", "--only", "smoothgrad", "--quick", "--out", tmp_path / "page")
    with interrupted("report.part_bars", lambda part, done, total: part == "smoothgrad" and done > 0, sent):
        code, output, errors = minicnn(*command)
    assert code == 130 and "nothing was written" in errors and output == ""
    assert os.listdir(tmp_path) == []


def assert_matches(line, pattern):
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(line)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["intuition", "--step", "1"], "step is"),
        (["intuition", "--step", "a,b"], "counted from 0"),
        (["intuition", "--step", "900,0"], "row below"),
        (["window", "--unit", "1,2,3,4"], "unit is"),
        (["window", "--unit", "500,2,3"], "output of conv1_1"),
        (["receptive-field", "--layer", "fc"], "whole photo"),
        (["receptive-field", "--layer", "conv9"], "no layer"),
        (["filters", "--layer", "relu1_1"], "convolutions"),
        (["filters", "--channel", "3"], "expected 0 to 2"),
        (["channels", "--first", "3", "--top", "3"], "one of them"),
        (["class-model"], "needs a class"),
        (["class-model", "--target", "unicorn"], "no class 'unicorn'"),
        (["class-model", "--target", "bee", "--resume", "nothing.npz"], "cannot go on from"),
        (["class-model", "--target", "bee", "--l2", "2"], "expected 0 to 1"),
        (["saliency", "--out", "a.gif"], ".png"),
        (["layers", "--out", "a.npy"], ".png, .npz"),
        (["saliency", "--out", "a.png", "--out", "a.png"], "twice"),
        (["intuition", "--padding", "30000"], "padding is 30000"),
        (["occlusion", "--stride", "99999999999999999999999"], "at most a billion"),
        (["report", "--only", "saliency", "--skip", "saliency"], "no method"),
        (["report", "--only", "magic"], "magic"),
        (["report", "--only", "style-transfer"], "name one with --style PHOTO"),
        (["report", "--out", ""], "the name is empty"),
        (["saliency", "--out", ""], "the name is empty"),
        (["replay", "nothing.png"], "no file"),
        (["filters", "--model", "alexnet"], "weights"),
    ],
)
def test_options_of_the_visualizers(tmp_path, arguments, message):
    size = [] if arguments[0] in ("filters", "replay") else ["--size", "48"]
    assert message in fail(*arguments, *size, folder=tmp_path)
    assert not list(tmp_path.iterdir())
