"""
Fetching the kubeconfig: over pinned SSH, checked against our authority, proved with a real call.

What its text means is cluster/kubeconfig's business.
"""

from __future__ import annotations

import contextlib
from typing import Final

from cluster import kubeconfig
from provider import certificates
from provider.api import Access, Api, Foreign, Unfit, Unreachable
from provider.errors import Refused
from provider.machine import POLL_SECONDS, Machine, deadline_told
from provider.resources.resource import Task, Values
from provider.ssh import Login
from provider.waiting import Wait

_FILE: Final = "/etc/rancher/k3s/k3s.yaml"


def fetch(task: Task, inputs: Values) -> Values:
    """The kubeconfig for our endpoint, and until when it is valid; raises KubeconfigError too."""
    wait = task.wait(inputs["deadlineSeconds"])
    host, endpoint = inputs["ssh"]["host"], inputs["api"]["endpoint"]
    machine = Machine(Login.of(inputs["ssh"]), wait)
    what = f'no kubeconfig of cluster "{inputs["clusterName"]}" from server {host}'
    look = f"see k3s's log: {machine.hint('sudo journalctl -u k3s -n 50 --no-pager')}"
    with machine, deadline_told(wait, what, lambda: look):
        text = _read(task, wait, machine)
        kubeconfig.verify(text, server_ca_certificate=inputs["api"]["serverCaCertificate"])
        parts = kubeconfig.parse(text)
        _prove(task, wait, endpoint, parts)
    return {
        "kubeconfig": kubeconfig.render(parts, endpoint=endpoint, name=inputs["clusterName"]),
        "expiresAt": certificates.expiry_of(parts.client_certificate),
    }


def _read(task: Task, wait: Wait, machine: Machine) -> str:
    while True:
        answer = machine.ask(f"sudo -n cat {_FILE}")
        if answer is not None and answer.status == 0 and answer.output:
            return answer.output
        if answer is not None:
            wait.seen = f"k3s has not written {_FILE}"
        task.say(wait.seen)
        wait.pause(POLL_SECONDS)


def _prove(task: Task, wait: Wait, endpoint: str, parts: kubeconfig.Parts) -> None:
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
                except Unreachable as error:
                    if isinstance(error, Foreign):
                        raise
                    wait.seen = f"{error} at {endpoint}"
                task.say(wait.seen)
                wait.pause(POLL_SECONDS)
    except (Foreign, Unfit) as error:
        raise Refused(
            f"the kubeconfig does not work at {endpoint}: {error}\n"
            "    the endpoint must lead to the server that the kubeconfig was read from"
        ) from None
