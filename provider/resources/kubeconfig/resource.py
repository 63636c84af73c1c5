"""Kubeconfig (k3s:index:Kubeconfig): the administrator's kubeconfig of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from provider.keys.host_keys import HostKeys
from provider.keys.validity import Validity
from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, failures
from provider.protocol.resource import Created, Resource
from provider.resources.connections import API, DEADLINE, INSTANCE_ID, SSH

# The content of the kubeconfig, or where it is read from; other changes do not affect it.
_FETCHED_AGAIN: Final = frozenset(
    {"instanceId", "clusterName", "api", "api.endpoint", "api.serverCaCertificate"}
)
# k3s renews its administrator's certificate at a start within 120 days of its end:
# https://docs.k3s.io/cli/certificate#client-and-server-certificates
_RENEWABLE: Final = timedelta(days=118)


def _are_connections(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "is not an object"
    found = next(failures(dict.fromkeys(value, SSH), value), None)
    return f"{found.path}: {found.reason}" if found else None


class Kubeconfig(Resource):
    """
    Read over pinned SSH from the first server that can be reached, parsed, checked against our
    authority, verified with a call.

    While SSH is disabled it is built from the certificate in `api`. In the last third of its life,
    or so late that k3s renews it, it is fetched again, after a restart of k3s if need be.
    """

    token = "k3s:index:Kubeconfig"
    description = "The administrator's kubeconfig of the cluster, verified with a call. Secret."
    inputs: ClassVar[Fields] = {
        "ssh": SSH,
        "api": API,
        "instanceId": INSTANCE_ID,
        "clusterName": Property(
            "string", "The name of cluster, context and user.", fix="use the cluster's name"
        ),
        "deadlineSeconds": DEADLINE,
        "otherServers": Property(
            "any",
            "SshConnection by name: servers that it is read from where the first is away.",
            secret=True,
            optional=True,
            fix="the ssh of the other servers",
            test=_are_connections,
        ),
    }
    outputs: ClassVar[Fields] = {
        "kubeconfig": Property("string", "YAML, for kubectl.", secret=True),
        "issuedAt": Property("string", "Start of the client certificate's validity."),
        "expiresAt": Property("string", "End of the client certificate's validity."),
    }

    def __init__(self, host_keys: HostKeys) -> None:
        self._host_keys = host_keys

    def recomputed_outputs(self, changed: Names) -> Names:
        return () if _FETCHED_AGAIN.isdisjoint(changed) else tuple(self.outputs)

    def expired_outputs(self, state: Values, now: datetime) -> Names:
        validity = Validity.of_outputs(state)
        return tuple(self.outputs) if validity and validity.due(now, _RENEWABLE) else ()

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=inputs["clusterName"], computed=self._fetch(operation, inputs))

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        if self.expired_outputs(state, operation.environment.clock.now()):
            return self._fetch(operation, inputs, state["expiresAt"])
        if _FETCHED_AGAIN.isdisjoint(changed):
            return super().update(operation, inputs, state, changed)
        return self._fetch(operation, inputs)

    def _fetch(self, operation: Operation, inputs: Values, expired: str | None = None) -> Values:
        from provider.resources.kubeconfig import fetching

        return fetching.fetch(operation, inputs, self._host_keys, expired)
