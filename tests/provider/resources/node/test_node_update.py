"""Changing a Node: another node configuration is applied over SSH, the rest contacts nobody."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import machine_files
from provider.protocol.values import UNKNOWN, Secret
from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_api import FakeApi, node
from tests.provider.fake_machine import BOOT_PROGRAM, FakeMachine, report
from tests.provider.rpc import Failed, FastClock, Rpc, plugin

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
NEWER = copy.deepcopy(NODE_CONFIG)
NEWER["pool"]["k3s"]["version"] = "v1.36.6+k3s1"
VERSION = ["nodeConfig", "pool", "k3s", "version"]
COMPUTED = {
    "bootReport": {"state": "done"},
    "kubeletVersion": "v1.36.4+k3s1",
    "architecture": "x86_64",
    "internalIp": "10.64.0.10",
    "readySeconds": 12.5,
}
Inputs = dict[str, Any]
MakeInputs = Callable[..., Inputs]


def test_another_node_configuration_is_installed_and_run(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    machine.will_report_after_boot(report(), report("done", ("start-k3s", 2.0)))
    api.nodes[NAME] = node(NAME)

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert json.loads(machine.content_of("etc/k3s-aws/node.json")) == {
        **NEWER,
        "deadlineSeconds": 3600,
    }
    assert machine.content_of("opt/k3s-aws/boot/__main__.py") == BOOT_PROGRAM["__main__.py"]
    assert machine.mode_of("etc/k3s-aws/node.json") == 0o600
    assert outputs["nodeConfig"] == NEWER
    assert outputs["bootReport"]["phases"][0]["name"] == "start-k3s"
    assert outputs["kubeletVersion"] == "v1.36.5+k3s1"


def test_no_module_of_the_previous_boot_program_stays(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    machine.will_report_after_boot(report(), report())
    api.nodes[NAME] = node(NAME)
    machine.put("opt/k3s-aws/boot/removed_since.py", "")
    # A change that was cut off left these.
    machine.put("opt/k3s-aws/boot.new/half.py", "")
    machine.put("opt/k3s-aws/boot.old/__main__.py", "")

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        rpc.update(NODE, {**old, **COMPUTED}, old, new)

    folder = machine.root / "opt/k3s-aws"
    assert [each.name for each in folder.iterdir()] == ["boot"]
    assert [each.name for each in folder.glob("boot/*.py")] == ["__main__.py"]


def test_what_is_installed_is_never_readable_by_others_not_even_for_a_moment(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    machine.will_report_after_boot(report(), report())
    api.nodes[NAME] = node(NAME)
    # Notes the mode a file was written with.
    noting = '#!/bin/sh\nstat -c "%a %n" "$2" >>"$ROOT/modes.log"\nexec /bin/chmod "$@"\n'
    machine.put("bin/chmod", noting).chmod(0o755)

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert machine.content_of("modes.log").splitlines() == [
        f"600 {machine.root}/{path}.new"
        for path in ("etc/k3s-aws/node.json", "etc/k3s-aws/secrets.json")
    ]


def test_a_boot_program_that_fails_is_an_error_with_its_cause(
    machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    machine.will_report_after_boot(
        report(), report("failed", ("configure", 1.0), cause="unknown key")
    )

    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert caught.value.code == "FAILED_PRECONDITION"
    assert (
        f'the upgrade of agent "{NAME}" (127.0.0.1) from k3s v1.36.5+k3s1 to v1.36.6+k3s1 failed '
        "in configure: unknown key\n"
    ) in str(caught.value)


def test_what_a_failed_change_left_is_changed_back(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    """The engine keeps the inputs of before: to whom takes the change back, nothing changed."""
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    known = {**old, **COMPUTED, "secrets": Secret(old["secrets"])}
    machine.will_report_after_boot(report(), report("failed", ("configure", 1.0)))

    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        rpc.update(NODE, known, old, new)

    left = caught.value.left
    assert left == {**known, "__incompleteUpdate": [VERSION]}
    assert json.loads(machine.content_of("etc/k3s-aws/node.json")) == {
        **NEWER,
        "deadlineSeconds": 3600,
    }

    machine.will_report_after_boot(report("failed"), report())
    api.nodes[NAME] = node(NAME)
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        assert list(rpc.diff(NODE, old, old, left).diffs) == ["nodeConfig"]
        outputs = rpc.update(NODE, left, old, old)
        after = rpc.diff(NODE, old, old, outputs)

    assert machine_files.has_config(machine.content_of("etc/k3s-aws/node.json"), old["nodeConfig"])
    assert after.changes == after.DIFF_NONE


def test_a_label_of_a_failed_change_is_taken_back_although_no_configuration_has_it(
    machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    labelled = copy.deepcopy(NODE_CONFIG)
    labelled["pool"]["labels"]["example.com/a"] = "b"
    old, new = node_inputs(), node_inputs(nodeConfig=labelled)
    machine.will_report_after_boot(report(), report("failed", ("configure", 1.0)))

    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        rpc.update(NODE, {**old, **COMPUTED}, old, new)
    left = caught.value.left
    assert left is not None
    assert left["__incompleteUpdate"] == [["nodeConfig", "pool", "labels", "example.com/a"]]

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        diff = rpc.diff(NODE, old, old, left)

    assert list(diff.detailedDiff) == ["nodeConfig.pool.labels"]


def test_an_update_that_fails_again_stays_incomplete(
    machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    old = node_inputs()
    known = {**old, **COMPUTED, "__incompleteUpdate": [VERSION]}
    new = node_inputs(drainSeconds=7)
    machine.will_report_after_boot(report(), report("failed", ("configure", 1.0)))

    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        rpc.update(NODE, known, old, new)

    assert caught.value.left == {**known, "__incompleteUpdate": [["drainSeconds"], VERSION]}


def test_a_boot_program_that_leaves_no_result_is_an_error(
    machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    unfinished = report("running", ("configure", None))
    machine.will_report_after_boot(report(), unfinished)

    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert "the boot program ended with status 0 and left no result" in str(caught.value)


def test_the_report_of_the_run_before_is_no_result(
    machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    machine.will_report_after_boot(report(), report())

    with (
        plugin(FastClock(), {"__main__.py": "raise SystemExit(1)"}) as rpc,
        pytest.raises(Failed) as caught,
    ):
        rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert "the boot program ended with status 1 and left no result" in str(caught.value)


def test_the_new_version_of_the_kubelet_is_waited_for(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)
    machine.will_report_after_boot(report(), report())
    expired_outputs = node(NAME)
    expired_outputs["status"]["nodeInfo"]["kubeletVersion"] = COMPUTED["kubeletVersion"]
    api.nodes[NAME] = expired_outputs

    def report_the_new_one_at_the_third_time(calls: int) -> None:
        if calls == 3:
            expired_outputs["status"]["nodeInfo"]["kubeletVersion"] = "v1.36.6+k3s1"

    api.before_answer = report_the_new_one_at_the_third_time
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert outputs["kubeletVersion"] == "v1.36.6+k3s1"


def test_behind_another_server_k3s_starts_again_to_register_there(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(datastoreId="another")
    machine.will_report_after_boot(report(), report())

    def registers_once_it_was_restarted(calls: int) -> None:
        if machine.systemctl_calls == ["restart --no-block k3s-agent"]:
            api.nodes[NAME] = node(NAME)

    api.before_answer = registers_once_it_was_restarted
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert machine.systemctl_calls == ["restart --no-block k3s-agent"]
    assert outputs["datastoreId"] == "another"


def test_a_node_that_has_joined_the_other_server_is_not_restarted_once_more(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(datastoreId="another")
    machine.will_report_after_boot(report(), report())
    api.nodes[NAME] = node(NAME)

    rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert machine.systemctl_calls == []


def test_what_a_node_reported_before_its_machine_restarted_does_not_count(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(instanceType="t3.medium")
    machine.will_report_after_boot(report(), report())
    expired_outputs = node(NAME)
    expired_outputs["status"]["nodeInfo"]["bootID"] = "the-boot-before"
    api.nodes[NAME] = expired_outputs
    calls: list[int] = []

    def reports_at_the_third_time(number: int) -> None:
        calls.append(number)
        if number == 3:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            expired_outputs["status"]["nodeInfo"]["bootID"] = boot

    api.before_answer = reports_at_the_third_time
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert max(calls) >= 3
    assert outputs["instanceType"] == "t3.medium"


@pytest.mark.parametrize("key", ["datastoreId", "instanceType"])
def test_what_was_not_remembered_yet_is_no_change_of_the_machine(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs, key: str
) -> None:
    new = node_inputs()
    old = {name: value for name, value in new.items() if name != key}

    outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert outputs[key] == new[key]
    assert machine.connections == 0


@pytest.mark.parametrize(
    "change", [{"deadlineSeconds": 5}, {"drainSeconds": 1}, {"role": "server"}]
)
def test_other_changes_connect_to_nothing(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs, change: Mapping[str, Any]
) -> None:
    old, new = node_inputs(), node_inputs(**change)

    outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new)

    assert {key: outputs[key] for key in COMPUTED} == COMPUTED
    assert {key: outputs[key] for key in change} == change
    assert machine.connections == 0
    assert api.calls == []


def test_the_preview_of_a_change_in_place_connects_to_nothing(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    old, new = node_inputs(), node_inputs(nodeConfig=NEWER)

    outputs = rpc.update(NODE, {**old, **COMPUTED}, old, new, preview=True)

    assert outputs["kubeletVersion"] is UNKNOWN
    assert outputs["architecture"] == "x86_64"
    assert outputs["nodeConfig"] == NEWER
    assert machine.connections == 0
