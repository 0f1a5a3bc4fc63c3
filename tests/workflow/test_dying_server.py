"""A server that dies under a download: one sentence, and a healthy one completes the run."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml

from .conftest import Clone, Snakemake
from .faults import assert_success, last_sentence

CONTENT = np.random.default_rng(1).bytes(300_000)
FILE = "data/raw/rock.raw"
ROCK = ("--configfile", "rock.yaml")
Behaviour = Callable[[BaseHTTPRequestHandler], None]


def healthy(handler: BaseHTTPRequestHandler) -> None:
    """Serve the range that is asked for."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.send_header("Content-Length", str(len(CONTENT) - start))
    handler.end_headers()
    handler.wfile.write(CONTENT[start:])


def drops(handler: BaseHTTPRequestHandler) -> None:
    """Break off at byte 100 000, at once where a part is there already."""
    handler.send_response(206 if handler.headers.get("Range") else 200)
    handler.send_header("Content-Range", f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    if not handler.headers.get("Range"):
        handler.wfile.write(CONTENT[:100_000])


def promises_more(handler: BaseHTTPRequestHandler) -> None:
    """Send all, and say that there is one byte more."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT) + 1))
    handler.end_headers()
    handler.wfile.write(CONTENT)


def sends_another_file(handler: BaseHTTPRequestHandler) -> None:
    """Send a file of the right length and another content."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(bytes(len(CONTENT)))


def runs_in_a_circle(handler: BaseHTTPRequestHandler) -> None:
    """Redirect to itself."""
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def knows_nothing(handler: BaseHTTPRequestHandler) -> None:
    """Answer that there is no such file."""
    handler.send_error(404)


def drips(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    for byte in CONTENT[:100]:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.02)


class Server(ThreadingHTTPServer):
    """Serves one file on 127.0.0.1, in the way that `behaviour` says."""

    behaviour: Behaviour = staticmethod(healthy)
    daemon_threads = True

    @property
    def url(self) -> str:
        """Address of the file."""
        return f"http://127.0.0.1:{self.server_port}/rock.raw"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        """Answer as the server is told to."""
        try:
            self.server.behaviour(self)
        except OSError:
            self.close_connection = True  # the client gave up first

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that runs until the test ends."""
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def rock(clone: Clone, server: Server, tmp_path: Path) -> Path:
    """A clone whose sample is to be fetched from the server, with shorter waits than a user's."""
    directory = clone(tmp_path)
    sample = {
        "path": FILE,
        "url": [server.url],
        "sha256": [hashlib.sha256(CONTENT).hexdigest()],
        "raw": {"shape": [3, 250, 400], "dtype": "uint8"},
        "voxel_size_um": 2.0,
    }
    overlay = {"samples": {"rock": sample}, "evaluation": {"samples": ["rock"]}}
    (directory / "rock.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    rules = directory / "workflow/rules/volumes.smk"
    text = rules.read_text(encoding="utf-8")
    flag = "--url {params.url:q}"
    assert text.count(flag) == 1
    rules.write_text(text.replace(flag, f"{flag} --timeout 0.5 --backoff 0.01"), encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (drops, "the connection"),
        pytest.param(promises_more, "the connection", marks=pytest.mark.soak),
        (sends_another_file, "its SHA-256 is "),
        pytest.param(
            runs_in_a_circle,
            "redirects more than 10 times; correct the address",
            marks=pytest.mark.soak,
        ),
        (knows_nothing, "the server answered 404; correct the address"),
        pytest.param(drips, "the server sends too slowly in 5 attempts", marks=pytest.mark.soak),
    ],
)
def test_a_dying_server_is_one_sentence_and_a_healthy_one_completes(
    server: Server, rock: Path, snakemake: Snakemake, behaviour: Behaviour, reason: str
) -> None:
    server.behaviour = behaviour
    done = snakemake(rock, *ROCK, targets=(FILE,))
    assert last_sentence(done).startswith(f"fetch_volume: error: {server.url}: {reason}")
    assert not (rock / FILE).exists()

    server.behaviour = healthy
    assert_success(snakemake(rock, *ROCK, targets=(FILE,)))
    assert (rock / FILE).read_bytes() == CONTENT
    assert [file.name for file in (rock / FILE).parent.iterdir()] == ["rock.raw"]


def test_no_server_at_all_is_one_sentence(server: Server, rock: Path, snakemake: Snakemake) -> None:
    overlay = (rock / "rock.yaml").read_text(encoding="utf-8")
    nobody = server.url.replace(str(server.server_port), "9")
    (rock / "rock.yaml").write_text(overlay.replace(server.url, nobody), encoding="utf-8")
    done = snakemake(rock, *ROCK, targets=(FILE,))
    assert last_sentence(done) == (
        f"fetch_volume: error: {nobody}: the server cannot be reached in 5 attempts; check the "
        "address and the network and run again, what arrived is kept"
    )
