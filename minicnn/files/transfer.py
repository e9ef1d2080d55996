"""Asking a web server for a file from a given byte on.

One request and its answer, which is checked before a byte of it is used: redirects lead to web addresses only, and never from https to
http; the answer is the file itself, not a page about it; and it begins at the byte that was asked for. Proxies are those of the
environment (HTTPS_PROXY, NO_PROXY), as `requests` reads it. `minicnn.files.download` goes on after a broken connection.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

from minicnn.errors import DownloadError

#: Bytes that are passed on at once; a broken connection loses fewer than these.
BLOCK = 1 << 16
MOST_REDIRECTS = 10

#: Statuses that may be different a little later: timeout, too early, too many requests; as is every server error, from 500 on.
TEMPORARY = {408, 425, 429}


class CutError(Exception):
    """A transfer that failed in a way that may not happen again; `str` says how."""


class StartOverError(CutError):
    """The rest of the file does not fit to what there is of it; it may still come as a whole."""


@dataclass(frozen=True)
class Answer:
    """The bytes of a file, from some place on.

    Attributes
    ----------
    start : int
        The place in the file of the first byte: the one asked for, or 0 if the server sends the file from its beginning.
    total : int or None
        The size of the whole file, if the server says it.
    validator : str or None
        What the server calls this version of the file (its strong ETag, or the date of its last change).
    blocks : iterator of bytes
        Raises CutError if the connection breaks.
    """

    start: int
    total: int | None
    validator: str | None
    blocks: Iterator[bytes]


@contextlib.contextmanager
def ask(address: str, start: int, validator: str | None, timeout: tuple[float, float]) -> Iterator[Answer]:
    """Ask for a file from byte `start` on, or for the whole file if it is no longer the version that `validator` names.

    Parameters
    ----------
    address : str
    start : int
    validator : str or None
        As an earlier answer gave it.
    timeout : (float, float)
        Seconds to wait for a connection, and for the next bytes.

    Yields
    ------
    Answer

    Raises
    ------
    CutError
        If it may work another time: no connection, no answer in time, the server has trouble.
    StartOverError
        If it may work from the beginning.
    DownloadError
        If it will not.
    """
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    with contextlib.ExitStack() as opened, _explained(address, timeout):
        session = opened.enter_context(requests.Session())
        response = opened.enter_context(_follow(session, address, headers, timeout))
        _check_status(response, start)
        yield Answer(*_extent(response, start), _validator(response), response.iter_content(BLOCK))


def _follow(session: requests.Session, address: str, headers: dict[str, str], timeout: tuple[float, float]) -> requests.Response:
    """Send the request where the redirects lead."""
    if not _is_web_address(address):
        raise DownloadError(f"{address!r} is no web address; expected one such as https://example.org/file.h5")
    here = address
    for _ in range(MOST_REDIRECTS + 1):
        try:
            response = session.get(here, headers=headers, timeout=timeout, stream=True, allow_redirects=False)
            target = urljoin(here, response.headers["Location"]) if response.is_redirect else None
        except ValueError:  # in an address that looked like one
            raise DownloadError(f"{here} is, or redirects to, what is no web address; choose another --address") from None
        if target is None:
            return response
        response.close()
        if not _is_web_address(target):
            raise DownloadError(f"{here} redirects to {target!r}, which is no web address (http, https); choose another --address")
        if (urlsplit(here).scheme, urlsplit(target).scheme) == ("https", "http"):
            raise DownloadError(f"{here} redirects to {target}, which is not encrypted any more; choose another --address")
        here = target
    raise DownloadError(f"{address} redirects more than {MOST_REDIRECTS} times; choose another --address")


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _check_status(response: requests.Response, start: int) -> None:
    """Raise unless the answer holds the file, or the rest of it that was asked for."""
    status = f"{response.url} answers {response.status_code} {response.reason or ''}".rstrip()
    if response.status_code >= 500 or response.status_code in TEMPORARY:
        raise CutError(status)
    if response.status_code == 416 and start:
        raise StartOverError(f"{status}: it has no byte {start:,} to go on from")
    if response.status_code != 200 and not (response.status_code == 206 and start):
        raise DownloadError(f"{status}, expected the file; try later, or another --address")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise DownloadError(f"{response.url} sends a web page, expected a file: perhaps a login page; open the address in a browser to see")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{response.url} sends the file compressed, though it was asked not to; choose another --address")


def _extent(response: requests.Response, start: int) -> tuple[int, int | None]:
    """Read from the headers where the answer begins in the file, and how long the whole file is."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if found is None or int(found[1]) != start:
        part = response.headers.get("Content-Range", "that it does not name")
        raise StartOverError(f"{response.url} sends the part {part}, expected the file from byte {start:,} on")
    return start, None if found[2] == "*" else int(found[2])


def _validator(response: requests.Response) -> str | None:
    """Name the version of the file; a weak ETag (W/...) does not promise the same bytes."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


@contextlib.contextmanager
def _explained(address: str, timeout: tuple[float, float]) -> Iterator[None]:
    """Turn what `requests` raises into a CutError or a DownloadError in one plain sentence."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"no safe connection to {address} ({_reason(error)}); is the date of this machine right, or does a proxy need its certificate "
            "(REQUESTS_CA_BUNDLE)?"
        ) from None
    except requests.ConnectTimeout:
        raise CutError(f"{address}: no connection within {timeout[0]:g} s") from None
    except requests.ReadTimeout:
        raise CutError(f"{address}: nothing came for {timeout[1]:g} s") from None
    except requests.ConnectionError as error:
        stalled = "Read timed out" in str(error)  # what a ReadTimeout becomes once the first bytes have come
        raise CutError(f"{address}: nothing came for {timeout[1]:g} s" if stalled else f"{address}: {_reason(error)}") from None
    except requests.exceptions.ChunkedEncodingError:
        raise CutError(f"{address}: the connection was cut") from None
    except requests.RequestException as error:
        raise DownloadError(f"{address} cannot be asked ({error}); choose another --address") from None


def _reason(error: BaseException) -> str:
    """Find the plain reason behind the layers that a network error is wrapped in."""
    inner: BaseException | None = error
    reasons = [type(error).__name__]
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            reasons.append(inner.strerror)
        wrapped = [inner.__cause__, inner.__context__, getattr(inner, "reason", None), *inner.args]
        inner = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)
    return reasons[-1]
