"""
Waiting until a machine's boot is done and its Kubernetes node is Ready; setting it up again.

First the boot report is read from the machine, then the Node from the API. Both share one deadline.
Where SSH is switched off there is no report, and only the API is called.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cluster import boot_program as program
from cluster.boot_report import BootReport
from cluster.machine_files import NodeConfig
from provider.errors import OperationFailed
from provider.keys.host_keys import HostKeys
from provider.kubernetes import node_metadata
from provider.kubernetes.api import (
    Api,
    ApiError,
    InvalidCredentialsError,
    NodeState,
    UntrustedServerError,
)
from provider.operation import Operation, Values
from provider.resources.connections import ssh_enabled
from provider.resources.node.boot import UNITS, Boot, console_hint, machine_of
from provider.resources.node.node_object import open_api, outputs_of, remove_previous
from provider.ssh.machine import Machine
from provider.waiting import Pending, explain_deadline

# A kubelet registers once, when it starts. When the boot is done for so long and the API has no
# such Node, it was deleted, and only a restart of k3s registers it again.
_REGISTRATION_SECONDS: Final = 30.0
# Some images make host keys beside cloud-init, until the boot program brings the machine's own.
_HOST_KEY_SECONDS: Final = 90.0
# So often an API that does not respond is asked for Nodes of earlier machines.
_PREVIOUS_SECONDS: Final = 10.0
# A kubelet reports its new version a moment after its restart.
_VERSION_SECONDS: Final = 15.0
_WITHOUT_SSH: Final = (
    "SSH is switched off, network.sshAllowedCidrs switches it on: the user data of a machine "
    "that was made again has no later change, such as an upgrade of k3s"
)


class Readiness:
    """The wait for the node of these inputs, for its computed outputs; `state` are those so far."""

    def __init__(
        self,
        operation: Operation,
        inputs: Values,
        host_keys: HostKeys,
        boot_program: Callable[[], Mapping[str, str]],
        state: Values | None = None,
    ) -> None:
        self._operation = operation
        self._inputs = inputs
        self._name: str = inputs["nodeName"]
        self._config: NodeConfig = inputs["nodeConfig"]
        self._boot_program = boot_program
        self._wait = operation.wait(inputs["deadlineSeconds"])
        self._next_look: float | None = 0.0
        self._machine: Machine | None = None
        if ssh_enabled(inputs):
            self._machine = machine_of(inputs, self._wait, host_keys, state)
            self._machine.redact = operation.redact
            self._boot = Boot(
                inputs=inputs,
                machine=self._machine,
                wait=self._wait,
                now=operation.environment.clock.now,
                report_progress=self._report_progress,
                while_running=self._remove_previous,
            )

    def of_new_machine(self) -> Values:
        """
        Waits for the first boot, then for the Node.

        A machine that was set up by another node configuration, or whose boot had already failed,
        is set up by ours first: a repeated `up` can succeed on the same machine.
        """
        with self._limited():
            self._remove_previous()
            if self._machine is None:
                return self._ready(None)
            self._machine.host_key_grace_seconds = _HOST_KEY_SECONDS
            report = self._boot.first()
            self._machine.host_key_grace_seconds = 0.0
            if report.state == "failed" or not self._machine.runs(self._config):
                report = self._boot.set_up(self._modules())
            return self._ready(report)

    def of_running_machine(
        self,
        config_before: NodeConfig,
        version_before: str | None,
        *,
        restarted: bool = False,
        joins_again: bool = False,
    ) -> Values:
        """
        Sets the machine up by our node configuration, then waits for the Node.

        `version_before` is what its kubelet reported before. `restarted`: the machine was, so the
        status of its Node may be older. `joins_again`: the server was replaced, and only a kubelet
        that starts registers there.
        """
        old, new = (each["pool"]["k3s"]["version"] for each in (config_before, self._config))
        if old != new:
            self._boot.upgrade = f"k3s {old} to {new}"
        with self._limited():
            report = self._boot.set_up(self._modules())
            boot_id = self._machine.boot_id() if restarted and self._machine else None
            version = version_before if old != new else None
            ready = self._ready(report, version, boot_id, joins_again=joins_again)
            with contextlib.closing(self._api()) as api:
                node_metadata.update(api, self._wait, self._name, config_before, self._config)
            return ready

    def _remove_previous(self) -> None:
        """
        What an earlier machine at the address left, once the API responds.

        While the machine boots, since a server cannot join before. The API of the first one does
        not respond then: it has nothing of earlier machines.
        """
        now = self._wait.elapsed
        if self._next_look is not None and now >= self._next_look:
            done = remove_previous(self._operation, self._inputs)
            self._next_look = None if done else now + _PREVIOUS_SECONDS

    def _modules(self) -> Mapping[str, str]:
        return program.of_role(self._boot_program(), self._inputs["role"])

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        place = f" ({self._inputs['ssh']['host']})" if self._machine else ""
        what = f'node "{self._name}"{place} is not Ready'
        machine = self._machine or contextlib.nullcontext()
        without = f"{_WITHOUT_SSH}\n    {console_hint(self._inputs)}"
        where = self._boot.where_to_look if self._machine else lambda: without
        with machine, explain_deadline(self._wait, what, where):
            yield

    def _ready(
        self,
        report: BootReport | None,
        version_before: str | None = None,
        boot_id: str | None = None,
        *,
        joins_again: bool = False,
    ) -> Values:
        """
        Waits for the Node; `version_before` is the version the kubelet must no longer have,
        `boot_id` the boot it must have reported from. `joins_again`: a Node that the API does not
        have was never registered there, so k3s is restarted without waiting for one.
        """
        if self._machine:
            self._boot.k3s_started = True
        content = report.content if report else {"node": self._name, "state": "not read"}
        self._wait.seen = report.describe() if report else "no report, SSH is switched off"
        since = self._wait.elapsed
        restarted = False

        def poll(api: Api) -> NodeState:
            nonlocal restarted
            responded, node = self._node(api)
            waited = self._wait.elapsed - since
            if node and node.ready and boot_id not in (None, node.boot_id):
                self._seen("restarted, its kubelet has not reported since")
            elif node and node.ready:
                if node.kubelet_version != version_before or waited >= _VERSION_SECONDS:
                    return node
            elif self._machine and responded and not node and not restarted:
                if joins_again:
                    restarted = self._restart(self._machine, "the server was replaced")
                elif waited >= _REGISTRATION_SECONDS:
                    restarted = self._restart(self._machine, "the Node object was deleted")
            raise Pending(self._wait.seen)

        with contextlib.closing(self._api()) as api:
            node = self._wait.until(lambda: poll(api))
        seconds = round(self._wait.elapsed, 1)
        self._report_progress(f"Ready after {seconds} s")
        # By the name that we know: a machine may report that of another one, or none.
        boot_report = {**content, "node": self._name}
        return {"bootReport": boot_report, **outputs_of(node), "readySeconds": seconds}

    def _api(self) -> Api:
        try:
            return open_api(self._inputs)
        except InvalidCredentialsError as error:
            raise OperationFailed(
                f"{error}\n    use adminCertificate and adminKey of the authority"
            ) from None

    def _node(self, api: Api) -> tuple[bool, NodeState | None]:
        """Whether the API responded, and the Node if there is one."""
        endpoint = self._inputs["api"]["endpoint"]
        try:
            node = self._wait.run(lambda: api.node(self._name))
        except UntrustedServerError as error:
            raise OperationFailed(
                f"another cluster responds at {endpoint}: {error}\n"
                "    the endpoint must lead to the servers that this stack created"
            ) from None
        except ApiError as error:
            self._seen(f"{error} at {endpoint}")
            return False, None
        boot = "boot done, " if self._machine else ""
        if node is None:
            self._seen(f"{boot}the kubelet has not registered")
        elif not node.ready:
            self._seen(f"{boot}{node.reason}")
        return True, node

    def _restart(self, machine: Machine, why: str) -> bool:
        """Whether the restart was requested; it ends long after the node is Ready again."""
        unit = UNITS[self._inputs["role"]]
        self._report_progress(f"restart {unit}: {why}")
        return machine.try_run(f"sudo -n systemctl restart --no-block {unit}") is not None

    def _seen(self, text: str) -> None:
        self._wait.seen = text
        self._report_progress(text)

    def _report_progress(self, text: str) -> None:
        self._operation.report_progress(f"{self._inputs['role']} {self._name}: {text}")
