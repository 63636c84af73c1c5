"""
No secret where it must not be: every value is looked for in all that is said, kept and left.

The engine's own lines at -v=9 are the one exception (docs/security.md): it writes there what it
sends to plugins, marked secret or not.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.localcloud.stacks import CLUSTER, Stack, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
PASSWORD = "hunter2-hunter2-hunter2"
# The engine tells of each property that goes over a plugin's wire; level 9 and above only.
ENGINES_OWN = re.compile(r'"msg":"(Unm|M)arshaling property for RPC\[')
SHORTEST = 12


class Needles:
    """Every secret of a stack, each line of it by itself; grows with what is made anew."""

    def __init__(self, *more: str) -> None:
        self.found: set[str] = set(more)

    def take_all_of(self, stack: Stack) -> None:
        printed = json.loads(stack.pulumi("stack", "export", "--show-secrets"))
        for resource in printed["deployment"]["resources"]:
            for text in _strings(resource.get("inputs"), resource.get("outputs")):
                self.found |= set(_private_lines(text))

    def seen_in(self, text: str) -> list[str]:
        """The beginnings of those that stand in the text."""
        return sorted(each[:6] for each in self.found if each in text)


def _strings(*values: Any, hidden: bool = False) -> Iterator[str]:
    for value in values:
        if isinstance(value, str) and hidden:
            yield value
        elif isinstance(value, dict) and "plaintext" in value:
            yield from _strings(json.loads(value["plaintext"]), hidden=True)
        elif isinstance(value, dict):
            yield from _strings(*value.values(), hidden=hidden)
        elif isinstance(value, list):
            yield from _strings(*value, hidden=hidden)


def _private_lines(text: str) -> Iterator[str]:
    """What is secret in a secret text: certificates and public keys stand in some of them too."""
    with_lines = text
    if text.startswith("{"):
        content = json.loads(text)
        for value in content.values():
            yield from _private_lines(value if isinstance(value, str) else json.dumps(value))
        return
    if text.startswith("apiVersion:"):
        user = yaml.safe_load(text)["users"][0]["user"]
        with_lines = base64.b64decode(user["client-key-data"]).decode()
        yield user["client-key-data"]
    inside = ""
    for line in with_lines.splitlines():
        if line.startswith("-----"):
            inside = line
        elif "CERTIFICATE" in inside or line.startswith("ssh-ed25519 "):
            continue
        elif len(line) >= SHORTEST:
            yield line


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("leaks")
    with local_cloud(folder) as made:
        temporary = folder / "temporary"
        temporary.mkdir()
        stack = made.create("leaks")
        # What shows the flag --event-log.
        more = {"TMPDIR": str(temporary), "PULUMI_DEBUG_COMMANDS": "true"}
        yield replace(stack, environment={**stack.environment, **more})


@contextlib.contextmanager
def processes_watched(seen: list[str]) -> Iterator[None]:
    """
    The arguments of all processes of this machine, again and again.

    Not their environments, which only their user reads: Pulumi gives a program its configuration
    there.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    seen.append((process / "cmdline").read_bytes().decode(errors="replace"))
            # The same is said again and again.
            seen[:] = list(dict.fromkeys(seen))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def test_no_secret_is_where_it_must_not_be(stack: Stack) -> None:
    needles = Needles(PASSWORD)
    output: dict[str, str] = {}
    processes: list[str] = []
    _configure(stack)

    def run(name: str, *words: str, fails: bool = False, level: int = 9) -> None:
        events = stack.folder / f"{name}.events"
        reported = () if words[0] == "refresh" else ("--event-log", str(events))
        verbose = (f"-v={level}", "--logtostderr")
        output[name] = stack.pulumi(*words, *verbose, *reported, fails=fails)
        if events.exists():
            output[f"{name}, events"] = events.read_text()

    with processes_watched(processes):
        run("up", *UP)
        needles.take_all_of(stack)
        content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
        stack.configure(rotation={"joinTokens": 2, "loginKey": 2, "hostKeys": 2})
        run("preview", "preview", "--diff")
        run("rotation", *UP)
        needles.take_all_of(stack)
        stack.configure(k3s={**content["k3s"], "sha256": _wrong(content["k3s"]["sha256"])})
        run("failing up", *UP, fails=True)
        assert "failed to boot in download-k3s" in output["failing up"]
        assert "expected " + "0" * 64 in output["failing up"]
        stack.configure(k3s=content["k3s"])
        run("up again", *UP, level=8)
        run("refresh", "refresh", "--yes")
        needles.take_all_of(stack)
        output |= _kept_by(stack)
        output |= _on_machines(stack)
        run("destroy", "destroy", "--yes", "--skip-preview")
    output["processes"] = "\n".join(processes)
    output |= _left_on_disk(stack)
    assert len(needles.found) > 30
    _finds_what_is_there(needles, output)
    # A level below, the engine's own lines hold none either.
    assert needles.seen_in(output["up again"]) == []
    leaks = {name: needles.seen_in(_without_the_engines_own(text)) for name, text in output.items()}
    assert {name: found for name, found in leaks.items() if found} == {}


