"""A login key that was accepted is one that SSH can use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cluster.reading import login_key as configured
from provider.errors import OperationFailed
from provider.resources.connections import check_private_key
from provider.ssh.connection import Login, connect
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
