import os

import pytest

from minicnn.errors import OutputError
from minicnn.files import staged_folder, write_file


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
    with pytest.raises(OutputError, match="cannot write .*No such file"):
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


def test_what_was_in_the_folder_stays(tmp_path):
    (tmp_path / "mine").write_text("1")
    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path, ["a"]) as stage:
        (stage / "a").write_text("1")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["mine"]
    with pytest.raises(OutputError, match="exists"), staged_folder(tmp_path, ["mine"]):
        pass
