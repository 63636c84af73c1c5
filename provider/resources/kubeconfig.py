"""Kubeconfig (k3s:index:Kubeconfig): the administrator's kubeconfig of the cluster."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Final

from provider.properties import Fields, Property, not_blank
from provider.resources.connections import API, DEADLINE, INSTANCE_ID, SSH
from provider.resources.resource import Created, Resource, Task, Values

# What the kubeconfig says, or where it is read from; other changes leave it as it is.
_READ_AGAIN: Final = frozenset(
    {"instanceId", "clusterName", "api", "api.endpoint", "api.serverCaCertificate"}
)


class Kubeconfig(Resource):
    """
    Read over pinned SSH, parsed, checked against our authority, proved with a real call.

    Without `ssh` it is made of the certificate in `api`.
    """

    token = "k3s:index:Kubeconfig"
    description = "The administrator's kubeconfig of the cluster, proved with a call. Secret."
    inputs: ClassVar[Fields] = {
        "ssh": SSH,
        "api": API,
        "instanceId": INSTANCE_ID,
        "clusterName": Property(
            kind="string",
            description="The name of cluster, context and user in the kubeconfig.",
            fix="use the cluster's name",
            test=not_blank,
        ),
        "deadlineSeconds": DEADLINE,
    }
    outputs: ClassVar[Fields] = {
        "kubeconfig": Property(kind="string", secret=True, description="YAML, for kubectl."),
        "expiresAt": Property(
            kind="string", description="Until when its client certificate is valid."
        ),
    }

    def learned_again(self, changed: Collection[str]) -> Collection[str]:
        return () if _READ_AGAIN.isdisjoint(changed) else tuple(self.outputs)

    def create(self, task: Task, inputs: Values) -> Created:
        return Created(id=inputs["clusterName"], learned=_fetched(task, inputs))

    def update(self, task: Task, inputs: Values, known: Values, changed: Collection[str]) -> Values:
        if _READ_AGAIN.isdisjoint(changed):
            return super().update(task, inputs, known, changed)
        return _fetched(task, inputs)


def _fetched(task: Task, inputs: Values) -> Values:
    from provider import kubeconfig_file

    return kubeconfig_file.fetch(task, inputs)
