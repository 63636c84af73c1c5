"""Fetching a pinned file: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from toolchain import download
from toolchain.errors import ToolchainError

CONTENT = b"k3s" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "offered"
    file.write_bytes(CONTENT)
    return file


def fetch(source: Path, sha256: str = SHA256) -> Path:
    target = source.parent / "kept" / "k3s"
    download.fetch(source.as_uri(), sha256, target, lambda _: None)
    return target


def test_the_file_arrives_whole(source: Path) -> None:
    assert fetch(source).read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_not_kept(source: Path) -> None:
    with pytest.raises(ToolchainError, match=f"got {SHA256}; something between"):
        fetch(source, "f" * 64)
    assert list((source.parent / "kept").iterdir()) == []


Respond = Callable[[socket.socket], Any]


@contextlib.contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """The URL of a server that responds as the function does, to whatever it is asked."""

    accepted: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            accepted.append(listening.accept()[0])
            accepted[0].recv(65536)
            respond(accepted[0])
            accepted[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/k3s"
        for each in accepted:
            each.close()


def drip(begin: bytes) -> Respond:
    """A byte now and then, without an end."""

    def respond(connected: socket.socket) -> None:
        connected.sendall(begin)
        while True:
            connected.sendall(b"x")
            time.sleep(0.02)

    return respond


def endless(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connected.sendall(b"x" * 65536)


def sends(text: bytes) -> Respond:
    return lambda connected: connected.sendall(text)


@pytest.mark.parametrize(
    ("respond", "why"),
    [
        (drip(b"HTTP/1.1 200 OK\r\n\r\n"), "it is not there after 0 s\n    run it again"),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), "it is not there after 0 s"),
        (drip(b"HTTP/1.1 200 OK\r\nX: "), "no response within 0 s\n    run it again"),
        (endless, "it is larger than 1 MiB\n    run it again"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"), "it is larger than 1 MiB"),
        (sends(b"HTTP/1.1 404 ##vso[a]\x1b[2J\r\nContent-Length: 0\r\n\r\n"), "HTTP status 404"),
        (sends(b"\x1b]0;title\x07 no HTTP\r\n\r\n"), "no HTTP response (BadStatusLine)"),
        (
            sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            "the connection ended after 3 of 9 bytes",
        ),
    ],
    ids=[
        *("a body that drips", "a block that drips", "headers that drip", "no end"),
        *("a size", "a status", "no HTTP", "an end"),
    ],
)
def test_a_source_that_does_not_end_in_time_or_in_size_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, respond: Respond, why: str
) -> None:
    # Whatever ends by itself has time for it on a busy machine.
    drips = " after 0 s" in why or " within 0 s" in why
    monkeypatch.setattr(download, "DEADLINE_SECONDS", 0.3 if drips else 60)
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.4 if drips else 60)
    monkeypatch.setattr(download, "LARGEST_BYTES", 1 << 20)
    start = time.monotonic()
    with serving(respond) as url, pytest.raises(ToolchainError) as caught:
        download.fetch(url, SHA256, tmp_path / "k3s", lambda _: None)
    assert time.monotonic() - start < 30
    assert str(caught.value).startswith(f"{url} could not be downloaded: {why}")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_with_what_is_free(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_copy", full)
    with pytest.raises(ToolchainError) as caught:
        fetch(source)
    assert str(caught.value).startswith(f"no space for {source.parent}/kept/k3s: ")
    assert str(caught.value).endswith("MiB are free\n    free some, then run it again")


def test_what_is_not_there_is_a_message_with_its_address(source: Path) -> None:
    source.unlink()
    with pytest.raises(ToolchainError, match=f"{source.as_uri()} could not be downloaded: "):
        fetch(source)


def test_reachable_is_what_can_be_opened(source: Path) -> None:
    assert download.reachable(source.as_uri())
    source.unlink()
    assert not download.reachable(source.as_uri())


def test_a_refusal_is_an_answer_and_silence_is_none() -> None:
    class Registry(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(401)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v2/"
        assert download.status_of(url) == 401
    assert download.status_of(url) is None
