"""Downloading a published file: whole and with the right hash, or not at all.

What has arrived lies beside the final place as NAME.part, with the server's name for that version of the file in NAME.part.version. A
later try, or a later call, asks for the rest only (HTTP Range, with If-Range, so that a server whose file has changed sends all of it).
The hash is computed while the bytes are written, and the file gets its name when the hash is right. A lock keeps a second process away
meanwhile.

The library pooch does the same for many projects, with hashes and a cache folder; but it starts over each time a connection breaks, so
that half a gigabyte over a poor connection may never be complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import filelock

from minicnn.errors import DownloadError, OutputError
from minicnn.files.published import CACHE_VARIABLE, PublishedFile, cache_folder
from minicnn.files.transfer import CutError, StartOverError, ask
from minicnn.files.writing import explain_failure, file_hash

#: After a try that brought this many new bytes, the count of failed tries begins anew.
PROGRESS = 1 << 20


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try.

    Attributes
    ----------
    connect, stall : float
        Seconds to wait for a connection, and for the next bytes.
    tries : int
        How many tries in a row may fail.
    pause : float
        Seconds before the second try; twice as many before the third, and so on.
    """

    connect: float = 10
    stall: float = 30
    tries: int = 4
    pause: float = 1


class PartFile:
    """The beginning of a file, beside its final place: its bytes on the disk, and their hash.

    Parameters
    ----------
    path : Path
    file : file
        The same, open for appending.
    algorithm : str
        The hash's, as `hashlib` names it.

    Attributes
    ----------
    size : int
        How many bytes there are.
    version : str or None
        What the server called the file that they are from.
    """

    def __init__(self, path: Path, file: BinaryIO, algorithm: str):
        self.path = path
        self._version_path = path.with_name(f"{path.name}.version")
        self._algorithm = algorithm
        self._file = file
        self._hash = file_hash(path, algorithm)
        self.size = path.stat().st_size
        self.version = self._version_path.read_text("latin-1") if self.size and self._version_path.exists() else None

    def restart(self, version: str | None = None) -> None:
        """Forget all bytes; those that follow are from this version of the file."""
        self._file.truncate(0)
        self._version_path.unlink(missing_ok=True)
        if version is not None:
            self._version_path.write_text(version, "latin-1")
        self._hash = hashlib.new(self._algorithm, usedforsecurity=False)
        self.size, self.version = 0, version

    def append(self, block: bytes) -> None:
        """Add bytes at the end."""
        self._file.write(block)
        self._hash.update(block)
        self.size += len(block)

    @property
    def checksum(self) -> str:
        """The hash of the bytes, as `PublishedFile.checksum`."""
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def move_to(self, path: Path) -> None:
        """Close the file and give it its final name, replacing what is there."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self.path, path)
        self._version_path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
        self._version_path.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened_part(path: Path, algorithm: str) -> Iterator[PartFile]:
    """Open the part file beside a path, a new one if there is none. Unless it is moved its bytes stay afterwards, if there are any."""
    beside = path.with_name(f"{path.name}.part")
    with open(beside, "ab") as file:
        part = PartFile(beside, file, algorithm)
        try:
            yield part
        finally:
            file.close()
            if part.size == 0:
                part.remove()


def download(
    published: PublishedFile,
    folder: str | os.PathLike | None = None,
    address: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    notice: Callable[[str], None] = lambda text: None,
    patience: Patience = Patience(),
) -> Path:
    """Download a file, or go on with a download that was stopped. A file that is there is checked instead.

    Parameters
    ----------
    published : PublishedFile
        What to fetch; see `minicnn.files.published.PUBLISHED`.
    folder : path, optional
        Where to put it, by default the cache; made if it is not there.
    address : str, optional
        Another place to fetch it from. The hash is checked all the same.
    overwrite : bool
        Fetch it even if a file of its name is there, which is replaced in the end.
    progress : function(done, total), optional
        Is told of bytes.
    notice : function(text), optional
        Is told where the file is fetched from, and why a try failed, before the next one.
    patience : Patience, optional

    Returns
    -------
    Path
        The file, whose size and hash are the published ones.

    Raises
    ------
    DownloadError
        If the file cannot be fetched, or what is fetched is another file. What has arrived is kept unless it is known to be wrong.
    OutputError
        If it cannot be written, or another process is downloading it, or another file of its name is there.
    """
    path = (cache_folder() if folder is None else Path(folder)) / published.file_name
    if path.parent.exists() and not path.parent.is_dir():
        raise OutputError(
            f"{path.parent} is a file, so nothing can be put there; name a folder to download to (--folder, or the environment variable "
            f"{CACHE_VARIABLE})"
        )
    with explain_failure(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if os.path.lexists(path) and not path.is_file():
                raise OutputError(f"{path} is there and is no file; move it away, or choose another --folder")
            if path.is_file() and not overwrite:
                _check_existing(path, published)
                return path
            with _opened_part(path, published.algorithm) as part:
                _check_room(part, published)
                _fetch(part, published, published.address if address is None else address, progress, notice, patience)
                part.move_to(path)
    return path


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing to the path; the lock ends with the process, only its empty file stays."""
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise OutputError(f"another process is downloading {path}; wait until it is done, or choose another --folder") from None
    try:
        yield
    finally:
        lock.release()


