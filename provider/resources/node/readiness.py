"""
Waiting until a machine's boot is done and its Kubernetes node is Ready; setting it up again.

First the boot report is read from the machine, then the Node from the API. Both share one deadline.
Where SSH is switched off there is no report, and only the API is called.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster.boot_report import BootReport
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
from provider.resources.connections import api_of, ssh_enabled
from provider.resources.node.node_object import outputs_of
from provider.ssh.connection import Login
from provider.ssh.machine import Machine, Setup
from provider.waiting import Pending, explain_deadline

_LAST_PHASE: Final = "start-k3s"
_UNITS: Final = {"server": "k3s", "agent": "k3s-agent"}
# A kubelet registers once, when it starts. When the boot is done for so long and the API has no
# such Node, it was deleted, and only a restart of k3s registers it again.
_REGISTRATION_SECONDS: Final = 30.0
# A kubelet reports its new version a moment after its restart.
_VERSION_SECONDS: Final = 15.0
# Enough of a cause to act upon; gRPC refuses a message of more than 8 KB.
_CAUSE_LENGTH: Final = 2000


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A node that is up, its boot report as far as it was read, and how long it took."""

    report: Mapping[str, Any]
    node: NodeState
    seconds: float

    @property
    def outputs(self) -> dict[str, Any]:
        report = dict(self.report)
        return {"bootReport": report, **outputs_of(self.node), "readySeconds": self.seconds}


