"""The preconditions of the demo, its clean-up and its output."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from demo import boot_bars, nodes, origin, system_pods
from demo.destroy import destroy
from demo.up import STAGES, require_same_cloud, up
from localcloud.errors import LocalCloudError
from localcloud.workbench.folder import Folder
from localcloud.workbench.stack import Stack
from localcloud.workbench.workbench import set_up
from tests.localcloud.workbench.test_stack import has_lock, has_state, state_of
from tests.timeline.reports import SERVER
from tests.toolchain.conftest import Machine
from toolchain import download
from toolchain.errors import ToolchainError
from toolchain.k3s import K3s

RUNNING = {"id": "0a1b2c3d", "pid": 41, "endpoint": "http://127.0.0.1:4566"}
BINARY = K3s(Path("/k3s"), "v1.36.4+standin1", "the stand-in", "ab" * 32)


def test_a_missing_precondition_is_reported_before_anything_is_prepared(
    machine: Machine, folder: Folder
) -> None:
    machine.is_now(root=False)
    machine.has("docker", "echo 'permission denied while trying to connect' >&2; exit 1")
    with pytest.raises(ToolchainError, match="Docker does not respond: permission denied"):
        up(folder, machine.host, machine.say)
    assert machine.messages == []


def test_a_cluster_whose_cloud_runs_may_be_updated(folder: Folder) -> None:
    has_state(folder, state_of("aws:ec2/vpc:Vpc"))
    origin.remember(folder, RUNNING, BINARY)
    require_same_cloud(folder, RUNNING)


@pytest.mark.parametrize("running", [None, {**RUNNING, "pid": 42}])
def test_a_cluster_whose_cloud_has_ended_is_an_error_with_what_to_do(
    folder: Folder, running: dict[str, object] | None
) -> None:
    has_state(folder, state_of("aws:ec2/vpc:Vpc"))
    origin.remember(folder, RUNNING, BINARY)
    with pytest.raises(LocalCloudError) as caught:
        require_same_cloud(folder, running)
    assert str(caught.value) == (
        "the local cloud that held the demo's cluster has ended, and its machines with it\n"
        "    make demo-destroy forgets the cluster, make demo then makes a new one"
    )


def test_a_stack_without_resources_may_be_updated_on_any_cloud(folder: Folder) -> None:
    has_state(folder, state_of("pulumi:pulumi:Stack"))
    require_same_cloud(folder, RUNNING)


def test_where_nothing_was_started_there_is_nothing_to_destroy(
    machine: Machine, folder: Folder
) -> None:
    destroy(folder, machine.host, machine.say)
    assert machine.messages == ["there is no demo, and Docker does not run"]


def test_nothing_is_destroyed_while_another_pulumi_runs(
    machine: Machine, folder: Folder, working_pulumi: int
) -> None:
    has_lock(folder, working_pulumi)
    with pytest.raises(
        LocalCloudError, match=f"another pulumi \\(process {working_pulumi}\\) works"
    ):
        destroy(folder, machine.host, machine.say)
    assert machine.messages == []


def test_every_stage_of_the_demo_is_in_the_list_of_stages() -> None:
    files = [Path(each.__code__.co_filename) for each in (set_up, up)]
    text = "".join(each.read_text() for each in files)
    assert tuple(re.findall(r'stages\.stage\("([^"]+)"\)', text)) == STAGES


def test_the_nodes_are_listed_by_the_kubectl_on_path(machine: Machine, tmp_path: Path) -> None:
    machine.has("kubectl", "echo 'NAME STATUS'; echo")
    assert nodes.listed(tmp_path / "config", {"PATH": machine.path}) == "NAME STATUS"
    assert machine.calls == [f"kubectl --kubeconfig {tmp_path}/config get nodes -o wide"]


def test_nodes_that_cannot_be_listed_are_an_error(machine: Machine, tmp_path: Path) -> None:
    machine.has("kubectl", "echo 'connection refused' >&2; exit 1")
    with pytest.raises(LocalCloudError, match="`kubectl get nodes` failed: connection refused"):
        nodes.listed(tmp_path / "config", {"PATH": machine.path})


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("the stand-in", 401, "nodes run no containers"),
        ("K3S_BINARY", None, "no registry can be reached from here; the nodes are Ready"),
        ("K3S_BINARY", 401, None),
        ("the real release", 401, None),
    ],
)
def test_the_reason_why_the_packaged_components_do_not_run_is_reported(
    monkeypatch: pytest.MonkeyPatch, kind: str, status: int | None, expected: str | None
) -> None:
    monkeypatch.setattr(download, "status_of", lambda url: status)
    notice = system_pods.notice(dataclasses.replace(BINARY, kind=kind))
    assert (notice is None) if expected is None else expected in str(notice)


def test_the_demo_shows_how_its_machines_booted(machine: Machine, folder: Folder) -> None:
    report = json.dumps({"demo-servers-1": SERVER})
    machine.has("pulumi", f"echo '{report}'")
    stack = Stack(folder, {"PATH": machine.path})
    first, server, *_ = boot_bars.text(stack).splitlines()
    assert first == "boot from 2026-01-02 10:00:00 UTC"
    assert server.startswith("dev-servers-1  aa")
    assert machine.calls == ["pulumi stack output bootReport --json --stack demo --non-interactive"]
