"""Namespaces, identities and kubeconfigs: who is administrator, and where pods may be root."""

from __future__ import annotations

import base64
from typing import Any

from k3s_policy.resource import UNKNOWN
from k3s_policy.rule import NotKnown, Violation
from tests.policy.stack_state import resource
from tests.policy.test_rules import findings, violated


def test_a_namespace_of_kubernetes_may_not_be_privileged_but_where_it_is_allowed() -> None:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    described = [
        resource(
            "kubernetes:core/v1:Namespace", "x", {"metadata": {"name": "net", "labels": labels}}
        )
    ]
    assert violated(described) == ["namespaces-not-privileged"]
    assert violated(described, allowedNamespaces=["net"]) == []


def test_a_namespace_whose_name_is_not_known_yet_is_not_in_the_message() -> None:
    inputs = {"podSecurity": "privileged", "namespaces": ["shop", UNKNOWN]}
    found = [each for _, each in findings([resource("k3s:index:Identity", "x", inputs)])]
    not_known, violation = found
    assert not_known == NotKnown("podSecurity")
    assert isinstance(violation, Violation)
    assert 'is "privileged" for shop: ' in violation.message


def kubeconfig(group: bytes) -> str:
    """A kubeconfig whose client certificate has the group, as DER has it; it is not a real one."""
    der = base64.b64encode(b"\x30\x82\x01\x00\x13\x0e" + group).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
    return f"client-certificate-data: {base64.b64encode(pem.encode()).decode()}"


def test_an_administrators_kubeconfig_is_found_by_its_certificate_under_any_name() -> None:
    rule = "no-administrator-kubeconfig"
    assert violated([], {"access": kubeconfig(b"system:masters")}) == [rule]
    assert violated([], {"access": kubeconfig(b"viewers")}) == []
    assert violated([], {"adminKubeconfig": "x"}, allowedOutputs=["adminKubeconfig"]) == []


def identity(name: str, role: str) -> list[dict[str, Any]]:
    inputs = {"name": name, "clusterRole": role, "namespaces": ["shop"]}
    return [resource("k3s:index:Identity", f"dev-{name}", inputs)]


def test_an_identity_is_an_administrator_by_its_role_and_not_by_its_name() -> None:
    rule = "no-administrator-kubeconfig"
    output = {"kubeconfig-webadmin": kubeconfig(b"viewers")}
    assert violated(identity("webadmin", "view"), output) == []
    # Of another program: nothing but the name says what it is.
    assert violated([], output) == [rule]
    assert violated(identity("webadmin", "view"), {"kubeconfig-admin": "x"}) == [rule]
    administrators = {"kubeconfig-webadmin": kubeconfig(b"system:masters")}
    assert violated(identity("webadmin", "view"), administrators) == [rule]
    assert violated(identity("ci", "cluster-admin"), {"kubeconfig-ci": "x"}) == [rule]
    allowed = {"allowedOutputs": ["kubeconfig-ci"]}
    assert violated(identity("ci", "cluster-admin"), {"kubeconfig-ci": "x"}, **allowed) == []
