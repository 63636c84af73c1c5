"""
Making an identity: a client certificate that the cluster signs, and rights bound to its user.

What the kubeconfig says is cluster/kubeconfig's business, what the roles are the program's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from cluster import kubeconfig
from provider.errors import DeadlineExceeded, OperationFailed
from provider.keys import certificates
from provider.kubernetes import csr, rbac
from provider.kubernetes.api import Access, Api, ApiError
from provider.kubernetes.drain import RETRY_SECONDS
from provider.kubernetes.kube_objects import Objects
from provider.kubernetes.rbac import Rights
from provider.protocol.resource import Operation, Values
from provider.resources.identity.resource import IN_SYNC
from provider.ssh.machine import explain_deadline

_DAY_SECONDS: Final = 24 * 60 * 60
# A refresh must not be slow because a cluster is away.
_LOOK_SECONDS: Final = 5.0


def issue(
    operation: Operation, inputs: Values, known: Values | None = None, *, keeps_user: bool = False
) -> Values:
    """A new user with a certificate; the one that is known may keep the rights beside it."""
    with _objects(operation, inputs) as objects:
        mark = operation.environment.random_hex(4)
        user = f"{rbac.OWNER}:{inputs['clusterName']}:{inputs['name']}:{mark}"
        operation.report_progress("has its certificate signed")
        signed = csr.sign(
            objects,
            name=f"{rbac.OWNER}-{inputs['name']}-{mark}",
            user=user,
            seconds=inputs["expiryDays"] * _DAY_SECONDS,
            labels=rbac.labels(inputs["name"]),
        )
        parts = kubeconfig.Parts(
            server=inputs["api"]["endpoint"],
            certificate_authority=inputs["api"]["serverCaCertificate"],
            client_certificate=signed.certificate,
            client_key=signed.key,
        )
        _prove(objects, parts)
        computed = {
            "kubeconfig": _rendered(inputs, parts),
            "userName": user,
            "previousUserName": known["userName"] if known and keeps_user else "",
            "issuedAt": certificates.beginning_of(signed.certificate),
            "expiresAt": certificates.expiry_of(signed.certificate),
        }
        return {**computed, **_bound(operation, objects, inputs, computed, known)}


def reconcile(operation: Operation, inputs: Values, known: Values) -> Values:
    """The users that are known, with the rights that the inputs ask for."""
    with _objects(operation, inputs) as objects:
        parts = kubeconfig.parse(known["kubeconfig"])
        kept = ("userName", "previousUserName", "issuedAt", "expiresAt")
        computed = {key: known[key] for key in kept}
        computed["kubeconfig"] = _rendered(inputs, parts)
        return {**computed, **_bound(operation, objects, inputs, computed, known)}


def read(operation: Operation, known: Values) -> Values:
    """The outputs as the API shows them: another `rbacStatus` when somebody changed an object."""
    wait = operation.wait(_LOOK_SECONDS)
    try:
        with contextlib.closing(Api(Access.of(known["api"]))) as api:
            wanted = Rights.of(known, _users(known))
            found = rbac.differences(Objects(operation, api, wait), wanted)
    except (ApiError, DeadlineExceeded) as error:
        operation.warn(
            f'the rights of identity "{known["name"]}" were not looked at, its state stays as it '
            f"was: {error}"
        )
        return known
    return {**known, "rbacStatus": f"out of sync: {', '.join(found)}" if found else IN_SYNC}


def remove(operation: Operation, known: Values) -> None:
    """Takes the rights away as far as the API answers; what is left behind is told."""
    name = known["name"]
    wait = operation.wait(min(RETRY_SECONDS, known["deadlineSeconds"]))
    wait.seen = "the API does not answer in time"
    try:
        with contextlib.closing(Api(Access.of(known["api"]))) as api:
            operation.report_progress("takes its rights away")
            rbac.revoke(Objects(operation, api, wait), Rights.of(known, _users(known)))
    except (ApiError, DeadlineExceeded) as error:
        seen = wait.seen if isinstance(error, DeadlineExceeded) else error
        operation.warn(
            f'the rights of identity "{name}" are left behind: {seen}\n'
            f"    if the cluster lives on, its kubeconfig works until {known['expiresAt']}; to end "
            "it: kubectl delete clusterrolebindings,rolebindings,clusterroles -A -l "
            f"{rbac.LABEL}={name}"
        )


@contextlib.contextmanager
def _objects(operation: Operation, inputs: Values) -> Iterator[Objects]:
    wait = operation.wait(inputs["deadlineSeconds"])
    endpoint = inputs["api"]["endpoint"]
    what = f'identity "{inputs["name"]}" of cluster "{inputs["clusterName"]}" is not up to date'
    where = f"see whether the API answers at {endpoint}, and k3s's log on the first server"
    try:
        with (
            contextlib.closing(Api(Access.of(inputs["api"]))) as api,
            explain_deadline(wait, what, lambda: where),
        ):
            yield Objects(operation, api, wait)
    except ApiError as error:
        raise OperationFailed(
            f"{what}: {error}\n    the server of this stack must answer at {endpoint}"
        ) from None


def _prove(objects: Objects, parts: kubeconfig.Parts) -> None:
    """A real call as the new user: the cluster accepts the certificate it has signed."""
    access = Access(
        endpoint=parts.server,
        server_ca=parts.certificate_authority,
        client_certificate=parts.client_certificate,
        client_key=parts.client_key,
    )
    with contextlib.closing(Api(access)) as api:
        while True:
            try:
                # Who is known may still be forbidden to ask this.
                objects.wait.run(lambda: api.call("GET", "/readyz", accept=(403,)))
                return
            except ApiError as error:
                if not error.retryable:
                    raise
                last = str(error)
            objects.wait_for(last)


def _bound(
    operation: Operation, objects: Objects, inputs: Values, computed: Values, known: Values | None
) -> dict[str, Any]:
    operation.report_progress("binds its rights")
    before = Rights.of(known, _users(known)) if known else None
    rbac.apply(objects, Rights.of(inputs, _users(computed)), before)
    return {"rbacStatus": IN_SYNC}


def _users(known: Values) -> tuple[str, ...]:
    return tuple(each for each in (known["userName"], known["previousUserName"]) if each)


def _rendered(inputs: Values, parts: kubeconfig.Parts) -> str:
    return kubeconfig.render(
        parts,
        endpoint=inputs["api"]["endpoint"],
        name=f"{inputs['clusterName']}-{inputs['name']}",
        namespace=next(iter(inputs["namespaces"]), None),
    )
