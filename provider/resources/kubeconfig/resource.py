"""Kubeconfig (k3s:index:Kubeconfig): the administrator's kubeconfig of the cluster."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import ClassVar, Final

from provider.protocol.properties import Fields, Property, not_blank
from provider.protocol.resource import Created, Operation, Resource, Values
from provider.resources.connections import API, DEADLINE, INSTANCE_ID, SSH

# What the kubeconfig says, or where it is read from; other changes leave it as it is.
_READ_AGAIN: Final = frozenset(
    {"instanceId", "clusterName", "api", "api.endpoint", "api.serverCaCertificate"}
)
# k3s makes its administrator's certificate anew at a start within 120 days of its end:
# https://docs.k3s.io/cli/certificate#client-and-server-certificates
_RENEWABLE: Final = timedelta(days=118)


class Kubeconfig(Resource):
    """
    Read over pinned SSH, parsed, checked against our authority, proved with a real call.

    While SSH is disabled it is made of the certificate in `api`. In the last third of its life, or
    so late that k3s renews it, it is read again, after a restart of k3s if that has not come yet.
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
        "issuedAt": Property(
            kind="string", description="From when on its client certificate is valid."
        ),
        "expiresAt": Property(
            kind="string", description="Until when its client certificate is valid."
        ),
    }

    def recomputed_outputs(self, changed: Collection[str]) -> Collection[str]:
        return () if _READ_AGAIN.isdisjoint(changed) else tuple(self.outputs)

    def expired_outputs(self, known: Values, now: datetime) -> Collection[str]:
        if "issuedAt" not in known:
            return ()
        begin, end = (datetime.fromisoformat(known[key]) for key in ("issuedAt", "expiresAt"))
        aged = now >= end - min((end - begin) / 3, _RENEWABLE)
        return tuple(self.outputs) if aged else ()

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=inputs["clusterName"], computed=_fetched(operation, inputs))

    def update(
        self, operation: Operation, inputs: Values, known: Values, changed: Collection[str]
    ) -> Values:
        if self.expired_outputs(known, operation.environment.clock.now()):
            return _fetched(operation, inputs, known["expiresAt"])
        if _READ_AGAIN.isdisjoint(changed):
            return super().update(operation, inputs, known, changed)
        return _fetched(operation, inputs)


def _fetched(operation: Operation, inputs: Values, aged: str | None = None) -> Values:
    from provider.resources.kubeconfig import fetching

    return fetching.fetch(operation, inputs, aged)
