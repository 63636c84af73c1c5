"""Identities with a kubeconfig; invalid ones are in tests/invalid/."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import config
from cluster.errors import ConfigError
from cluster.spec import ClusterSpec, Identity

CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
READABLE = ("nodes", "namespaces")


def load(**keys: Any) -> ClusterSpec:
    return config.load({"network": CLOSED, **keys}, stack="dev")


def one(**keys: Any) -> Identity:
    (identity,) = load(identities=[{"name": "ci", **keys}]).identities
    return identity


def test_the_default_is_a_deployer_for_one_namespace_and_no_administrator() -> None:
    cluster = load()
    assert cluster.identities == (
        Identity(
            name="deployer",
            cluster_role="edit",
            namespaces=("default",),
            cluster_reads=READABLE,
            expiry_days=90,
            generation=1,
        ),
    )
    assert cluster.admin_kubeconfig is False
    assert cluster.warnings == ()


def test_an_empty_list_creates_no_kubeconfig() -> None:
    assert load(identities=[]).identities == ()


def test_a_viewer_reads_the_whole_cluster_or_the_namespaces_that_are_named() -> None:
    everywhere, there = one(role="viewer"), one(role="viewer", namespaces=["shop"])
    assert (everywhere.cluster_role, everywhere.namespaces) == ("view", ())
    assert (there.cluster_role, there.namespaces) == ("view", ("shop",))
    assert everywhere.cluster_reads == there.cluster_reads == READABLE


def test_a_cluster_role_is_taken_as_it_is() -> None:
    found = one(clusterRole="system:monitoring", expiryDays=365, generation=3)
    assert (found.cluster_role, found.namespaces, found.cluster_reads) == (
        "system:monitoring",
        (),
        (),
    )
    assert (found.expiry_days, found.generation) == (365, 3)


@pytest.mark.parametrize(
    "keys",
    [
        {"role": "deployer", "namespaces": ["shop", "kube-system"]},
        {"clusterRole": "edit"},
        {"clusterRole": "admin", "namespaces": ["kube-system"]},
    ],
)
def test_an_identity_that_deploys_into_the_systems_namespace_is_a_warning(
    keys: dict[str, Any],
) -> None:
    (warning,) = load(identities=[{"name": "ci", **keys}]).warnings
    assert str(warning) == (
        "cluster.identities[0].namespaces: who deploys into kube-system can become administrator: "
        "pods there may run as Kubernetes' own controllers\n"
        "    name the namespaces of your applications"
    )


def test_a_namespace_of_a_deployer_has_the_level_baseline_unless_another_one_is_configured() -> (
    None
):
    assert one(role="deployer", namespaces=["shop"]).pod_security == "baseline"
    stricter = one(role="deployer", namespaces=["shop"], podSecurity="restricted")
    assert stricter.pod_security == "restricted"


def test_who_only_reads_a_namespace_may_leave_its_level_to_who_deploys_into_it() -> None:
    shop = {"namespaces": ["shop"]}
    given = [
        {"name": "reader", "role": "viewer", **shop},
        {"name": "ci", "role": "deployer", "podSecurity": "restricted", **shop},
        {"name": "auditor", "clusterRole": "view", **shop},
    ]
    assert [each.name for each in load(identities=given).identities] == ["reader", "ci", "auditor"]


@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ({"role": "deployer"}, True),
        ({"clusterRole": "edit"}, True),
        ({"clusterRole": "admin"}, True),
        ({"role": "viewer"}, False),
    ],
)
def test_a_deployer_whose_pods_may_be_privileged_is_a_warning(
    keys: dict[str, Any], warned: bool
) -> None:
    wide = {"name": "ci", "namespaces": ["shop", "web"], "podSecurity": "privileged", **keys}
    warnings = [str(each) for each in load(identities=[wide]).warnings]
    text = (
        "cluster.identities[0].podSecurity: who deploys into shop, web can become administrator: "
        "privileged pods are root on their node, a server's too\n"
        '    leave it out, or use "restricted"'
    )
    assert warnings == ([text] if warned else [])


def test_who_may_change_the_labels_of_a_namespace_is_a_warning() -> None:
    given = {"name": "ci", "clusterRole": "cluster-admin", "namespaces": ["shop"]}
    (warning,) = load(identities=[given]).warnings
    assert warning.path == "cluster.identities[0].clusterRole"
    assert "can become administrator of the cluster" in warning.what


@pytest.mark.parametrize("longer", [False, True])
def test_both_names_together_fit_into_a_certificates_common_name(longer: bool) -> None:
    cluster, identity = "c" * 32, "i" * (15 if longer else 14)
    keys = {"name": cluster, "identities": [{"name": identity, "role": "viewer"}]}
    if longer:
        with pytest.raises(ConfigError, match="14 are allowed"):
            load(**keys)
    else:
        assert len(f"k3s-aws:{cluster}:{load(**keys).identities[0].name}:12345678") == 64
