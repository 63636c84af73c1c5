"""The arguments of Kubernetes' components, and the table of what the program does with them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import get_args

import pytest

from cluster.errors import Kind
from cluster.k3s_flags import components
from cluster.reading import component_arguments, component_table, component_values
from cluster.reading.faults import Fault

LISTED = (
    "kube-apiserver", "kube-cloud-controller-manager", "kube-controller-manager", "kube-proxy",
    "kube-scheduler", "kubelet",
)  # fmt: skip


def faults(key: str, *arguments: str, minor: str = "1.36") -> list[Fault]:
    return list(component_arguments.faults(key, arguments, minor))


@pytest.mark.parametrize("component", LISTED)
def test_every_component_has_its_flags_listed_with_known_types(component: str) -> None:
    flags = components.flags_of(component)
    assert len(flags) > 50
    assert set(flags.values()) <= set(get_args(components.Type))


@pytest.mark.parametrize("component", LISTED)
def test_the_table_names_only_arguments_that_a_component_has(component: str) -> None:
    named = {
        *component_table._OWNED.get(component, {}),
        *component_table.LISTEN.get(component, {}),
    }
    exact = {each for each in named if "*" not in each}
    assert exact <= set(components.flags_of(component))


def test_files_and_secrets_are_arguments_of_some_component() -> None:
    known = {name for component in LISTED for name in components.flags_of(component)}
    assert known >= component_table.FILES | component_table.SECRET


@pytest.mark.parametrize(
    "argument",
    [
        "hostname-override=x",
        "hostname_override=x",
        "hostname-override+=x",
        "hostname-override-=x",
        "hostname_override",
    ],
)
def test_what_the_program_sets_is_rejected_in_every_spelling(argument: str) -> None:
    (fault,) = faults("kubelet-arg", argument)
    assert fault.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("key", "argument"),
    [
        ("kubelet-arg", "max-pods=60"),
        ("kubelet-arg", "max_pods=60"),
        ("kubelet-arg", "feature-gates=A=true,B=false"),
        ("kubelet-arg", "fail-swap-on"),
        ("kubelet-arg", "system-reserved=cpu=100m,memory=100Mi"),
        ("kubelet-arg", "node-status-update-frequency=1m30s"),
        ("kube-apiserver-arg", "audit-log-path=/var/lib/rancher/k3s/audit.log"),
        ("kube-apiserver-arg", "enable-admission-plugins=NodeRestriction,AlwaysPullImages"),
        ("kube-apiserver-arg", "oidc-issuer-url=https://login.example.com"),
        ("kube-controller-manager-arg", "node-eviction-rate=.1"),
        ("kube-proxy-arg", "proxy-mode=nftables"),
        ("etcd-arg", "quota-backend-bytes=8589934592"),
        ("helm-controller-arg", "anything=x"),
    ],
)
def test_other_arguments_pass_through(key: str, argument: str) -> None:
    assert faults(key, argument) == []


def test_an_unlisted_name_is_a_warning_for_another_version_of_kubernetes() -> None:
    (rejected,) = faults("kubelet-arg", "brand-new=1")
    (warned,) = faults("kubelet-arg", "brand-new=1", minor="1.37")
    assert (rejected.kind, warned.kind) == (Kind.UNKNOWN_KEY, Kind.WARNING)


def test_a_name_alone_stands_for_true_and_no_other_value() -> None:
    assert faults("kubelet-arg", "fail-swap-on") == []
    (fault,) = faults("kubelet-arg", "max-pods")
    assert fault.what == '"max-pods" has no value'


def test_a_password_of_a_component_is_rejected_without_being_quoted() -> None:
    (fault,) = faults("kubelet-arg", "storage-driver-password=hunter2")
    assert fault.kind is Kind.SECRET
    assert "hunter2" not in f"{fault.what} {fault.fix}"


def test_the_limits_are_those_of_arguments_that_a_component_has() -> None:
    for table in (component_values._RANGES, component_values._CHOICES):
        for component, limits in table.items():
            flags = components.flags_of(component)
            assert all(any(fnmatchcase(flag, each) for flag in flags) for each in limits)
    for component, limits in component_values._RANGES.items():
        for name in limits.keys() & components.flags_of(component).keys():
            assert components.flags_of(component)[name] in ("integer", "number")
