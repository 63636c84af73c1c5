"""Identity (k3s:index:Identity): somebody who may call the API, with rights of its own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from provider.protocol.properties import Fields, Property, at_least, not_blank
from provider.protocol.resource import Created, Operation, Resource, Values
from provider.resources.connections import API, DEADLINE

IN_SYNC: Final = "in sync"
"""The output `rbacStatus` while the objects in the cluster are those of the inputs."""

_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
_MADE_BY_ISSUING: Final = ("kubeconfig", "userName", "previousUserName", "issuedAt", "expiresAt")
# Another user, and the one before has no rights any more; `api` alone is one that is not known yet.
_ISSUED_ANEW: Final = frozenset(
    {"generation", "clusterRole", "clusterReads", "expiryDays", "api", "api.serverCaCertificate"}
)
# The file says so, and the user stays.
_WRITTEN_ANEW: Final = frozenset({"api.endpoint", "namespaces"})
# Who and where, not what for: the cluster is not asked.
_UNTOUCHED: Final = frozenset({"deadlineSeconds", "api.clientCertificate", "api.clientKey"})


class Identity(Resource):
    """
    A client certificate with a user name of its own, and bindings that give rights to that name.

    Update binds again behind another server, whose cluster is empty, and when the namespaces or
    the objects in the cluster changed; the kubeconfig stays what it was. In the last third of the
    certificate's life it issues another, and the user before keeps the rights beside the new one.
    Another `generation`, role or validity issues another, and takes the rights of the one before.

    Delete removes the bindings as far as the API answers, and succeeds; namespaces stay.
    """

    token = "k3s:index:Identity"
    description = "A kubeconfig with rights of its own, renewed in the last third of its life."
    inputs: ClassVar[Fields] = {
        "api": API,
        "datastoreId": Property(
            kind="string",
            description="The data that the rights are part of; other data starts empty.",
            fix="the id of the Datastore",
            test=not_blank,
        ),
        "clusterName": Property(
            kind="string",
            description="Part of the user's name and of the kubeconfig's context.",
            fix="use the cluster's name",
            test=not_blank,
        ),
        "name": Property(
            kind="string",
            description="The identity's own name, one of each in a cluster.",
            fix='such as "deployer"',
            test=not_blank,
        ),
        "clusterRole": Property(
            kind="string",
            description="The ClusterRole it has, in the namespaces or in the whole cluster.",
            fix='such as "edit"',
            test=not_blank,
        ),
        "namespaces": Property(
            kind="strings",
            description="Where it has the role; none means the whole cluster.",
            fix="a list of names",
        ),
        "clusterReads": Property(
            kind="strings",
            description="Core resources that it may read in the whole cluster besides.",
            fix='a list such as ["nodes"]',
        ),
        "expiryDays": Property(
            kind="integer",
            description="How long a certificate is valid.",
            fix="a number of days, such as 90",
            test=at_least(1),
        ),
        "generation": Property(
            kind="integer",
            description="Another one makes the kubeconfig before worthless.",
            fix="a number, such as 1",
            test=at_least(1),
        ),
        "deadlineSeconds": DEADLINE,
    }
    outputs: ClassVar[Fields] = {
        "kubeconfig": Property(kind="string", secret=True, description="YAML, for kubectl."),
        "userName": Property(kind="string", description="Whom the certificate names."),
        "previousUserName": Property(
            kind="string", description="Who has the rights besides, since a renewal; or nothing."
        ),
        "issuedAt": Property(kind="string", description="Since when the certificate is valid."),
        "expiresAt": Property(kind="string", description="Until when it is valid."),
        "rbacStatus": Property(
            kind="string",
            description=f"`{IN_SYNC}`, or `out of sync:` and the objects that differ.",
        ),
    }
    replaces = frozenset({"name", "clusterName"})

    def recomputed_outputs(self, changed: Collection[str]) -> Collection[str]:
        if not _ISSUED_ANEW.isdisjoint(changed):
            return tuple(self.outputs)
        return () if _WRITTEN_ANEW.isdisjoint(changed) else ("kubeconfig",)

    def expired_outputs(self, known: Values, now: datetime) -> Collection[str]:
        aged = _MADE_BY_ISSUING if _has_aged(known, now) else ()
        return (*aged, *(("rbacStatus",) if known.get("rbacStatus", IN_SYNC) != IN_SYNC else ()))

    def create(self, operation: Operation, inputs: Values) -> Created:
        from provider.resources.identity import issuing

        return Created(id=inputs["name"], computed=issuing.issue(operation, inputs))

    def update(
        self, operation: Operation, inputs: Values, known: Values, changed: Collection[str]
    ) -> Values:
        from provider.resources.identity import issuing

        now = operation.environment.clock.now()
        if not _ISSUED_ANEW.isdisjoint(changed):
            return issuing.issue(operation, inputs, known)
        if _has_aged(known, now):
            return issuing.issue(operation, inputs, known, keeps_user=True)
        if _UNTOUCHED.issuperset(changed) and not self.expired_outputs(known, now):
            return super().update(operation, inputs, known, changed)
        return issuing.reconcile(operation, inputs, known)

    def read(self, operation: Operation, known: Values) -> Values | None:
        super().read(operation, known)
        from provider.resources.identity import issuing

        return issuing.read(operation, known)

    def delete(self, operation: Operation, known: Values) -> None:
        from provider.resources.identity import issuing

        issuing.remove(operation, known)


def _has_aged(known: Values, now: datetime) -> bool:
    """Whether the certificate is in the last third of its life, or past it."""
    if "expiresAt" not in known:
        return False
    begin, end = _time(known["issuedAt"]), _time(known["expiresAt"])
    return now >= end - (end - begin) / 3


def _time(text: Any) -> datetime:
    return datetime.strptime(text, _TIME).astimezone(UTC)