class Readiness:
    """The wait for the node of these inputs; `state` has those that it was reached by so far."""

    def __init__(
        self,
        operation: Operation,
        inputs: Values,
        host_keys: HostKeys,
        boot_program: Callable[[], str],
        state: Values | None = None,
    ) -> None:
        self._operation = operation
        self._inputs = inputs
        self._name: str = inputs["nodeName"]
        self._boot_program = boot_program
        self._unit: str = _UNITS[inputs["role"]]
        self._wait = operation.wait(inputs["deadlineSeconds"])
        self._ssh = ssh_enabled(inputs)
        if self._ssh:
            self._machine = Machine(
                Login.of(inputs["ssh"]), self._wait, host_keys, _previous_logins(inputs, state)
            )
        # For messages while the API is called.
        self._boot = "boot done, " if self._ssh else ""
        self._k3s_started = False

    def of_new_machine(self) -> Ready:
        """
        Waits for the first boot, then for the Node.

        A machine that was set up by another node configuration, or whose boot had already failed,
        is set up by ours first: a repeated `up` can succeed on the same machine.
        """
        if not self._ssh:
            with self._limited():
                return self._ready(None)
        with self._limited():
            report = self._first_boot()
            if report.state == "failed" or not self._machine.runs(self._inputs["nodeConfig"]):
                report = self._set_up()
            return self._ready(report)

    def of_running_machine(
        self,
        config_before: str,
        version_before: str | None,
        *,
        restarted: bool = False,
        joins_again: bool = False,
    ) -> Ready:
        """
        Sets the machine up by our node configuration, then waits for the Node.

        `restarted`: the machine was, so the status of its Node may be older. `joins_again`: the
        server was replaced, and only a kubelet that starts registers there.
        """
        with self._limited():
            report = self._set_up()
            boot_id = self._machine.boot_id() if restarted else None
            ready = self._ready(report, version_before, boot_id, joins_again=joins_again)
            with contextlib.closing(self._api()) as api:
                node_metadata.update(
                    api, self._wait, self._name, config_before, self._inputs["nodeConfig"]
                )
            return ready

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        place = f" ({self._inputs['ssh']['host']})" if self._ssh else ""
        what = f'node "{self._name}"{place} is not Ready'
        machine = self._machine if self._ssh else contextlib.nullcontext()
        with machine, explain_deadline(self._wait, what, self._where_to_look):
            yield

    def _where_to_look(self) -> str:
        if not self._ssh:
            return (
                "SSH is switched off: the instance's console output has its boot log; "
                "network.sshAllowedCidrs switches SSH on"
            )
        if not self._k3s_started:
            return self._machine.boot_log
        command = f"sudo journalctl -u {self._unit} -n 50 --no-pager"
        return f"see k3s's log: {self._machine.hint(command)}"

    def _first_boot(self) -> BootReport:
        """The report of the ended boot; raises when it fails while we watch."""
        watched = False

        def look() -> BootReport:
            nonlocal watched
            report = self._own(self._machine.report())
            if report is None:
                self._say(self._wait.seen)
            elif report.state == "running":
                watched = True
                self._watch(report)
            elif report.state == "failed" and watched:
                raise self._failed(report)
            else:
                return report
            raise Pending(self._wait.seen)

        return self._wait.until(look)

    def _set_up(self) -> BootReport:
        self._say("applying the new node configuration")
        setup = Setup(
            node_config=self._inputs["nodeConfig"],
            secrets=self._inputs["secrets"],
            boot_program=self._boot_program(),
        )
        report = self._machine.apply(setup, self._watch)
        if report.state == "failed":
            raise self._failed(report)
        return report

    def _own(self, report: BootReport | None) -> BootReport | None:
        """The report, if it is of our instance: the address can still lead to the previous one."""
        if report is None:
            return None
        if report.instance_id and report.instance_id != self._inputs["instanceId"]:
            self._wait.seen = f'instance "{report.instance_id}" still has the address'
            return None
        if report.node and report.node != self._name:
            raise OperationFailed(
                f'the node name on the machine is "{report.node}", expected "{self._name}"\n'
                "    nodeName does not follow from the instance id: this is a bug in the program"
            )
        return report

    def _watch(self, report: BootReport) -> None:
        self._wait.seen = report.describe(self._operation.environment.clock.now())
        self._k3s_started = any(phase.name == _LAST_PHASE for phase in report.phases)
        steps = [
            phase.name if phase.seconds is None else f"{phase.name} {phase.seconds:.1f} s"
            for phase in report.phases[-2:]
        ]
        self._say(", ".join(steps) or "boot program started")

    def _failed(self, report: BootReport) -> OperationFailed:
        cause = (report.error_cause or "no cause given")[:_CAUSE_LENGTH]
        return OperationFailed(
            f'{self._inputs["role"]} "{self._name}" ({self._inputs["ssh"]["host"]}) failed to boot '
            f"in {report.error_phase}: {cause}\n    {self._machine.boot_log}"
        )

    def _ready(
        self,
        report: BootReport | None,
        version_before: str | None = None,
        boot_id: str | None = None,
        *,
        joins_again: bool = False,
    ) -> Ready:
        """
        Waits for the Node; `version_before` is the version the kubelet must no longer have,
        `boot_id` the boot it must have reported from. `joins_again`: a Node that the API does not
        have was never registered there, so k3s is restarted without waiting for one.
        """
        self._k3s_started = True
        content = report.content if report else {"node": self._name, "state": "not read"}
        self._wait.seen = report.describe() if report else "no report, SSH is switched off"
        since = self._wait.elapsed
        restarted = False

        def look(api: Api) -> NodeState:
            nonlocal restarted
            responded, node = self._node(api)
            waited = self._wait.elapsed - since
            if node and node.ready and boot_id not in (None, node.boot_id):
                self._seen("restarted, its kubelet has not reported since")
            elif node and node.ready:
                if node.kubelet_version != version_before or waited >= _VERSION_SECONDS:
                    return node
            elif self._ssh and responded and not node and not restarted:
                if joins_again:
                    restarted = self._restart("the server was replaced")
                elif waited >= _REGISTRATION_SECONDS:
                    restarted = self._restart("the Node object was deleted")
            raise Pending(self._wait.seen)

        with contextlib.closing(self._api()) as api:
            node = self._wait.until(lambda: look(api))
        seconds = round(self._wait.elapsed, 1)
        self._say(f"Ready after {seconds} s")
        return Ready(report=content, node=node, seconds=seconds)

    def _api(self) -> Api:
        try:
            return Api(api_of(self._inputs))
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
        if node is None:
            self._seen(f"{self._boot}the kubelet has not registered")
        elif not node.ready:
            self._seen(f"{self._boot}{node.reason}")
        return True, node

    def _restart(self, why: str) -> bool:
        """Whether the restart was requested; it ends long after the node is Ready again."""
        self._say(f"restart {self._unit}: {why}")
        command = f"sudo -n systemctl restart --no-block {self._unit}"
        return self._machine.ask(command) is not None

    def _seen(self, text: str) -> None:
        self._wait.seen = text
        self._say(text)

    def _say(self, text: str) -> None:
        self._operation.report_progress(f"{self._inputs['role']} {self._name}: {text}")


def _previous_logins(inputs: Values, state: Values | None) -> list[Login]:
    """The logins of a machine that may have missed changes of its keys."""
    ssh, reached = inputs["ssh"], (state or {}).get("ssh")
    if not reached:
        return []
    # A change may have got as far as the machine, failed later, and been followed by another one.
    # A key that does not change now has no previous one: it may have been another machine's.
    previous = {
        key: ssh.get(name) or ssh[key]
        for key, name in (("hostKey", "previousHostKey"), ("privateKey", "previousPrivateKey"))
        if ssh[key] != reached[key]
    }
    return [Login.of(reached), Login.of({**ssh, **previous})]
