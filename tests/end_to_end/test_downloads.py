"""`minicnn weights`, against a server of our own."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import pytest
from commands import fail, succeed
from file_server import answer, serving, stall

from minicnn.files.transfer import BLOCK

CONTENT = bytes(range(256)) * 1000

#: The command line, with another file as the published vgg16.
SCRIPT = """
import sys
from minicnn.cli.main import main
from minicnn.files.published import PUBLISHED, PublishedFile
address, size, checksum, *arguments = sys.argv[1:]
PUBLISHED["vgg16"] = PublishedFile("vgg16", "vgg16", "a test's file", address, int(size), checksum)
main(arguments)
"""


@pytest.fixture
def server():
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def start(server, tmp_path):
    """Start the command line; what it downloads is the server's file."""
    environment = {**os.environ, "MINICNN_CACHE": str(tmp_path), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    known = [server.address, str(len(CONTENT)), f"md5:{hashlib.md5(CONTENT).hexdigest()}"]

    def run(*arguments):
        command = [sys.executable, "-c", SCRIPT, *known, *map(str, arguments)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return run


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_download_goes_on(server, start, tmp_path, sent):
    server.behaviors = [stall(BLOCK)]
    process = start("weights", "download", "vgg16")
    part = tmp_path / "file.h5.part"
    while not part.exists() or part.stat().st_size < BLOCK:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and output == "" and "Traceback" not in errors
    assert "stopped; what has come is kept, and the same command goes on from there" in errors
    listed, _ = start("weights", "list").communicate(timeout=60)
    process = start("weights", "download", "vgg16")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert f"{tmp_path / 'file.h5'} is the published file" in output and "CC BY 4.0" in output and "Use it with --model vgg16\n" in output
    assert server.sent == [BLOCK, len(CONTENT) - BLOCK] and "26%" in listed
    assert (tmp_path / "file.h5").read_bytes() == CONTENT
    assert "yes" in start("weights", "list").communicate(timeout=60)[0]


def test_a_wrong_file(server, start, tmp_path):
    server.content = CONTENT[::-1]
    process = start("weights", "download", "vgg16", "--folder", tmp_path / "mine", "--address", server.address + "?mirror")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 2 and output == "" and "Traceback" not in errors
    assert errors.count("Error: ") == 1 and "It is deleted" in errors
    assert [name for name in os.listdir(tmp_path / "mine") if not name.startswith(".")] == []


def test_another_folder(server, start, tmp_path):
    server.behaviors = [answer(500)]
    output, errors = start("weights", "download", "vgg16", "--folder", tmp_path / "mine").communicate(timeout=60)
    assert f"Use it with --model vgg16 --weights {tmp_path / 'mine' / 'file.h5'}" in output
    assert "answers 500 Internal Server Error; trying again in 1 s" in errors


def test_list():
    lines = succeed("weights", "list").splitlines()
    assert [line.split()[:5] for line in lines[1:3]] == [["vgg16", "vgg16", "553", "MB", "no"], ["vgg16-notop", "vgg16", "59", "MB", "no"]]
    assert "CC BY 4.0" in lines[-2] and os.environ["MINICNN_CACHE"] in lines[-1] and "MINICNN_CACHE" in lines[-1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["weights", "download", "vgg20"], "no file 'vgg20' to download (did you mean"),
        (["predict", "--model", "vgg16"], "'minicnn weights download vgg16' fetches it (553 MB)"),
        (["predict", "--model", "vgg16", "--weights", "vgg16-notop"], "'minicnn weights download vgg16-notop' fetches it (59 MB)"),
    ],
)
def test_what_is_not_there(arguments, message):
    assert message in fail(*arguments)


def test_an_address_that_is_none(tmp_path):
    assert "'file:///etc/passwd' is no web address" in fail(
        "weights", "download", "vgg16", "--address", "file:///etc/passwd", "--folder", tmp_path
    )
