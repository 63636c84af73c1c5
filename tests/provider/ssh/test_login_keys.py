"""A login key that was accepted is one that SSH can use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import paramiko
import pytest

from cluster.reading import login_key as configured
from provider.errors import OperationFailed
from provider.resources.connections import check_private_key
from provider.ssh import connection
from provider.ssh.connection import Login, connect
from provider.ssh.errors import AuthenticationFailed, ConnectionFailed
from tests.provider.conftest import Inputs
from tests.provider.fake_machine import FakeMachine

FORMS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "in one line": lambda key: key.replace("\n", " "),
    "CR LF": lambda key: key.replace("\n", "\r\n"),
    "CR": lambda key: key.replace("\n", "\r"),
    "without a line end": str.strip,
    "indented": lambda key: key.replace("\n", "\n  "),
    "a byte order mark": lambda key: f"\ufeff{key}",
    "backslash-n": lambda key: key.replace("\n", "\\n"),
    "in quotes": lambda key: f'"{key.strip()}"\n',
    "blank lines": lambda key: key.replace("\n", "\n\n"),
    "tabs": lambda key: key.replace("\n", "\t"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_that_the_configuration_accepts_logs_in(
    form: str, machine: FakeMachine, ssh_inputs: Inputs
) -> None:
    key = configured.check(FORMS[form](ssh_inputs["privateKey"]), is_secret=True)
    assert key == ssh_inputs["privateKey"]
    connect(Login.of({**ssh_inputs, "privateKey": key})).close()


@pytest.mark.parametrize("form", FORMS)
def test_a_key_that_the_provider_accepts_logs_in(
    form: str, machine: FakeMachine, ssh_inputs: Inputs
) -> None:
    key = FORMS[form](ssh_inputs["privateKey"])
    if check_private_key(key) is None:
        connect(Login.of({**ssh_inputs, "privateKey": key})).close()


def test_a_login_key_that_is_none_is_no_reason_to_wait(
    machine: FakeMachine, ssh_inputs: Inputs
) -> None:
    broken: dict[str, Any] = {**ssh_inputs, "privateKey": ssh_inputs["privateKey"][:60]}
    with pytest.raises(OperationFailed, match='the login key of user "admin" cannot be used'):
        connect(Login.of(broken))
    assert machine.connections == 0


def test_a_connection_that_is_lost_during_the_login_rejects_no_key(
    machine: FakeMachine, ssh_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(user: str, key: paramiko.PKey) -> bool:
        machine.drop_connections()
        return False

    monkeypatch.setattr(machine, "accepts", lose)
    with pytest.raises(ConnectionFailed, match="SSH does not respond to the login"):
        connect(Login.of(ssh_inputs))


def test_a_machine_that_is_slow_during_the_login_rejects_no_key(
    machine: FakeMachine, ssh_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def wait(user: str, key: paramiko.PKey) -> bool:
        ended.wait(60)
        return False

    monkeypatch.setattr(machine, "accepts", wait)
    monkeypatch.setattr(connection, "_LOGIN_SECONDS", 0.2)
    with pytest.raises(ConnectionFailed, match="SSH does not respond to the login"):
        connect(Login.of(ssh_inputs))
    ended.set()


def test_a_key_that_the_machine_does_not_accept_is_rejected(
    machine: FakeMachine, ssh_inputs: Inputs
) -> None:
    machine.user = "ubuntu"
    with pytest.raises(AuthenticationFailed):
        connect(Login.of(ssh_inputs))
