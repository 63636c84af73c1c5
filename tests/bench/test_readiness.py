"""Watching a cluster from outside: the kubeconfig by Docker, the nodes by the API."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from bench import readiness
from bench.readiness import Watch
from cluster import kubeconfig
from cluster.errors import KubeconfigError
from localcloud.errors import LocalCloudError
from localcloud.machines.containers import LABEL
from localcloud.machines.docker_client import archive
from provider.kubernetes import api as provider_api
from provider.kubernetes.api import ApiError, NodeState

CLOUD = "0badcafe"
KUBECONFIG = kubeconfig.render(
    kubeconfig.Parts(
        server="https://127.0.0.1:6443",
        certificate_authority="an authority",
        client_certificate="a certificate",
        client_key="a key",
    ),
    endpoint="https://127.0.0.1:6443",
    name="default",
)


class Container:
    """A running machine; only a server has a kubeconfig."""

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


class FakeApi:
    """An API with two nodes; each response is how many of them are Ready, or an error."""

    def __init__(self, *responses: int | Exception) -> None:
        self._responses = list(responses)

    def nodes(self) -> dict[str, NodeState]:
        response = self._responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return {name: state(ready=number < response) for number, name in enumerate("ab")}


def state(*, ready: bool) -> NodeState:
    return NodeState(
        ready=ready, reason="", kubelet_version="", architecture="", internal_ip="", boot_id=""
    )


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the API; it has one node Ready, then fails, then has two."""
    addresses: list[str] = []
    responses = FakeApi(1, ApiError("the API does not respond"), 2)

    def client(_: str, address: str) -> FakeApi:
        addresses.append(address)
        return responses

    monkeypatch.setattr(readiness, "api", client)
    monkeypatch.setattr(readiness, "POLL_SECONDS", 0.001)
    return addresses


def test_the_server_is_the_machine_with_a_kubeconfig_and_all_nodes_count(
    reached: list[str],
) -> None:
    polls = iter([True, True, True])
    Watch(engine(AGENT, SERVER), CLOUD, 2).until_ready(lambda: next(polls))
    assert reached == ["10.0.0.1"]
    assert list(polls) == [], "it returned before both nodes were Ready"


def test_the_start_is_that_of_the_first_machine() -> None:
    watch = Watch(engine(AGENT, SERVER), CLOUD, 2)
    assert watch.started == pytest.approx(1795521600.123456)


def test_without_a_server_the_wait_fails_at_the_deadline(reached: list[str]) -> None:
    with pytest.raises(LocalCloudError) as ended:
        Watch(engine(AGENT), CLOUD, 2, deadline_seconds=0.05).until_ready()
    assert str(ended.value) == "0 of 2 nodes were Ready after 0 s\n    last seen: no kubeconfig"
    assert reached == []


def test_the_wait_fails_when_the_run_ended(reached: list[str]) -> None:
    with pytest.raises(LocalCloudError) as ended:
        Watch(engine(SERVER), CLOUD, 2).until_ready(lambda: False)
    assert str(ended.value) == ("it ended with 1 of 2 nodes Ready\n    last seen: nodes a, b")


def test_the_api_is_reached_at_the_machines_own_address_as_the_kubeconfigs_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trusted: list[kubeconfig.Parts] = []
    monkeypatch.setattr(provider_api, "_trust", trusted.append)
    readiness.api(KUBECONFIG, "10.0.0.1")
    (access,) = trusted
    assert access.server == "https://10.0.0.1:6443"
    assert access.certificate_authority == "an authority"
    assert (access.client_certificate, access.client_key) == ("a certificate", "a key")


def test_a_kubeconfig_that_stays_invalid_is_the_cause_at_the_deadline() -> None:
    server = Container("10.0.0.1", "2026-11-24T12:00:00Z", "")
    with pytest.raises(LocalCloudError) as ended:
        Watch(engine(server), CLOUD, 2, deadline_seconds=0.05).until_ready()
    with pytest.raises(KubeconfigError) as broken:
        kubeconfig.parse("")
    assert str(ended.value).endswith(f"last seen: {broken.value}")
