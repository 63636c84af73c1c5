"""What happens to running machines from outside of the program, and what k3s does with settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.localcloud import api_client
from tests.localcloud.running_cluster import Machine, machines_of, ready_nodes
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud
from tests.localcloud.waiting import until

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
DROP_IN = "/etc/rancher/k3s/config.yaml.d/99-trial.yaml"
REGISTRIES = "/etc/rancher/k3s/registries.yaml"
START_SECONDS = 120.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("running")) as made:
        stack = made.create("running")
        content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
        stack.configure(
            pools=[{**content["pools"][0], "count": 1}],
            nodeDeadlineSeconds=120,
        )
        stack.pulumi(*UP)
        yield stack


def test_a_stopped_agent_is_named_when_something_changes_and_serves_after_its_start(
    stack: Stack,
) -> None:
    ec2, (_, agent) = stack.client("ec2"), machines_of(stack)
    ec2.stop_instances(InstanceIds=[agent.instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[agent.instance_id])
    # The engine compares the program with its state, where nothing has changed.
    assert set(stack.summary()) == {"same"}
    stack.configure(nodeDeadlineSeconds=60)
    stack.label_nodes("stopped", servers=False)
    error = stack.pulumi(*UP, fails=True)
    assert f'node "{agent.name}"' in error
    assert f"EC2 reports {agent.instance_id} as stopped: start it with aws ec2" in error
    ec2.start_instances(InstanceIds=[agent.instance_id])
    ec2.get_waiter("instance_running").wait(InstanceIds=[agent.instance_id])
    stack.configure(nodeDeadlineSeconds=120)
    stack.pulumi(*UP)
    assert ready_nodes(stack)[agent.name]


def test_a_server_that_is_restarted_in_place_loses_no_write(stack: Stack) -> None:
    servers = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["servers"]
    stack.configure(servers={**servers, "k3s": {"kubelet-arg": ["max-pods=50"]}})
    with api_client.counting(
        stack.kubeconfig("adminKubeconfig"), "the only server restarts k3s"
    ) as seen:
        stack.pulumi(*UP)
    assert seen.lost == set()
    # k3s was away, and came back long before its deadline.
    assert seen.failed_writes > 0
    assert seen.gap_seconds < 60


@pytest.mark.parametrize(
    ("role", "file", "content", "cause"),
    [
        # What the program rejects, since k3s does this with it.
        (
            "agent",
            REGISTRIES,
            {"mirrors": {"docker.io": {"endpoint": "https://m.example.com"}}},
            "cannot unmarshal",
        ),
        ("agent", DROP_IN, {"kubelet-arg": ["feature-gates=Nonsense=true"]}, "Nonsense"),
        (
            "server",
            DROP_IN,
            {"kube-apiserver-arg": ["audit-policy-file=/etc/x.yaml"]},
            "/etc/x.yaml",
        ),
    ],
)
def test_a_setting_that_the_program_rejects_keeps_a_real_k3s_from_starting(
    stack: Stack, role: str, file: str, content: dict[str, Any], cause: str
) -> None:
    if stack.pods_run:
        pytest.skip("the stand-in does not read all of these settings: set K3S_BINARY")
    (machine,) = (each for each in machines_of(stack) if each.role == role)
    unit = "k3s" if role == "server" else "k3s-agent"
    before = machine.run("sh", "-c", f"cat {file} 2>/dev/null || true")
    since = int(machine.run("date", "+%s"))
    write(machine, file, json.dumps(content))
    machine.run("systemctl", "restart", "--no-block", unit)
    journal = ("journalctl", "-u", unit, "-o", "cat", "--no-pager", f"--since=@{since}")
    until(lambda: cause in machine.run(*journal), f"the journal of {unit} has no {cause}")
    write(machine, file, before)
    machine.run("systemctl", "reset-failed", unit)
    machine.run("systemctl", "restart", "--no-block", unit)
    wait_for_nodes(stack)


def write(machine: Machine, file: str, content: str) -> None:
    """Replaces a file of the machine; without content it is removed."""
    script = f"mkdir -p $(dirname {file}); cat >{file}" if content else f"rm -f {file}"
    machine.run("sh", "-c", script, stdin=content)


def wait_for_nodes(stack: Stack) -> None:
    names = [node["name"] for node in stack.nodes()]

    def missing() -> object:
        try:
            ready = ready_nodes(stack)
        except AssertionError as error:
            # The API is away while k3s starts.
            return error
        return [name for name in names if not ready.get(name)]

    until(lambda: not missing(), missing, deadline_seconds=START_SECONDS, pause_seconds=1.0)
