"""What is there and what is missing, one line each; changes nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from toolchain import docker_engine, go, packages, pulumi_cli, venv
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.places import Places


@dataclass(frozen=True)
class Finding:
    """One tool: whether it is there, and where, or what brings it."""

    there: bool
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{'ok' if self.there else 'missing':8}{self.name:12}{self.detail}"


def examine(places: Places, host: Host, path: str) -> Iterator[Finding]:
    """Looks at every tool in turn; opens no connection but to the local Docker Engine."""
    version = sys.version.split()[0]
    yield Finding(True, "python", f"{version} ({sys.executable})")
    yield Finding(
        venv.is_current(places), "venv", f"{places.venv} from {venv.PROGRAM.requirements[-1]}"
    )
    yield _go()
    yield _pulumi(places, path)
    for command, package in packages.LOCAL_CLOUD.items():
        absent = packages.missing({command: package}, path)
        yield Finding(not absent, command, f"Debian package {package}")
    answer = docker_engine.ask()
    start = f"{answer.error}; make demo starts it"
    detail = f"Docker {answer.version}" if answer.version else start
    yield Finding(bool(answer.version), "engine", detail)
    kubectl = shutil.which("kubectl", path=path)
    yield Finding(True, "kubectl", kubectl or "not on PATH: `k3s kubectl` takes its place")
    usable = host.system == "linux" and (host.root or bool(answer.version))
    yield Finding(usable, "rights", "the local cloud needs Linux, and root or the use of Docker")


def _go() -> Finding:
    try:
        return Finding(True, "go", go.version())
    except ToolchainError as error:
        return Finding(False, "go", " ".join(str(error).split()))


def _pulumi(places: Places, path: str) -> Finding:
    found = pulumi_cli.on_path(path, places) or pulumi_cli.installed(places)
    if found is None:
        return Finding(False, "pulumi", "python3 -m toolchain pulumi")
    return Finding(True, "pulumi", f"{found.version}, {found.way}")
