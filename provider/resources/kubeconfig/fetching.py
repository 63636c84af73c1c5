"""
Fetching the kubeconfig: over pinned SSH, checked against our authority, verified with a call.

Where SSH is disabled it is built from the administrator's certificate, and verified the same way.
The text of a kubeconfig is cluster/kubeconfig's business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cluster import kubeconfig
from provider.errors import OperationFailed
from provider.keys import certificates
from provider.keys.host_keys import HostKeys
from provider.kubernetes.api import (
    Api,
    ApiError,
    InvalidCredentialsError,
    UntrustedServerError,
)
from provider.operation import Operation, Values
from provider.resources.connections import api_of, ssh_enabled
from provider.ssh.connection import Login
from provider.ssh.machine import Machine
from provider.waiting import Pending, Wait, explain_deadline

_FILE: Final = "/etc/rancher/k3s/k3s.yaml"


def fetch(
    operation: Operation, inputs: Values, host_keys: HostKeys, expired: str | None = None
) -> Values:
    """
    The outputs: a kubeconfig for our endpoint and its validity. Raises KubeconfigError too.

    `expired` is the `expiresAt` of a certificate that is due: another one must be fetched.
    """
    wait = operation.wait(inputs["deadlineSeconds"])
    endpoint, name = inputs["api"]["endpoint"], inputs["clusterName"]
    machines: list[Machine] = []
    if ssh_enabled(inputs):
        servers = (inputs["ssh"], *(inputs.get("otherServers") or {}).values())
        machines = [Machine(Login.of(each), wait, host_keys) for each in servers]
        what = f'no kubeconfig of cluster "{name}" from server {inputs["ssh"]["host"]}'
        where = f"see k3s's log: {machines[0].hint('sudo journalctl -u k3s -n 50 --no-pager')}"
    else:
        what = f'the kubeconfig of cluster "{name}" could not be verified'
        where = "the API has to be reachable from here: network.apiAllowedCidrs"
    with contextlib.ExitStack() as stack:
        stack.enter_context(explain_deadline(wait, what, lambda: where))
        for each in machines:
            stack.enter_context(each)
        parts = (
            _from_servers(operation, wait, inputs, machines, expired)
            if machines
            else api_of(inputs)
        )
        _verify(operation, wait, endpoint, parts)
    return {
        "kubeconfig": kubeconfig.render(parts, endpoint=endpoint, name=name),
        **certificates.validity_of(parts.client_certificate).outputs,
    }


def _from_servers(
    operation: Operation,
    wait: Wait,
    inputs: Values,
    machines: Sequence[Machine],
    expired: str | None,
) -> kubeconfig.Parts:
    """
    What k3s wrote on the first server that can be reached; with another certificate than `expired`,
    after a restart if need be.
    """
    reached = machines[0]

    def read() -> kubeconfig.Parts:
        nonlocal reached
        for reached in machines:
            result = reached.try_run(f"sudo -n cat {_FILE}")
            if result is not None:
                break
        else:
            raise Pending(wait.seen)
        if result.status != 0 or not result.output:
            raise Pending(f"k3s has not written {_FILE}")
        authority = inputs["api"]["serverCaCertificate"]
        kubeconfig.verify(result.output, server_ca_certificate=authority)
        return kubeconfig.parse(result.output)

    def read_renewed() -> kubeconfig.Parts:
        parts = read()
        if _expiry(parts) == expired:
            raise Pending("k3s has not renewed its administrator's certificate")
        return parts

    parts = wait.until(read, seen=operation.report_progress)
    if expired is None or _expiry(parts) != expired:
        return parts
    # k3s renews its certificates when it starts; pods keep running meanwhile.
    operation.report_progress("restart k3s: its administrator's certificate is about to expire")
    reached.run("sudo -n systemctl restart --no-block k3s")
    return wait.until(read_renewed)


def _expiry(parts: kubeconfig.Parts) -> str:
    return certificates.validity_of(parts.client_certificate).outputs["expiresAt"]


def _verify(operation: Operation, wait: Wait, endpoint: str, parts: kubeconfig.Parts) -> None:
    """Calls the API as the kubeconfig's user, until it responds as it should."""

    def call(api: Api) -> None:
        try:
            wait.run(api.check_ready)
        except UntrustedServerError:
            raise
        except ApiError as error:
            raise Pending(f"{error} at {endpoint}") from None

    try:
        with contextlib.closing(Api(replace(parts, server=endpoint))) as api:
            wait.until(lambda: call(api), seen=operation.report_progress)
    except (UntrustedServerError, InvalidCredentialsError) as error:
        raise OperationFailed(
            f"the kubeconfig does not work at {endpoint}: {error}\n"
            "    the endpoint must lead to the server that the kubeconfig was read from"
        ) from None
