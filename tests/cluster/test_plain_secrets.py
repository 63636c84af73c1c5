"""Secrets in plain text are found by what they are; references to one are not taken for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import config
from cluster.errors import ConfigError, Kind
from cluster.reading import kube_objects, plain_secrets
from cluster.reading.faults import quoted

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
OBJECT = "apiVersion: example.com/v1\nkind: Example\n"


@pytest.mark.parametrize(
    "text",
    [
        "https://u:p@example.com", "http://token@example.com", "oci://u:p@example.com/a",
        "postgres://app:hunter2@db/app", "see https://u:p@example.com/a for more",
        "git+https://token@example.com/a", "HTTPS://u:p@example.com", "redis://:p@example.com",
        "https://example.com/a.tgz?X-Amz-Date=1&X-Amz-Signature=hunter2",
        "https://example.blob.core.windows.net/a?sv=1&sig=hunter2", "http://a/?token=hunter2",
    ],
)  # fmt: skip
def test_credentials_in_a_url_are_found(text: str) -> None:
    assert plain_secrets.has_credentials(text)
    assert "hunter2" not in quoted(text)
    assert "u:p" not in quoted(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a@b", "oci://example.com/a@sha256:0a", "ssh://git@example.com/a",
        "postgres://$(USER):$(PASSWORD)@db", "https://{{ .user }}:{{ .password }}@example.com",
        "https://${USER}:${PASSWORD}@example.com", "somebody@example.com", "a:b@c", "<u>:<p>@h",
        "https://example.com/?token=$(TOKEN)", "https://example.com/?tokens=5", "?token=x",
    ],
)  # fmt: skip
def test_what_looks_like_credentials_and_is_none_is_left_alone(text: str) -> None:
    assert not plain_secrets.has_credentials(text)


def test_an_address_without_a_scheme_may_have_credentials_too() -> None:
    assert plain_secrets.is_login_at_host("u:p@squid.example.com:3128")
    assert not plain_secrets.is_login_at_host("busybox:1.37@sha256:0a")
    assert not plain_secrets.is_login_at_host("docker.io/busybox:1.37@sha256:0a")


VALUES: list[tuple[Any, Kind | None]] = [
    ({"password": "x"}, Kind.SECRET),
    ({"adminPassword": 1234}, Kind.SECRET),
    ({"auth": [{"root_password": "x"}]}, Kind.SECRET),
    ({"DB-PASSWD": "x"}, Kind.SECRET),
    ({"clientSecret": "x"}, Kind.SECRET),
    ({"headers": {"Authorization": "Bearer x"}}, Kind.SECRET),
    ({"env": [{"name": "API_PASSWORD", "value": "x"}]}, Kind.SECRET),
    ({"o": "apiVersion: v1\nkind: Secret\nstringData: {a: b}\n"}, Kind.SECRET),
    ({"key": "-----BEGIN RSA PRIVATE KEY-----\nx"}, Kind.SECRET),
    ({"smtp": {"pass": "x"}}, Kind.SECRET),
    ({"SMTP_PASS": "x"}, Kind.SECRET),
    ({"dbPwd": "x"}, Kind.SECRET),
    ({"bypass": "x", "compass": "y"}, None),
    ({"any": f"ghp_{'0' * 36}"}, Kind.SECRET),
    ({"any": "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl"}, Kind.SECRET),
    ({"any": '{"auths": {"r.example.com": {"auth": "dTpw"}}}'}, Kind.SECRET),
    ({"credentials": "x"}, Kind.WARNING),
    ({"token": "x"}, Kind.WARNING),
    ({"secretKey": "x"}, Kind.WARNING),
    ({"password": ""}, None),
    ({"password": None}, None),
    ({"usePassword": True, "password": False}, None),
    ({"password": "{{ .Values.other }}"}, None),
    ({"password": "$(DB_PASSWORD)"}, None),
    ({"password": "vault:secret/data/a#b"}, None),
    ({"existingSecret": "a", "passwordKey": "b", "secretName": "c"}, None),
    ({"passwordSecret": {"name": "a", "key": "password"}}, None),
    ({"env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "a"}}}]}, None),
    ({"automountServiceAccountToken": True, "tokenExpirationSeconds": 3600}, None),
    ({"ref": {"apiVersion": "v1", "kind": "Secret", "name": "a"}}, None),
]


@pytest.mark.parametrize(("values", "kind"), VALUES)
def test_secrets_in_values_are_found_by_name_and_form(values: Any, kind: Kind | None) -> None:
    found = [fault.kind for _, fault in plain_secrets.in_values(values)]
    assert found == ([] if kind is None else [kind])


def test_what_may_be_a_secret_is_a_warning() -> None:
    chart = {"name": "a", "chart": "oci://example.com/a", "values": {"api": {"token": "x"}}}
    (warning,) = config.load({"network": OPEN, "charts": [chart]}, stack="dev").warnings
    assert str(warning).startswith(
        "cluster.charts[0].values.api.token: may be a secret, and is readable in user data"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{OBJECT}certificateRefs: [{{kind: Secret, name: a}}]\n",
        f"{OBJECT}ref: {{apiVersion: v1, kind: Secret, name: a}}\n",
        "apiVersion: secretsmanager.example.com/v1\nkind: Secret\nspec: {}\n",
        "apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: a}\nspec: {}\n",
        "apiVersion: v1\nkind: List\nitems: []\n",
        f"{OBJECT}versions:\n- =\nday: 2024-02-30\nother: 0x_\n",
        '{\n\t"apiVersion": "v1",\n\t"kind": "Namespace"\n}\n',
        "\ufeffapiVersion:\tv1\nkind: Namespace\n---\n\ufeffapiVersion: v1\nkind: Namespace\n",
    ],
)
def test_manifests_that_kubernetes_accepts_are_accepted(text: str) -> None:
    assert kube_objects.fault(text) is None


def test_a_key_with_credentials_is_not_printed() -> None:
    registries = {"mirrors": {"https://u:hunter2@example.com": {"endpoint": 7}}}
    with pytest.raises(ConfigError) as rejection:
        config.load({"network": OPEN, "k3s": {"registries": registries}}, stack="dev")
    assert "hunter2" not in str(rejection.value)
    assert {each.kind for each in rejection.value.problems} >= {Kind.SECRET}


def nested(depth: int, kind: str) -> str:
    """A manifest with a Secret that many lists deep."""
    secret = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}'
    for _ in range(depth):
        secret = f'{{"apiVersion": "v1", "kind": "{kind}", "items": [{secret}]}}'
    return secret


@given(st.integers(0, 40), st.sampled_from(["List", "SecretList", "ConfigMapList", "Anything"]))
def test_a_secret_is_found_however_many_lists_are_around_it(depth: int, kind: str) -> None:
    fault = kube_objects.fault(nested(depth, kind))
    assert fault is not None
    assert fault.kind is Kind.SECRET


@given(st.text("abkind:SecretList{}[]&*!|>-'\"\\,#?~<= \n\t\ufeff", max_size=60))
def test_no_manifest_ends_in_a_stack_trace(text: str) -> None:
    fault = kube_objects.fault(text)
    assert fault is None or all(fault)


@given(st.text(max_size=40), st.text("https://:@?&=token$(){}<>.ab", max_size=40))
def test_no_text_ends_in_a_stack_trace(name: str, text: str) -> None:
    for _, fault in plain_secrets.in_values({name: text, "env": [{"name": name, "value": text}]}):
        assert all(fault)
