"""Every command on the shipped photos and model."""

import base64
import html.parser
import io
import json
import os
import re

import numpy as np
import pytest
from click.testing import CliRunner
from commands import fail, finish, interrupted, minicnn, start, succeed
from PIL import Image

from minicnn.cli.main import commands
from minicnn.models.descriptions import read_description
from minicnn.models.files import save
from minicnn.models.model import Model
from minicnn.network.initialize import he_initialized
from minicnn.visualizers import REGISTRY

QUICK = {
    "smoothgrad": ["--samples", "2"],
    "occlusion": ["--stride", "20"],
    "class-model": ["--steps", "12"],
    "compare": ["--methods", "saliency,grad-cam", "--steps", "3"],
    "sanity": ["--methods", "saliency", "--steps", "2"],
    "grad-cam": ["--also", "dog,7"],
    "score-cam": ["--channels", "8"],
    "integrated-gradients": ["--steps", "4"],
    **{name: ["--steps", "4"] for name in ("filter-model", "max-activating", "invert", "deep-dream", "texture", "style-transfer")},
}

#: What a report in a hurry leaves out.
SLOW = ("class-model", "smoothgrad", "occlusion", "filter-model", "max-activating", "invert", "deep-dream", "texture")

#: The methods that can run here: all, unless an extra is not installed.
AVAILABLE = [name for name, visualizer in REGISTRY.items() if not visualizer.missing_extra]


class Page(html.parser.HTMLParser):
    """Collects the tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    output = succeed("report", "--out", "page", "--size", "64x96", "--quick", "--style", "shipped:moose", folder=folder)
    return folder / "page", output


def test_the_report_says_what_to_open_and_how_long_it_took(report):
    folder, output = report
    assert f"Open {folder / 'index.html'}" in output
    for part in ("prediction", *AVAILABLE):
        assert re.search(rf"^{part} +\d+\.\d$", output, re.MULTILINE)


def test_the_reports_files(report):
    folder, _ = report
    expected = {"index.html", "report.json", "photo.png", "prediction.png", *(f"{name}.png" for name in AVAILABLE)}
    assert set(os.listdir(folder)) == expected
    for name in expected - {"index.html", "report.json"}:
        pixels = np.asarray(Image.open(folder / name))
        assert pixels.std() > 10, f"{name} is blank"
    assert Image.open(folder / "photo.png").size == (96, 64)


def test_the_page_needs_nothing_else(report):
    text = (report[0] / "index.html").read_text()
    tags = Page(text).tags
    for _, attributes in tags:
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    assert "url(" not in text and "@import" not in text


def test_the_page_shows_everything(report):
    text = (report[0] / "index.html").read_text()
    assert "giant panda" in text and "Aaron Logan, CC BY 1.0" in text and "K. Simonyan and A. Zisserman, CC BY 4.0" in text
    tags = Page(text).tags
    assert [attributes["id"] for tag, attributes in tags if tag == "section"] == AVAILABLE
    images = [attributes for tag, attributes in tags if tag == "img"]
    assert all(attributes["alt"] for attributes in images)
    for attributes in images:
        Image.open(io.BytesIO(base64.b64decode(attributes["src"].partition(",")[2]))).verify()
    assert len([attributes for attributes in images if "output of every layer" in attributes["alt"]]) == 32  # the photo and 31 layers
    questions = re.findall(r'<h2 class="question">(.*)</h2>', text)
    assert questions == list(dict.fromkeys(visualizer.question for visualizer in REGISTRY.values())) and len(questions) == 5
    widths = [float(width) for width in re.findall(r'class="bar" style="width: ([\d.]+)%"', text)]
    assert len(widths) == 5 and widths == sorted(widths, reverse=True) and sum(widths) <= 100.05


def test_a_second_report_needs_permission(report):
    folder, _ = report
    process = minicnn("report", "--out", folder, "--size", "64x96")
    assert process.returncode == 2 and "index.html exists" in process.stderr
    before = (folder / "index.html").stat().st_mtime_ns
    process = minicnn("report", "shipped:moose", "--out", folder, "--size", "32", "--only", "saliency", "--overwrite")
    assert process.returncode == 0 and "removed of the earlier report: " in process.stderr and "channels.png" in process.stderr
    assert (folder / "index.html").stat().st_mtime_ns > before
    assert "Ryan Hagerty, public domain" in (folder / "index.html").read_text()
    assert set(os.listdir(folder)) == {"index.html", "report.json", "photo.png", "prediction.png", "saliency.png"}  # no old picture stays


def test_names_are_escaped(tmp_path, panda):
    photo = tmp_path / "<script>alert(1)<x>.jpg"
    photo.write_bytes(panda.read_bytes())
    succeed("report", photo, "--out", tmp_path / "page", "--size", "32", "--target", "tabby", "--only", "saliency")
    text = (tmp_path / "page" / "index.html").read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert "Saliency for tabby" in text


def test_a_name_that_is_not_utf8(tmp_path, panda):
    photo = os.fsencode(tmp_path) + b"/bad\xff.jpg"
    with open(photo, "wb") as file:
        file.write(panda.read_bytes())
    succeed("report", os.fsdecode(photo), "--out", tmp_path / "page", "--size", "32", "--only", "saliency")
    assert "bad\ufffd.jpg" in (tmp_path / "page" / "index.html").read_text()


@pytest.mark.parametrize("group", [(), ("weights",)])
def test_a_group_alone_prints_its_help(group):
    assert succeed(*group) == succeed(*group, "--help") and len(succeed(*group).splitlines()) > 8


def test_predict():
    lines = succeed("predict").splitlines()
    assert len(lines) == 5 and "giant panda" in lines[0]
    assert "Not sure" in succeed("predict", "shipped:moose")


def test_predict_json(panda):
    answer = json.loads(succeed("predict", panda, "--top", 3, "--json"))
    assert answer["top"][0]["class"] == "giant panda"
    assert len(answer["top"]) == 3 and 0.9 < answer["top"][0]["probability"] <= 1


@pytest.fixture
def photos(panda, tmp_path):
    """A folder with two photos and a text."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    for name in ("panda", "moose"):
        (folder / f"{name}.jpg").write_bytes((panda.parent / f"{name}.jpg").read_bytes())
    (folder / "notes.txt").write_text("no photo")
    return folder


