"""The plugin as the engine starts it: its executable, its weight, its end."""

from __future__ import annotations

import ast
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
from provider import __main__ as start
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
            info = stub.GetPluginInfo(nothing, timeout=60)
        process.send_signal(signal.SIGINT)
        code = process.wait(60)

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
            code = process.wait(60)
            took = time.monotonic() - began
            error = creating.exception(timeout=60)
            connection.close()

    assert code == 0
    # Without the signal the wait would end with the time-out of the banner.
    assert took < 8
    assert isinstance(error, grpc.RpcError)


def _checkout(folder: Path) -> Path:
    """The executable in a checkout without an environment of its own."""
    for name in ("provider", "cluster"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "bin").mkdir()
    # Of the linked folder the parent would be this checkout, which has an environment.
    copied = folder / "bin" / EXECUTABLE.name
    copied.write_bytes(EXECUTABLE.read_bytes())
    copied.chmod(0o755)
    return copied


def _environment(folder: Path, python: Path | None) -> Path:
    """A virtual environment's shape: without packages, or with those of a Python."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    if python is not None:
        (folder / "lib" / "python3.11" / "site-packages" / "grpc").mkdir()
    interpreter = folder / "bin" / "python3"
    interpreter.write_text(f'#!/bin/sh\nexec {python or "/bin/false"} "$@"\n')
    interpreter.chmod(0o755)
    return folder


def _run(executable: Path, active: Path | None, path: str = os.environ["PATH"]) -> str:
    """What the executable prints until its first line is there or it has ended."""
    environment = {"PATH": path, **({"VIRTUAL_ENV": str(active)} if active else {})}
    with subprocess.Popen(
        [executable], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if port := process.stdout.readline():
            process.send_signal(signal.SIGINT)
            return port
        return process.stderr.read()


def test_the_projects_environment_is_taken_whatever_is_active(tmp_path: Path) -> None:
    executable = _checkout(tmp_path)
    _environment(tmp_path / ".local" / "venv", Path(sys.executable))
    other = _environment(tmp_path / "other", None)
    assert _run(executable, other).strip().isdigit()


def test_the_active_environment_is_taken_where_the_project_has_none(tmp_path: Path) -> None:
    active = _environment(tmp_path / "active", Path(sys.executable))
    assert _run(_checkout(tmp_path), active).strip().isdigit()


def test_what_an_environment_lacks_is_reported_in_words(tmp_path: Path) -> None:
    path = _environment(tmp_path / "bare", None) / "bin"
    (path / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    printed = _run(_checkout(tmp_path), None, f"{path}:/usr/bin:/bin")
    assert "cannot run it: it has no package grpc, " in printed
    assert "run `pulumi install`" in printed
    assert "Traceback" not in printed


def test_no_python_at_all_is_reported_in_words(tmp_path: Path) -> None:
    path = tmp_path / "path"
    path.mkdir()
    for name in ("dirname", "sh"):
        (path / name).symlink_to(f"/bin/{name}" if name == "sh" else f"/usr/bin/{name}")
    assert "there is no python3 on PATH" in _run(_checkout(tmp_path), None, str(path))


def test_an_older_python_is_reported_with_the_version_that_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert start.missing() == "Python 3.11 or newer is needed, this is 3.9.18"


def test_the_start_reads_as_python_3_6_does() -> None:
    """An older Python is to report its version, not a syntax error."""
    for name in ("provider/__main__.py", "provider/__init__.py", "cluster/version.py"):
        ast.parse((ROOT / name).read_text(), feature_version=(3, 6))


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
