"""
The namespaces of an identity, and what the pods in them may do to their node.

The label is that of Pod Security Admission, a part of every API server:
https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from provider.kubernetes.kube_objects import Content, Objects
from provider.waiting import Pending

LABEL: Final = "pod-security.kubernetes.io/enforce"
LEVELS: Final = ("privileged", "baseline", "restricted")
"""From the one that forbids nothing to the strictest."""

DEFAULT_LEVEL: Final = "baseline"

# Its pods are those of Kubernetes, and some of them need the node.
_EXEMPT: Final = "kube-system"
# The ClusterRole that starts no pods.
_ONLY_READS: Final = "view"


@dataclass(frozen=True, kw_only=True)
class PodSecurity:
    """The level of an identity with this role; `previous` is the one of its last update."""

    level: str
    cluster_role: str
    previous: str | None = None

    def ensure(self, objects: Objects, name: str) -> None:
        """
        Creates the namespace with the label, or sets the label of an existing one.

        A stricter label of somebody else is kept. Raises Pending while it is being deleted.
        """
        path = f"/api/v1/namespaces/{name}"
        found = objects.get(path)
        if found is None:
            labels = {} if self.level == LEVELS[0] else {LABEL: self.level}
            metadata = {"name": name, "labels": labels}
            objects.create(path, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        elif found.get("status", {}).get("phase") == "Terminating":
            raise Pending(f'namespace "{name}" is being deleted')
        elif (label := self._wanted(found)) != _label(found):
            objects.merge(path, {"metadata": {"labels": {LABEL: label}}})

    def differs(self, objects: Objects, name: str) -> bool:
        """Whether an existing namespace has another label than `ensure` sets."""
        found = objects.get(f"/api/v1/namespaces/{name}")
        return found is not None and self._wanted(found) != _label(found)

    def _wanted(self, namespace: Content) -> str | None:
        """The label that the namespace is to have; None for no label."""
        present = _label(namespace)
        if namespace["metadata"].get("name") == _EXEMPT or self.cluster_role == _ONLY_READS:
            return present
        if _strictness(self.level) > _strictness(present):
            return self.level
        if present == self.previous and self.level != present:
            return None if self.level == LEVELS[0] else self.level
        return present


def _label(namespace: Content) -> str | None:
    labels: Mapping[str, Any] = namespace["metadata"].get("labels") or {}
    return labels.get(LABEL)


def _strictness(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else 0