def test_predict_several_photos(photos, tmp_path):
    process = minicnn("predict", photos)
    lines = process.stdout.splitlines()
    assert process.returncode == 0 and [line.split()[0] for line in lines] == ["photo", "moose.jpg", "panda.jpg"]
    assert "1 of 2 files" not in process.stderr and "1 of 3 files" in process.stderr and "notes.txt" in process.stderr
    files = sorted(photos.glob("*.jpg"))
    succeed("predict", *files, "--top", 3, "--out", "a.csv", "--out", "a.json", "--out", "a.npz", folder=tmp_path)
    heading, first, second = (tmp_path / "a.csv").read_text().splitlines()
    assert heading == "photo,class 1,probability 1,class 2,probability 2,class 3,probability 3"
    alone = json.loads(succeed("predict", files[1], "--json"))["top"]
    assert second == ",".join(["panda.jpg", *(f"{entry['class']},{entry['probability']}" for entry in alone[:3])])
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["rows"][0]["class 1"] == first.split(",")[1] and found["source"]["model"] == "vgg16-gap"
    assert [file["path"] for file in found["source"]["photos"]] == list(map(str, files))
    with np.load(tmp_path / "a.npz") as file:
        assert file["probabilities"].shape == (2, 1000) and file["photo"].tolist() == ["moose.jpg", "panda.jpg"]
        assert float(file["probabilities"][1].max()) == alone[0]["probability"] and file["classes"][388] == "giant panda"
    assert [answer["photo"] for answer in json.loads(succeed("predict", *files, "--json"))] == ["moose.jpg", "panda.jpg"]
    assert "expected a name ending in .csv, .json, .npz" in fail("predict", photos, "--out", tmp_path / "a.png")
    assert "exists" in fail("predict", photos, "--out", tmp_path / "a.csv")


def test_predict_is_stopped(photos, tmp_path):
    with interrupted("predict.progress_bar", lambda done, total: done == 1):
        code, _, errors = minicnn("predict", photos, "--model", "minivgg-cifar10", "--out", "a.csv", folder=tmp_path)
    assert code == 130 and "stopped after 1 of 3 photos" in errors and "--resume" not in errors
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2


