"""One health check, against servers of this process."""

from __future__ import annotations

import asyncio
import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from localcloud.load_balancers.checks import Node, passes
from localcloud.load_balancers.model import HealthCheck
from localcloud.load_balancers.network import Streams
from tests.localcloud.load_balancers.conftest import CHECK, target

HTTP = replace(CHECK, protocol="HTTP", path="/readyz")
NODE = Node("10.1.0.9", 6443)


class Handler(http.server.BaseHTTPRequestHandler):
    """Responds with the status in the path `/<status>`; 204 elsewhere."""

    requested: ClassVar[list[tuple[str, str, str]]] = []

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.requested.append((self.path, self.headers["Host"], self.headers["User-Agent"]))
        self.send_response(int(name) if name.isdigit() else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Direct:
    """Connects to loopback, whatever the target's address is."""

    def assign(self, addresses: object) -> None:
        raise AssertionError("a check assigns nothing")

    def listen(self, address: str, port: int) -> socket.socket:
        raise AssertionError("a check listens nowhere")

    async def connect(self, address: str, port: int, source: str | None) -> Streams:
        assert source == NODE.address
        return await asyncio.open_connection("127.0.0.1", port)


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    Handler.requested.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def passed(check: HealthCheck, port: int) -> bool:
    return asyncio.run(passes(Direct(), check, target("10.1.0.1", port=port), NODE))


def test_a_tcp_check_needs_a_connection(server: http.server.ThreadingHTTPServer) -> None:
    assert passed(CHECK, server.server_port)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not passed(CHECK, port)


def test_the_port_of_a_check_may_be_another_than_the_targets(
    server: http.server.ThreadingHTTPServer,
) -> None:
    assert passed(replace(CHECK, port=server.server_port), 1)


@pytest.mark.parametrize(
    ("path", "expected"), [("/readyz", True), ("/399", True), ("/401", False), ("/500", False)]
)
def test_an_http_check_needs_a_status_of_the_matcher(
    server: http.server.ThreadingHTTPServer, path: str, expected: bool
) -> None:
    assert passed(replace(HTTP, path=path), server.server_port) is expected


def test_a_request_names_the_node_and_its_listener(
    server: http.server.ThreadingHTTPServer,
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html"""
    passed(HTTP, server.server_port)
    assert Handler.requested == [("/readyz", "10.1.0.9:6443", "ELB-HealthChecker/2.0")]


def secured(server: http.server.ThreadingHTTPServer, folder: Path, least: ssl.TLSVersion) -> None:
    """Puts TLS with a certificate nobody trusts before a server."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", *files]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.minimum_version = least
    server.socket = context.wrap_socket(server.socket, server_side=True)


@pytest.mark.parametrize(
    ("least", "expected"), [(ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, False)]
)
def test_an_https_check_takes_any_certificate_and_no_tls_1_3(
    tmp_path: Path, least: ssl.TLSVersion, expected: bool
) -> None:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    secured(made, tmp_path, least)
    with made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        assert passed(replace(HTTP, protocol="HTTPS"), made.server_port) is expected
        made.shutdown()


def test_a_server_that_does_not_respond_fails_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not passed(replace(HTTP, timeout_seconds=0.05), silent.getsockname()[1])


def test_what_is_not_http_fails(server: http.server.ThreadingHTTPServer) -> None:
    def talk(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 ready\n"[4:])

    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=talk, args=[other], daemon=True).start()
        assert not passed(HTTP, other.getsockname()[1])
