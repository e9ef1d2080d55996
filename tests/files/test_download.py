"""Downloading from servers of all kinds: in the end there is the right file, or none and one sentence."""

import dataclasses
import hashlib
import os
import shutil
import socket
import threading

import filelock
import numpy as np
import pytest
from file_server import answer, cut, serve, serving, stall

from minicnn.errors import DownloadError, MinicnnError, OutputError
from minicnn.files.download import PROGRESS, Patience, download
from minicnn.files.published import PublishedFile
from minicnn.files.transfer import BLOCK

CONTENT = np.random.default_rng(5).bytes(300_000)
OTHER = CONTENT[:-1] + b"?"
SIZE = len(CONTENT)
PART = 2 * BLOCK  # where connections are cut
HASTY = Patience(connect=5, stall=0.3, tries=3, pause=0)


def published(content, address, algorithm="md5"):
    checksum = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    return PublishedFile("ours", "vgg16", "a test's file", address, len(content), checksum)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def fetch(server, tmp_path):
    """Download from the server, hastily; what is there afterwards is the right file or none, whatever happens."""

    def run(record=None, **options):
        path = tmp_path / "file.h5"
        try:
            return download(record or published(CONTENT, server.address), tmp_path, **{"patience": HASTY, **options})
        finally:
            assert not path.exists() or path.read_bytes() == CONTENT

    return run


def visible(folder):
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_good_server(server, fetch, tmp_path, algorithm):
    done = []
    path = fetch(published(CONTENT, server.address, algorithm), progress=lambda *progress: done.append(progress))
    assert path.read_bytes() == CONTENT and visible(tmp_path) == ["file.h5"]
    assert done == sorted(done) and done[0] == (0, SIZE) and done[-1] == (SIZE, SIZE)
    assert len(server.requests) == 1 and server.requests[0][1]["Accept-Encoding"] == "identity"


def test_the_folder_is_made_and_the_default_is_the_cache(server, monkeypatch, tmp_path):
    monkeypatch.setenv("MINICNN_CACHE", str(tmp_path / "new" / "cache"))
    assert download(published(CONTENT, server.address)) == tmp_path / "new" / "cache" / "file.h5"


def test_a_cut_is_mended_and_nothing_fetched_twice(server, fetch):
    server.behaviors = [cut(PART), cut(BLOCK)]
    notices = []
    fetch(notice=notices.append)
    assert server.sent == [PART, BLOCK, SIZE - PART - BLOCK]
    assert [headers.get("Range") for _, headers in server.requests] == [None, f"bytes={PART}-", f"bytes={PART + BLOCK}-"]
    assert [headers.get("If-Range") for _, headers in server.requests] == [None, '"one"', '"one"']
    assert len(notices) == 3 and all("trying again" in notice for notice in notices[1:])


def test_a_later_call_goes_on(server, fetch, tmp_path):
    server.behaviors = [cut(PART)]
    with pytest.raises(DownloadError, match=f"{PART:,} bytes are kept, and the same command goes on"):
        fetch(patience=dataclasses.replace(HASTY, tries=1))
    assert visible(tmp_path) == ["file.h5.part", "file.h5.part.version"]
    notices = []
    fetch(notice=notices.append)
    assert server.sent == [PART, SIZE - PART] and server.requests[1][1]["If-Range"] == '"one"'
    assert notices == [f"fetching ours, 0 MB (0 MB are here already), from {server.address}"]
    assert visible(tmp_path) == ["file.h5"]


def test_tries_are_bounded_but_count_only_while_nothing_comes(tmp_path):
    content = bytes(3 * PROGRESS)
    with serving(content) as server:
        server.behaviors = [cut(PROGRESS), cut(PROGRESS), cut(0), cut(0)]
        download(published(content, server.address), tmp_path, patience=dataclasses.replace(HASTY, tries=4))
        assert len(server.requests) == 5
    with serving(content) as server:
        server.behaviors = [answer(200, content[:PROGRESS], Content_Length=len(content))] * 9  # ever again from the beginning
        with pytest.raises(DownloadError, match="given up after 3 tries"):
            download(published(content, server.address), tmp_path / "other", patience=HASTY)
        assert len(server.requests) == 3


def test_a_stall(server, fetch):
    server.behaviors = [stall(PART + 7)]
    notices = []
    fetch(notice=notices.append)
    assert server.sent == [PART + 7, SIZE - PART] and "nothing came for 0.3 s" in notices[1]


def test_a_server_that_never_answers(server, fetch, tmp_path):
    server.behaviors = [lambda handler: handler.server.closing.wait()] * 3
    with pytest.raises(DownloadError, match="0.3 s .*3 tries.* later"):
        fetch()
    assert visible(tmp_path) == []