MINI = ("--model", "minivgg-cifar10")


def test_a_method_on_several_photos(photos, tmp_path):
    process = minicnn("grad-cam", photos, *MINI, "--out", "maps.npz", folder=tmp_path)
    assert process.returncode == 0 and "notes.txt" in process.stderr and "moose.jpg" in process.stdout
    with np.load(tmp_path / "maps.npz") as file:
        assert file["values"].shape[0] == 2 and file["photo"].tolist() == ["moose.jpg", "panda.jpg"]
        assert set(file.files) == {"values", "photo", "target", "target index", "predicted", "predicted index", "probability", "source"}
    succeed("grad-cam", photos / "panda.jpg", *MINI, "--out", "one.npy", folder=tmp_path)
    assert np.array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "maps.npz")["values"][1])
    succeed("grad-cam", photos, *MINI, "--target", "dog,cat", "--layer", "relu3_1", folder=tmp_path)
    folder = tmp_path / "my photos-grad-cam-relu3_1-dog-cat"
    assert sorted(os.listdir(folder)) == ["moose-cat.png", "moose-dog.png", "panda-cat.png", "panda-dog.png"]
    assert "bit for bit" in succeed("replay", folder / "panda-dog.png", folder=tmp_path)
    assert "not empty" in fail("grad-cam", photos, *MINI, "--out", folder)
    assert "the name of a folder" in fail("grad-cam", photos, *MINI, "--out", tmp_path / "a.gif")
    succeed("class-model", "--target", "dog,cat", *MINI, "--steps", 2, "--image", "drawn", folder=tmp_path)
    assert {"dog.png", "cat.png"} == set(os.listdir(tmp_path / "drawn")) == set(os.listdir(tmp_path / "dog-cat-class-model"))


def test_a_batch_is_stopped(photos, tmp_path):
    with interrupted("visualize.progress_bar", lambda done, total: done == 1):
        code, output, errors = minicnn("saliency", photos, *MINI, "--out", "maps.npz", folder=tmp_path)
    assert code == 130 and "stopped after 1 of 3 results" in errors and "--resume" not in errors and "maps.npz" in output
    assert np.load(tmp_path / "maps.npz")["photo"].tolist() == ["moose.jpg"]


def test_names_of_files_tell_layer_and_class(tmp_path):
    for options, name in {
        (): "panda-grad-cam.png",
        ("--layer", "relu3_1"): "panda-grad-cam-relu3_1.png",
        ("--layer", "relu3_1", "--target", "DOG"): "panda-grad-cam-relu3_1-DOG.png",
        ("--output", "probability", "--target", "7"): "panda-grad-cam-7.png",
    }.items():
        succeed("grad-cam", *MINI, *options, folder=tmp_path)
        assert (tmp_path / name).exists(), name
    succeed("filters", *MINI, "--layer", "conv2_1", folder=tmp_path)
    assert (tmp_path / "minivgg-cifar10-filters-conv2_1.png").exists()


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
def test_algorithms_give_the_same_answer(algorithm):
    answers = [json.loads(succeed("predict", "shipped:moose", "--json", "--algorithm", name))["top"] for name in (algorithm, "auto")]
    assert [entry["class"] for entry in answers[0]] == [entry["class"] for entry in answers[1]]
    for one, other in zip(*answers):
        assert one["probability"] == pytest.approx(other["probability"], rel=1e-3)


