"""Another k3s on a running cluster: forward, and back where it does not start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.workbench import k3s_versions
from tests.localcloud.api_client import counting
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
OLD, NEW, BROKEN, LAST = (f"v1.36.{patch}+standin1" for patch in (4, 5, 6, 7))
DATA = "/var/lib/rancher/k3s/server/db"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("upgrade")) as made:
        if not made.create("probe").pods_run:
            pytest.skip("a real k3s has one version here")
        stack = made.create("upgrade")
        yield stack


def test_k3s_is_upgraded_and_goes_back_where_it_does_not_start(stack: Stack) -> None:
    stack.pulumi(*UP)
    _upgrade(stack)
    _go_back(stack)
    _upgrade_drained(stack)
    _scale_down(stack)
    stack.pulumi("destroy", "--yes")
    assert json.loads(stack.pulumi("stack", "export"))["deployment"].get("resources", []) == []


def _upgrade(stack: Stack) -> None:
    choose(stack, NEW, serve(stack, NEW))
    assert stack.summary().keys() <= {"same", "update"}
    with counting(stack.kubeconfig("adminKubeconfig"), "k3s is upgraded, one server") as seen:
        stack.pulumi(*UP)
    assert (versions(stack), seen.lost) == ({NEW}, set())
    reports = boot_reports(stack)
    server = server_of(stack)
    ready = end_of(reports[server["name"]])
    assert all(start_of(reports[name]) >= ready for name in reports if name != server["name"])
    made = on(stack, server, "ls", f"{DATA}/snapshots").split()
    assert [name.rpartition("-")[2] for name in made] == [f"{OLD}.db"]
    assert on(stack, server, "cat", f"{DATA}/k3s-version").strip() == NEW
    is_clean(stack)


def _go_back(stack: Stack) -> None:
    current = k3s_of(stack)["sha256"]
    choose(stack, BROKEN, k3s_versions.serve_broken(cloud_of(stack), BROKEN))
    before = {name: started(stack, name) for name in names(stack, "agent")}
    with counting(stack.kubeconfig("adminKubeconfig"), "k3s goes back, one server") as seen:
        output = stack.pulumi(*UP, fails=True)
    assert f"from k3s {NEW} to {BROKEN} failed in start-k3s: " in output
    assert "this k3s does not start" in output
    assert f"; k3s {NEW} runs again, as it was configured" in output
    assert (versions(stack), seen.lost) == ({NEW}, set())
    assert on(stack, server_of(stack), "k3s", "--version").split()[2] == NEW
    # Agents come after the server, whose failure ended the update.
    assert {name: started(stack, name) for name in before} == before
    is_clean(stack)
    # What was configured before is what runs.
    choose(stack, NEW, next(iter(current.values())))
    restarted = started(stack, server_of(stack)["name"])
    stack.pulumi(*UP)
    assert started(stack, server_of(stack)["name"]) == restarted
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def _upgrade_drained(stack: Stack) -> None:
    keep_a_pod(stack)
    choose(stack, LAST, serve(stack, LAST), drainOnUpgrade=True)
    stack.configure(drainSeconds=5)
    cordoned = names(stack, "agent")[0]
    stack.kubectl("cordon", cordoned)
    with counting(stack.kubeconfig("adminKubeconfig"), "k3s is upgraded, agents drained") as seen:
        output = stack.pulumi(*UP)
    assert (versions(stack), seen.lost) == ({LAST}, set())
    assert "is not drained: it is the only server" in output
    assert "default/kept: " in output
    assert "needs 1 healthy pods and has 1 currently" in output
    assert unschedulable(stack) == {cordoned}
    stack.kubectl("uncordon", cordoned)


def _scale_down(stack: Stack) -> None:
    (pool,) = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["pools"]
    stack.configure(pools=[{**pool, "count": pool["count"] - 1}])
    with counting(stack.kubeconfig("adminKubeconfig"), "a pool shrinks") as seen:
        output = stack.pulumi(*UP)
    assert seen.lost == set()
    assert "was removed with 1 pods on it" in output
    assert "default/kept: " in output
    assert len(names(stack, "agent")) == pool["count"] - 1
    listed = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    assert {each["metadata"]["name"] for each in listed} == {n["name"] for n in stack.nodes()}


def keep_a_pod(stack: Stack) -> None:
    """A pod on the agent that goes first when the pool shrinks, which a budget keeps there."""
    labels = {"app": "kept"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "kept", "labels": labels},
        "spec": {
            "nodeName": names(stack, "agent")[-1],
            "containers": [{"name": "main", "image": "example.com/none"}],
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "kept"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
    }
    for each in (pod, budget):
        file = stack.folder / f"{each['kind']}.json"
        file.write_text(json.dumps(each))
        stack.kubectl("apply", "-f", str(file))
    stack.kubectl("wait", "--for=condition=Ready", "pod/kept", "--timeout=60s")
    allowed = "jsonpath={.status.currentHealthy}=1"
    stack.kubectl("wait", f"--for={allowed}", "pdb/kept", "--timeout=60s")


def cloud_of(stack: Stack) -> Path:
    return stack.folder / "cloud"


def serve(stack: Stack, version: str) -> str:
    return k3s_versions.serve_standin(cloud_of(stack), stack.k3s, OLD, version)


def k3s_of(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["k3s"]
    return found


def choose(stack: Stack, version: str, digest: str, **keys: Any) -> None:
    """Another k3s in the stack's configuration."""
    k3s = k3s_of(stack)
    hashes = dict.fromkeys(k3s["sha256"], digest)
    stack.configure(k3s={**k3s, "version": version, "sha256": hashes, **keys})


