"""Four agents on the local cloud: the first update boots them at once, later ones take turns."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.localcloud.stacks import CLUSTER, Stack, local_cloud
from tests.localcloud.waiting import DEADLINE_SECONDS

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
COUNT = 4


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("rollout")) as made:
        stack = made.create("rollout")
        configure_pool(stack, count=COUNT)
        yield stack


def test_existing_agents_are_changed_and_replaced_in_turn(stack: Stack) -> None:
    stack.pulumi(*UP)
    assert most_at_once(phases(stack)) == COUNT
    _restart_in_turn(stack)
    _stop_at_the_first_that_fails(stack)
    _are_replaced_in_turn(stack)
    _are_replaced_two_at_a_time(stack)
    stack.pulumi("destroy", "--yes")
    assert json.loads(stack.pulumi("stack", "export"))["deployment"].get("resources", []) == []


def _restart_in_turn(stack: Stack) -> None:
    configure_pool(stack, k3s={"kubelet-arg": ["max-pods=50"]})
    with watching(stack) as watched:
        stack.pulumi(*UP)
    assert watched.fewest_ready >= COUNT - 1
    assert most_at_once(phases(stack)) == 1


def _stop_at_the_first_that_fails(stack: Stack) -> None:
    before = restarts(stack)
    configure_pool(stack, k3s={"kubelet-arg": ["feature-gates=Nonsense=true"]})
    assert "k3s-agent.service does not start" in stack.pulumi(*UP, fails=True)
    changed = [node for node, at in restarts(stack).items() if at != before[node]]
    assert len(changed) == 1
    configure_pool(stack, k3s={"kubelet-arg": ["max-pods=50"]})
    # The others have the configuration that they had.
    assert stack.summary()["update"] == 1
    stack.pulumi(*UP)


def _are_replaced_in_turn(stack: Stack) -> None:
    configure_pool(stack, image={"generation": 2})
    with watching(stack) as watched:
        stack.pulumi(*UP)
    assert watched.fewest_ready == COUNT - 1
    assert len(watched.seen) == 2 * COUNT


def _are_replaced_two_at_a_time(stack: Stack) -> None:
    configure_pool(stack, image={"generation": 3}, maxUnavailable="50%")
    with watching(stack) as watched:
        stack.pulumi(*UP)
    assert watched.fewest_ready == COUNT - 2


def configure_pool(stack: Stack, **changes: Any) -> None:
    (pool,) = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["pools"]
    stack.configure(pools=[{**pool, **changes}])


def agents(stack: Stack) -> list[dict[str, Any]]:
    return [node for node in stack.nodes() if node["role"] == "agent"]


def restarts(stack: Stack) -> dict[str, str]:
    """When the process of each agent's k3s started, by the agent's name."""
    show = ("systemctl", "show", "--value", "-p", "ExecMainStartTimestampMonotonic", "k3s-agent")
    return {
        node["name"]: stack.docker("exec", stack.machine(node["instanceId"]), *show)
        for node in agents(stack)
    }


def phases(stack: Stack) -> list[tuple[datetime, datetime]]:
    """From the start of its k3s until its node was Ready, of each agent's last run."""
    reports = json.loads(stack.pulumi("stack", "output", "bootReport", "--json"))
    return [interval(reports[node["name"]]) for node in agents(stack)]


def interval(report: Mapping[str, Any]) -> tuple[datetime, datetime]:
    at = {phase["name"]: phase for phase in report["phases"]}
    last = at["node-ready"]
    end = datetime.fromisoformat(last["startedAt"]) + timedelta(seconds=last["seconds"])
    return datetime.fromisoformat(at["start-k3s"]["startedAt"]), end


def most_at_once(intervals: Sequence[tuple[datetime, datetime]]) -> int:
    """How many of the intervals overlap at most; it is at a start of one."""
    return max(sum(begin <= moment < end for begin, end in intervals) for moment, _ in intervals)


class Watch:
    """The agents' Node objects as the API reports their changes."""

    def __init__(self, ready: int) -> None:
        self.fewest_ready = ready
        self.seen: set[str] = set()
        self._ready: dict[str, bool] = {}

    def observe(self, event: Mapping[str, Any]) -> None:
        node = event["object"]
        name = node["metadata"]["name"]
        ready = any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in node["status"].get("conditions", ())
        )
        usable = ready and not node["spec"].get("unschedulable")
        self._ready[name] = usable and event["type"] != "DELETED"
        self.seen.add(name)
        # The first events list what exists already.
        if len(self.seen) >= COUNT:
            self.fewest_ready = min(self.fewest_ready, sum(self._ready.values()))


@contextmanager
def watching(stack: Stack) -> Iterator[Watch]:
    """Counts the agents that are Ready and may get pods at any time until it ends."""
    selector = "--selector=!node-role.kubernetes.io/control-plane"
    words = ("get", "nodes", selector, "--watch", "--output-watch-events", "-o", "json")
    watch = Watch(COUNT)
    listed = threading.Event()

    def read(stream: Iterator[str]) -> None:
        for line in stream:
            watch.observe(json.loads(line))
            if len(watch.seen) >= COUNT:
                listed.set()

    with subprocess.Popen(
        [str(stack.k3s), "kubectl", *words],
        env={**stack.environment, "KUBECONFIG": str(stack.kubeconfig("adminKubeconfig"))},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        reader = threading.Thread(target=read, args=[running.stdout])
        reader.start()
        try:
            assert listed.wait(DEADLINE_SECONDS), "the API lists no agents"
            yield watch
            assert running.poll() is None, "the watch ended before the update did"
        finally:
            running.terminate()
            reader.join()
