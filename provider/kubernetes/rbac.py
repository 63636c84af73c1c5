"""
The RBAC objects of an identity: bindings of ClusterRoles to the names of its users.

A client certificate cannot be revoked; its user has the permissions of these objects and no others.
All of them are named after the identity and carry its label, so that superfluous ones are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from provider.errors import OperationFailed
from provider.kubernetes.kube_objects import Content, Objects
from provider.kubernetes.pod_security import DEFAULT_LEVEL, PodSecurity
from provider.kubernetes.pod_security import LABEL as POD_SECURITY_LABEL
from provider.operation import Values
from provider.waiting import Pending

OWNER: Final = "k3s-aws"
LABEL: Final = f"{OWNER}/identity"
_GROUP: Final = "rbac.authorization.k8s.io"
_RBAC: Final = f"/apis/{_GROUP}/v1"
_KINDS: Final[Mapping[str, str]] = {
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
    "ClusterRole": "clusterroles",
}
# The fields of an object that grant permissions.
_COMPARED_FIELDS: Final = ("roleRef", "subjects", "rules", "aggregationRule")
# k3s applies a manifest with a role of its own within 15 s of its start.
_ROLE_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Grants:
    """The permissions of an identity's users."""

    identity: str
    cluster_role: str
    cluster_reads: tuple[str, ...]
    namespaces: tuple[str, ...]
    users: tuple[str, ...]
    pod_security: str | None = None
    """None where no update has set one yet."""

    @classmethod
    def of(cls, given: Values, users: tuple[str, ...]) -> Grants:
        """The permissions that the inputs of an Identity describe."""
        return cls(
            identity=given["name"],
            cluster_role=given["clusterRole"],
            cluster_reads=tuple(given["clusterReads"]),
            namespaces=tuple(given["namespaces"]),
            users=users,
            pod_security=given.get("podSecurity"),
        )

    @property
    def objects(self) -> dict[str, Content]:
        """Every object by its path."""
        return {_path(each): each for each in self._objects()}

    def _objects(self) -> Iterator[Content]:
        name, reads = _names(self.identity)
        for namespace in self.namespaces:
            yield self._binding("RoleBinding", name, self.cluster_role, namespace)
        if not self.namespaces:
            yield self._binding("ClusterRoleBinding", name, self.cluster_role)
        if self.cluster_reads:
            rule = {
                "apiGroups": [""],
                "resources": list(self.cluster_reads),
                "verbs": ["get", "list", "watch"],
            }
            yield {**self._object("ClusterRole", reads), "rules": [rule]}
            yield self._binding("ClusterRoleBinding", reads, reads)

    def _binding(
        self, kind: str, name: str, role: str, namespace: str | None = None
    ) -> dict[str, Any]:
        return {
            **self._object(kind, name, namespace),
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": _GROUP, "kind": "User", "name": each} for each in self.users],
        }

    def _object(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": name, "labels": labels(self.identity)}
        if namespace is not None:
            metadata["namespace"] = namespace
        return {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata}


def labels(identity: str) -> dict[str, str]:
    """The labels of every object of an identity."""
    return {"app.kubernetes.io/managed-by": OWNER, LABEL: identity}


def apply(objects: Objects, grants: Grants, previous: Grants | None = None) -> None:
    """
    Creates and changes the objects in the cluster to these; superfluous ones are deleted first.

    `previous` ones are deleted even where their label was removed.
    """
    begin = objects.wait.elapsed
    objects.until(lambda: _require_role(objects, grants.cluster_role, begin))
    wanted, found = grants.objects, _found(objects, grants.identity)
    for path in dict.fromkeys([*found, *(previous.objects if previous else ())]):
        if path not in wanted:
            objects.delete(path)
    security = _pod_security(grants, previous)
    for namespace in grants.namespaces:
        objects.until(lambda: security.ensure(objects, namespace))  # noqa: B023
    for path, each in wanted.items():
        if path not in found or _compared_fields(found[path]) != _compared_fields(each):
            objects.put(path, each)


def revoke(objects: Objects, grants: Grants) -> None:
    """Deletes all objects of an identity, the bindings first; those without its label too."""
    for path in dict.fromkeys([*_found(objects, grants.identity), *grants.objects]):
        objects.delete(path)


def differences(objects: Objects, grants: Grants) -> list[str]:
    """The objects that are missing, changed or superfluous, and namespaces with another label."""
    wanted, found = grants.objects, _found(objects, grants.identity)
    security = _pod_security(grants)
    labels = [
        f"label {POD_SECURITY_LABEL} of Namespace {each}"
        for each in grants.namespaces
        if security.differs(objects, each)
    ]
    return labels + [
        _describe(wanted.get(path) or found[path])
        for path in sorted({*wanted, *found})
        if path not in wanted
        or path not in found
        or _compared_fields(found[path]) != _compared_fields(wanted[path])
    ]


def _require_role(objects: Objects, name: str, begin: float) -> None:
    """Kubernetes accepts a binding of a role that does not exist, and it grants nothing."""
    if objects.get(f"{_RBAC}/clusterroles/{name}") is not None:
        return
    missing = f'the cluster has no ClusterRole "{name}"'
    if objects.wait.elapsed - begin < _ROLE_SECONDS:
        raise Pending(missing)
    raise OperationFailed(
        f"{missing}\n    correct its name, or create it in a manifest (cluster.manifests)"
    )


def _pod_security(grants: Grants, previous: Grants | None = None) -> PodSecurity:
    return PodSecurity(
        level=grants.pod_security or DEFAULT_LEVEL,
        cluster_role=grants.cluster_role,
        previous=previous.pod_security if previous else None,
    )


def _found(objects: Objects, identity: str) -> dict[str, Content]:
    """The existing objects of the identity, bindings first, by path."""
    selector = ",".join(f"{key}={value}" for key, value in labels(identity).items())
    found: dict[str, Content] = {}
    for kind, plural in _KINDS.items():
        for each in objects.listed(f"{_RBAC}/{plural}", selector):
            # The label alone may have been copied to another object.
            if each["metadata"]["name"] in _names(identity):
                # The items of a list have no kind.
                typed = {**each, "kind": kind}
                found[_path(typed)] = typed
    return found


def _names(identity: str) -> tuple[str, str]:
    return f"{OWNER}:{identity}", f"{OWNER}:{identity}:reads"


def _path(content: Content) -> str:
    metadata = content["metadata"]
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{_RBAC}{place}/{_KINDS[content['kind']]}/{metadata['name']}"


def _compared_fields(content: Content) -> dict[str, Any]:
    return {key: content[key] for key in _COMPARED_FIELDS if content.get(key)}


def _describe(content: Content) -> str:
    metadata = content["metadata"]
    place = f" in {metadata['namespace']}" if "namespace" in metadata else ""
    return f"{content['kind']} {metadata['name']}{place}"
