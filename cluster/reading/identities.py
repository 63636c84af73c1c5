"""Reads `cluster.identities`: who gets a kubeconfig, and its rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cluster.errors import Kind
from cluster.reading import kube_objects
from cluster.reading.faults import quoted
from cluster.reading.manifests import chart_namespace
from cluster.reading.section import Section, format_path
from cluster.spec import Identity, Manifest

# What each role is in Kubernetes' own words:
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
ROLES: Mapping[str, str] = {"viewer": "view", "deployer": "edit"}
# Neither `view` nor `edit` has them where it is bound to namespaces, and everybody begins with
# `kubectl get nodes`.
_READABLE = ("nodes", "namespaces")
_START_PODS = ("edit", "admin")
# Bound to a namespace, it may also change the labels of the namespace itself.
_CHANGES_LABELS = "cluster-admin"
_START_PODS_IN_A_NAMESPACE = (*_START_PODS, _CHANGES_LABELS)
_NOT_ENFORCED = "privileged"
# From the one that forbids nothing to the strictest.
_LEVELS = (_NOT_ENFORCED, "baseline", "restricted")
_SYSTEM = "kube-system"
# The certificate's common name, `k3s-aws:<cluster>:<identity>:<8 digits>`, has 64 characters:
# https://www.rfc-editor.org/rfc/rfc5280#appendix-A.1 (ub-common-name)
_BOTH_NAMES_LENGTH = 64 - len("k3s-aws:::12345678")


def read(top: Section, cluster_name: str) -> tuple[Identity, ...]:
    """The identities in the order of the file."""
    owners = {"admin": "the administrator, see cluster.adminKubeconfig"}
    for section in top["identities"]:
        section.require_unique("name", owners, "ci-shop")
        if top.valid("name") and section.valid("name"):
            _check_length(section, cluster_name)
    _check_pod_security(top["identities"])
    return tuple(_read_identity(each) for each in top["identities"])


def _check_pod_security(sections: Sequence[Section]) -> None:
    """A namespace has one level, whichever identities share it."""
    levels: dict[str, Section] = {}
    for section in sorted(sections, key=_only_reads):
        if not section.valid("podSecurity", "namespaces"):
            continue
        for namespace in section["namespaces"]:
            other = levels.setdefault(namespace, section)
            if other["podSecurity"] != section["podSecurity"] and not _gives_way(section, other):
                section.report(
                    "podSecurity",
                    f"{quoted(section['podSecurity'])} is not the level that {quoted(namespace)} "
                    f"has in {format_path(other.path)}: {quoted(other['podSecurity'])}",
                    "write the same level for every identity of a namespace",
                    Kind.CONFLICT,
                )
                break


def _gives_way(section: Section, other: Section) -> bool:
    """
    Whether the level of who only reads is without effect beside the other's.

    It changes no namespace; but one that does not exist yet is created with it, and a stricter
    label than its own is kept by the other.
    """
    given, wanted = (_LEVELS.index(each["podSecurity"]) for each in (section, other))
    return given < wanted and _only_reads(section) and not _only_reads(other)


def _only_reads(section: Section) -> bool:
    given = section["role"], section["clusterRole"]
    return given in (("viewer", None), (None, ROLES["viewer"]))


def _check_length(section: Section, cluster_name: str) -> None:
    name, room = section["name"], _BOTH_NAMES_LENGTH - len(cluster_name)
    if len(name) > room:
        section.report(
            "name",
            f"{quoted(name)} has {len(name)} characters, beside {quoted(cluster_name)} {room} are "
            "allowed",
            'choose another name, such as "ci-shop"',
            Kind.LIMIT,
        )


def _read_identity(section: Section) -> Identity:
    given = section.given("role", "clusterRole")
    if len(given) != 1:
        section.report(
            "role",
            "role and clusterRole are both set" if given else "neither role nor clusterRole is set",
            'set one of them, such as role: "deployer"',
            Kind.CONFLICT if given else Kind.REQUIRED,
        )
    elif section.valid(*given):
        _check_namespaces(section, is_deployer=section["role"] == "deployer")
    return Identity(
        **section.arguments(without=("role", "clusterRole")),
        cluster_role=_cluster_role(section),
        cluster_reads=_READABLE if "role" in section else (),
    )


def _cluster_role(section: Section) -> str:
    """The ClusterRole behind what is given."""
    role: str = ROLES[section["role"]] if "role" in section else section["clusterRole"]
    return role


def _check_namespaces(section: Section, *, is_deployer: bool) -> None:
    if is_deployer and "namespaces" not in section:
        section.report(
            "namespaces",
            "is missing: a deployer deploys into namespaces that are named",
            'write a list such as ["default"]',
            Kind.REQUIRED,
        )
    _warn_of_pods(section)
    everywhere = not section["namespaces"]
    if _cluster_role(section) in _START_PODS and (everywhere or _SYSTEM in section["namespaces"]):
        section.warn(
            "namespaces",
            f"who deploys into {_SYSTEM} can become administrator: pods there may run as "
            "Kubernetes' own controllers",
            "name the namespaces of your applications",
        )


def _warn_of_pods(section: Section) -> None:
    """Warns of who may start a pod that is root on its node, where the namespace allows it."""
    role, namespaces = _cluster_role(section), section["namespaces"]
    if not namespaces:
        return
    if role == _CHANGES_LABELS:
        section.warn(
            "clusterRole",
            f"who is {_CHANGES_LABELS} of a namespace can become administrator of the cluster: it "
            "may change the labels of the namespace, and so start pods that are root on their node",
            'use clusterRole: "admin"',
        )
    elif role in _START_PODS and section["podSecurity"] == _NOT_ENFORCED:
        section.warn(
            "podSecurity",
            f"who deploys into {', '.join(namespaces)} can become administrator: privileged pods "
            "are root on their node, a server's too",
            'leave it out, or use "restricted"',
        )


def check_charts(
    top: Section, identities: Sequence[Identity], manifests: Sequence[Manifest]
) -> None:
    """
    Warns of charts in a namespace in which an identity may start pods.

    A pod may run as each ServiceAccount of its namespace, and charts often have one that reads
    Secrets everywhere. Identities of the whole cluster have a warning of their own.
    """
    for section, key, namespace in _chart_namespaces(top, manifests):
        for each in identities:
            may_start_pods = each.cluster_role in _START_PODS_IN_A_NAMESPACE
            if may_start_pods and namespace in each.namespaces:
                section.warn(
                    key,
                    f"identity {quoted(each.name)} may start pods in the chart's namespace "
                    f"{quoted(namespace)}, with the rights of each ServiceAccount in it",
                    "give the chart a namespace of its own, or the identity another one",
                )


def _chart_namespaces(
    top: Section, manifests: Sequence[Manifest]
) -> Iterator[tuple[Section, str, str]]:
    for section in top["charts"]:
        yield section, "namespace", chart_namespace(section)
    given = [each for each in manifests if not each.of_chart]
    for section, manifest in zip(top["manifests"], given, strict=True):
        # Large ones take a second to read, and hardly any has a chart.
        if "HelmChart" in manifest.content and kube_objects.fault(manifest.content) is None:
            for namespace in kube_objects.chart_namespaces(manifest.content):
                yield section, section.given("content", "file")[0], namespace
