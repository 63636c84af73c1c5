"""
The drain of this agent's node before its machine goes: `python3 -m boot.drain start|stop`.

The unit runs `start` when the machine starts, and `stop` when it shuts down, before k3s and the
network stop. Both use the kubelet's certificate, which may cordon its own Node and evict its own
pods (NodeAuthorizer and NodeRestriction of Kubernetes), but not change taints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from boot import files, http_client, readiness, systemd
from boot.environment import Environment
from boot.machine import Machine, identify
from boot.report import Report
from boot.waiting import BootError, Retry, Wait

NAME = "k3s-aws-drain.service"
# Only its stop is to wait for an order: an agent's unit becomes active minutes after its node was
# Ready, and the start of this one would wait for that.
START = "start", "--no-block", "--job-mode=ignore-dependencies", NAME
# By their paths in the folder of units. systemd stops the scopes of containers together with the
# services, unless they were to start earlier.
UNITS = {
    NAME: """\
[Unit]
After=network.target k3s-agent.service

[Service]
Type=exec
RemainAfterExit=yes
Restart=on-failure
RestartSec=5s
WorkingDirectory=/opt/k3s-aws
ExecStart=/usr/bin/env python3 -m boot.drain start
ExecStop=/usr/bin/env python3 -m boot.drain stop
TimeoutStopSec=4min
""",
    "k3s-agent.service.d/k3s-aws.conf": f"[Service]\nExecStartPre=-systemctl {' '.join(START)}\n",
    "cri-containerd-.scope.d/k3s-aws.conf": f"[Unit]\nBefore={NAME}\n",
}
# EC2 ends a machine by force a few minutes after it was to stop.
LONGEST_SECONDS = 180
# Of a cluster that is destroyed nothing responds, which must not delay its machines.
SILENT_SECONDS = 10
REQUEST_SECONDS = 3
# EC2 announces an interruption two minutes before.
NOTICE_SECONDS = 5.0
# Who owns pods that stay: of static files the Node itself.
STAYING = {"DaemonSet", "Node"}
ENDED = "Succeeded", "Failed"


def install(machine: Machine) -> None:
    """Writes the units and starts the one of the drain; k3s starts it with the machine."""
    for name, text in UNITS.items():
        files.write(machine.path(f"etc/systemd/system/{name}"), text, 0o644)
    units = NAME, machine.k3s_unit
    if any(systemd.unit_state(machine, each)["NeedDaemonReload"] == "yes" for each in units):
        systemd.systemctl(machine, "daemon-reload")
    systemd.systemctl(machine, *START)


def start(machine: Machine, node: str) -> None:
    """Uncordons a node that `stop` has cordoned; on a spot instance drains it at EC2's notice."""
    wait = Wait(machine.environment.clock, float("inf"))
    if _mark(machine).exists():
        wait.until(lambda: _require_ready(machine), node)
        _call(machine, "PATCH", node, {"spec": {"unschedulable": False}})
        _mark(machine).unlink()
    if machine.aws.metadata("instance-life-cycle") == "spot":
        wait.until(lambda: _require_notice(machine), node, pause=NOTICE_SECONDS)
        stop(machine, node)


def stop(machine: Machine, node: str) -> None:
    """
    Cordons the node and evicts its pods; BootError when pods are left after the limit, or when the
    API does not respond.

    A pod that a disruption budget keeps is tried again. A node that was cordoned already is not
    uncordoned later; one without a Node object was drained by the provider.
    """
    clock, seconds = machine.environment.clock, min(machine.node.drain_seconds, LONGEST_SECONDS)
    wait = Wait(clock, clock.monotonic() + seconds)
    spec = wait.until(lambda: _call(machine, "GET", node), node).get("spec")
    if spec is None:
        return
    if not spec.get("unschedulable"):
        files.write(_mark(machine), "", 0o600)
        cordon = {"spec": {"unschedulable": True}}
        wait.until(lambda: _call(machine, "PATCH", node, cordon), node)
    wait.until(lambda: _evict(machine), node, pause=1.0)


def _evict(machine: Machine) -> None:
    """Evicts the pods that are not terminating yet; raises Retry while some are left."""
    left = 0
    query = f"pods?fieldSelector=spec.nodeName={machine.node_name}"
    for pod in _call(machine, "GET", query)["items"]:
        found = pod["metadata"]
        owners = {each["kind"] for each in found.get("ownerReferences", ())}
        if owners & STAYING or pod["status"]["phase"] in ENDED:
            continue
        left += 1
        if "deletionTimestamp" not in found:
            path = "namespaces/{namespace}/pods/{name}/eviction".format(**found)
            _call(machine, "POST", path, {"metadata": {"name": found["name"]}})
    if left:
        raise Retry(f"{left} pods left")


def _call(machine: Machine, method: str, path: str, content: Any = None) -> Any:
    """The content that the first server returns that responds, whatever its status."""
    patch = "merge-patch+" if method == "PATCH" else ""
    headers = {"Content-Type": f"application/{patch}json"}
    body = content and json.dumps(content).encode()
    reasons = []
    for url in machine.node.server_urls:
        try:
            context = readiness._kubelet_context(machine)
            address = f"{url}/api/v1/{path}"
            with http_client.open_url(address, headers, context, body, method) as response:
                found = json.load(response)
            # An eviction ends with 500 where two disruption budgets select the pod.
            if response.status < 500 or method == "POST":
                return found
            reasons.append(str(found))
        except (OSError, ValueError, Retry) as reason:
            reasons.append(str(reason))
    raise Retry("; ".join(reasons), SILENT_SECONDS)


def _require_ready(machine: Machine) -> None:
    readiness.require_ready(machine, systemd.unit_state(machine, machine.k3s_unit))


def _require_notice(machine: Machine) -> None:
    machine.aws.received.clear()
    machine.report.secrets.clear()
    try:
        # One request: the deadline is over.
        machine.aws.metadata("spot/instance-action")
    except BootError:
        raise Retry("no notice") from None


def _mark(machine: Machine) -> Path:
    """There while `stop` has cordoned the node."""
    return machine.path("var/lib/k3s-aws/cordoned")


def main(environment: Environment, word: str) -> None:
    """Does what the word is; BootError where it cannot."""
    # Also run when the unit alone is stopped, or started again.
    if word == "stop" and environment.run(["systemctl", "is-system-running"])[1] != "stopping\n":
        return
    http_client.TIMEOUT_SECONDS = REQUEST_SECONDS
    machine = identify(environment, float("-inf"), Report(environment))
    {"start": start, "stop": stop}[word](machine, f"nodes/{machine.node_name}")


if __name__ == "__main__":
    main(Environment(), sys.argv[1])