def test_nobody_there(fetch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/file.h5"
    with pytest.raises(DownloadError, match="Connection refused"):
        fetch(address=address)


def test_a_server_without_range(server, fetch):
    whole = answer(200, CONTENT)
    server.behaviors = [cut(PART), whole]
    fetch()
    assert server.sent == [PART, SIZE]


def test_a_file_that_changes_between_two_tries(server, fetch):
    def changed(handler):
        handler.server.content, handler.server.tag = CONTENT, '"two"'
        serve(handler)

    server.content, server.behaviors = OTHER[::-1], [cut(PART), changed]
    fetch()
    assert server.sent == [PART, SIZE]


def test_a_changed_file_on_a_server_that_ignores_if_range(server, fetch):
    def changed(handler):
        handler.server.content = CONTENT
        handler.head(206, Content_Range=f"bytes {PART}-{SIZE - 1}/{SIZE}", Content_Length=SIZE - PART, ETag='"two"')
        handler.body(CONTENT[PART:])

    server.content, server.behaviors = OTHER[::-1], [cut(PART), changed]
    notices = []
    fetch(notice=notices.append)
    assert "changed on the server" in notices[2] and "Range" not in server.requests[2][1]


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_without_a_version_the_hash_decides(server, fetch, tag):
    server.tag, server.behaviors = tag, [cut(PART)]
    fetch()
    assert server.sent == [PART, SIZE - PART] and "If-Range" not in server.requests[1][1]


@pytest.mark.parametrize(
    "part",
    [
        answer(206, CONTENT[PART - 1 :], Content_Range=f"bytes {PART - 1}-{SIZE - 1}/{SIZE}"),
        answer(206, CONTENT[PART:], Content_Range="nonsense"),
        answer(206, CONTENT[PART:]),
        answer(416, Content_Range="bytes */5"),
    ],
)
def test_a_part_that_does_not_fit(server, fetch, part):
    server.behaviors = [cut(PART), part]
    fetch()
    assert "Range" in server.requests[1][1] and "Range" not in server.requests[2][1]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_that_passes(server, fetch, status):
    server.behaviors = [answer(status, b"<h1>trouble</h1>")]
    notices = []
    fetch(notice=notices.append)
    assert f"answers {status}" in notices[1]


@pytest.mark.parametrize(
    "behavior, message, tries",
    [
        (answer(500), "500 .*3 tries", 3),
        (answer(404, b"not here"), "404 Not Found", 1),
        (answer(403), "answers 403 Forbidden", 1),
        (answer(416), "answers 416", 1),
        (answer(206, CONTENT, Content_Range=f"bytes 0-{SIZE - 1}/{SIZE}"), "answers 206", 1),
        (answer(204), "answers 204", 1),
        (answer(200, b"<html>Log in</html>", Content_Type="text/html; charset=utf-8"), "sends a web page.*login", 1),
        (answer(200, b"<html>Log in</html>"), "19 bytes, expected 300,000", 1),
        (answer(200, CONTENT + b"!"), "offers a file of 300,001 bytes", 1),
        (answer(200, CONTENT + b"!", Content_Length=None), "more than .*300,000 bytes.* deleted", 1),
        (answer(200, CONTENT[:-1], Content_Length=SIZE), "(was cut|ended).*262,144 bytes are kept", 3),
        (answer(200, CONTENT[:-1], Content_Length=None), "299,999 of 300,000 bytes", 3),
        (answer(200, CONTENT, Content_Encoding="gzip"), "compressed", 1),
        (answer(302, Location="file:///etc/passwd"), "'file:///etc/passwd'", 1),
        (answer(302, Location="http://[bad"), "no web address", 1),
        (answer(301, Location="/file.h5"), "redirects more than 10 times", 11),
        (lambda handler: handler.wfile.write(b"\x00\x01 garbage \xff\r\n\r\n"), "given up after 3 tries", 3),
        (lambda handler: None, "given up after 3 tries", 3),
    ],
)
def test_servers_that_do_not_send_the_file(server, fetch, tmp_path, behavior, message, tries):
    server.behaviors = [behavior] * 20
    with pytest.raises(DownloadError, match=message) as caught:
        fetch()
    assert len(server.requests) == tries and "\n" not in str(caught.value) and "0x" not in str(caught.value)
    assert "file.h5" not in visible(tmp_path)


def test_another_file_of_the_same_size(server, fetch, tmp_path):
    """Neither the publisher's nor another address makes it usable."""
    server.content = OTHER
    for options in ({}, {"address": server.address + "?mirror"}, {"overwrite": True}):
        with pytest.raises(DownloadError, match=f"its hash is md5:{hashlib.md5(OTHER).hexdigest()}, expected md5:.*It is deleted"):
            fetch(**options)
        assert visible(tmp_path) == []


def test_part_files_of_another_origin(server, fetch, tmp_path):
    """A part file full of something else costs a try and no more; one that is too long is no part of the file."""
    (tmp_path / "file.h5.part").write_bytes(OTHER)
    with pytest.raises(DownloadError, match="It is deleted"):
        fetch()
    (tmp_path / "file.h5.part").write_bytes(CONTENT)
    fetch()
    assert server.requests == []
    (tmp_path / "file.h5").unlink()
    (tmp_path / "file.h5.part").write_bytes(CONTENT + b"!")
    fetch()
    assert server.sent == [SIZE]


def test_redirects(server, fetch):
    server.behaviors = [answer(302, Location="/elsewhere"), answer(307, Location=server.address + "?signed"), cut(PART)]
    fetch()
    assert [path for path, _ in server.requests] == ["/file.h5", "/elsewhere", "/file.h5?signed", "/file.h5"]


def test_no_redirect_from_https_to_http(monkeypatch):
    from minicnn.files import transfer

    class Session:
        def get(self, address, **options):
            response = transfer.requests.Response()
            response.status_code, response.headers["Location"] = 302, "HTTP://example.org/file.h5"
            response.close = lambda: None
            return response

    with pytest.raises(DownloadError, match="not encrypted any more"):
        transfer._follow(Session(), "HTTPS://example.org/file.h5", {}, (1, 1))


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://example.org/file", "example.org/file", "http://", "http://[", "nonsense", "http://a b/"]
)
def test_addresses_that_are_none(fetch, address):
    with pytest.raises(DownloadError, match="is no web address|cannot be asked"):
        fetch(address=address)


