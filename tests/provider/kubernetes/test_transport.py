"""Responses of an API: how long and how large they may be, and what is made of them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import kubeconfig
from provider.kubernetes import node_state, transport
from provider.kubernetes.api import Api, ApiError, ApiStatusError
from provider.protocol.values import UNKNOWN, UNKNOWN_MARKS, decode, encode
from provider.resources.node.node_object import outputs_of
from tests.provider import fake_api
from tests.provider.fake_api import node

Respond = Callable[[ssl.SSLSocket], Any]
SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"


@pytest.fixture
def respond(tmp_path: Path, authority: dict[str, Any]) -> Iterator[Callable[[Respond], Api]]:
    """An Api of a server that responds as the function does, to whatever it is asked."""
    context = fake_api._context(tmp_path, authority)
    with contextlib.ExitStack() as stack:

        def make(respond: Respond) -> Api:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connected, _ = listening.accept()
                        with context.wrap_socket(connected, server_side=True) as tls:
                            tls.recv(65536)
                            respond(tls)

            threading.Thread(target=serve, daemon=True).start()
            api = Api(parts(f"https://127.0.0.1:{listening.getsockname()[1]}", authority))
            stack.callback(api.close)
            return api

        yield make


def parts(server: str, authority: Mapping[str, Any]) -> kubeconfig.Parts:
    return kubeconfig.Parts(
        server=server,
        certificate_authority=authority["serverCaCertificate"],
        client_certificate=authority["adminCertificate"],
        client_key=authority["adminKey"],
    )


def head(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode() + b"\r\n\r\n"


def test_a_response_without_an_end_is_an_error(
    respond: Callable[[Respond], Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_LONGEST_RESPONSE", 1 << 20)

    def endless(tls: ssl.SSLSocket) -> None:
        tls.sendall(head("HTTP/1.1 200 OK"))
        while True:
            tls.sendall(b" " * 65536)

    with pytest.raises(ApiError, match="the response of the API has more than 1048576 bytes"):
        respond(endless).node("a")


def test_a_response_that_drips_is_an_error(
    respond: Callable[[Respond], Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_RESPONSE_SECONDS", 0.3)

    def drip(tls: ssl.SSLSocket) -> None:
        tls.sendall(head("HTTP/1.1 200 OK\nContent-Length: 100000"))
        while True:
            tls.sendall(b" ")
            time.sleep(0.02)

    start = time.monotonic()
    with pytest.raises(ApiError, match="the API does not respond in time"):
        respond(drip).node("a")
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_closing_ends_a_call_that_is_under_way(
    respond: Callable[[Respond], Api], begin: bytes
) -> None:
    began = threading.Event()

    def drip(tls: ssl.SSLSocket) -> None:
        tls.sendall(begin)
        while True:
            tls.sendall(b" ")
            began.set()
            time.sleep(0.02)

    api = respond(drip)
    failed: list[Exception] = []

    def call() -> None:
        try:
            api.node("a")
        except ApiError as error:
            failed.append(error)

    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    assert began.wait(60)
    assert calling.is_alive()
    api.close()
    calling.join(60)
    assert not calling.is_alive()
    assert len(failed) == 1


def test_a_redirect_is_not_followed(respond: Callable[[Respond], Api]) -> None:
    asked: list[str] = []

    def elsewhere(tls: ssl.SSLSocket) -> None:
        asked.append("here")
        tls.sendall(head("HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\nContent-Length: 0"))

    with pytest.raises(ApiStatusError, match="the API responds 302 Found"):
        respond(elsewhere).node("a")
    assert asked == ["here"]


@pytest.mark.parametrize("body", ["", "no JSON", "[" * 100_000])
def test_a_response_that_is_no_json_is_an_error(
    respond: Callable[[Respond], Api], body: str
) -> None:
    def answer(tls: ssl.SSLSocket) -> None:
        tls.sendall(head(f"HTTP/1.1 200 OK\nContent-Length: {len(body)}") + body.encode())

    with pytest.raises(ApiError, match="the response of the API is not JSON"):
        respond(answer).node("a")


@pytest.mark.parametrize("body", ["[]", "7", '{"status": 7}', '{"status": {"conditions": [{}]}}'])
def test_a_response_of_another_shape_is_an_error(
    respond: Callable[[Respond], Api], body: str
) -> None:
    def answer(tls: ssl.SSLSocket) -> None:
        # The next call takes a connection of its own, as this one ends.
        headers = f"Connection: close\nContent-Length: {len(body)}"
        tls.sendall(head(f"HTTP/1.1 200 OK\n{headers}") + body.encode())

    api = respond(answer)
    calls: list[Callable[[], Any]] = [
        lambda: api.node("a"),
        api.nodes,
        lambda: api.pods_to_move("a"),
    ]
    for call in calls:
        with pytest.raises(ApiError, match="the response of the API does not have the fields"):
            call()


def test_the_reason_of_a_status_does_nothing_to_a_terminal(
    respond: Callable[[Respond], Api],
) -> None:
    message = '{"message": "a\\u001b[2J\\n::add-mask::x"}'

    def refuse(tls: ssl.SSLSocket) -> None:
        tls.sendall(
            head(f"HTTP/1.1 403 ##vso[a]b\nContent-Length: {len(message)}") + message.encode()
        )

    with pytest.raises(ApiStatusError) as failed:
        respond(refuse).node("a")
    assert str(failed.value) == "the API responds 403 # #vso[a]b: a?[2J : :add-mask::x"


@pytest.mark.parametrize("mark", [*sorted(UNKNOWN_MARKS), SIGNATURE_KEY, "v1\x1b[2J", "v" * 99])
def test_what_a_kubelet_writes_as_its_version_is_a_version_or_left_out(mark: str) -> None:
    hostile = node("a")
    hostile["status"]["nodeInfo"] = {
        "kubeletVersion": mark,
        "architecture": mark,
        "bootID": f"{mark}\n",
    }
    hostile["status"]["addresses"] = [{"type": "InternalIP", "address": mark}]

    outputs = outputs_of(node_state.parse(hostile))

    assert outputs == {"kubeletVersion": "invalid", "architecture": "", "internalIp": ""}
    assert UNKNOWN not in decode(encode(outputs)).values()


def test_the_reason_of_a_node_that_is_not_ready_is_one_line() -> None:
    hostile = node("a", ready="False", reason="x\x1b]0;a\x07\n::stop-commands::y" * 99)
    reason = node_state.parse(hostile).reason
    assert reason.isprintable()
    assert len(reason) <= 500
    assert not reason.startswith("::")
