import os
import subprocess
import sys

import pytest

from minicnn.errors import OutputError
from minicnn.files import folders
from minicnn.files.folders import staged_folder
from minicnn.files.unfinished import PREFIX, own_prefix
from minicnn.files.writing import write_file


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
    move = folders.move

    def fail_at_b(source, target, overwrite):
        if target.name == "b":
            raise KeyboardInterrupt
        move(source, target, overwrite)

    monkeypatch.setattr(folders, "move", fail_at_b)
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


def test_a_folder_is_replaced_at_once(tmp_path):
    """Whoever looks into it finds the old files or the new ones, and what the old run wrote and the new one does not is gone."""
    folder = tmp_path / "page"
    folder.mkdir(mode=0o750)
    for name in "ab":
        (folder / name).write_text("old")
    inode = folder.stat().st_ino
    with staged_folder(folder, ["a"], earlier=["a", "b"]) as stage:
        (stage / "a").write_text("new")
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "old", "b": "old"}
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "new"}
    assert folder.stat().st_ino != inode and folder.stat().st_mode & 0o777 == 0o750
    assert os.listdir(tmp_path) == ["page"]


def test_systems_that_cannot_swap_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_exchange", lambda first, second: False)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "a").write_text("old")
    with staged_folder(tmp_path / "page", ["a"], overwrite=True) as stage:
        (stage / "a").write_text("new")
    assert (tmp_path / "page" / "a").read_text() == "new" and os.listdir(tmp_path) == ["page"]


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_the_users_own_is_not_swapped_away(tmp_path, monkeypatch, inside):
    """Neither his files beside ours, nor the folder that he works in."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "a").write_text("old")
    (folder / "gone").write_text("old")
    if inside:
        monkeypatch.chdir(folder)
    else:
        (folder / "mine").mkdir()
    inode = folder.stat().st_ino
    with staged_folder(folder, ["a"], earlier=["a", "gone"]) as stage:
        (stage / "a").write_text("new")
    assert folder.stat().st_ino == inode and (folder / "a").read_text() == "new"
    assert sorted(os.listdir(folder)) == (["a"] if inside else ["a", "mine"]) and os.listdir(tmp_path) == ["page"]


def test_a_link_to_a_folder_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with staged_folder(tmp_path / "link", ["a"]) as stage:
        (stage / "a").write_text("1")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "a").read_text() == "1"


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder" / "there", tmp_path / "folder" / "not-yet"):
        link = tmp_path / f"to-{target.name}"
        link.symlink_to(target)
        with pytest.raises(OutputError, match="exists"):
            write_file(link, b"new")
        write_file(link, b"new", overwrite=True)
        assert link.is_symlink() and target.read_bytes() == b"new" and not target.is_symlink()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere" / "file")
    with pytest.raises(OutputError, match="there is no directory .*nowhere"):
        write_file(tmp_path / "lost", b"", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_pipes_and_devices_are_not_replaced(tmp_path, overwrite):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link"):
        with pytest.raises(OutputError, match="no ordinary file"):
            write_file(tmp_path / name, b"", overwrite)
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()


KILLED = """
import os, sys
from minicnn.files.folders import staged_folder
from minicnn.files.writing import staged_file
with staged_folder(sys.argv[1] + "/page", ["a"]) as stage, staged_file(sys.argv[1] + "/b.txt") as file:
    (stage / "a").write_text("1")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_removed_at_the_next_write(tmp_path):
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", KILLED, tmp_path]).returncode == -9
    left = os.listdir(tmp_path)
    assert len(left) == 2 and all(name.startswith(".unfinished-") for name in left)  # each removed those of the ones before
    with staged_folder(tmp_path / "other", ["c"]) as other:
        (other / "c").write_text("2")
        write_file(tmp_path / "b.txt", b"3")  # of a process that is alive nothing is removed
    assert sorted(os.listdir(tmp_path)) == ["b.txt", "other"] and os.listdir(tmp_path / "other") == ["c"]


def test_what_may_belong_to_somebody_else_stays(tmp_path):
    names = [f"{PREFIX}elsewhere-1-abc", f"{PREFIX}abc", f"{own_prefix()}abc", f"{PREFIX}-12-34-"]
    for name in names:
        (tmp_path / name).write_text("")
    write_file(tmp_path / "a", b"")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", *names])