def test_a_server_that_is_no_https_server(server, fetch):
    with pytest.raises(DownloadError, match="no safe connection"):
        fetch(address=server.address.replace("http:", "https:"))


def test_a_proxy_from_the_environment(server, fetch, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.address.rpartition("/")[0])
    fetch(address="http://weights.invalid/file.h5")
    assert server.requests[0][0] == "http://weights.invalid/file.h5"


def test_a_file_that_is_there_is_checked(server, fetch, tmp_path):
    fetch()
    assert fetch() == tmp_path / "file.h5" and len(server.requests) == 1
    (tmp_path / "file.h5").write_bytes(OTHER)
    record = published(CONTENT, server.address)
    with pytest.raises(OutputError, match="is not the published file.*--overwrite"):
        download(record, tmp_path)
    assert (tmp_path / "file.h5").read_bytes() == OTHER
    server.behaviors = [answer(404)]
    with pytest.raises(DownloadError):
        download(record, tmp_path, overwrite=True)
    assert (tmp_path / "file.h5").read_bytes() == OTHER
    assert download(record, tmp_path, overwrite=True).read_bytes() == CONTENT


def test_places_that_cannot_be_written(server, tmp_path):
    record = published(CONTENT, server.address)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "file.h5").mkdir(parents=True)
    with pytest.raises(OutputError, match="file is a file.* folder"):
        download(record, tmp_path / "file")
    with pytest.raises(OutputError, match="cannot write"):
        download(record, "/proc/nowhere")
    with pytest.raises(OutputError, match="is no file; move it away"):
        download(record, tmp_path / "folder", overwrite=True)
    assert server.requests == [] and (tmp_path / "file").read_text() == "mine"


def test_too_little_room(server, fetch, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 5, SIZE - 1))
    with pytest.raises(OutputError, match="0 MB more, .*0 MB are free .*--folder"):
        fetch()
    assert server.requests == [] and visible(tmp_path) == []
    (tmp_path / "file.h5.part").write_bytes(CONTENT[:1])
    fetch()


def test_a_disk_that_fills_up_on_the_way(server, fetch, tmp_path, monkeypatch):
    from minicnn.files.download import PartFile

    append = PartFile.append

    def full(part, block):
        if part.size > 100_000:
            raise OSError(28, "No space left on device")
        append(part, block)

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "append", full)
        with pytest.raises(OutputError, match="No space left on device"):
            fetch()
    assert visible(tmp_path) == ["file.h5.part", "file.h5.part.version"]
    fetch()
    assert sum(server.sent) < 2 * SIZE


def test_two_at_once(server, fetch, tmp_path):
    """The second one is told to wait; once the first is done it finds the file."""
    started, go_on = threading.Event(), threading.Event()

    def slowly(handler):
        started.set()
        go_on.wait(10)
        serve(handler)

    server.behaviors = [slowly]
    first = threading.Thread(target=fetch, kwargs={"patience": dataclasses.replace(HASTY, stall=20)})
    first.start()
    started.wait(10)
    with pytest.raises(OutputError, match="another process is downloading"):
        fetch()
    go_on.set()
    first.join()
    fetch()
    assert len(server.requests) == 1 and (tmp_path / "file.h5").read_bytes() == CONTENT


def test_a_lock_that_a_dead_process_left(fetch, tmp_path):
    (tmp_path / ".file.h5.lock").write_bytes(b"")
    fetch()
    with filelock.FileLock(tmp_path / ".file.h5.lock"), pytest.raises(MinicnnError, match="another process"):
        fetch()
