"""Fetch a file from http(s) or `file:` addresses: resumed, and checked before it appears."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from sandstone import disk, files
from sandstone.errors import InputError

READ_BYTES = 1 << 20  # at once
MAX_REDIRECTS = 10
ATTEMPTS = 5
RETRIED_STATUS = (408, 425, 429, 500, 502, 503, 504)
REPORT_SECONDS = 10.0
SLOWEST = 1000  # bytes a second; a slower connection counts as broken

Progress = Callable[[str], None]


class _Interrupted(Exception):  # noqa: N818 - no error yet, the next attempt may succeed
    """The connection ended too early; the bytes that arrived are kept."""


def download(
    url: str,
    path: str | Path,
    *,
    sha256: str,
    progress: Progress = print,
    timeout: float = 60.0,
    backoff: float = 2.0,
) -> None:
    """Fetch `url` to `path`, which appears only once its SHA-256 is right.

    An interrupted download stays beside `path` as a hidden ``.partial`` file, which the next
    attempt, or the next call, continues. An existing file with the right hash is kept.

    Parameters
    ----------
    url : str
        Address with the scheme http, https or file. Proxies come from the environment.
    path : str or Path
        Where the file appears.
    sha256 : str
        Its hexadecimal SHA-256.
    progress : callable, optional
        Called with lines for the user.
    timeout : float, optional
        Seconds after which a connection counts as broken if it brought hardly any bytes.
    backoff : float, optional
        Seconds before the second attempt; each further wait doubles.

    Raises
    ------
    InputError
        If the address, the hash or the content is wrong, or the download fails.
    """
    path = Path(path)
    expected = _checked_sha256(sha256)
    scheme = _scheme(url)
    if scheme not in ("http", "https", "file"):
        raise InputError(f"{url}: scheme {scheme!r} is not supported; use http, https or file")
    if path.is_file() and files.sha256_of(path) == expected:
        progress(f"{path} is there already")
        return
    partial = path.with_name(f".{path.name}.partial")
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if scheme == "file":
            _copy(url, partial)
        else:
            resumed = partial.exists()
            _fetch(url, partial, progress=progress, timeout=timeout, backoff=backoff)
            if resumed and files.sha256_of(partial) != expected:
                progress("what an earlier run left belongs to another file; starting from scratch")
                partial.unlink()
                _fetch(url, partial, progress=progress, timeout=timeout, backoff=backoff)
        _publish(url, partial, path, expected)
    progress(f"wrote {path}")


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme.lower()
    except ValueError as error:
        raise InputError(f"{url}: not an address ({error}); correct it") from error


def _checked_sha256(sha256: str) -> str:
    text = sha256.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise InputError(f"sha256 {sha256!r} is not 64 hexadecimal digits; give the whole hash")
    return text


def _publish(url: str, partial: Path, path: Path, expected: str) -> None:
    """Move a complete download to its name, or remove it if its hash is wrong."""
    with partial.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    if actual != expected:
        partial.unlink()
        raise InputError(
            f"{url}: its SHA-256 is {actual}, not {expected}; correct sha256 or the address"
        )
    partial.replace(path)


def _copy(url: str, partial: Path) -> None:
    address = urlsplit(url)
    if address.netloc not in ("", "localhost"):
        raise InputError(f"{url}: names another machine; write file:///path")
    source = Path(url2pathname(address.path))
    try:
        with source.open("rb") as stream, partial.open("wb") as target:
            while block := stream.read(READ_BYTES):
                target.write(block)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if disk.reason(error):
            raise
        raise InputError(
            f"{url}: cannot be copied ({error.strerror}); check the address and the disk"
        ) from error


def _fetch(url: str, partial: Path, *, progress: Progress, timeout: float, backoff: float) -> None:
    with requests.Session() as session:
        session.max_redirects = MAX_REDIRECTS
        most, failures = _size(partial), 0
        while True:
            try:
                _attempt(session, url, partial, progress=progress, timeout=timeout)
            except _Interrupted as interruption:
                reason = str(interruption)
            else:
                return
            # A long download may break often; only failures that brought no new bytes count.
            failures = 1 if _size(partial) > most else failures + 1
            most = max(most, _size(partial))
            if failures == ATTEMPTS:
                break
            wait = backoff * 2 ** (failures - 1)
            progress(f"{url}: {reason}; attempt {failures + 1} of {ATTEMPTS} in {wait:g} s")
            time.sleep(wait)
    raise InputError(
        f"{url}: {reason} in {ATTEMPTS} attempts; check the address and the network and run again, "
        "what arrived is kept"
    )


def _size(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _attempt(
    session: requests.Session, url: str, partial: Path, *, progress: Progress, timeout: float
) -> None:
    """Append the missing rest of `url` to `partial`, or all of it if the server cannot resume."""
    have = _size(partial)
    # Without compression in transit, positions in the file are positions in the stream.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with (
        _network_errors(url),
        session.get(url, headers=headers, stream=True, timeout=timeout) as response,
    ):
        if have and _is_whole(response, have):
            return
        if have and _cannot_resume(response, have):
            partial.unlink()
            raise _Interrupted("the server cannot resume what an earlier attempt left")
        _check_status(url, response.status_code)
        resumed = response.status_code == 206
        length = response.headers.get("Content-Length", "")
        total = int(length) + have * resumed if length.isdecimal() else None
        with partial.open("ab" if resumed else "wb") as target:
            _receive(response, target, total, timeout=timeout, progress=progress)
    _check_total(partial, total)


def _is_whole(response: requests.Response, have: int) -> bool:
    """Say whether all bytes are there, as after a kill between the last byte and the hash."""
    whole = response.headers.get("Content-Range", "") == f"bytes */{have}"
    return response.status_code == 416 and whole


def _cannot_resume(response: requests.Response, have: int) -> bool:
    if response.status_code == 206:
        return not response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    return response.status_code == 416


def _check_status(url: str, status: int) -> None:
    if status in RETRIED_STATUS:
        raise _Interrupted(f"the server answered {status}")
    if status not in (200, 206):
        raise InputError(f"{url}: the server answered {status}; correct the address")


def _check_total(partial: Path, total: int | None) -> None:
    have = partial.stat().st_size
    if total is not None and have < total:
        raise _Interrupted(f"the connection ended after {have} of {total} bytes")


def _receive(
    response: requests.Response,
    target: BinaryIO,
    total: int | None,
    *,
    timeout: float,
    progress: Progress,
) -> None:
    """Write bytes as they arrive, so that none of them is lost if the connection breaks."""
    reported = watched = time.monotonic()
    written = 0
    while block := response.raw.read1(READ_BYTES):
        target.write(block)
        written += len(block)
        now = time.monotonic()
        if now - watched >= timeout:
            if written < SLOWEST * timeout:
                raise _Interrupted("the server sends too slowly")
            watched, written = now, 0
        if now - reported >= REPORT_SECONDS:
            reported = now
            share = f" of {total / 1e6:.0f}" if total else ""
            progress(f"{target.tell() / 1e6:.0f}{share} MB")


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Separate failures that may pass, which are tried again, from those that will not."""
    from urllib3.exceptions import HTTPError, LocationParseError

    try:
        yield
    except requests.TooManyRedirects as error:
        raise InputError(
            f"{url}: redirects more than {MAX_REDIRECTS} times; correct the address"
        ) from error
    except requests.exceptions.SSLError as error:
        raise InputError(
            f"{url}: the server's certificate is not accepted; check the address and the proxy"
        ) from error
    except LocationParseError as error:
        raise InputError(f"{url}: not an address; correct it") from error
    except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
        raise _Interrupted(_reason(error)) from error
    except requests.RequestException as error:
        raise InputError(f"{url}: {error}; correct the address") from error


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the server stopped sending"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return "the connection broke"
