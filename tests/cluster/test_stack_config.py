"""The values of a stack's configuration, and their secret marks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster import stack_config
from cluster.errors import ConfigError
from cluster.reading import registry_auth
from cluster.stack_config import StackConfig, StackValue

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
PASSWORD = "hunter22secret"
NOTHING = StackValue(text=None, is_secret=False)


def read(**values: StackValue) -> StackConfig:
    def read_file(name: str) -> str:
        raise FileNotFoundError(name)

    given = {key: values.get(key, NOTHING) for key in stack_config.KEYS}
    return stack_config.read(given, stack="dev", read_file=read_file)


def value(content: Any, *, is_secret: bool = False) -> StackValue:
    return StackValue(text=json.dumps(content), is_secret=is_secret)


def problems_of(**values: StackValue) -> list[str]:
    with pytest.raises(ConfigError) as rejection:
        read(**values)
    return [f"{each.path}: {each.what}" for each in rejection.value.problems]


def test_the_values_are_read_together() -> None:
    auth = {"ghcr.io": {"username": "ci", "password": "hunter2"}}
    found = read(cluster=value({"network": OPEN}), registryAuth=value(auth, is_secret=True))
    assert (found.spec.name, found.registry_auth, found.login_key) == ("dev", auth, None)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "content",
    [
        {"network": OPEN, "expiry": "hunter22secret"},
        {"network": OPEN, "owner": 7, "tags": {"a": "hunter22secret"}},
        {"network": OPEN, "charts": [{"name": "a", "values": {"password": "hunter22secret"}}]},
        {"network": OPEN, "k3s": {"server": {"hunter22secret": 1}}},
        "hunter22secret",
    ],
)
def test_a_secret_anywhere_below_cluster_is_rejected_and_not_printed(
    content: Any,
) -> None:
    with pytest.raises(ConfigError) as rejection:
        read(cluster=value(content, is_secret=True))
    assert str(rejection.value) == (
        "the configuration has 1 problem\n\n"
        "cluster: contains a value that is marked as a secret, and all values below cluster are "
        "readable in user data and state\n"
        '    find "secure:" below k3s-aws:cluster in Pulumi.dev.yaml and remove it; secrets go '
        "into k3s-aws:registryAuth, k3s-aws:loginKey, or a Secret that you create with the "
        "kubeconfig"
    )


def test_the_problems_of_all_values_are_reported_at_once() -> None:
    assert problems_of(
        cluster=value({"network": OPEN, "drainSeconds": "x"}),
        registryAuth=value({"ghcr.io": {"username": "ci", "password": "p"}}),
        loginKey=StackValue(text="x", is_secret=True),
    ) == [
        "registryAuth: is set in plain text",
        "loginKey: is not a valid private key in OpenSSH format",
        'cluster.drainSeconds: must be an integer, found "x"',
    ]


def test_text_that_is_not_json_is_no_object_and_a_secret_one_is_not_printed() -> None:
    auth = StackValue(text="hunter2", is_secret=True)
    found = problems_of(cluster=StackValue(text="{a", is_secret=False), registryAuth=auth)
    assert found == [
        "registryAuth: must be an object of hosts",
        'cluster: must be an object, found "{a"',
    ]


def test_deep_nesting_is_a_problem_and_no_stack_trace() -> None:
    deep = StackValue(text="[" * 100_000 + "]" * 100_000, is_secret=False)
    assert problems_of(cluster=deep) == ["cluster: is nested too deeply to be read"]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"username": "ci", "password": f"{PASSWORD}\n"}, "has a control character"),
        ({"username": f"ci:{PASSWORD}", "password": "p"}, "has a colon in its username"),
    ],
)
def test_credentials_that_no_registry_gets_as_they_are_meant_are_rejected(
    fields: dict[str, str], what: str
) -> None:
    with pytest.raises(ConfigError) as rejection:
        registry_auth.check({"registry.example.com": fields}, is_secret=True)
    assert f'registryAuth["registry.example.com"]: {what}' in str(rejection.value)
    assert PASSWORD not in str(rejection.value)


@pytest.mark.parametrize(
    "host",
    [
        f"https://r.example.com/?sig={PASSWORD}",
        f"r.example.com?token={PASSWORD}",
        "r\u202e.example",
    ],
)
def test_the_path_of_a_registry_shows_no_secret_and_no_mark(host: str) -> None:
    with pytest.raises(ConfigError) as rejection:
        registry_auth.check({host: {"auth": "eDp5"}}, is_secret=True)
    assert PASSWORD not in str(rejection.value)
    assert "\u202e" not in str(rejection.value)


def test_a_number_of_thousands_of_digits_is_one_problem_at_its_key() -> None:
    text = f'{{"network": {json.dumps(OPEN)}, "drainSeconds": {"9" * 5000}}}'
    found = problems_of(cluster=StackValue(text=text, is_secret=False))
    assert found == ["cluster.drainSeconds: must be an integer, found Infinity"]
