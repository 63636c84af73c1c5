"""What the service of callerAddressUrl returned is in no message, whatever it is."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components import lookups
from components.lookups import LookupFailed

HIDDEN = "hidden-answer"
Respond = Callable[[socket.socket], Any]


@contextlib.contextmanager
def serving(respond: Respond) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a server that responds as the function does, and what it was sent."""
    accepted: list[socket.socket] = []
    received: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted.append(listening.accept()[0])
                received.append(accepted[-1].recv(65536))
                respond(accepted[-1])
                accepted[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/latest/meta-data", received
        for each in accepted:
            each.close()


def sends(head: str, body: str = "") -> Respond:
    text = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    return lambda connected: connected.sendall(text)


def drips(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connected.sendall(b"1")
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("respond", "why"),
    [
        (sends("HTTP/1.1 200 OK", f'{{"AccessKeyId": "{HIDDEN}"}}'), "is not an IPv4 address"),
        (sends("HTTP/1.1 200 OK", f"192.0.2.1 {HIDDEN}"), "the response is not an IPv4 address"),
        (sends("HTTP/1.1 200 OK", f"1.2.{HIDDEN}.4"), "the response is not an IPv4 address"),
        (sends(f"HTTP/1.1 403 {HIDDEN}", HIDDEN), "the response has the HTTP status 403"),
        (sends(f"SSH-2.0-{HIDDEN}"), "the response is not one of HTTP"),
        (sends(f"HTTP/1.1 {HIDDEN}"), "the response is not one of HTTP"),
        (sends(f"HTTP/1.1 302 Found\r\nLocation: file:///{HIDDEN}"), "HTTP status 302, a redirect"),
        (sends(f"HTTP/1.1 301 a\r\nLocation: ftp://{HIDDEN}/"), "HTTP status 301, a redirect"),
        (drips, "no response within 0 s"),
    ],
)
def test_nothing_of_a_response_is_quoted(
    monkeypatch: pytest.MonkeyPatch, respond: Respond, why: str
) -> None:
    monkeypatch.setattr(lookups, "CALLER_SECONDS", 0.4 if respond is drips else 60)
    with serving(respond) as (url, _), pytest.raises(LookupFailed) as failed:
        lookups.caller(url)
    assert HIDDEN not in str(failed.value)
    assert f'{url} was asked for the address behind "caller"' in str(failed.value)
    assert why in str(failed.value)


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "CALLER_SECONDS", 60)
    with serving(sends("HTTP/1.1 200 OK", "192.0.2.1")) as (there, received):
        with (
            serving(sends(f"HTTP/1.1 307 a\r\nLocation: {there}")) as (url, _),
            pytest.raises(LookupFailed, match="HTTP status 307, a redirect"),
        ):
            lookups.caller(url)
        assert received == []
        assert lookups.caller(there) == "192.0.2.1/32"