def test_compiling_is_announced_once_and_cached(tmp_path):
    """With an empty cache one line says what the wait is for; with the cache there is no wait."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for expected in (1, 0):
        process = finish(start("predict", "--model", "minivgg-cifar10", "--algorithm", "im2col", env=environment))
        assert process.returncode == 0 and process.stderr.count("compiling kernels") == expected
    assert any(name.suffix == ".nbi" for name in tmp_path.rglob("*"))


def test_bench(tmp_path):
    """Of a description of a network that ends in an image, and of a file with weights of one that has classes."""
    image = 'input = [8, 12, 1]\nlayers = [{convolution = "conv1", filters = 4, size = 3}, {batch_norm = "norm1"}]'
    description, file = tmp_path / "my.toml", tmp_path / "my.h5"
    description.write_text(image)
    with_classes = image.replace("}]", '}, {global_average_pool = "gap"}, {dense = "fc", units = 2}]')
    save(Model(he_initialized(read_description(with_classes, "my.toml").network), "my", input_size=(8, 12)), file)
    for model in (description, file):
        found = json.loads(succeed("bench", "--model", str(model), "--rounds", "1", "--json"))
        assert set(found) == {"machine", "model", "limits", "layers", "seconds"}
        assert len(found["seconds"]) == 5 and all(seconds > 0 for rivals in found["seconds"].values() for seconds in rivals["minicnn"])
        assert "conv1" in found["layers"] and "norm1" not in found["layers"]


def test_summary():
    text = succeed("summary", "vgg16")
    row = next(line for line in text.splitlines() if line.startswith("conv3_2 "))
    assert row.split("  ")[0] == "conv3_2"
    assert re.findall(r"[\d,]+", row.removeprefix("conv3_2")) == ["56", "56", "256", "590,080", "1,849,688,064", "32", "4", "14"]
    assert "138,357,544 parameters; 15,470,264,320 multiply-accumulates" in text
    assert "15,227,688 parameters" in succeed("summary")
    assert "conv1_1   64 x 96 x 64" in succeed("summary", "--size", "64x96")


@pytest.mark.parametrize("model", ["vgg16-gap", "vgg16"])
def test_gradcheck(model):
    lines = succeed("gradcheck", model).splitlines()
    rows = {line.split()[0]: line for line in lines[1:-1]}
    assert "network" in rows and "conv5_3" in rows and (model == "vgg16-gap" or "fc8" in rows)
    assert "wrong" not in "".join(lines)
    for name, row in rows.items():
        if name.startswith(("conv", "fc")):
            errors = [float(error) for error in re.findall(r"\d\.\de-?\d+", row)]
            assert len(errors) == 3 and max(errors) < 1e-7, row


@pytest.mark.parametrize("name", AVAILABLE)
def test_every_visualizer(tmp_path, panda, name):
    takes_photo = REGISTRY[name].takes_photo
    style = ["shipped:moose"] if "style" in REGISTRY[name].parameters else []
    options = [panda, *style, "--size", "40x56", *QUICK.get(name, [])] if takes_photo else []
    output = succeed(name, *options, "--model", "minivgg-cifar10", folder=tmp_path)
    written = f"panda-{name}.png" if takes_photo else f"minivgg-cifar10-{name}.png"
    assert written in output
    picture = Image.open(tmp_path / written)
    assert json.loads(picture.text["minicnn"])["method"] == name
    assert np.asarray(picture).std() > 10
    output = succeed("replay", written, "--out", "again.npz", "--out", "again.png", folder=tmp_path)
    assert "bit for bit" in output
    assert np.load(tmp_path / "again.npz").files
    assert np.array_equal(np.asarray(Image.open(tmp_path / "again.png")), np.asarray(picture))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_visualizers_help(name):
    found = CliRunner().invoke(commands, [name, "--help"])
    assert found.exit_code == 0 and "Source: " in found.output


def test_a_class_model_without_a_photo(tmp_path):
    outs = [argument for suffix in ("png", "npz", "gif") for argument in ("--out", f"bee.{suffix}")]
    output = succeed("class-model", "--target", "bee", "--size", "64", "--steps", "6", *outs, folder=tmp_path)
    assert "score of bee" in output
    assert Image.open(tmp_path / "bee.gif").n_frames == 6 and Image.open(tmp_path / "bee.gif").size == (64, 64)
    assert np.load(tmp_path / "bee.npz")["image"].shape == (64, 64, 3)
    succeed("class-model", "--target", "tiger cat", "--size", "48", "--steps", "1", folder=tmp_path)
    assert (tmp_path / "tiger-cat-class-model.png").exists()


def test_a_class_model_is_stopped_and_goes_on(tmp_path):
    """Ctrl-C saves what there is, and --resume ends as if nothing had happened."""
    options = ["class-model", "--model", "minivgg-cifar10", "--target", "bird", "--steps", "20"]
    with interrupted("visualize.progress_bar", lambda done, total: done == 7):
        code, _, errors = minicnn(*options, "--out", "bird.png", folder=tmp_path)
    assert code == 130 and "--resume bird.npz" in errors and (tmp_path / "bird.png").exists()
    assert 0 < len(np.load(tmp_path / "bird.npz")["scores"]) < 20
    succeed(*options, "--resume", "bird.npz", "--out", "rest.npz", folder=tmp_path)
    succeed(*options, "--out", "whole.npz", folder=tmp_path)
    assert np.array_equal(np.load(tmp_path / "rest.npz")["input"], np.load(tmp_path / "whole.npz")["input"])


def test_a_class_model_is_stopped_before_its_first_step(tmp_path, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("minicnn.visualizers.feature_visualization.class_model.ascend", stopped)
    command = ["class-model", "--model", "minivgg-cifar10", "--target", "bird", "--out", "bird.png"]
    assert minicnn(*command, folder=tmp_path).returncode == 130
    assert (tmp_path / "bird.png").exists() and not len(np.load(tmp_path / "bird.npz")["scores"])


def test_positions_on_the_command_line(tmp_path):
    text = succeed("intuition", "--filter", "vertical", "--step", "10,12", "--size", "64", folder=tmp_path)
    assert "output at row 10, column 12" in text and "sum of the products =" in text
    text = succeed("window", "--layer", "conv3_2", "--unit", "10,12,57", "--size", "64", folder=tmp_path)
    assert "conv3_2 at 10,12,57" in text and "from conv3_3" in text
    text = succeed("receptive-field", "--layer", "pool3", "--unit", "3,4", "--size", "96", folder=tmp_path)
    assert "44 x 44 pixels" in text


def test_a_folder_of_photos(tmp_path, panda):
    """One path, of a photo or a folder; its name names the picture; the table goes into files."""
    photos = tmp_path / "my photos"
    photos.mkdir()
    (photos / "panda.jpg").write_bytes(panda.read_bytes())
    (photos / "notes.txt").write_text("no photo")
    options = ["compare", "--methods", "saliency", "--steps", "2", "--size", "48"]
    process = minicnn(*options, photos, folder=tmp_path)
    assert process.returncode == 0 and (tmp_path / "my photos-compare.png").exists()
    assert "1 of 2 files" in process.stderr and "notes.txt is not an image" in process.stderr
    succeed(*options, ".", "--out", "a.csv", "--out", "a.json", folder=photos)
    lines = (photos / "a.csv").read_text().splitlines()
    rows = json.loads((photos / "a.json").read_text())["rows"]
    assert lines[0].startswith("photo,class,method,deletion,insertion,deletion limit,") and len(lines) == 1 + len(rows) == 4
    assert lines[1].startswith("panda.jpg,") and ",saliency,0." in lines[1] and float(lines[1].split(",")[3]) == rows[0]["deletion"]


def test_parts_of_the_report(tmp_path):
    output = succeed("report", "--only", "filters,saliency", "--size", "48", "--out", "few", folder=tmp_path)
    assert set(os.listdir(tmp_path / "few")) == {"index.html", "report.json", "photo.png", "prediction.png", "filters.png", "saliency.png"}
    assert "class-model" not in output
    slow = ["--skip", ", ".join(SLOW[1:]), "--skip", SLOW[0]]
    succeed("report", "--model", "minivgg-cifar10", *slow, "--quick", "--out", "most", folder=tmp_path)
    left_out = {f"{name}.png" for name in AVAILABLE} - set(os.listdir(tmp_path / "most"))
    assert left_out == {f"{name}.png" for name in (*SLOW, "style-transfer")}
    assert "needs a second photo" in minicnn("report", "--only", "style-transfer", "--out", "none", folder=tmp_path).stderr


def test_help_lists_every_command():
    text = succeed("--help")
    for name in ("report", "predict", "summary", "gradcheck", "bench", *REGISTRY):
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
    assert minicnn("--version").stdout.startswith("minicnn, version")


def test_ctrl_c_in_a_reports_class_model_stops_the_report(tmp_path):
    with interrupted("report.part_bars", lambda part, done, total: part == "class-model" and done == 3):
        code, _, errors = minicnn("report", "--model", "minivgg-cifar10", "--only", "class-model", "--out", "page", folder=tmp_path)
    assert code == 130 and "nothing was written" in errors
    assert not list(tmp_path.iterdir())
