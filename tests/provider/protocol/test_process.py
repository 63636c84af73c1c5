"""The plugin as the engine starts it: its executable, its weight, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from cluster.version import VERSION
from provider.protocol import values
from tests.provider.rpc import urn_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
EXECUTABLE = ROOT / "provider" / "pulumi-resource-k3s"
NODE = "k3s:index:Node"


@contextlib.contextmanager
def _started(cwd: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The plugin's process and its port, with the Python of the tests."""
    environment = {**os.environ, "VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
    process = subprocess.Popen(
        [EXECUTABLE, "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_the_executable_responds_on_the_port_it_prints_and_ends_on_sigint(tmp_path: Path) -> None:
    (tmp_path / "provider.py").write_text("raise SystemExit('shadowed')")
    with _started(tmp_path) as (process, port):
        with _stub(port) as stub:
            nothing = empty_pb2.Empty()
            info = stub.GetPluginInfo(nothing, timeout=10)
        process.send_signal(signal.SIGINT)
        code = process.wait(5)

    assert info.version == VERSION
    assert code == 0


def test_sigint_ends_a_wait_for_a_machine_that_never_responds(
    tmp_path: Path, node_inputs: Callable[..., dict[str, Any]]
) -> None:
    inputs = node_inputs()
    with socket.create_server(("127.0.0.1", 0)) as silent, _started(tmp_path) as (process, port):
        silenced = {**inputs, "ssh": {**inputs["ssh"], "port": silent.getsockname()[1]}}
        request = provider_pb2.CreateRequest(
            urn=urn_of(NODE), type=NODE, properties=values.encode(silenced)
        )
        with _stub(port) as stub:
            creating = stub.Create.future(request)
            connection, _ = silent.accept()
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            code = process.wait(5)
            took = time.monotonic() - began
            error = creating.exception(timeout=5)
            connection.close()

    assert code == 0
    assert took < 2.5
    assert isinstance(error, grpc.RpcError)


@contextlib.contextmanager
def _stub(port: int) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)


@pytest.mark.parametrize(
    "module", ["paramiko", "kubernetes", "cryptography", "pulumi_aws", "jinja2"]
)
def test_starting_loads_nothing_heavy(module: str, loaded: frozenset[str]) -> None:
    assert module not in loaded


@pytest.fixture(scope="session")
def loaded() -> frozenset[str]:
    """The modules that a started plugin has loaded."""
    program = (
        "import json, sys, provider.protocol.process, provider.resources;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, cwd=ROOT
    ).stdout
    return frozenset(json.loads(printed))
