"""A machine behind a proxy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.cloud_init.simulated_aws import K3S
from tests.cloud_init.simulated_machine import SimulatedMachine

pytestmark = pytest.mark.slow

ELSEWHERE = "http://releases.example.com/k3s"


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The URL of a proxy that has k3s for every URL, and the URLs it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(K3S)))
            self.end_headers()
            self.wfile.write(K3S)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def k3s_from(source: str, variables: dict[str, str]) -> dict[str, Any]:
    digest = hashlib.sha256(K3S).hexdigest()
    return {"version": "v1", "sources": [source], "sha256": digest, "environment": variables}


def test_the_boot_program_reaches_what_is_outside_through_the_proxy_and_the_rest_without(
    machine: SimulatedMachine, proxy: tuple[str, list[str]]
) -> None:
    url, asked = proxy
    variables = {"http_proxy": url, "https_proxy": url, "no_proxy": "localhost,127.0.0.1"}
    machine.configure("server", k3s=k3s_from(ELSEWHERE, variables))
    assert machine.boot() == 0
    assert asked == [ELSEWHERE]


def test_k3s_gets_the_variables_of_the_proxy_and_loses_them_again(
    machine: SimulatedMachine,
) -> None:
    unit = machine.root / "etc/systemd/system/k3s.service"
    machine.configure("server")
    assert machine.boot() == 0
    plain, before = unit.read_text(), len(machine.systemd.all_restarts())
    variables = {"https_proxy": "http://p:3128", "no_proxy": "127.0.0.1,.svc"}
    machine.configure("server", k3s=k3s_from(f"{machine.url}/good/k3s", variables))
    assert machine.boot() == 0
    lines = "Environment=https_proxy=http://p:3128\nEnvironment=no_proxy=127.0.0.1,.svc\n"
    assert unit.read_text() == plain.replace("[Service]\n", f"[Service]\n{lines}")
    machine.configure("server")
    assert machine.boot() == 0
    assert (unit.read_text(), len(machine.systemd.all_restarts())) == (plain, before + 2)


def test_no_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, machine: SimulatedMachine
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    machine.configure("agent")
    assert machine.boot() == 0


def test_the_proxy_of_the_configuration_comes_before_one_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, machine: SimulatedMachine, proxy: tuple[str, list[str]]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "releases.example.com")
    url, asked = proxy
    variables = {"http_proxy": url, "https_proxy": url, "no_proxy": "127.0.0.1"}
    machine.configure("agent", k3s=k3s_from(ELSEWHERE, variables))
    assert machine.boot() == 0
    assert asked == [ELSEWHERE]
