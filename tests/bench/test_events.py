"""Changes of a running cluster: what is configured, and what of it is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import stack_cluster
from bench.environment import BenchEnvironment
from bench.events import Events
from bench.programs import Program
from localcloud.__main__ import FURTHER_K3S
from localcloud.workbench import api_client, stack_file
from localcloud.workbench.api_client import Seen
from localcloud.workbench.stack_config import CLUSTER
from toolchain import k3s
from toolchain.k3s import K3s

OWN = "v1.36.4+standin1"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kubeconfig of each client."""
    found: list[str] = []

    @contextmanager
    def counting(kubeconfig: Path) -> Iterator[Seen]:
        found.append(kubeconfig.read_text())
        yield Seen(writes=len(found))

    monkeypatch.setattr(api_client, "counting", counting)
    return found


def environment(tmp_path: Path, kind: str) -> BenchEnvironment:
    """A stack whose pulumi records its calls."""
    command = tmp_path / "bin" / "pulumi"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\necho a kubeconfig\n')
    command.chmod(0o755)
    variables = {"PATH": f"{command.parent}:/usr/bin:/bin", "KUBECONFIG": f"{tmp_path}/config"}
    program = Program(tmp_path, "bench", variables, tmp_path / "log")
    cluster = {
        "servers": {"count": 1},
        "pools": [{"name": "agents", "count": 2}],
        "k3s": {"version": OWN, "sha256": {"x86_64": "ab"}},
    }
    stack_file.write(program.config_file, {"config": {CLUSTER: cluster}})
    (tmp_path / "k3s").write_bytes(OWN.encode())
    return BenchEnvironment(
        program=program,
        plain=program,
        cloud_id="0badcafe",
        cloud_home=tmp_path,
        machines=None,  # type: ignore[arg-type]
        k3s=K3s(tmp_path / "k3s", OWN, kind, "ab"),
        aws_plugin="",
        say=print,
    )


def cluster(bench: BenchEnvironment) -> dict[str, Any]:
    return stack_cluster.read(bench.program)


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().split()


def test_a_server_is_replaced_again_and_again_by_its_generation(
    tmp_path: Path, counted: list[str]
) -> None:
    bench = environment(tmp_path, k3s.THE_STANDIN)
    event = Events(bench).replace_server(2)
    assert cluster(bench)["servers"] == {"count": "1", "image": {"generation": "3"}}
    assert counted == ["a kubeconfig\n"] * 2
    assert [each.writes for each in event.seen] == [1, 2]
    assert len(event.seconds) == 2
    assert calls(tmp_path) == ["stack", "up"] * 2


def test_each_upgrade_is_to_a_later_patch_that_is_served(
    tmp_path: Path, counted: list[str]
) -> None:
    bench = environment(tmp_path, k3s.THE_STANDIN)
    events = Events(bench)
    (event,) = events.upgrade(2)
    assert event.what == "k3s upgraded, 1 server, 2 agents"
    release = cluster(bench)["k3s"]
    assert release["version"] == "v1.36.6+standin1"
    assert release["sha256"]["x86_64"] != "ab"
    assert sorted(each.name for each in (tmp_path / FURTHER_K3S).iterdir()) == [
        "v1.36.5+standin1",
        "v1.36.6+standin1",
    ]
    assert events.not_measured == []


def test_a_real_k3s_is_not_upgraded_and_the_report_has_why(
    tmp_path: Path, counted: list[str]
) -> None:
    events = Events(environment(tmp_path, k3s.THE_RELEASE))
    assert events.upgrade(2) == []
    assert events.not_measured == [
        "k3s upgraded, 1 server, 2 agents: a real k3s has one version here"
    ]
    assert counted == []


def test_ten_agents_exist_before_the_client_starts_and_they_are_replaced(
    tmp_path: Path, counted: list[str]
) -> None:
    bench = environment(tmp_path, k3s.THE_STANDIN)
    event = Events(bench).roll_agents()
    assert cluster(bench)["pools"] == [
        {"name": "agents", "count": "10", "image": {"generation": "2"}}
    ]
    assert calls(tmp_path) == ["up", "stack", "up"]
    assert len(event.seconds) == len(counted) == 1
