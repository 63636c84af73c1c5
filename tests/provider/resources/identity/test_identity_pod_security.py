"""The level of Pod Security Admission in the namespaces of an Identity."""

from __future__ import annotations

import pytest

from tests.provider.fake_api import FakeApi
from tests.provider.fake_objects import RBAC
from tests.provider.resources.identity.parts import (
    IDENTITY,
    Inputs,
    kinds_of,
)
from tests.provider.rpc import Rpc

LEVEL = "pod-security.kubernetes.io/enforce"


def level_of(api: FakeApi, namespace: str = "shop") -> str | None:
    """The Pod Security label of a namespace."""
    found = api.objects.by_path[f"/api/v1/namespaces/{namespace}"]["metadata"]
    level: str | None = found.get("labels", {}).get(LEVEL)
    return level


def exists(api: FakeApi, namespace: str, **labels: str) -> None:
    """A namespace that somebody else made."""
    path = f"/api/v1/namespaces/{namespace}"
    api.objects.by_path[path] = {"metadata": {"name": namespace, "labels": labels}}


@pytest.mark.parametrize("role", ["edit", "view", "own"])
def test_a_namespace_that_is_made_enforces_the_baseline(
    rpc: Rpc, api: FakeApi, inputs: Inputs, role: str
) -> None:
    api.objects.by_path[f"{RBAC}/clusterroles/own"] = {"metadata": {"name": "own"}}
    rpc.create(IDENTITY, {**inputs, "clusterRole": role})
    assert level_of(api) == "baseline"


def test_a_namespace_that_exists_enforces_it_from_then_on(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    exists(api, "shop", team="a")
    rpc.create(IDENTITY, {**inputs, "namespaces": ["shop", "default"]})
    assert (level_of(api), level_of(api, "default")) == ("baseline", "baseline")
    assert api.objects.by_path["/api/v1/namespaces/shop"]["metadata"]["labels"]["team"] == "a"


@pytest.mark.parametrize(
    ("given", "present", "wanted"),
    [
        ("baseline", "privileged", "baseline"),
        ("baseline", "restricted", "restricted"),
        ("baseline", "no such level", "baseline"),
        ("restricted", "baseline", "restricted"),
        ("privileged", None, None),
        ("privileged", "baseline", "baseline"),
    ],
)
def test_a_stricter_label_of_somebody_else_is_kept(
    rpc: Rpc, api: FakeApi, inputs: Inputs, given: str, present: str | None, wanted: str | None
) -> None:
    exists(api, "shop", **({LEVEL: present} if present else {}))
    rpc.create(IDENTITY, {**inputs, "podSecurity": given})
    assert level_of(api) == wanted


def test_the_namespace_of_kubernetes_and_those_of_who_only_reads_keep_their_labels(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    exists(api, "kube-system")
    exists(api, "monitoring")
    rpc.create(IDENTITY, {**inputs, "namespaces": ["kube-system"]})
    rpc.create(IDENTITY, {**inputs, "clusterRole": "view", "namespaces": ["monitoring"]})
    assert (level_of(api, "kube-system"), level_of(api, "monitoring")) == (None, None)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("baseline", "privileged", None),
        ("baseline", "restricted", "restricted"),
        ("restricted", "baseline", "baseline"),
        ("privileged", "baseline", "baseline"),
    ],
)
def test_another_level_replaces_the_label_that_the_program_set(
    rpc: Rpc, api: FakeApi, inputs: Inputs, before: str, after: str, wanted: str | None
) -> None:
    old, new = ({**inputs, "podSecurity": each} for each in (before, after))
    _, known = rpc.create(IDENTITY, old)
    assert set(kinds_of(rpc.diff(IDENTITY, old, new, known))) == {"podSecurity"}
    again = rpc.update(IDENTITY, known, old, new)
    assert level_of(api) == wanted
    assert again["kubeconfig"] == known["kubeconfig"]


def test_an_identity_of_an_older_program_sets_the_label_in_place(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    exists(api, "shop")
    new = {**inputs, "podSecurity": "baseline"}
    assert kinds_of(rpc.diff(IDENTITY, inputs, new, known)) == {"podSecurity": "ADD"}
    rpc.update(IDENTITY, known, inputs, new)
    assert level_of(api) == "baseline"


def test_a_label_that_somebody_removed_is_drift_and_set_again(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    exists(api, "shop")
    found = rpc.read(IDENTITY, known, inputs)
    assert found is not None
    assert found["rbacStatus"] == f"out of sync: label {LEVEL} of Namespace shop"
    rpc.update(IDENTITY, found, inputs, inputs)
    assert level_of(api) == "baseline"
    assert (rpc.read(IDENTITY, known, inputs) or {})["rbacStatus"] == "in sync"