def on(stack: Stack, node: dict[str, Any], *words: str) -> str:
    return stack.docker("exec", stack.machine(node["instanceId"]), *words)


def server_of(stack: Stack) -> dict[str, Any]:
    (server,) = (each for each in stack.nodes() if each["role"] == "server")
    return server


def names(stack: Stack, role: str) -> list[str]:
    return [each["name"] for each in stack.nodes() if each["role"] == role]


def versions(stack: Stack) -> set[str]:
    """The versions that the nodes report."""
    listed = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    return {each["status"]["nodeInfo"]["kubeletVersion"] for each in listed}


def unschedulable(stack: Stack) -> set[str]:
    listed = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    return {each["metadata"]["name"] for each in listed if each["spec"].get("unschedulable")}


def started(stack: Stack, name: str) -> str:
    """When the process of a node's k3s started."""
    (node,) = (each for each in stack.nodes() if each["name"] == name)
    unit = "k3s" if node["role"] == "server" else "k3s-agent"
    show = ("systemctl", "show", "--value", "-p", "ExecMainStartTimestampMonotonic", unit)
    return on(stack, node, *show)


def boot_reports(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.pulumi("stack", "output", "bootReport", "--json"))
    return found


def start_of(report: dict[str, Any]) -> datetime:
    at = {phase["name"]: phase for phase in report["phases"]}
    return datetime.fromisoformat(at["install-k3s"]["startedAt"])


def end_of(report: dict[str, Any]) -> datetime:
    last = report["phases"][-1]
    return datetime.fromisoformat(last["startedAt"]) + timedelta(seconds=last["seconds"])


def is_clean(stack: Stack) -> None:
    """Nothing of a change is left on the server, and a restart of the machine starts k3s."""
    server = server_of(stack)
    found = on(stack, server, "find", "/usr/local/bin", "/etc/rancher", "/etc/systemd/system",
               "/var/lib/k3s-aws", "-name", ".*.previous", "-o", "-name", "changing")  # fmt: skip
    assert found == ""
    assert on(stack, server, "systemctl", "is-enabled", "k3s").strip() == "enabled"
    wants = on(stack, server, "ls", "/etc/systemd/system/multi-user.target.wants")
    assert "k3s-aws-boot.service" not in wants
