"""Identity (k3s:index:Identity): a kubeconfig with permissions of its own."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

from provider.keys.validity import Validity
from provider.kubernetes import pod_security
from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, at_least
from provider.protocol.resource import Created, Resource
from provider.resources.connections import API, DEADLINE
from provider.resources.identity import IN_SYNC

_ISSUED: Final = ("kubeconfig", "userName", "previousUserName", "issuedAt", "expiresAt")
# Another user, and the previous one loses its permissions; `api` alone is one not yet known.
_ISSUED_AGAIN: Final = frozenset(
    {"generation", "clusterRole", "clusterReads", "expiryDays", "api", "api.serverCaCertificate"}
)
# The file is rendered again, for the same user.
_RENDERED_AGAIN: Final = frozenset({"api.endpoint", "namespaces"})
# How the cluster is reached and for how long: no reason to reach it.
_NOT_APPLIED: Final = frozenset({"deadlineSeconds", "api.clientCertificate", "api.clientKey"})


class Identity(Resource):
    """
    A client certificate with a user name of its own, and bindings that grant it permissions.

    Update binds again in another datastore, which is empty, and when the namespaces, their level of
    pod security or the objects in the cluster changed; the kubeconfig stays the same. In the last
    third of the certificate's life it issues another one, and the previous user keeps its
    permissions beside the new one. Another `generation`, role or validity issues another one, and
    revokes those of the previous.

    Delete removes the bindings if the API responds, and always succeeds; namespaces are kept.
    """

    token = "k3s:index:Identity"
    description = "A kubeconfig with permissions of its own, renewed in the last third of its life."
    inputs: ClassVar[Fields] = {
        "api": API,
        "datastoreId": Property(
            "string", "The data that the permissions are in.", fix="the id of the Datastore"
        ),
        "clusterName": Property(
            "string", "In the names of the user and the context.", fix="use the cluster's name"
        ),
        "name": Property("string", "The name, unique in the cluster.", fix='such as "deployer"'),
        "clusterRole": Property(
            "string", "The ClusterRole, in the namespaces or everywhere.", fix='such as "edit"'
        ),
        "namespaces": Property(
            "strings", "Where it has the role; if empty, everywhere.", fix="a list of names"
        ),
        "clusterReads": Property(
            "strings", "Core resources that it may read everywhere.", fix='a list such as ["nodes"]'
        ),
        "expiryDays": Property(
            "integer", "How long a certificate is valid.", fix="such as 90", test=at_least(1)
        ),
        "generation": Property(
            "integer",
            "A change revokes the previous kubeconfig.",
            fix="such as 1",
            test=at_least(1),
        ),
        "podSecurity": Property(
            "string",
            "What the pods of its namespaces may do to their node: the level of Pod Security "
            f"Admission; `{pod_security.DEFAULT_LEVEL}` if left out.",
            fix=f'such as "{pod_security.DEFAULT_LEVEL}"',
            choices=pod_security.LEVELS,
            optional=True,
        ),
        "deadlineSeconds": DEADLINE,
    }
    outputs: ClassVar[Fields] = {
        "kubeconfig": Property("string", "YAML, for kubectl.", secret=True),
        "userName": Property("string", "The user name in the certificate."),
        "previousUserName": Property(
            "string", "The user before a renewal, which keeps its permissions; or empty."
        ),
        "issuedAt": Property("string", "Start of the certificate's validity."),
        "expiresAt": Property("string", "End of the certificate's validity."),
        "rbacStatus": Property(
            "string", f"`{IN_SYNC}`, or `out of sync:` and the objects that differ."
        ),
    }
    replaces = frozenset({"name", "clusterName"})

    def recomputed_outputs(self, changed: Names) -> Names:
        if not _ISSUED_AGAIN.isdisjoint(changed):
            return tuple(self.outputs)
        return () if _RENDERED_AGAIN.isdisjoint(changed) else ("kubeconfig",)

    def expired_outputs(self, state: Values, now: datetime) -> Names:
        issued = _ISSUED if _is_due(state, now) else ()
        in_sync = state.get("rbacStatus", IN_SYNC) == IN_SYNC
        return issued if in_sync else (*issued, "rbacStatus")

    def create(self, operation: Operation, inputs: Values) -> Created:
        from provider.resources.identity import issuing

        return Created(id=inputs["name"], computed=issuing.issue(operation, inputs))

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        from provider.resources.identity import issuing

        now = operation.environment.clock.now()
        if not _ISSUED_AGAIN.isdisjoint(changed):
            return issuing.issue(operation, inputs, state)
        if _is_due(state, now):
            return issuing.issue(operation, inputs, state, keeps_user=True)
        if _NOT_APPLIED.issuperset(changed) and not self.expired_outputs(state, now):
            return super().update(operation, inputs, state, changed)
        return issuing.reconcile(operation, inputs, state)

    def read(self, operation: Operation, state: Values) -> Values | None:
        super().read(operation, state)
        from provider.resources.identity import issuing

        return issuing.read(operation, state)

    def delete(self, operation: Operation, state: Values) -> None:
        from provider.resources.identity import issuing

        issuing.remove(operation, state)


def _is_due(state: Values, now: datetime) -> bool:
    validity = Validity.of_outputs(state)
    return validity is not None and validity.due(now)
