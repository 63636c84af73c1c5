"""The drain of an agent's node: at the machine's shutdown, at a spot notice, and its end."""

from __future__ import annotations

import configparser
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from boot import drain, http_client
from boot.environment import Environment
from boot.waiting import BootError
from cluster import machine_files
from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_aws import INSTANCE
from tests.cloud_init.simulated_machine import SimulatedMachine

NODE = f"demo-agents-{INSTANCE[-8:]}"
MARK = "var/lib/k3s-aws/cordoned"
UNITS = "etc/systemd/system"


def pod(name: str, owner: str = "ReplicaSet", phase: str = "Running") -> dict[str, Any]:
    owners = [{"kind": owner}]
    metadata = {"namespace": "default", "name": name, "ownerReferences": owners}
    return {"metadata": metadata, "status": {"phase": phase}}


@dataclass
class Api:
    """The API as a kubelet sees it, with one Node and its pods."""

    node: dict[str, Any] | None = field(default_factory=lambda: {"spec": {}})
    pods: list[dict[str, Any]] = field(default_factory=list)
    # How often the eviction of a pod is refused, and with what.
    refusals: dict[str, list[int]] = field(default_factory=dict)
    # How often a terminating pod is listed.
    lists_until_gone: int = 1
    status: int = 200
    evicted: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def respond(self, method: str, path: str, content: Any) -> tuple[int, Any]:
        self.requests.append(f"{method} {path}")
        if self.status != 200:
            return self.status, {"kind": "Status"}
        if path == f"/api/v1/nodes/{NODE}":
            if self.node is None:
                return 404, {"kind": "Status"}
            self.node["spec"] |= (content or {}).get("spec", {})
            return 200, self.node
        if path == f"/api/v1/pods?fieldSelector=spec.nodeName={NODE}":
            found = list(self.pods)
            self.pods = [each for each in found if self._stays(each["metadata"])]
            return 200, {"items": found}
        return self._evict(path.removesuffix("/eviction").rsplit("/", 1)[1], content)

    def _evict(self, name: str, content: Any) -> tuple[int, Any]:
        assert content == {"metadata": {"name": name}}
        if self.refusals.get(name):
            return self.refusals[name].pop(0), {"kind": "Status"}
        (found,) = (each for each in self.pods if each["metadata"]["name"] == name)
        found["metadata"]["deletionTimestamp"] = self.lists_until_gone
        self.evicted.append(name)
        return 201, {"kind": "Status"}

    def _stays(self, metadata: dict[str, Any]) -> bool:
        if "deletionTimestamp" not in metadata:
            return True
        metadata["deletionTimestamp"] -= 1
        return bool(metadata["deletionTimestamp"] >= 0)


class Agent:
    """An agent that has joined, and the API of its cluster."""

    def __init__(self, machine: SimulatedMachine, api: Api, url: str) -> None:
        self.machine, self.api, self.url = machine, api, url
        self.state = "stopping"
        self.metadata: dict[str, str] = {"instance-id": INSTANCE, "instance-life-cycle": "spot"}

    def configure(self, seconds: int = 120, urls: tuple[str, ...] = ()) -> None:
        join = {"urls": [*urls, self.url]}
        self.machine.configure("agent", drainSeconds=seconds, join=join)

    def run(self, word: str = "stop") -> None:
        environment = self.machine.environment()

        def run(words: list[str]) -> tuple[int, str]:
            if words == ["systemctl", "is-system-running"]:
                return 1, f"{self.state}\n"
            return environment.run(words)

        drain.main(Environment(**{**vars(environment), "run": run}), word)

    @property
    def seconds(self) -> float:
        return self.machine.clock.now - 1000.0


