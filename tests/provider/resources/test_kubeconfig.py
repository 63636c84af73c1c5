"""The Kubeconfig: read over pinned SSH, of our authority only, proved with a real call."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provider.keys import certificates
from provider.keys.validity import Validity
from provider.protocol.values import UNKNOWN, Secret
from tests.provider.fake_api import FakeApi
from tests.provider.fake_machine import FakeMachine
from tests.provider.rpc import AheadClock, Failed, Rpc, plugin

KUBECONFIG = "k3s:index:Kubeconfig"
FILE = "etc/rancher/k3s/k3s.yaml"
Inputs = dict[str, Any]


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
def rpc(clock: AheadClock) -> Iterator[Rpc]:
    with plugin(clock) as running:
        yield running


@pytest.fixture
def inputs(ssh_inputs: Inputs, api_inputs: Inputs) -> Inputs:
    return {
        "ssh": ssh_inputs,
        "api": api_inputs,
        "instanceId": "i-0123456789abcdef0",
        "clusterName": "demo",
        "deadlineSeconds": 3600,
    }


@pytest.fixture
def k3s_yaml(authority: Mapping[str, Any]) -> Callable[..., str]:
    """k3s.yaml as k3s writes it."""

    def make(
        certificate_authority: str = authority["serverCaCertificate"],
        admin: Mapping[str, Any] = authority,
    ) -> str:
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "default",
                "clusters": [
                    {
                        "name": "default",
                        "cluster": {
                            "server": "https://127.0.0.1:6443",
                            "certificate-authority-data": _base64(certificate_authority),
                        },
                    }
                ],
                "contexts": [
                    {"name": "default", "context": {"cluster": "default", "user": "default"}}
                ],
                "users": [
                    {
                        "name": "default",
                        "user": {
                            "client-certificate-data": _base64(admin["adminCertificate"]),
                            "client-key-data": _base64(admin["adminKey"]),
                        },
                    }
                ],
            }
        )

    return make


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_kubeconfig_gets_our_endpoint_and_names_and_is_proved(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, inputs: Inputs, k3s_yaml: Callable[..., str]
) -> None:
    machine.put(FILE, k3s_yaml())

    identity, outputs = rpc.create(KUBECONFIG, inputs)

    assert identity == "demo"
    assert isinstance(outputs["kubeconfig"], Secret)
    content = yaml.safe_load(outputs["kubeconfig"].value)
    assert content["current-context"] == "demo"
    assert content["clusters"][0]["cluster"]["server"] == api.endpoint
    assert api.calls == ["GET /readyz"]
    expires = datetime.strptime(outputs["expiresAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=29) < expires - datetime.now(UTC) < timedelta(days=31)


def test_a_kubeconfig_that_is_not_there_yet_is_waited_for(
    rpc: Rpc, machine: FakeMachine, inputs: Inputs, k3s_yaml: Callable[..., str]
) -> None:
    def write_when_missed() -> None:
        while "k3s has not written /etc/rancher/k3s/k3s.yaml" not in rpc.reported.progress_lines:
            time.sleep(0.01)
        machine.put(FILE, k3s_yaml())

    writing = threading.Thread(target=write_when_missed, daemon=True)
    writing.start()
    rpc.create(KUBECONFIG, inputs)
    writing.join(60)

    assert not writing.is_alive()


def test_where_the_first_server_is_away_another_one_has_it_too(
    rpc: Rpc, machine: FakeMachine, inputs: Inputs, k3s_yaml: Callable[..., str]
) -> None:
    machine.put(FILE, k3s_yaml())
    # Nothing listens there.
    away = {**inputs["ssh"], "port": 1}

    identity, _ = rpc.create(
        KUBECONFIG, {**inputs, "ssh": away, "otherServers": {"second": inputs["ssh"]}}
    )

    assert identity == "demo"


def test_other_servers_that_are_no_connections_are_named(rpc: Rpc, inputs: Inputs) -> None:
    wrong = {key: each for key, each in inputs["ssh"].items() if key != "hostKey"}
    _, failed = rpc.check(KUBECONFIG, {**inputs, "otherServers": {"second": wrong}})
    assert [(path, "second.hostKey: is missing" in reason) for path, reason in failed.items()] == [
        ("otherServers", True)
    ]


def test_an_api_that_is_not_ready_yet_is_called_again(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, inputs: Inputs, k3s_yaml: Callable[..., str]
) -> None:
    machine.put(FILE, k3s_yaml())
    api.before_answer = lambda calls: 503 if calls < 3 else None

    rpc.create(KUBECONFIG, inputs)

    assert api.calls == ["GET /readyz"] * 3


def test_a_kubeconfig_of_another_authority_is_refused(
    rpc: Rpc,
    machine: FakeMachine,
    inputs: Inputs,
    k3s_yaml: Callable[..., str],
    other_authority: Mapping[str, Any],
) -> None:
    machine.put(FILE, k3s_yaml(other_authority["serverCaCertificate"]))

    with pytest.raises(Failed) as caught:
        rpc.create(KUBECONFIG, inputs)

    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.text.startswith(
        "the kubeconfig trusts another certificate authority than the cluster's own\n"
    )


def test_a_text_that_is_no_kubeconfig_is_an_error_that_does_not_quote_it(
    rpc: Rpc, machine: FakeMachine, inputs: Inputs
) -> None:
    machine.put(FILE, "client-key-data: {dGhlIGtleQ==\n")

    with pytest.raises(Failed) as caught:
        rpc.create(KUBECONFIG, inputs)

    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.text == "the kubeconfig is not valid YAML"


def test_a_deadline_names_the_cluster_the_server_and_where_to_look(
    rpc: Rpc, machine: FakeMachine, inputs: Inputs
) -> None:
    with pytest.raises(Failed) as caught:
        rpc.create(KUBECONFIG, {**inputs, "deadlineSeconds": 30})

    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert caught.value.text == (
        'no kubeconfig of cluster "demo" from server 127.0.0.1 after 30 s\n'
        "    last seen: k3s has not written /etc/rancher/k3s/k3s.yaml\n    see k3s's log: "
        f"ssh -p {machine.port} admin@127.0.0.1 sudo journalctl -u k3s -n 50 --no-pager"
    )


def test_another_instance_makes_it_fetched_again_and_another_deadline_does_not(
    rpc: Rpc, machine: FakeMachine, inputs: Inputs, k3s_yaml: Callable[..., str]
) -> None:
    machine.put(FILE, k3s_yaml())
    known = {**inputs, "kubeconfig": Secret("old"), "expiresAt": "2026-01-01T00:00:00Z"}

    kept = rpc.update(KUBECONFIG, known, inputs, {**inputs, "deadlineSeconds": 60})
    assert kept["kubeconfig"] == Secret("old")
    assert machine.connections == 0

    again = rpc.update(KUBECONFIG, known, inputs, {**inputs, "instanceId": "i-new"})
    assert "current-context: demo" in again["kubeconfig"].value


def test_the_preview_of_another_endpoint_has_an_unknown_kubeconfig(
    rpc: Rpc, machine: FakeMachine, inputs: Inputs
) -> None:
    known = {**inputs, "kubeconfig": Secret("old"), "expiresAt": "2026-01-01T00:00:00Z"}
    moved = {**inputs, "api": {**inputs["api"], "endpoint": UNKNOWN}}

    outputs = rpc.update(KUBECONFIG, known, inputs, moved, preview=True)

    assert outputs["kubeconfig"] == Secret(UNKNOWN)
    assert machine.connections == 0


def test_a_refresh_keeps_the_state_and_connects_to_nothing(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, inputs: Inputs
) -> None:
    known = {**inputs, "kubeconfig": Secret("old"), "expiresAt": "2026-01-01T00:00:00Z"}

    read = rpc.read(KUBECONFIG, known, inputs)

    assert read is not None
    assert read["kubeconfig"] == Secret("old")
    assert machine.connections == 0
    assert api.calls == []


@pytest.mark.parametrize(
    ("life_days", "days_left", "expired"),
    # A third of a year is more than the 120 days that k3s renews within.
    [(30, 11, False), (30, 9, True), (365, 119, False), (365, 117, True)],
)
def test_in_the_last_third_of_its_life_a_preview_shows_that_it_is_renewed(
    rpc: Rpc,
    clock: AheadClock,
    inputs: Inputs,
    life_days: int,
    days_left: int,
    expired: bool,
) -> None:
    end = clock.now() + timedelta(days=days_left)
    validity = Validity(issued=end - timedelta(days=life_days), expires=end)
    known = {**inputs, "kubeconfig": Secret("old"), **validity.outputs}

    answer = rpc.diff(KUBECONFIG, inputs, inputs, known)
    preview = rpc.update(KUBECONFIG, known, inputs, inputs, preview=True)

    assert ("kubeconfig" in answer.diffs) is expired
    assert (preview["expiresAt"] is UNKNOWN) is expired


def test_k3s_is_restarted_when_it_has_not_renewed_its_certificate(
    rpc: Rpc,
    clock: AheadClock,
    machine: FakeMachine,
    inputs: Inputs,
    k3s_yaml: Callable[..., str],
    authority: Mapping[str, Any],
) -> None:
    machine.put(FILE, k3s_yaml())
    _, known = rpc.create(KUBECONFIG, inputs)
    clock.days = 25
    renewed = _renewed(authority)

    def renew_when_restarted() -> None:
        while not machine.systemctl_calls:
            time.sleep(0.01)
        machine.put(FILE, k3s_yaml(admin=renewed))

    restarting = threading.Thread(target=renew_when_restarted, daemon=True)
    restarting.start()
    outputs = rpc.update(KUBECONFIG, known, inputs, inputs)
    restarting.join(60)

    assert machine.systemctl_calls == ["restart --no-block k3s"]
    assert outputs["expiresAt"] > known["expiresAt"]
    assert _base64(renewed["adminKey"]) in outputs["kubeconfig"].value


def test_k3s_is_not_restarted_when_it_has_renewed_its_certificate(
    rpc: Rpc,
    clock: AheadClock,
    machine: FakeMachine,
    inputs: Inputs,
    k3s_yaml: Callable[..., str],
    authority: Mapping[str, Any],
) -> None:
    machine.put(FILE, k3s_yaml())
    _, known = rpc.create(KUBECONFIG, inputs)
    clock.days = 25
    renewed = _renewed(authority)
    machine.put(FILE, k3s_yaml(admin=renewed))

    outputs = rpc.update(KUBECONFIG, known, inputs, inputs)

    assert machine.systemctl_calls == []
    assert _base64(renewed["adminKey"]) in outputs["kubeconfig"].value


def _renewed(authority: Mapping[str, Any]) -> dict[str, str]:
    """Another administrator's certificate of the same authority, for a year."""
    key = serialization.load_pem_private_key(authority["clientCaKey"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate(authority["clientCaCertificate"].encode())
    client = certificates.Pair(certificate=certificate, key=key)
    now = datetime.now(UTC)  # TLS looks at the real time
    validity = Validity(issued=now - timedelta(days=1), expires=now + timedelta(days=365))
    made = certificates.make_client(
        client, common_name="system:admin", organization="system:masters", validity=validity
    )
    return {"adminCertificate": made.certificate_pem, "adminKey": made.key_pem}
