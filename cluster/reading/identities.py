"""Reads `cluster.identities`: who gets a kubeconfig, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cluster.reading import checks
from cluster.reading.findings import Section, shown, spell
from cluster.reading.keys import NAME_SHAPE
from cluster.spec import Identity

# What each role is in Kubernetes' own words:
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
ROLES: Mapping[str, str] = {"viewer": "view", "deployer": "edit"}
# Neither `view` nor `edit` has them where it is bound to namespaces, and everybody begins with
# `kubectl get nodes`.
_READABLE = ("nodes", "namespaces")
_START_PODS = ("edit", "admin")
_ADMIN = "admin"
_SYSTEM = "kube-system"
_LABEL_LENGTH = 63
# The certificate's common name, `k3s-aws:<cluster>:<identity>:<8 digits>`, has 64 characters:
# https://www.rfc-editor.org/rfc/rfc5280#appendix-A.1 (ub-common-name)
_BOTH_NAMES_LENGTH = 64 - len("k3s-aws:::12345678")


def read(top: Section, cluster_name: str | None) -> tuple[Identity, ...]:
    """The identities in the order of the file; what is wrong is reported."""
    taken: dict[str, str] = {_ADMIN: "the administrator, see cluster.adminKubeconfig"}
    found = [_identity(each, taken, cluster_name) for each in top.sections("identities")]
    return tuple(each for each in found if each is not None)


def _identity(section: Section, taken: dict[str, str], cluster_name: str | None) -> Identity | None:
    name = _name(section, taken, cluster_name)
    cluster_role = _cluster_role(section)
    namespaces = _namespaces(section)
    days, generation = section.number("expiryDays"), section.number("generation")
    if "role" in section and cluster_role == ROLES["deployer"] and "namespaces" not in section:
        section.report(
            "namespaces",
            "is missing: a deployer deploys into namespaces that are named",
            'write a list such as ["default"]',
        )
    if (
        name is None
        or cluster_role is None
        or namespaces is None
        or days is None
        or generation is None
    ):
        return None
    if cluster_role in _START_PODS and (not namespaces or _SYSTEM in namespaces):
        section.warn(
            "namespaces",
            f"who deploys into {_SYSTEM} can become administrator: pods there may run as "
            "Kubernetes' own controllers",
            "name the namespaces of your applications",
        )
    return Identity(
        name=name,
        cluster_role=cluster_role,
        namespaces=namespaces,
        cluster_reads=_READABLE if "role" in section else (),
        expiry_days=days,
        generation=generation,
    )


def _name(section: Section, taken: dict[str, str], cluster_name: str | None) -> str | None:
    name = section.text("name")
    if name is None:
        return None
    room = _BOTH_NAMES_LENGTH - len(cluster_name or "")
    fault = checks.name_fault(name, checks.NAME_LENGTH)
    if fault is None and name in taken:
        fault = f"is already the name of {taken[name]}"
    if fault is None and len(name) > room:
        fault = f"has {len(name)} characters, beside {shown(cluster_name)} {room} are allowed"
    if fault is not None:
        section.report("name", f"{shown(name)} {fault}", 'choose another name, such as "ci-shop"')
        return None
    taken[name] = spell(section.path)
    return name


def _cluster_role(section: Section) -> str | None:
    """The ClusterRole behind what is given."""
    given = [key for key in ("role", "clusterRole") if key in section]
    if len(given) != 1:
        section.report(
            "role",
            "role and clusterRole are both set" if given else "neither role nor clusterRole is set",
            'set one of them, such as role: "deployer"',
        )
        return None
    if given == ["clusterRole"]:
        what, fix = "the name of a ClusterRole", "write a name such as"
        name = checks.shaped(section, "clusterRole", what, fix)
        if name == "":
            section.report("clusterRole", f'"" is not {what}', f'{fix} "admin"')
        return name or None
    role = section.text("role")
    return None if role is None else ROLES[role]


def _namespaces(section: Section) -> tuple[str, ...] | None:
    accepted: list[str] = []
    listed = list(section.texts("namespaces"))
    for path, text in listed:
        if not re.fullmatch(NAME_SHAPE, text) or len(text) > _LABEL_LENGTH:
            fix = "write lower-case letters, digits and inner hyphens, at most 63"
            section.findings.add(path, f"{shown(text)} is no name of a namespace", fix)
        elif text in accepted:
            section.findings.add(path, f"{text} is listed twice", "remove one of them")
        else:
            accepted.append(text)
    if section.is_empty("namespaces"):
        # What was meant is one or the other, and they are far apart.
        section.report(
            "namespaces",
            "is empty",
            "name some, or leave it out where the role may hold in the whole cluster",
        )
    return tuple(accepted) if len(accepted) == len(listed) else None
