"""
Issuing an identity: a client certificate signed by the cluster, and RBAC objects for its user.

The text of the kubeconfig is cluster/kubeconfig's business; the roles are chosen by the program.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from cluster import kubeconfig, untrusted_text
from provider.errors import DeadlineExceeded, OperationFailed
from provider.keys import certificates
from provider.kubernetes import csr, rbac
from provider.kubernetes.api import Api, ApiError
from provider.kubernetes.drain import RETRY_SECONDS
from provider.kubernetes.kube_objects import Objects
from provider.kubernetes.rbac import Grants
from provider.operation import Operation, Values
from provider.resources.connections import api_of
from provider.resources.identity import IN_SYNC
from provider.waiting import explain_deadline

_DAY_SECONDS: Final = 24 * 60 * 60
# A refresh must not be slow because a cluster does not respond.
_READ_SECONDS: Final = 5.0


def issue(
    operation: Operation, inputs: Values, state: Values | None = None, *, keeps_user: bool = False
) -> Values:
    """A new user with a certificate; `keeps_user`: the previous user keeps its permissions."""
    with _objects(operation, inputs) as objects:
        suffix = operation.environment.random_hex(4)
        user = f"{rbac.OWNER}:{inputs['clusterName']}:{inputs['name']}:{suffix}"
        operation.report_progress("requesting a certificate")
        certificate, key = csr.sign(
            objects,
            name=f"{rbac.OWNER}-{inputs['name']}-{suffix}",
            user=user,
            seconds=inputs["expiryDays"] * _DAY_SECONDS,
            labels=rbac.labels(inputs["name"]),
        )
        parts = replace(api_of(inputs), client_certificate=certificate, client_key=key)
        _verify(objects, parts)
        computed = {
            "kubeconfig": _render(inputs, parts),
            "userName": user,
            "previousUserName": state["userName"] if state and keeps_user else "",
            **certificates.validity_of(certificate).outputs,
        }
        return _bind(operation, objects, inputs, computed, state)


def reconcile(operation: Operation, inputs: Values, state: Values) -> Values:
    """The present users, with the permissions of the inputs."""
    with _objects(operation, inputs) as objects:
        kept = ("userName", "previousUserName", "issuedAt", "expiresAt")
        parts = kubeconfig.parse(state["kubeconfig"])
        computed = {"kubeconfig": _render(inputs, parts), **{key: state[key] for key in kept}}
        return _bind(operation, objects, inputs, computed, state)


def read(operation: Operation, state: Values) -> Values:
    """The output `rbacStatus`; none when the API does not respond."""
    wait = operation.wait(_READ_SECONDS)
    try:
        with contextlib.closing(Api(api_of(state))) as api:
            found = rbac.differences(Objects(operation, api, wait), _grants(state, state))
    except (ApiError, DeadlineExceeded) as error:
        operation.warn(
            f'the RBAC objects of identity "{state["name"]}" could not be read, its state stays as '
            f"it was: {error}"
        )
        return {}
    # The names are the API's.
    differing = untrusted_text.one_line(", ".join(found))
    return {"rbacStatus": f"out of sync: {differing}" if found else IN_SYNC}


def remove(operation: Operation, state: Values) -> None:
    """Revokes the permissions; a warning when the API does not respond."""
    name = state["name"]
    wait = operation.wait(min(RETRY_SECONDS, state["deadlineSeconds"]))
    wait.seen = "the API does not respond in time"
    try:
        with contextlib.closing(Api(api_of(state))) as api:
            operation.report_progress("revoking its permissions")
            rbac.revoke(Objects(operation, api, wait), _grants(state, state))
    except (ApiError, DeadlineExceeded) as error:
        seen = wait.seen if isinstance(error, DeadlineExceeded) else error
        operation.warn(
            f'the RBAC objects of identity "{name}" are left behind: {seen}\n'
            f"    if the cluster still exists, the kubeconfig works until {state['expiresAt']}; to "
            "revoke it: kubectl delete clusterrolebindings,rolebindings,clusterroles -A -l "
            f"{rbac.LABEL}={name}"
        )


@contextlib.contextmanager
def _objects(operation: Operation, inputs: Values) -> Iterator[Objects]:
    wait = operation.wait(inputs["deadlineSeconds"])
    endpoint = inputs["api"]["endpoint"]
    what = f'identity "{inputs["name"]}" of cluster "{inputs["clusterName"]}" is not up to date'
    where = f"check that the API responds at {endpoint}, and k3s's log on the first server"
    try:
        with (
            contextlib.closing(Api(api_of(inputs))) as api,
            explain_deadline(wait, what, lambda: where),
        ):
            yield Objects(operation, api, wait)
    except ApiError as error:
        raise OperationFailed(
            f"{what}: {error}\n    the server of this stack must respond at {endpoint}"
        ) from None


def _verify(objects: Objects, parts: kubeconfig.Parts) -> None:
    """Calls the API as the new user: the cluster must accept the certificate it has signed."""
    with contextlib.closing(Api(parts)) as api:
        # An authenticated user may still be forbidden to call this.
        objects.until(lambda: objects.wait.run(lambda: api.call("GET", "/readyz", accept=(403,))))


def _bind(
    operation: Operation, objects: Objects, inputs: Values, computed: Values, state: Values | None
) -> Values:
    operation.report_progress("applying its RBAC objects")
    rbac.apply(objects, _grants(inputs, computed), _grants(state, state) if state else None)
    return {**computed, "rbacStatus": IN_SYNC}


def _grants(inputs: Values, users: Values) -> Grants:
    """The permissions of the inputs for the user and the previous user in `users`."""
    names = (users["userName"], users["previousUserName"])
    return Grants.of(inputs, tuple(each for each in names if each))


def _render(inputs: Values, parts: kubeconfig.Parts) -> str:
    return kubeconfig.render(
        parts,
        endpoint=inputs["api"]["endpoint"],
        name=f"{inputs['clusterName']}-{inputs['name']}",
        namespace=next(iter(inputs["namespaces"]), None),
    )
