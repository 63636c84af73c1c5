"""Machines that shut down: at another instance type, a spot notice, a stop and a reboot."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
import yaml

from tests.conftest import MEASURED
from tests.localcloud import waiting
from tests.localcloud.api_client import counting
from tests.localcloud.running_cluster import Machine, machines_of
from tests.localcloud.stacks import CLUSTER, ROOT, Stack, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
# Longer than what waits for a start: all machines shut down and boot at once here.
until = partial(waiting.until, deadline_seconds=180.0)
LABELS = {"example.com/web": "yes"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "nodeSelector": LABELS,
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "web", "image": "registry.example.com/web:1"}],
            },
        },
    },
}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("shutdown")) as made:
        stack = made.create("shutdown")
        cluster = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
        pool = {**cluster["pools"][0], "labels": LABELS, "count": 2}
        stack.configure(
            pools=[pool, {**pool, "name": "spot", "count": 1, "spot": True}],
            nodeDeadlineSeconds=150,
        )
        stack.pulumi(*UP)
        if not stack.pods_run:
            pytest.skip("a real k3s has no image for the pods")
        apply(stack, DEPLOYMENT)
        apply(stack, BUDGET)
        until(lambda: len(ready_pods(stack)) == 2, "the pods do not run")
        yield stack


def test_machines_shut_down_without_loss(stack: Stack) -> None:
    _an_agent_of_an_earlier_release_gets_the_drain_without_a_restart_of_k3s(stack)
    _another_instance_type_drains_first_and_changes_one_machine_at_a_time(stack)
    _a_spot_notice_moves_the_pods_before_the_instance_ends(stack)
    _machines_that_stop_and_start_or_reboot_serve_again_at_the_same_endpoint(stack)
    _the_error_of_a_machine_that_reports_nothing_has_its_console(stack)
    _containers_stop_after_the_drain(stack)
    _a_cluster_that_is_destroyed_does_not_wait_for_pods(stack)


def _an_agent_of_an_earlier_release_gets_the_drain_without_a_restart_of_k3s(
    stack: Stack,
) -> None:
    agents = [each for each in machines_of(stack) if each.role == "agent"]
    for agent in agents:
        agent.run("systemctl", "stop", "k3s-aws-drain")
        agent.run(
            "sh", "-c", "cd /etc/systemd/system && rm -r k3s-aws-drain.service *.d/k3s-aws.conf"
        )
        agent.run("systemctl", "daemon-reload")
    process = ("systemctl", "show", "--value", "-p", "MainPID", "k3s-agent")
    before = [agent.run(*process) for agent in agents]
    stack.configure(drainSeconds=110)
    stack.pulumi(*UP)
    assert [agent.run(*process) for agent in agents] == before
    for agent in agents:
        until(partial(has_drain, agent), f"the unit of {agent.name} does not run")
    # The stop of the unit alone has drained nothing.
    assert unschedulable(stack) == set()


def _another_instance_type_drains_first_and_changes_one_machine_at_a_time(
    stack: Stack,
) -> None:
    agents = {each.instance_id: each for each in machines_of(stack) if each.role == "agent"}
    cluster = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    on_demand, spot = cluster["pools"]
    # Another size of the same architecture.
    larger = on_demand["instanceType"].replace(".small", ".medium")
    stack.configure(pools=[{**on_demand, "instanceType": larger}, spot])
    starts = {each: started(stack, agent) for each, agent in agents.items()}
    with (
        counting(stack.kubeconfig("adminKubeconfig"), "another instance type of agents") as seen,
        watching(stack, agents) as watched,
    ):
        stack.pulumi(*UP)
    again = {each for each, agent in agents.items() if started(stack, agent) != starts[each]}
    assert again == {each for each, agent in agents.items() if "-spot-" not in agent.name}
    # What was seen of it: a short stop may lie between two looks.
    assert watched.left == {}
    assert watched.most_stopped <= 1
    assert watched.fewest_ready >= 1
    assert not seen.lost
    until(lambda: unschedulable(stack) == set(), "a node stays cordoned")


def _a_spot_notice_moves_the_pods_before_the_instance_ends(stack: Stack) -> None:
    (spot,) = (each for each in machines_of(stack) if "-spot-" in each.name)
    others = [each.name for each in machines_of(stack) if each.role == "agent" and each != spot]
    kubectl(stack, "cordon", *others)
    kubectl(stack, "rollout", "restart", "deployment/web")
    until(lambda: set(ready_pods(stack).values()) == {spot.name}, "the pods do not move")
    kubectl(stack, "uncordon", *others)
    with counting(stack.kubeconfig("adminKubeconfig"), "a spot interruption") as seen:
        interrupt(stack, spot.instance_id, seconds=25)
        until(lambda: spot.name not in ready_pods(stack).values(), "the pods do not move")
        assert state(stack, spot)["State"]["Name"] == "running"
        assert unschedulable(stack) == {spot.name}
        until(lambda: state(stack, spot)["State"]["Name"] == "terminated", "it does not end")
        assert state(stack, spot)["StateReason"]["Code"] == "Server.SpotInstanceTermination"
        assert len(ready_pods(stack)) == 2
        stack.pulumi(*UP, "--refresh")
    assert not seen.lost
    assert names_of_nodes(stack) == {each.name for each in machines_of(stack)}
    running = {each["Instances"][0]["InstanceId"] for each in reservations(stack)}
    assert running == {each.instance_id for each in machines_of(stack)}


def _machines_that_stop_and_start_or_reboot_serve_again_at_the_same_endpoint(
    stack: Stack,
) -> None:
    machines, before = machines_of(stack), stack.nodes()
    agent = machines[-1]
    kubectl(stack, "cordon", agent.name)
    ec2, kubeconfig = stack.client("ec2"), stack.kubeconfig("adminKubeconfig")
    ids = [each.instance_id for each in machines]
    for what, some in (("reboot", [agent.instance_id]), ("reboot", ids), ("stop", ids)):
        starts = {each.instance_id: started(stack, each) for each in machines}
        with counting(kubeconfig, f"{what} of {len(some)} machines") as seen:
            if what == "reboot":
                ec2.reboot_instances(InstanceIds=some)
            else:
                ec2.stop_instances(InstanceIds=some)
                ec2.get_waiter("instance_stopped").wait(InstanceIds=some)
                ec2.start_instances(InstanceIds=some)
            until(
                partial(
                    are_ready_since,
                    stack,
                    [each for each in machines if each.instance_id in some],
                    starts,
                ),
                "a kubelet does not report again",
            )
            until(lambda: unschedulable(stack) == {agent.name}, "a node stays cordoned")
        assert not seen.lost
        # An agent that goes takes nothing of the API with it.
        assert len(some) > 1 or seen.gap_seconds < 5
    kubectl(stack, "uncordon", agent.name)
    assert stack.nodes() == before
    stack.pulumi("preview", "--refresh", "--expect-no-changes")


def _the_error_of_a_machine_that_reports_nothing_has_its_console(stack: Stack) -> None:
    iam = stack.client("iam")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "ssm:*", "Resource": "*"}],
    }
    roles = [each["RoleName"] for each in iam.list_roles()["Roles"]]
    for role in roles:
        iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=json.dumps(policy))
    cluster = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    on_demand, spot = cluster["pools"]
    stack.configure(pools=[{**on_demand, "count": 3}, spot], nodeDeadlineSeconds=90)
    error = stack.pulumi(*UP, fails=True)
    assert "the console output of i-" in error
    assert "failed: SSM returned 400" in error
    for role in roles:
        iam.delete_role_policy(RoleName=role, PolicyName="deny")


def _containers_stop_after_the_drain(stack: Stack) -> None:
    """With a real k3s each is a scope of systemd; the stand-in has none, so one is made."""
    agent = machines_of(stack)[1]
    scope = "cri-containerd-0123456789ab.scope"
    agent.run(
        "systemd-run", "--unit", "holder", "systemd-run", "--scope", "--unit", scope, "sleep", "600"
    )
    show = ("systemctl", "show", "-p", "Before", scope)
    until(lambda: "k3s-aws-drain.service" in agent.run(*show), "the scope has no order")


def _a_cluster_that_is_destroyed_does_not_wait_for_pods(stack: Stack) -> None:
    apply(stack, {**BUDGET, "spec": {**BUDGET["spec"], "minAvailable": 2}})  # type: ignore[dict-item]
    began = time.monotonic()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    seconds = time.monotonic() - began
    print(f"{MEASURED}destroyed in {seconds:.0f} s")
    # A drain of pods that a budget keeps would take drainSeconds, 120.
    assert seconds < 100


def has_drain(agent: Machine) -> bool:
    show = ("systemctl", "show", "--value", "-p", "ActiveState", "k3s-aws-drain")
    return agent.run(*show) == "active\n"


def kubectl(stack: Stack, *words: str) -> str:
    """As `Stack.kubectl`, without asking Pulumi for the kubeconfig each time."""
    file = stack.folder / "shutdown-kubeconfig"
    if not file.exists():
        file.write_bytes(stack.kubeconfig("adminKubeconfig").read_bytes())
    done = stack.kubectl_as(file, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def apply(stack: Stack, content: Mapping[str, Any]) -> None:
    file = stack.folder / f"{content['kind']}.json"
    file.write_text(json.dumps(content))
    kubectl(stack, "apply", "-f", str(file))


def items(stack: Stack, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kubectl(stack, "get", *words, "-o", "json"))["items"]
    return found


def ready_pods(stack: Stack) -> dict[str, str]:
    """The node of each pod that is Ready and stays."""
    return {
        pod["metadata"]["name"]: pod["spec"]["nodeName"]
        for pod in items(stack, "pods")
        if "deletionTimestamp" not in pod["metadata"]
        and any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in pod["status"].get("conditions", ())
        )
    }


def names_of_nodes(stack: Stack) -> set[str]:
    return {each["metadata"]["name"] for each in items(stack, "nodes")}


def unschedulable(stack: Stack) -> set[str]:
    return {each["metadata"]["name"] for each in items(stack, "nodes") if cordoned(each)}


def cordoned(node: Mapping[str, Any]) -> bool:
    return bool(node["spec"].get("unschedulable"))


def started(stack: Stack, machine: Machine) -> str:
    """When the machine last started, in UTC to the second."""
    return stack.docker(
        "inspect", "--format", "{{.State.StartedAt}}", stack.machine(machine.instance_id)
    )[:19]


def are_ready_since(stack: Stack, machines: Sequence[Machine], starts: Mapping[str, str]) -> bool:
    """Whether all started later than that, and their kubelets reported Ready since."""
    try:
        nodes = {each["metadata"]["name"]: each for each in items(stack, "nodes")}
    except AssertionError:
        return False
    return all(
        started(stack, machine) > starts[machine.instance_id]
        and any(
            each["type"] == "Ready"
            and each["status"] == "True"
            and each["lastHeartbeatTime"] > started(stack, machine)
            for each in nodes[machine.name]["status"]["conditions"]
        )
        for machine in machines
    )


def state(stack: Stack, machine: Machine) -> dict[str, Any]:
    found = stack.client("ec2").describe_instances(InstanceIds=[machine.instance_id])
    instance: dict[str, Any] = found["Reservations"][0]["Instances"][0]
    return instance


def reservations(stack: Stack) -> list[dict[str, Any]]:
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    found: list[dict[str, Any]] = stack.client("ec2").describe_instances(Filters=running)[
        "Reservations"
    ]
    return found


def interrupt(stack: Stack, instance_id: str, seconds: float) -> None:
    """As README.md of the local cloud has it."""
    words = ["--home", str(stack.folder / "cloud"), "interrupt", instance_id]
    words += ["--seconds", str(seconds)]
    subprocess.run([sys.executable, "-m", "localcloud", *words], cwd=ROOT, check=True, timeout=30)


class Watch:
    """Instances that are not running, and the pods at that time, as often as the API responds."""

    def __init__(self, stack: Stack, agents: Mapping[str, Machine]) -> None:
        self._stack, self._agents = stack, agents
        self.left: dict[str, list[str]] = {}
        self.most_stopped, self.fewest_ready = 0, len(agents)

    def look(self) -> None:
        found = self._stack.client("ec2").describe_instances(InstanceIds=[*self._agents])
        states = {
            each["InstanceId"]: each["State"]["Name"]
            for reservation in found["Reservations"]
            for each in reservation["Instances"]
        }
        pods = ready_pods(self._stack)
        changing = {each for each, name in states.items() if name != "running"}
        self.most_stopped = max(self.most_stopped, len(changing))
        self.fewest_ready = min(self.fewest_ready, len(pods))
        for each in changing:
            # Cordoned until its kubelet reports again.
            if states[each] in ("stopped", "pending"):
                left = [pod for pod, node in pods.items() if node == self._agents[each].name]
                self.left |= {each: left} if left else {}


@contextlib.contextmanager
def watching(stack: Stack, agents: Mapping[str, Machine]) -> Iterator[Watch]:
    watch, ended = Watch(stack, agents), threading.Event()

    def repeat() -> None:
        while not ended.wait(0.2):
            watch.look()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
