"""Watching a cluster from outside: Docker gives the kubeconfig, the API the nodes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker.errors
import kubernetes
import pytest
import yaml

from bench import readiness
from bench.readiness import Watch, api
from localcloud.errors import LocalCloudError
from localcloud.machines.containers import LABEL, archive

CLOUD = "0badcafe"
KUBECONFIG = yaml.safe_dump(
    {
        "clusters": [{"name": "default", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        "current-context": "default",
        "users": [{"name": "default", "user": {}}],
    }
)


class Container:
    """A machine that runs; only a server has a kubeconfig."""

    def __init__(self, address: str, started: str, kubeconfig: str | None = None) -> None:
        networks = {"a network": {"IPAddress": address}}
        state = {"StartedAt": started}
        self.attrs = {"State": state, "NetworkSettings": {"Networks": networks}}
        self._kubeconfig = kubeconfig

    def get_archive(self, path: str) -> tuple[list[bytes], dict[str, Any]]:
        assert path == "/etc/rancher/k3s/k3s.yaml"
        if self._kubeconfig is None:
            raise docker.errors.NotFound("no such file")
        return [archive("k3s.yaml", self._kubeconfig.encode())], {}


def engine(*machines: Container) -> Any:
    def listed(*, filters: dict[str, str], ignore_removed: bool) -> list[Container]:
        assert filters == {"label": f"{LABEL}={CLOUD}"}
        return list(machines)

    return SimpleNamespace(containers=SimpleNamespace(list=listed))


AGENT = Container("10.0.0.2", "2026-11-24T12:00:01.5Z")
SERVER = Container("10.0.0.1", "2026-11-24T12:00:00.123456789Z", KUBECONFIG)


class Api:
    """An API whose nodes are Ready one after the other, each time it is asked."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)

    def list_node(self, **_: Any) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        states = ["True"] * answer + ["False"] * (2 - answer)
        return SimpleNamespace(items=[node(state) for state in states])


def node(ready: str) -> Any:
    conditions = [
        SimpleNamespace(type="DiskPressure", status="True"),
        SimpleNamespace(type="Ready", status=ready),
    ]
    return SimpleNamespace(status=SimpleNamespace(conditions=conditions))


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """At which addresses an API was looked for; it has one node Ready, fails, then has two."""
    addresses: list[str] = []
    answers = Api(1, kubernetes.client.ApiException(status=503), 2)

    def client(_: str, address: str) -> Api:
        addresses.append(address)
        return answers

    monkeypatch.setattr(readiness, "api", client)
    monkeypatch.setattr(readiness, "POLL_SECONDS", 0.001)
    return addresses


def test_the_server_is_the_machine_with_a_kubeconfig_and_all_nodes_count(
    reached: list[str],
) -> None:
    asked = iter([True, True, True])
    Watch(engine(AGENT, SERVER), CLOUD, 2).until_ready(lambda: next(asked))
    assert reached == ["10.0.0.1"]
    assert list(asked) == [], "one node Ready, then no answer, was not enough"


def test_the_start_is_that_of_the_first_machine() -> None:
    watch = Watch(engine(AGENT, SERVER), CLOUD, 2)
    assert watch.started == pytest.approx(1795521600.123456)


def test_without_a_server_the_deadline_ends_it(reached: list[str]) -> None:
    with pytest.raises(LocalCloudError) as ended:
        Watch(engine(AGENT), CLOUD, 2, deadline_seconds=0.05).until_ready()
    assert str(ended.value) == "0 of 2 nodes were Ready after 0 s"
    assert reached == []


def test_what_no_longer_goes_on_is_not_waited_for(reached: list[str]) -> None:
    with pytest.raises(LocalCloudError) as ended:
        Watch(engine(SERVER), CLOUD, 2).until_ready(lambda: False)
    assert str(ended.value) == "it ended with 1 of 2 nodes Ready"


def test_the_api_is_asked_at_the_machines_own_address_and_not_again_by_the_library() -> None:
    made = api(KUBECONFIG, "10.0.0.1")
    assert made.api_client.configuration.host == "https://10.0.0.1:6443"
    pools = made.api_client.rest_client.pool_manager
    assert pools.connection_pool_kw["retries"].total is False


def test_a_kubeconfig_that_is_not_written_yet_is_none() -> None:
    assert api("", "10.0.0.1") is None
