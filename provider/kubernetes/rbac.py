"""
The rights of an identity in the cluster: bindings of ClusterRoles to the names of its users.

A client certificate cannot be revoked; who it names has the rights of these objects and no others.
All of them are named after the identity and carry its label, so that what is too much is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from provider.errors import OperationFailed
from provider.kubernetes.kube_objects import Content, Objects
from provider.protocol.resource import Values

OWNER: Final = "k3s-aws"
LABEL: Final = f"{OWNER}/identity"
_GROUP: Final = "rbac.authorization.k8s.io"
_RBAC: Final = f"/apis/{_GROUP}/v1"
_KINDS: Final[Mapping[str, str]] = {
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
    "ClusterRole": "clusterroles",
}
# What of an object gives rights.
_COMPARED_FIELDS: Final = ("roleRef", "subjects", "rules", "aggregationRule")
# k3s applies a manifest with a role of its own within 15 s of its start.
_ROLE_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the users of an identity may do."""

    identity: str
    cluster_role: str
    cluster_reads: tuple[str, ...]
    namespaces: tuple[str, ...]
    users: tuple[str, ...]

    @classmethod
    def of(cls, given: Values, users: tuple[str, ...]) -> Rights:
        """The rights that the inputs of an Identity ask for."""
        return cls(
            identity=given["name"],
            cluster_role=given["clusterRole"],
            cluster_reads=tuple(given["clusterReads"]),
            namespaces=tuple(given["namespaces"]),
            users=users,
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
    """What every object of an identity carries."""
    return {"app.kubernetes.io/managed-by": OWNER, LABEL: identity}


def apply(objects: Objects, rights: Rights, before: Rights | None = None) -> None:
    """
    Makes the rights in the cluster exactly these; what is too much goes first.

    `before` are those they had so far, which go even where somebody took their label off.
    """
    _await_role(objects, rights.cluster_role)
    wanted, found = rights.objects, _found(objects, rights.identity)
    known = before.objects if before else {}
    for path in dict.fromkeys([*found, *known]):
        if path not in wanted:
            objects.delete(path)
    for namespace in rights.namespaces:
        _provide_namespace(objects, namespace)
    for path, each in wanted.items():
        if path not in found or _compared_fields(found[path]) != _compared_fields(each):
            objects.put(path, each)


def revoke(objects: Objects, rights: Rights) -> None:
    """Removes all rights of an identity, the bindings first; those without its label too."""
    for path in dict.fromkeys([*_found(objects, rights.identity), *rights.objects]):
        objects.delete(path)


def differences(objects: Objects, rights: Rights) -> list[str]:
    """The objects that are missing, changed or too many."""
    wanted, found = rights.objects, _found(objects, rights.identity)
    return [
        _format_reason(wanted.get(path) or found[path])
        for path in sorted({*wanted, *found})
        if path not in wanted
        or path not in found
        or _compared_fields(found[path]) != _compared_fields(wanted[path])
    ]


def _await_role(objects: Objects, name: str) -> None:
    """Binding a role that is not there would give nothing, and say nothing."""
    begin = objects.wait.elapsed
    while objects.get(f"{_RBAC}/clusterroles/{name}") is None:
        if objects.wait.elapsed - begin >= _ROLE_SECONDS:
            raise OperationFailed(
                f'the cluster has no ClusterRole "{name}"\n'
                "    correct its name, or make it in a manifest (cluster.manifests)"
            )
        objects.wait_for(f'the cluster has no ClusterRole "{name}"')


def _provide_namespace(objects: Objects, name: str) -> None:
    path = f"/api/v1/namespaces/{name}"
    while True:
        found = objects.get(path)
        if found is None:
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            objects.create(path, made)
            return
        if found.get("status", {}).get("phase") != "Terminating":
            return
        objects.wait_for(f'namespace "{name}" is being deleted')


def _found(objects: Objects, identity: str) -> dict[str, Content]:
    """The objects of the identity that are there, bindings first, by path."""
    selector = ",".join(f"{key}={value}" for key, value in labels(identity).items())
    found: dict[str, Content] = {}
    for kind, plural in _KINDS.items():
        for each in objects.listed(f"{_RBAC}/{plural}", selector):
            # The label alone may have been copied by somebody.
            if each["metadata"]["name"] in _names(identity):
                # The items of a list do not tell their kind.
                known = {**each, "kind": kind}
                found[_path(known)] = known
    return found


def _names(identity: str) -> tuple[str, str]:
    return f"{OWNER}:{identity}", f"{OWNER}:{identity}:reads"


def _path(content: Content) -> str:
    metadata = content["metadata"]
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{_RBAC}{place}/{_KINDS[content['kind']]}/{metadata['name']}"


def _compared_fields(content: Content) -> dict[str, Any]:
    return {key: content[key] for key in _COMPARED_FIELDS if content.get(key)}


def _format_reason(content: Content) -> str:
    metadata = content["metadata"]
    place = f" in {metadata['namespace']}" if "namespace" in metadata else ""
    return f"{content['kind']} {metadata['name']}{place}"