@pytest.fixture
def agent(machine: SimulatedMachine, own_authority: Authority) -> Iterator[Agent]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            assert self.connection.getpeercert()["subject"][0][0][1] == f"system:node:{NODE}"
            body = json.loads(self.rfile.read(length) or "null")
            status, content = api.respond(self.command, self.path, body)
            self.send_response_only(status)
            text = json.dumps(content).encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _respond  # noqa: N815 - http.server fixes the names

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = own_authority.context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    folder = machine.root / "var/lib/rancher/k3s/agent"
    folder.mkdir(parents=True)
    (folder / "server-ca.crt").write_text(own_authority.certificate)
    (folder / "client-kubelet.crt").write_text(own_authority.kubelet_certificate(NODE))
    (folder / "client-kubelet.key").write_text(own_authority.kubelet_key)
    agent = Agent(machine, api, f"https://127.0.0.1:{server.server_port}")
    agent.configure()
    with mock.patch.object(http_client, "TIMEOUT_SECONDS", 10):
        yield agent
    server.shutdown()
    server.server_close()


def test_a_machine_that_shuts_down_cordons_its_node_and_evicts_its_pods(agent: Agent) -> None:
    agent.api.pods = [pod("a"), pod("b", "StatefulSet")]
    agent.api.lists_until_gone = 3
    agent.run()
    assert agent.api.node == {"spec": {"unschedulable": True}}
    # Each once, although both were listed again until they had ended.
    assert agent.api.evicted == ["a", "b"]
    assert agent.api.pods == []


def test_pods_of_daemon_sets_and_static_files_and_those_that_have_ended_stay(agent: Agent) -> None:
    agent.api.pods = [
        pod("daemon", "DaemonSet"),
        pod("static", "Node"),
        pod("done", "Job", "Succeeded"),
        pod("broken", "Job", "Failed"),
    ]
    agent.run()
    assert agent.api.evicted == []
    assert agent.seconds == 0


@pytest.mark.parametrize("status", [429, 500])
def test_a_pod_that_a_budget_keeps_is_tried_again(agent: Agent, status: int) -> None:
    agent.api.pods = [pod("kept"), pod("other")]
    agent.api.refusals = {"kept": [status] * 10}
    agent.run()
    assert agent.api.evicted == ["other", "kept"]
    assert 10 <= agent.seconds < 20


def test_a_pod_that_a_budget_keeps_delays_the_stop_until_the_limit(agent: Agent) -> None:
    agent.configure(seconds=30)
    agent.api.pods = [pod("kept")]
    agent.api.refusals = {"kept": [429] * 1000}
    with pytest.raises(BootError, match="last error: 1 pods left"):
        agent.run()
    assert 29 <= agent.seconds <= 30


def test_the_limit_is_what_ec2_gives_a_machine(agent: Agent) -> None:
    agent.configure(seconds=3600)
    agent.api.pods = [pod("kept")]
    agent.api.refusals = {"kept": [429] * 1000}
    with mock.patch.object(drain, "LONGEST_SECONDS", 20), pytest.raises(BootError):
        agent.run()
    assert agent.seconds <= 20


@pytest.mark.parametrize("status", [None, 503])
def test_an_api_that_does_not_respond_is_given_up_soon(agent: Agent, status: int | None) -> None:
    if status:
        agent.api.status = status
    else:
        agent.url = "https://127.0.0.1:9"
        agent.configure()
    with pytest.raises(BootError):
        agent.run()
    assert agent.seconds <= drain.SILENT_SECONDS
    assert http_client.TIMEOUT_SECONDS == drain.REQUEST_SECONDS


def test_a_machine_that_never_joined_is_not_delayed(agent: Agent) -> None:
    for file in (agent.machine.root / "var/lib/rancher/k3s/agent").iterdir():
        file.unlink()
    with pytest.raises(BootError, match="no certificate"):
        agent.run()
    assert agent.seconds <= drain.SILENT_SECONDS


def test_another_server_is_asked_where_one_does_not_respond(agent: Agent) -> None:
    agent.configure(urls=("https://127.0.0.1:9",))
    agent.api.pods = [pod("a")]
    agent.run()
    assert agent.api.evicted == ["a"]


def test_a_node_that_the_provider_removed_is_not_touched(agent: Agent) -> None:
    agent.api.node = None
    agent.run()
    assert agent.api.requests == [f"GET /api/v1/nodes/{NODE}"]
    assert not (agent.machine.root / MARK).exists()


def test_a_stop_of_the_unit_alone_drains_nothing(agent: Agent) -> None:
    agent.state = "running"
    agent.run()
    assert agent.api.requests == []


