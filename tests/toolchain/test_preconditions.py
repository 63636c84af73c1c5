"""What cannot work is reported within a second, all of it at once, and nothing is started."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.toolchain.conftest import Machine
from toolchain import k3s, packages, preconditions, venv
from toolchain.errors import ToolchainError
from toolchain.places import ROOT
from toolchain.tasks import TASKS

# `kind` is the engine's kind, as `docker info` tells it.
DOCKER = """
case "$*" in
*ServerVersion*) echo 27.5.1 ;;
*) echo "{kind}" ;;
esac
"""
DENIED = "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1"


@pytest.fixture(autouse=True)
def _checkout(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in venv.PROGRAM.requirements:
        (machine.places.root / name).write_text("")
    for name in ("DOCKER_HOST", k3s.VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ordinary(machine: Machine) -> Machine:
    """A machine with all packages, used by an account that is not root."""
    for command in packages.LOCAL_CLOUD:
        machine.has(command, "")
    machine.is_now(root=False)
    return machine


def has_docker(
    machine: Machine, kind: str = "Debian GNU/Linux 12 (bookworm) [name=seccomp]"
) -> None:
    machine.has("docker", DOCKER.format(kind=kind))


def has_go(machine: Machine) -> None:
    machine.has("go", "echo go1.26.8")


def check(machine: Machine, target: str = "demo") -> None:
    preconditions.check(TASKS[target], machine.places, machine.host, machine.path)


def refused(machine: Machine, target: str = "demo") -> str:
    with pytest.raises(ToolchainError) as caught:
        check(machine, target)
    return str(caught.value)


@pytest.mark.parametrize("target", TASKS)
def test_root_on_debian_has_nothing_to_bring(machine: Machine, target: str) -> None:
    has_go(machine)
    check(machine, target)


def test_what_is_compiled_in_every_case_needs_go_before_anything_is_done(machine: Machine) -> None:
    assert refused(machine, "test").startswith("Go is not installed")
    check(machine, "demo")


@pytest.mark.parametrize("target", ["demo", "bench"])
def test_an_account_that_may_use_docker_needs_no_root(ordinary: Machine, target: str) -> None:
    has_docker(ordinary)
    check(ordinary, target)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("test", "its tests open raw sockets on this machine"),
        ("emulation", "it registers qemu-user with the kernel"),
    ],
)
def test_what_needs_root_all_the_same_is_named_with_the_reason(
    ordinary: Machine, target: str, why: str
) -> None:
    has_docker(ordinary)
    has_go(ordinary)
    assert refused(ordinary, target) == (
        f'make {target} needs root: {why}\n    run it as root: sudo env PATH="$PATH" make {target}'
    )


@pytest.mark.parametrize("target", TASKS)
def test_another_system_is_refused(machine: Machine, target: str) -> None:
    machine.is_now(system="darwin", debian=False)
    assert refused(machine, target) == (
        "the local cloud needs Linux, and this is darwin\n    use a virtual machine with Debian 12"
    )


def test_everything_that_is_missing_is_named_at_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.is_now(root=False)
    machine.has("docker", DENIED)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else found(name)
    )
    assert refused(machine).split("\nerror: ") == [
        "Docker does not respond: permission denied while trying to connect to the Docker daemon "
        "socket\n    run as root, or let your account use Docker: sudo usermod -aG docker $USER, "
        "then log in again",
        "not installed: iptables, ip, nsenter, ensurepip\n    run as root, or first: "
        "sudo apt-get install iproute2 iptables python3-venv util-linux",
    ]
    assert machine.calls == ["docker info --format {{.ServerVersion}}"]


def test_without_docker_an_account_gets_the_command_that_installs_it(machine: Machine) -> None:
    machine.is_now(root=False)
    assert "install Docker Engine (on Debian: apt-get install docker.io)" in refused(machine)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Debian GNU/Linux 12 [name=seccomp,profile=default name=rootless]", "rootless"),
        ("Docker Desktop [name=seccomp,profile=unconfined]", "Docker Desktop"),
    ],
)
def test_an_engine_with_a_network_of_its_own_is_refused(
    ordinary: Machine, kind: str, name: str
) -> None:
    has_docker(ordinary, kind)
    assert refused(ordinary).startswith(f"the Docker Engine ({name}) has a network of its own")


def test_an_engine_of_another_machine_is_refused(
    ordinary: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_docker(ordinary)
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.9:2376")
    assert refused(ordinary) == (
        "the Docker Engine at tcp://10.0.0.9:2376 is another machine's\n"
        "    use the one of this machine: unset DOCKER_HOST"
    )


def test_a_k3s_that_cannot_be_run_is_named_before_anything_is_made(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(k3s.VARIABLE, f"{machine.folder}/k3s")
    assert refused(machine) == (
        f"K3S_BINARY names {machine.folder}/k3s, which is not an executable file\n"
        "    name a k3s binary, or unset K3S_BINARY"
    )


def test_what_root_has_left_is_seen_by_another_account(
    ordinary: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_docker(ordinary)
    left = ordinary.places.local / "toolchain"
    left.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda file, mode: Path(file) != left)
    assert refused(ordinary) == (
        f"this account may not write to {left}, which is {left.owner()}'s\n"
        f"    give it to this account: sudo chown -R $(id -u):$(id -g) {ordinary.places.local}"
    )


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A checkout that every account may read and write, as far as the first second goes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "checkout"
        shutil.copytree(ROOT / "toolchain", root / "toolchain")
        for name in ("Makefile", "Pulumi.yaml", *venv.PROGRAM.requirements):
            shutil.copy(ROOT / name, root / name)
        for each in (Path(folder), root):
            each.chmod(0o777)
        yield root


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
@pytest.mark.parametrize("target", TASKS)
def test_make_stops_an_account_without_docker_before_it_does_anything(
    everybodys: Path, target: str
) -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None or not _new_enough(python):
        pytest.skip("no Python here that every account may run")
    (everybodys / "bin").mkdir(mode=0o755)
    docker = everybodys / "bin" / "docker"
    docker.write_text(f"#!/bin/sh\n{DENIED}\n")
    docker.chmod(0o755)
    began = time.monotonic()
    done = subprocess.run(
        ["make", target, f"PYTHON={python}"],
        cwd=everybodys,
        env={"PATH": f"{everybodys}/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    if target != "emulation":
        assert "let your account use Docker: sudo usermod -aG docker $USER" in done.stderr
    assert not (everybodys / ".local").exists()
    # A second on a machine that does nothing else.
    assert time.monotonic() - began < 10


def _new_enough(python: str) -> bool:
    words = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(words, check=False).returncode == 0


def test_a_python_that_is_too_old_is_a_message_and_no_syntax_error(tmp_path: Path) -> None:
    """An older Python cannot even read our modules; the package's first one it can."""
    text = (ROOT / "toolchain" / "__init__.py").read_text()
    script = f"""
import sys
sys.version_info = (3, 9, 2, "final", 0)
exec(compile({text!r}, "toolchain/__init__.py", "exec"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: Python 3.9 is too old\n"
        "    install 3.11 or newer and name it: make PYTHON=python3.11 ...\n"
    )
    # What an older one reads must hold nothing that it cannot.
    assert not re.search(r"\bmatch\b.*:$|:=|\bdef .*->", text, re.M)