def _configure(stack: Stack) -> None:
    path = 'k3s-aws:registryAuth["registry.example.com"]'
    stack.pulumi("config", "set", "--path", f"{path}.username", "ci")
    stack.pulumi("config", "set", "--secret", "--path", f"{path}.password", PASSWORD)


def _wrong(sha256: dict[str, str]) -> dict[str, str]:
    return dict.fromkeys(sha256, "0" * 64)


def _without_the_engines_own(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not ENGINES_OWN.search(line))


def _finds_what_is_there(needles: Needles, output: dict[str, str]) -> None:
    """A search that finds nothing proves nothing unless it could: the engine's lines hold them."""
    assert len(needles.seen_in(output["rotation"])) > 10


def _kept_by(stack: Stack) -> dict[str, str]:
    """The state, the configuration and the outputs."""
    return {
        "state": stack.pulumi("stack", "export"),
        "outputs": stack.pulumi("stack", "output", "--json"),
        "configuration": stack.config_file.read_text(),
        **{
            str(file): file.read_text(errors="replace")
            for file in (stack.folder / "state").rglob("*")
            if file.is_file()
        },
    }


def _on_machines(stack: Stack) -> dict[str, str]:
    """User data, what Docker knows, process lists, journals and logs of every machine."""
    found: dict[str, str] = {"local cloud": (stack.folder / "cloud/daemon.log").read_text()}
    for node in stack.nodes():
        name = node["instanceId"]
        answer = stack.client("ec2").describe_instance_attribute(
            InstanceId=name, Attribute="userData"
        )
        found[f"{name}: user data"] = gzip.decompress(
            base64.b64decode(answer["UserData"]["Value"])
        ).decode()
        machine = f"k3saws-{stack.cloud_id}-{name}"
        found[f"{name}: inspect"] = stack.docker("inspect", machine)
        found[f"{name}: console"] = stack.docker("logs", machine)
        for what, command in {
            "processes": "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '",
            "journal": "journalctl --no-pager",
            "logs": "cat /var/log/cloud-init*.log /var/lib/k3s-aws/report.json",
            "readable to everybody": (
                "find / -xdev -type f -perm -004 -size -2M -newer /etc/machine-id "
                "-not -path '/proc/*' -not -path '/sys/*' -exec cat {} + 2>/dev/null"
            ),
        }.items():
            script = ["exec", machine, "sh", "-c", f"{{ {command}; }} | base64 -w0"]
            packed = stack.docker(*script)
            found[f"{name}: {what}"] = base64.b64decode(packed).decode(errors="replace")
    return found


def _left_on_disk(stack: Stack) -> dict[str, str]:
    """Temporary files, and whatever the runs wrote into Pulumi's home."""
    places = [stack.folder / "temporary", Path(stack.environment["PULUMI_HOME"])]
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    small = [file for file in files if file.stat().st_size < 5_000_000 and os.access(file, os.R_OK)]
    return {str(file): file.read_text(errors="replace") for file in small}
