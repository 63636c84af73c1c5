"""What the tests of the plugin share: keys, a servicer, a machine and an API on loopback."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import machine_files
from cluster.machine_files import NodeConfig
from provider.keys.host_keys import HostKeys
from provider.operation import Operation
from provider.protocol.engine import Engine
from provider.protocol.process import environment
from provider.resources.certificate_authority import CertificateAuthority
from provider.resources.ssh_key import SshKey
from tests.provider.fake_api import FakeApi
from tests.provider.fake_machine import FakeMachine
from tests.provider.rpc import FastClock, Rpc, plugin

NODE_CONFIG: NodeConfig = {
    "schema": machine_files.NODE_SCHEMA,
    "pool": {
        "role": "agent",
        "nodeNamePrefix": "demo-agents",
        "k3s": {"version": "v1.36.5+k3s1", "sources": [], "sha256": "ab" * 32},
        "labels": {},
        "taints": [],
        "config": {"max-pods": 60},
        "parameters": {"token": "/demo/token"},
        "join": {"urls": ["https://10.64.0.9:6443"]},
    },
    "own": {"privateIp": "10.64.0.10", "hostKeyParameter": "/demo/host-key"},
}
SECRETS = '{"token": "K10ab::node:a-join-token-of-the-tests"}'

Inputs = dict[str, Any]


def _operation() -> Operation:
    return Operation(environment=environment(Engine(None)), cancelled=threading.Event(), urn="urn")


@pytest.fixture(scope="session")
def authority() -> Mapping[str, Any]:
    return CertificateAuthority().create(_operation(), {"name": "demo", "expiryDays": 30}).computed


@pytest.fixture(scope="session")
def other_authority() -> Mapping[str, Any]:
    return CertificateAuthority().create(_operation(), {"name": "other", "expiryDays": 30}).computed


@pytest.fixture(scope="session")
def host_key() -> Mapping[str, Any]:
    return SshKey(HostKeys()).create(_operation(), {"comment": "host", "generation": "1"}).computed


@pytest.fixture(scope="session")
def login_key() -> Mapping[str, Any]:
    return SshKey(HostKeys()).create(_operation(), {"comment": "login", "generation": "1"}).computed


@pytest.fixture
def rpc() -> Iterator[Rpc]:
    with plugin(FastClock()) as running:
        yield running


@pytest.fixture
def machine(
    tmp_path: Path, host_key: Mapping[str, Any], login_key: Mapping[str, Any]
) -> Iterator[FakeMachine]:
    made = FakeMachine(tmp_path / "root", host_key["privateKey"], login_key["privateKey"])
    made.put("etc/k3s-aws/node.json", machine_files.node_file(NODE_CONFIG, 600))
    yield made
    made.close()


@pytest.fixture
def api(tmp_path: Path, authority: dict[str, str]) -> Iterator[FakeApi]:
    made = FakeApi(tmp_path, authority)
    yield made
    made.close()


@pytest.fixture
def ssh_inputs(
    machine: FakeMachine, host_key: Mapping[str, Any], login_key: Mapping[str, Any]
) -> Inputs:
    return {
        "enabled": True,
        "host": "127.0.0.1",
        "port": machine.port,
        "user": "admin",
        "privateKey": login_key["privateKey"],
        "hostKey": host_key["publicKey"],
    }


@pytest.fixture
def api_inputs(api: FakeApi, authority: Mapping[str, Any]) -> Inputs:
    return {
        "endpoint": api.endpoint,
        "serverCaCertificate": authority["serverCaCertificate"],
        "clientCertificate": authority["adminCertificate"],
        "clientKey": authority["adminKey"],
    }


@pytest.fixture
def node_inputs(ssh_inputs: Inputs, api_inputs: Inputs) -> Callable[..., Inputs]:
    """The inputs of a Node; the fast clock makes an hour short."""

    def make(**changes: Any) -> Inputs:
        return {
            "nodeName": "demo-agents-1a2b3c4d",
            "instanceId": "i-0123456789abcdef0",
            "datastoreId": "0fedcba987654321",
            "instanceType": "t3.small",
            "role": "agent",
            "ssh": ssh_inputs,
            "api": api_inputs,
            "nodeConfig": copy.deepcopy(NODE_CONFIG),
            "secrets": SECRETS,
            "deadlineSeconds": 3600,
            "drainSeconds": 120,
            **changes,
        }

    return make
