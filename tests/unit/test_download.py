import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandstone import download
from sandstone.errors import InputError

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Respond = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A local server that answers as the test says and remembers the Range headers."""

    def __init__(self) -> None:
        self.respond: Respond = whole
        self.ranges: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.ranges.append(self.headers.get("Range"))
                self.close_connection = True
                server.respond(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/rock.raw"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: object
) -> None:
    handler.send_response(status)
    headers.setdefault("Content_Length", len(body))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, CONTENT)


def ranged(handler: BaseHTTPRequestHandler, limit: int | None = None) -> None:
    """Serve the range asked for, dropping the connection after `limit` bytes."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    rest = CONTENT[start:]
    span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    status = 206 if start else 200
    answer(handler, status, rest[:limit], Content_Length=len(rest), Content_Range=span)


def fetch(server: Server, path: Path, sha256: str = SHA256, timeout: float = 5) -> list[str]:
    lines: list[str] = []
    download.download(
        server.url, path, sha256=sha256, progress=lines.append, timeout=timeout, backoff=0
    )
    return lines


def partial_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "rock.raw"


def test_a_file_arrives_whole_and_alone(server: Server, target: Path) -> None:
    lines = fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert lines == [f"wrote {target}"]


def test_a_file_that_is_there_is_not_fetched_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    fetch(server, target)
    assert server.ranges == []