def _check_existing(path: Path, published: PublishedFile) -> None:
    """Raise OutputError unless the file that is there is the published one."""
    found = f"{published.algorithm}:{file_hash(path, published.algorithm).hexdigest()}"
    if found != published.checksum:
        raise OutputError(
            f"{path} is there and is not the published file: its hash is {found}, expected {published.checksum}; replace it with "
            "--overwrite"
        )


def _check_room(part: PartFile, published: PublishedFile) -> None:
    free, needed = shutil.disk_usage(part.path.parent).free, published.size - part.size
    if free < needed:
        raise OutputError(
            f"{published.name} needs {needed / 1e6:.0f} MB more, and {free / 1e6:.0f} MB are free in {part.path.parent}; make room there, "
            f"or choose another folder (--folder, or the environment variable {CACHE_VARIABLE})"
        )


def _fetch(
    part: PartFile,
    published: PublishedFile,
    address: str,
    progress: Callable[[int, int], None],
    notice: Callable[[str], None],
    patience: Patience,
) -> None:
    """Complete the part file, in as many tries as it takes and `patience` allows, and check it."""
    kept = f" ({part.size / 1e6:.0f} MB are here already)" if part.size else ""
    notice(f"fetching {published.name}, {published.megabytes}{kept}, from {address}")
    if part.size > published.size:
        part.restart()
    failures, furthest = 0, part.size
    while part.size < published.size:
        progress(part.size, published.size)
        try:
            _receive(part, published, address, progress, patience)
        except CutError as error:
            if isinstance(error, StartOverError):
                part.restart()
            if part.size >= furthest + PROGRESS:
                failures, furthest = 0, part.size
            failures += 1
            if failures >= patience.tries:
                advice = f"{part.size:,} bytes are kept, and the same command goes on from there" if part.size else "try again later"
                raise DownloadError(f"{error} (given up after {failures} tries); {advice}") from None
            pause = patience.pause * 2 ** (failures - 1)
            notice(f"{error}; trying again in {pause:g} s")
            time.sleep(pause)
    _check_hash(part, published, address)


def _check_hash(part: PartFile, published: PublishedFile, address: str) -> None:
    """Delete what has arrived and raise DownloadError unless it is the published file."""
    if part.checksum != published.checksum:
        found = part.checksum
        part.restart()
        raise DownloadError(
            f"what came from {address} is not the published file {published.name}: its hash is {found}, expected {published.checksum}. "
            "It is deleted; try again, or choose another --address"
        )


def _receive(part: PartFile, published: PublishedFile, address: str, progress: Callable[[int, int], None], patience: Patience) -> None:
    """Ask once for what is missing, and add what comes to the part file."""
    with ask(address, part.size, part.version, (patience.connect, patience.stall)) as answer:
        if answer.total not in (None, published.size):
            raise DownloadError(
                f"{address} offers a file of {answer.total:,} bytes, expected {published.size:,}: it is another file, or a page about it; "
                "choose another --address"
            )
        if answer.start == 0:
            part.restart(answer.validator)
        elif answer.validator != part.version:
            raise StartOverError(f"{address}: the file has changed on the server")
        for block in answer.blocks:
            if part.size + len(block) > published.size:
                part.restart()
                raise DownloadError(
                    f"{address} sends more than the expected {published.size:,} bytes; they are deleted; choose another --address"
                )
            part.append(block)
            progress(part.size, published.size)
    if part.size < published.size:
        raise CutError(f"{address}: the connection ended after {part.size:,} of {published.size:,} bytes")
