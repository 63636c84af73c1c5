"""The stack is worked on by pulumi itself; what a killed run left is taken away."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from localcloud.errors import LocalCloudError
from localcloud.workbench.folder import Folder
from localcloud.workbench.stack import Stack, interrupted, resources
from tests.toolchain.conftest import Machine


def has_state(folder: Folder, text: str) -> None:
    file = folder.state / ".pulumi" / "stacks" / "k3s-aws" / "demo.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def has_lock(folder: Folder, pid: int) -> None:
    file = folder.state / ".pulumi/locks/organization/k3s-aws/demo" / "0a1b.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pid": pid, "username": "root"}))


def state_of(*types: str) -> str:
    return json.dumps({"checkpoint": {"latest": {"resources": [{"type": t} for t in types]}}})


def test_the_stack_and_its_providers_hold_nothing(folder: Folder) -> None:
    has_state(folder, state_of("pulumi:pulumi:Stack", "pulumi:providers:aws", "aws:ec2/vpc:Vpc"))
    assert resources(folder) == 1


@pytest.mark.parametrize("text", ['{"checkpoint": {}}', '{"checkpoint": {"latest": null}}'])
def test_a_new_stack_holds_nothing(folder: Folder, text: str) -> None:
    has_state(folder, text)
    assert resources(folder) == 0


def test_a_state_nobody_can_read_counts_as_holding_something(folder: Folder) -> None:
    has_state(folder, "{")
    assert resources(folder) == 1


def test_without_a_lock_nothing_is_cancelled(machine: Machine, stack: Stack) -> None:
    machine.has("pulumi", "")
    stack.release_lock(machine.say)
    assert machine.calls == []


def test_the_lock_of_a_killed_run_is_cancelled(
    machine: Machine, folder: Folder, stack: Stack
) -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        pass
    machine.has("pulumi", "")
    has_lock(folder, ended.pid)
    stack.release_lock(machine.say)
    assert machine.calls == ["pulumi cancel --yes --stack demo --non-interactive"]


def test_the_lock_of_a_run_that_is_alive_is_respected(
    machine: Machine, folder: Folder, stack: Stack, working_pulumi: int
) -> None:
    machine.has("pulumi", "")
    has_lock(folder, working_pulumi)
    with pytest.raises(LocalCloudError) as caught:
        stack.release_lock(machine.say)
    assert str(caught.value) == (
        f"another pulumi (process {working_pulumi}) works on the stack\n"
        f"    wait for it, or end it: kill -INT {working_pulumi}"
    )
    assert machine.calls == []


@pytest.mark.parametrize("text", ["{", '{"checkpoint": {"latest": {}}}'])
def test_without_an_incomplete_creation_nothing_was_interrupted(folder: Folder, text: str) -> None:
    has_state(folder, text)
    assert not interrupted(folder)


def was_interrupted(folder: Folder) -> None:
    pending = [{"type": "creating", "resource": {"type": "aws:ec2/vpc:Vpc"}}]
    has_state(folder, json.dumps({"checkpoint": {"latest": {"pending_operations": pending}}}))


def test_an_interrupted_run_is_recovered(machine: Machine, folder: Folder, stack: Stack) -> None:
    was_interrupted(folder)
    machine.has("python", "echo 'removing VPC vpc-1'")
    stack.take_over(machine.say)
    assert machine.calls == ["python -m recovery --stack demo --yes"]
    assert machine.messages == [
        "a run that was killed may have left something: python -m recovery removes it",
        "removing VPC vpc-1",
    ]


def test_what_recovery_refuses_is_reported(machine: Machine, folder: Folder, stack: Stack) -> None:
    was_interrupted(folder)
    machine.has("python", "echo 'error: AWS refused' >&2; exit 1")
    with pytest.raises(LocalCloudError, match="`python -m recovery` failed\nerror: AWS refused"):
        stack.take_over(machine.say)


def test_where_nothing_was_interrupted_nothing_is_recovered(
    machine: Machine, folder: Folder, stack: Stack
) -> None:
    has_state(folder, state_of("aws:ec2/vpc:Vpc"))
    machine.has("python", "")
    stack.take_over(machine.say)
    assert machine.calls == []


def test_the_kubeconfig_is_written_for_its_owner_alone(
    machine: Machine, folder: Folder, stack: Stack
) -> None:
    machine.has("pulumi", "echo 'apiVersion: v1'")
    stack.export_kubeconfig()
    assert folder.kubeconfig.read_text() == "apiVersion: v1\n"
    assert folder.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_failed_up_points_at_pulumis_output(machine: Machine, stack: Stack) -> None:
    machine.has("pulumi", "exit 255")
    with pytest.raises(LocalCloudError) as caught:
        stack.up()
    assert str(caught.value) == "`pulumi up` ended with 255; see its output above"
    assert machine.calls == ["pulumi up --yes --skip-preview --suppress-outputs --stack demo"]


def test_ctrl_c_waits_until_pulumi_has_ended_in_order(machine: Machine, stack: Stack) -> None:
    ended = Path(machine.folder / "ended")
    # The terminal sends it to both; here pulumi sees to it that we get ours.
    machine.has("pulumi", f"kill -INT $PPID; /bin/sleep 0.2; : > {ended}; exit 1")
    with pytest.raises(KeyboardInterrupt):
        stack.up()
    assert ended.exists()


def test_a_failed_selection_repeats_pulumis_error(machine: Machine, stack: Stack) -> None:
    machine.has("pulumi", "echo 'error: incorrect passphrase' >&2; exit 1")
    with pytest.raises(LocalCloudError) as caught:
        stack.select()
    assert str(caught.value) == "`pulumi stack select` failed\nerror: incorrect passphrase"
