"""A report that is stopped keeps what is finished, and goes on from there."""

import json
import os
import re

import pytest

from minicnn.errors import MinicnnError, OutputError
from minicnn.report import write_report

METHODS = ["saliency", "gradient-x-input", "grad-cam", "layer-cam"]


def write(model, photo, folder, stop_at=None, **options):
    """Write a small report, and press Ctrl-C when a method begins; returns it and the methods that ran."""
    begun = []

    def progress(part, done, total):
        begun.append(part)
        if part == stop_at:
            raise KeyboardInterrupt

    written = write_report(model, photo, folder, only=METHODS, size=(30, 46), progress=progress, **options)
    return written, [name for name in METHODS if name in begun]


def without_times(page):
    return re.sub(r"[0-9.]+ s\b", "", page.read_text())


def test_it_goes_on_where_it_was_stopped(small_model, panda, tmp_path):
    whole, _ = write(small_model, panda, tmp_path / "whole")
    stopped, _ = write(small_model, panda, tmp_path / "page", stop_at="grad-cam")
    assert list(stopped.unfinished) == ["grad-cam", "layer-cam"]
    names = {"index.html", "report.json", "photo.png", "prediction.png", "saliency.png", "gradient-x-input.png"}
    assert set(os.listdir(tmp_path / "page")) == names
    text = stopped.page.read_text()
    assert 'id="saliency"' in text and 'id="grad-cam"' not in text
    assert "stopped before 2 of its methods: grad-cam, layer-cam. The same command with --resume runs them." in text

    stopped, ran = write(small_model, panda, tmp_path / "page", stop_at="layer-cam", resume=True)
    assert list(stopped.unfinished) == ["layer-cam"] and ran == ["grad-cam", "layer-cam"]
    finished, ran = write(small_model, panda, tmp_path / "page", resume=True)
    assert not finished.unfinished and ran == ["layer-cam"]
    assert set(os.listdir(tmp_path / "page")) == set(os.listdir(tmp_path / "whole")) == {*names, "grad-cam.png", "layer-cam.png"}
    assert without_times(finished.page) == without_times(whole.page)
    assert [time.part for time in finished.times] == [time.part for time in whole.times]


def test_stopped_before_anything_is_finished(small_model, panda, tmp_path):
    for part in ("prediction", METHODS[0]):
        with pytest.raises(KeyboardInterrupt):
            write(small_model, panda, tmp_path / "page", stop_at=part)
    assert not list(tmp_path.iterdir())


def test_only_a_stopped_report_of_the_same_goes_on(small_model, panda, tmp_path):
    folder = tmp_path / "page"
    with pytest.raises(OutputError, match=r"in .*page is no report, so there is nothing to go on with; leave --resume out"):
        write(small_model, panda, folder, resume=True)
    assert not folder.exists()
    write(small_model, panda, folder, stop_at="grad-cam")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError, match="made with another seed; go on with the same command"):
        write(small_model, panda, folder, resume=True, seed=1)
    with pytest.raises(OutputError, match="made with another target"):
        write(small_model, panda, folder, resume=True, target=3)
    with pytest.raises(OutputError, match="another answer, photo"):
        write(small_model, panda.with_name("moose.jpg"), folder, resume=True, target=small_model.class_index(0))
    with pytest.raises(OutputError, match="was stopped; go on with --resume, or begin anew with --overwrite"):
        write(small_model, panda, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    write(small_model, panda, folder, resume=True)
    with pytest.raises(OutputError, match="name of the folder is empty"):
        write(small_model, panda, "")
    with pytest.raises(OutputError, match="index.html exists"):
        write(small_model, panda, folder)
    with pytest.raises(OutputError, match="the report is finished, so there is nothing to go on with"):
        write(small_model, panda, folder, resume=True)


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b'{"finished": 3}', b"\xff", b"[" * 100_000])
def test_a_record_that_is_damaged(damage, small_model, panda, tmp_path):
    write(small_model, panda, tmp_path / "page", stop_at="grad-cam")
    (tmp_path / "page" / "report.json").write_bytes(damage)
    with pytest.raises(MinicnnError, match="report.json is damaged, .* begin anew with --overwrite"):
        write(small_model, panda, tmp_path / "page", resume=True)
    write(small_model, panda, tmp_path / "page", overwrite=True)


def test_a_record_names_files_of_its_folder_only(small_model, panda, tmp_path):
    """Who overwrites a report that somebody sent him loses no file elsewhere."""
    write(small_model, panda, tmp_path / "page")
    (tmp_path / "mine.txt").write_text("mine")
    record = json.loads((tmp_path / "page" / "report.json").read_text())
    record["files"].append("../mine.txt")
    (tmp_path / "page" / "report.json").write_text(json.dumps(record))
    write(small_model, panda, tmp_path / "page", overwrite=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_picture_of_the_users_own_stays(small_model, panda, tmp_path):
    write(small_model, panda, tmp_path / "page", stop_at="grad-cam")
    (tmp_path / "page" / "grad-cam.png").write_text("mine")
    with pytest.raises(OutputError, match="grad-cam.png exists"):
        write(small_model, panda, tmp_path / "page", resume=True)
    assert (tmp_path / "page" / "grad-cam.png").read_text() == "mine"


def test_a_record_whose_sections_lie_elsewhere(small_model, panda, tmp_path):
    write(small_model, panda, tmp_path / "page", stop_at="grad-cam")
    (tmp_path / "evil.png").write_text("theirs")
    record = json.loads((tmp_path / "page" / "report.json").read_text())
    record["finished"].append({**record["finished"][0], "name": "../evil"})
    (tmp_path / "page" / "report.json").write_text(json.dumps(record))
    with pytest.raises(OutputError, match="report.json is damaged"):
        write(small_model, panda, tmp_path / "page", resume=True)
