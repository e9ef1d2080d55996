"""`minicnn weights`, against a server of our own."""

import hashlib
import os
import signal
import time

import pytest
from commands import fail, finish, minicnn, start, succeed
from file_server import answer, serving, stall

from minicnn.files.published import PUBLISHED, PublishedFile
from minicnn.files.transfer import BLOCK

CONTENT = bytes(range(256)) * 1000

#: The command line in a process of its own, with another file as the published vgg16.
SCRIPT = """
import sys
from minicnn.cli.main import main
from minicnn.files.published import PUBLISHED, PublishedFile
address, size, checksum, *arguments = sys.argv[1:]
PUBLISHED["vgg16"] = PublishedFile("vgg16", "vgg16", "a test's file", address, int(size), checksum)
main(arguments)
"""

CHECKSUM = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Serves the published vgg16; what is downloaded from it lands in the test's folder."""
    for name, value in {"MINICNN_CACHE": str(tmp_path), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    with serving(CONTENT) as running:
        monkeypatch.setitem(PUBLISHED, "vgg16", PublishedFile("vgg16", "vgg16", "a test's file", running.address, len(CONTENT), CHECKSUM))
        yield running


def test_a_stopped_download_goes_on(server, tmp_path):
    server.behaviors = [stall(BLOCK)]
    process = start("weights", "download", "vgg16", command=("-c", SCRIPT, server.address, len(CONTENT), CHECKSUM))
    part = tmp_path / "file.h5.part"
    while not part.exists() or part.stat().st_size < BLOCK:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    code, output, errors = finish(process)
    assert code == 130 and output == "" and "Traceback" not in errors
    assert "what has come is kept" in errors
    assert "26%" in succeed("weights", "list")
    output = succeed("weights", "download", "vgg16")
    assert str(tmp_path / "file.h5") in output and "CC BY 4.0" in output and "--model vgg16\n" in output
    assert server.sent == [BLOCK, len(CONTENT) - BLOCK]
    assert (tmp_path / "file.h5").read_bytes() == CONTENT
    assert "yes" in succeed("weights", "list")


def test_a_wrong_file(server, tmp_path):
    server.content = CONTENT[::-1]
    options = ("--folder", tmp_path / "mine", "--address", server.address + "?mirror")
    assert "It is deleted" in fail("weights", "download", "vgg16", *options)
    assert [name for name in os.listdir(tmp_path / "mine") if not name.startswith(".")] == []


def test_another_folder(server, tmp_path):
    server.behaviors = [answer(500)]
    _, output, errors = minicnn("weights", "download", "vgg16", "--folder", tmp_path / "mine")
    assert f"--model vgg16 --weights {tmp_path / 'mine' / 'file.h5'}" in output
    assert "500 Internal Server Error" in errors and "trying again" in errors


def test_list():
    lines = succeed("weights", "list").splitlines()
    assert [line.split()[:5] for line in lines[1:3]] == [["vgg16", "vgg16", "553", "MB", "no"], ["vgg16-notop", "vgg16", "59", "MB", "no"]]
    assert "CC BY 4.0" in lines[-2] and os.environ["MINICNN_CACHE"] in lines[-1] and "MINICNN_CACHE" in lines[-1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["weights", "download", "vgg20"], "no file 'vgg20'"),
        (["predict", "--model", "vgg16"], "'minicnn weights download vgg16'"),
        (["predict", "--model", "vgg16", "--weights", "vgg16-notop"], "'minicnn weights download vgg16-notop'"),
    ],
)
def test_what_is_not_there(arguments, message):
    assert message in fail(*arguments)


def test_an_address_that_is_none(tmp_path):
    assert "'file:///etc/passwd'" in fail("weights", "download", "vgg16", "--address", "file:///etc/passwd", "--folder", tmp_path)
