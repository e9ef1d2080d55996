import os

import pytest

from minicnn.errors import OutputError
from minicnn.files import writing
from minicnn.files.writing import staged_folder, write_file


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_file(path, b"yours")
    assert path.read_text() == "mine"
    write_file(path, b"yours", overwrite=True)
    assert path.read_text() == "yours"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_needs_its_folder_and_a_name(tmp_path):
    with pytest.raises(OutputError, match="there is no directory"):
        write_file(tmp_path / "none" / "a.txt", b"")
    with pytest.raises(OutputError, match="is a directory"):
        write_file(tmp_path, b"")


def test_written_files_can_be_read_by_others(tmp_path):
    write_file(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_folder_is_filled_whole(tmp_path):
    with staged_folder(tmp_path / "x" / "y", ["a", "b"]) as stage:
        (stage / "a").write_text("1")
        assert not (tmp_path / "x" / "y" / "a").exists()
        (stage / "b").write_text("2")
    assert sorted(os.listdir(tmp_path / "x" / "y")) == ["a", "b"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("bug")])
def test_a_folder_that_fails_vanishes(tmp_path, error):
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected), staged_folder(tmp_path / "x" / "y", ["a"]) as stage:
        (stage / "a").write_text("1")
        raise error
    assert os.listdir(tmp_path) == []


def test_what_appears_meanwhile_is_not_overwritten(tmp_path):
    with pytest.raises(OutputError, match="exists by now"), staged_folder(tmp_path, ["a", "b"]) as stage:
        (stage / "a").write_text("1")
        (stage / "b").write_text("2")
        (tmp_path / "b").write_text("mine")
    assert os.listdir(tmp_path) == ["b"] and (tmp_path / "b").read_text() == "mine"


def test_a_replacement_that_fails_half_way_is_undone(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).write_text("old")
    move = writing._move

    def fail_at_b(source, target, overwrite):
        if target.name == "b":
            raise KeyboardInterrupt
        move(source, target, overwrite)

    monkeypatch.setattr(writing, "_move", fail_at_b)
    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path, ["a", "b", "d"], overwrite=True) as stage:
        for name in "abd":
            (stage / name).write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys("abc", "old")


def test_overwriting_keeps_the_permissions(tmp_path):
    write_file(tmp_path / "a", b"1")
    (tmp_path / "a").chmod(0o600)
    write_file(tmp_path / "a", b"2", overwrite=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_what_was_in_the_folder_stays(tmp_path):
    (tmp_path / "mine").write_text("1")
    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path, ["a"]) as stage:
        (stage / "a").write_text("1")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["mine"]
    with pytest.raises(OutputError, match="exists"), staged_folder(tmp_path, ["mine"]):
        pass