def test_a_node_that_was_drained_is_uncordoned_when_its_kubelet_reports_again(
    agent: Agent,
) -> None:
    agent.run()
    with mock.patch.object(drain, "_require_ready") as ready:
        agent.metadata["instance-life-cycle"] = "on-demand"
        agent.api.requests.clear()
        with _metadata(agent):
            agent.run("start")
    ready.assert_called_once()
    assert agent.api.node == {"spec": {"unschedulable": False}}
    assert not (agent.machine.root / MARK).exists()


def test_a_node_that_an_operator_cordoned_stays_cordoned(agent: Agent) -> None:
    agent.api.node = {"spec": {"unschedulable": True}}
    agent.api.pods = [pod("a")]
    agent.run()
    assert agent.api.evicted == ["a"]
    agent.metadata["instance-life-cycle"] = "on-demand"
    with _metadata(agent):
        agent.run("start")
    assert agent.api.node == {"spec": {"unschedulable": True}}


def test_a_spot_instance_is_drained_when_ec2_announces_its_end(agent: Agent) -> None:
    agent.api.pods = [pod("a")]
    sleep = agent.machine.clock.sleep

    def announce(seconds: float) -> None:
        sleep(seconds)
        if agent.seconds >= 60:
            agent.metadata["spot/instance-action"] = '{"action": "terminate"}'

    with _metadata(agent), mock.patch.object(agent.machine.clock, "sleep", announce):
        agent.run("start")
    assert agent.api.evicted == ["a"]
    assert agent.seconds <= 60 + drain.NOTICE_SECONDS
    # A recommendation to rebalance is no end.
    assert {path for path in agent.machine.requested_metadata if "spot" in path} == set()


def test_the_unit_stops_before_k3s_and_the_network_and_containers_after_it(
    machine: SimulatedMachine,
) -> None:
    machine.configure("agent", drainSeconds=120)
    assert machine.boot() == 0
    unit = _read(machine.root / UNITS / drain.NAME)
    assert unit["Unit"]["After"] == "network.target k3s-agent.service"
    # Longer than the longest drain, with the requests under way at its end.
    assert unit["Service"]["TimeoutStopSec"] == "4min"
    assert drain.LONGEST_SECONDS + drain.SILENT_SECONDS + 3 * drain.REQUEST_SECONDS < 240
    assert unit["Service"]["WorkingDirectory"] == machine_files.BOOT_PROGRAM.rsplit("/", 1)[0]
    scope = _read(machine.root / UNITS / "cri-containerd-.scope.d/k3s-aws.conf")
    assert scope["Unit"]["Before"] == drain.NAME
    started = ["systemctl", "start", "--no-block", "--job-mode=ignore-dependencies", drain.NAME]
    assert started in machine.systemd.commands
    k3s = _read(machine.root / UNITS / "k3s-agent.service.d/k3s-aws.conf")
    assert k3s["Service"]["ExecStartPre"] == f"-{' '.join(started)}"


def test_a_running_agent_gets_the_unit_without_a_restart_of_k3s(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    assert machine.boot() == 0
    (machine.root / UNITS / drain.NAME).unlink()
    machine.systemd.commands.clear()
    machine.systemd.needs_reload = True
    machine.configure("agent", drainSeconds=60)
    assert machine.boot() == 0
    assert machine.systemd.all_restarts() == []
    words = [words[1] for words in machine.systemd.commands]
    assert words.index("daemon-reload") < words.index("start")


def test_a_server_has_no_drain_of_its_own(machine: SimulatedMachine) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    assert not (machine.root / UNITS / drain.NAME).exists()


def _metadata(agent: Agent) -> Any:
    """The metadata service with the values of the agent."""

    def fetch(url: str, *args: Any, **named: Any) -> tuple[int, Any, bytes]:
        path = url.partition("/meta-data/")[2]
        if not path:
            return 200, {}, b"metadata-session-token"
        found = agent.metadata.get(path)
        return (200, {}, found.encode()) if found else (404, {}, b"")

    return mock.patch("boot.aws.fetch", fetch)


def _read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser
