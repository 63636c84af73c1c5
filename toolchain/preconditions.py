"""What a task cannot work without, found out within a second: nothing is installed or built yet."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from toolchain import docker_engine, engines, go, k3s, languages, packages, venv
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.places import Places
from toolchain.tasks import DOCKER, ENGINES, LANGUAGES, Task


def check(task: Task, places: Places, host: Host, path: str) -> None:
    """Raises ToolchainError with everything that is missing and cannot be brought from here."""
    found = list(problems(task, places, host, path))
    if found:
        raise ToolchainError("\nerror: ".join(found))


def problems(task: Task, places: Places, host: Host, path: str) -> Iterator[str]:
    """Each as one message: what is missing, and the way out."""
    if host.system != "linux":
        yield (
            f"the local cloud needs Linux, and this is {host.system}\n"
            "    use a virtual machine with Debian 12"
        )
        return
    if task.root and not host.root:
        yield (
            f"make {task.target} needs root: {task.root}\n"
            f'    run it as root: sudo env PATH="$PATH" make {task.target}'
        )
    if not host.root:
        yield from _not_writable(places)
    answer = docker_engine.ask()
    if answer.version:
        yield from docker_engine.unsupported()
    elif DOCKER in task.needs and not docker_engine.can_start(host):
        yield docker_engine.why_not(answer, host)
    if named := os.environ.get(k3s.VARIABLE):
        try:
            k3s.require_usable(named)
        except ToolchainError as error:
            yield str(error)
    if not _has_builds(task, places, path):
        try:
            go.require()
        except ToolchainError as error:
            yield str(error)
    if not (host.root and host.debian):
        yield from _not_installed(places, host, path, engine=bool(answer.version))


def _has_builds(task: Task, places: Places, path: str) -> bool:
    """Whether what is compiled in every case is there already."""
    if LANGUAGES in task.needs and not languages.is_prepared(places):
        return False
    return ENGINES not in task.needs or engines.is_prepared(places, path)


def _not_writable(places: Places) -> Iterator[str]:
    """Where an earlier run, as root, has left files that are root's."""
    top = places.local if places.local.exists() else places.root
    for each in (top, *sorted(top.glob("*") if top == places.local else ())):
        if not each.is_symlink() and not os.access(each, os.W_OK):
            yield (
                f"this account may not write to {each}, which is {_owner(each)}'s\n"
                f"    give it to this account: sudo chown -R $(id -u):$(id -g) {top}"
            )
            return


def _owner(file: Path) -> str:
    try:
        return file.owner()
    except KeyError:
        return f"account {file.stat().st_uid}"


def _not_installed(places: Places, host: Host, path: str, *, engine: bool) -> Iterator[str]:
    # Docker itself was answered for above.
    commands = {
        command: package
        for command, package in packages.needed(host, engine=engine).items()
        if engine or package != packages.DOCKER
    }
    absent = {command: commands[command] for command in packages.missing(commands, path)}
    if importlib.util.find_spec("ensurepip") is None and not venv.is_current(places):
        absent["ensurepip"] = venv.DEBIAN_PACKAGE
    if absent:
        yield packages.not_installed(absent, host)