def test_a_file_with_another_content_is_replaced(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_dropped_connection_resumes_where_it_ended(server: Server, target: Path) -> None:
    server.respond = lambda handler: ranged(handler, limit=4000)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=4000-", "bytes=8000-"]


def test_a_connection_may_break_as_often_as_it_brings_something(
    server: Server, target: Path
) -> None:
    server.respond = lambda handler: ranged(handler, limit=len(CONTENT) // 9)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) > download.ATTEMPTS


def test_what_arrived_whole_is_not_fetched_again(server: Server, target: Path) -> None:
    end = f"bytes */{len(CONTENT)}"
    server.respond = lambda handler: answer(handler, 416, Content_Range=end)
    target.parent.mkdir()
    partial_of(target).write_bytes(CONTENT)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_the_next_call_resumes_what_an_interrupted_one_left(server: Server, target: Path) -> None:
    server.respond = lambda handler: ranged(handler, limit=0 if len(server.ranges) > 1 else 10)
    with pytest.raises(InputError, match=r"the connection (broke|ended)"):
        fetch(server, target)
    assert not target.exists()
    kept = partial_of(target).stat().st_size
    assert kept == 10
    assert len(server.ranges) == download.ATTEMPTS
    server.respond = ranged
    fetch(server, target)
    assert server.ranges[-1] == f"bytes={kept}-"
    assert target.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_starts_over(server: Server, target: Path) -> None:
    target.parent.mkdir()
    partial_of(target).write_bytes(CONTENT[:100])
    fetch(server, target)
    assert server.ranges == ["bytes=100-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "refuse",
    [
        pytest.param(lambda handler: answer(handler, 416), id="416"),
        pytest.param(
            lambda handler: answer(handler, 206, CONTENT, Content_Range="bytes 0-9/10"),
            id="other-range",
        ),
    ],
)
def test_a_partial_file_that_does_not_fit_is_dropped(
    server: Server, target: Path, refuse: Respond
) -> None:
    target.parent.mkdir()
    partial_of(target).write_bytes(CONTENT[:100])
    server.respond = lambda handler: (refuse if handler.headers.get("Range") else whole)(handler)
    fetch(server, target)
    assert server.ranges == ["bytes=100-", None]
    assert target.read_bytes() == CONTENT


def test_the_leftover_of_another_file_is_noticed(server: Server, target: Path) -> None:
    target.parent.mkdir()
    partial_of(target).write_bytes(b"other")
    server.respond = ranged
    lines = fetch(server, target)
    assert server.ranges == ["bytes=5-", None]
    assert lines[0].startswith("what an earlier run left belongs to another file")
    assert target.read_bytes() == CONTENT


def test_a_wrong_hash_leaves_nothing(server: Server, target: Path) -> None:
    with pytest.raises(InputError, match=f"{SHA256}, not {'0' * 64}"):
        fetch(server, target, sha256="0" * 64)
    assert list(target.parent.iterdir()) == []


def test_a_hash_that_is_none_is_refused_first(server: Server, target: Path) -> None:
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        fetch(server, target, sha256="abc")
    assert server.ranges == []


def test_a_missing_file_is_not_asked_for_twice(server: Server, target: Path) -> None:
    server.respond = lambda handler: answer(handler, 404, b"lost")
    with pytest.raises(InputError, match="answered 404"):
        fetch(server, target)
    assert len(server.ranges) == 1
    assert list(target.parent.iterdir()) == []


def test_a_busy_server_is_asked_again(server: Server, target: Path) -> None:
    server.respond = lambda handler: (
        answer(handler, 503) if len(server.ranges) < 3 else whole(handler)
    )
    lines = fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert "the server answered 503; attempt 3 of 5" in lines[1]


def test_a_redirect_is_followed(server: Server, target: Path) -> None:
    server.respond = lambda handler: (
        whole(handler) if handler.path == "/end" else answer(handler, 302, Location="/end")
    )
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_redirect_loop_ends(server: Server, target: Path) -> None:
    server.respond = lambda handler: answer(handler, 302, Location=handler.path)
    with pytest.raises(InputError, match="redirects more than 10 times"):
        fetch(server, target)
    assert len(server.ranges) == download.MAX_REDIRECTS + 1


def test_a_redirect_to_another_scheme_is_refused(server: Server, target: Path) -> None:
    server.respond = lambda handler: answer(handler, 302, Location="ftp://127.0.0.1/rock.raw")
    with pytest.raises(InputError, match="ftp"):
        fetch(server, target)


def test_a_content_length_that_is_too_long_fails_and_keeps_the_part(
    server: Server, target: Path
) -> None:
    server.respond = lambda handler: answer(handler, 200, CONTENT, Content_Length=10**6)
    with pytest.raises(InputError, match="in 5 attempts"):
        fetch(server, target)
    assert partial_of(target).read_bytes() == CONTENT


def test_a_silent_server_counts_as_dead(server: Server, target: Path) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, 200, CONTENT[:10], Content_Length=len(CONTENT))
        time.sleep(0.3)

    server.respond = stall
    with pytest.raises(InputError, match="stopped sending"):
        fetch(server, target, timeout=0.05)


def test_a_dripping_server_counts_as_dead(server: Server, target: Path) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, 200, Content_Length=len(CONTENT))
        for i in range(40):
            handler.wfile.write(CONTENT[i : i + 1])
            time.sleep(0.01)

    server.respond = drip
    with pytest.raises(InputError, match="too slowly"):
        fetch(server, target, timeout=0.1)


def test_an_absent_server_is_one_sentence(server: Server, target: Path) -> None:
    server.url = "http://127.0.0.1:9/rock.raw"
    with pytest.raises(InputError, match="cannot be reached in 5 attempts"):
        fetch(server, target)


def test_a_local_file_is_copied(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "a rock.raw"
    source.write_bytes(CONTENT)
    download.download(source.as_uri(), target, sha256=SHA256.upper())
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["file:///nowhere/rock.raw", "file:///"])
def test_a_missing_local_file_is_refused(target: Path, url: str) -> None:
    with pytest.raises(InputError, match="cannot be copied"):
        download.download(url, target, sha256=SHA256)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://127.0.0.1/rock.raw", "'ftp' is not supported"),
        ("rock.raw", "'' is not supported"),
        ("file://elsewhere/rock.raw", "names another machine"),
        ("http://", "correct the address"),
        ("http://[::1/rock.raw", "not an address"),
    ],
)
def test_other_addresses_are_refused(target: Path, url: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        download.download(url, target, sha256=SHA256)
