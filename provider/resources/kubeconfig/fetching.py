"""
Fetching the kubeconfig: over pinned SSH, checked against our authority, proved with a real call.

Where SSH is disabled it is made of the administrator's certificate, and proved the same way.

What its text means is cluster/kubeconfig's business.
"""

from __future__ import annotations

import contextlib
from typing import Final

from cluster import kubeconfig
from provider.errors import OperationFailed
from provider.keys import certificates
from provider.kubernetes.api import (
    Access,
    Api,
    ApiError,
    InvalidCredentialsError,
    UntrustedServerError,
)
from provider.protocol.resource import Operation, Values
from provider.resources.connections import ssh_enabled
from provider.ssh.connection import Login
from provider.ssh.machine import POLL_SECONDS, Machine, explain_deadline
from provider.waiting import Wait

_FILE: Final = "/etc/rancher/k3s/k3s.yaml"


def fetch(operation: Operation, inputs: Values, aged: str | None = None) -> Values:
    """
    The kubeconfig for our endpoint, and when it is valid; raises KubeconfigError too.

    `aged` is the end of a certificate that is to be replaced: the server is to have another one.
    """
    wait = operation.wait(inputs["deadlineSeconds"])
    endpoint = inputs["api"]["endpoint"]
    if ssh_enabled(inputs):
        parts = _from_server(operation, wait, inputs, aged)
    else:
        parts = _own(operation, wait, inputs)
    return {
        "kubeconfig": kubeconfig.render(parts, endpoint=endpoint, name=inputs["clusterName"]),
        "issuedAt": certificates.beginning_of(parts.client_certificate),
        "expiresAt": certificates.expiry_of(parts.client_certificate),
    }


def _from_server(
    operation: Operation, wait: Wait, inputs: Values, aged: str | None = None
) -> kubeconfig.Parts:
    """What k3s wrote, as the first server has it; other than `aged`, after a restart if need be."""
    host = inputs["ssh"]["host"]
    machine = Machine(Login.of(inputs["ssh"]), wait, operation.environment.host_keys)
    what = f'no kubeconfig of cluster "{inputs["clusterName"]}" from server {host}'
    look = f"see k3s's log: {machine.hint('sudo journalctl -u k3s -n 50 --no-pager')}"
    with machine, explain_deadline(wait, what, lambda: look):
        parts = _checked(_read(operation, wait, machine), inputs)
        if aged and certificates.expiry_of(parts.client_certificate) == aged:
            _renew(operation, wait, machine)
            while certificates.expiry_of(parts.client_certificate) == aged:
                wait.seen = "k3s has not made its administrator's certificate anew"
                wait.pause(POLL_SECONDS)
                parts = _checked(_read(operation, wait, machine), inputs)
        _prove(operation, wait, inputs["api"]["endpoint"], parts)
    return parts


def _checked(text: str, inputs: Values) -> kubeconfig.Parts:
    """The parts of a kubeconfig that trusts our authority."""
    kubeconfig.verify(text, server_ca_certificate=inputs["api"]["serverCaCertificate"])
    return kubeconfig.parse(text)


def _renew(operation: Operation, wait: Wait, machine: Machine) -> None:
    """k3s looks at its certificates when it starts; pods go on meanwhile."""
    operation.report_progress("restart k3s: its administrator's certificate is near its end")
    while machine.ask("sudo -n systemctl restart --no-block k3s") is None:
        wait.pause(POLL_SECONDS)


def _own(operation: Operation, wait: Wait, inputs: Values) -> kubeconfig.Parts:
    """The administrator's certificate, which exists before the cluster."""
    api = inputs["api"]
    parts = kubeconfig.Parts(
        server=api["endpoint"],
        certificate_authority=api["serverCaCertificate"],
        client_certificate=api["clientCertificate"],
        client_key=api["clientKey"],
    )
    what = f'the kubeconfig of cluster "{inputs["clusterName"]}" is not proved'
    look = "the API has to be reachable from here: network.apiAllowedCidrs"
    with explain_deadline(wait, what, lambda: look):
        _prove(operation, wait, api["endpoint"], parts)
    return parts


def _read(operation: Operation, wait: Wait, machine: Machine) -> str:
    while True:
        answer = machine.ask(f"sudo -n cat {_FILE}")
        if answer is not None and answer.status == 0 and answer.output:
            return answer.output
        if answer is not None:
            wait.seen = f"k3s has not written {_FILE}"
        operation.report_progress(wait.seen)
        wait.pause(POLL_SECONDS)


def _prove(operation: Operation, wait: Wait, endpoint: str, parts: kubeconfig.Parts) -> None:
    """Calls the API as the kubeconfig's user, until it answers as it should."""
    access = Access(
        endpoint=endpoint,
        server_ca=parts.certificate_authority,
        client_certificate=parts.client_certificate,
        client_key=parts.client_key,
    )
    try:
        with contextlib.closing(Api(access)) as asked:
            while True:
                try:
                    return wait.run(asked.prove)
                except ApiError as error:
                    if isinstance(error, UntrustedServerError):
                        raise
                    wait.seen = f"{error} at {endpoint}"
                operation.report_progress(wait.seen)
                wait.pause(POLL_SECONDS)
    except (UntrustedServerError, InvalidCredentialsError) as error:
        raise OperationFailed(
            f"the kubeconfig does not work at {endpoint}: {error}\n"
            "    the endpoint must lead to the server that the kubeconfig was read from"
        ) from None
