"""The boot of a node's machine, over SSH: watching it, and setting the machine up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cluster import machine_files
from cluster.boot_report import BootReport
from provider.errors import OperationFailed
from provider.keys.host_keys import HostKeys
from provider.operation import Values
from provider.ssh.connection import Login
from provider.ssh.machine import Machine, Setup
from provider.waiting import Pending, Wait

UNITS: Final = {"server": "k3s", "agent": "k3s-agent"}
"""The systemd unit of k3s, by role."""

_LAST_PHASE: Final = "start-k3s"
# Enough of a cause to act upon; gRPC refuses a message of more than 8 KB.
_CAUSE_LENGTH: Final = 2000


@dataclass(kw_only=True)
class Boot:
    """
    The boot of the machine of a Node's inputs; `report_progress` is called with each step.

    `while_running` is called each time that the first boot is found not to be done yet.
    """

    inputs: Values
    machine: Machine
    wait: Wait
    now: Callable[[], datetime]
    report_progress: Callable[[str], None]
    while_running: Callable[[], None] = lambda: None
    k3s_started: bool = False
    upgrade: str = ""
    """The two versions, where k3s gets another one."""

    def first(self) -> BootReport:
        """The report of the ended first boot; raises when it fails while we watch."""
        watched = False

        def poll() -> BootReport:
            nonlocal watched
            report = self._own(self.machine.report())
            if report is None:
                self.report_progress(self.wait.seen)
            elif report.state == "running":
                watched = True
                self._watch(report)
                self.while_running()
            elif report.state == "failed" and watched and self._is_configured():
                raise self._failed(report)
            else:
                return report
            raise Pending(self.wait.seen)

        return self.wait.until(poll)

    def _is_configured(self) -> bool:
        """Whether a boot with our node configuration failed, and not one that the machine template
        has from before a change."""
        return self.machine.runs(self.inputs["nodeConfig"])

    def set_up(self, boot_program: Mapping[str, str]) -> BootReport:
        """Applies the node configuration, the secrets and the boot program to the machine."""
        self._report_step("applying the new node configuration")
        setup = Setup(
            node_file=machine_files.node_file(
                self.inputs["nodeConfig"], self.inputs["deadlineSeconds"]
            ),
            secrets=self.inputs["secrets"],
            boot_program=boot_program,
        )
        report = self.machine.apply(setup, self._watch)
        if report.state == "failed":
            raise self._failed(report)
        return report

    def where_to_look(self) -> str:
        """The command that shows an operator why a deadline passed."""
        if not self.machine.reached:
            return console_hint(self.inputs)
        if not self.k3s_started:
            return self.machine.boot_log
        command = f"sudo journalctl -u {UNITS[self.inputs['role']]} -n 50 --no-pager"
        return f"see k3s's log: {self.machine.hint(command)}"

    def _own(self, report: BootReport | None) -> BootReport | None:
        """The report, if it is of our instance: the address can still lead to the previous one."""
        if report is None:
            return None
        if report.instance_id and report.instance_id != self.inputs["instanceId"]:
            self.wait.seen = f'instance "{report.instance_id}" still has the address'
            return None
        if report.node and report.node != self.inputs["nodeName"]:
            raise OperationFailed(
                f'the node name on the machine is "{report.node}", expected '
                f'"{self.inputs["nodeName"]}"\n'
                "    nodeName does not follow from the instance id: this is a bug in the program"
            )
        return report

    def _watch(self, report: BootReport) -> None:
        self.wait.seen = report.describe(self.now())
        self.k3s_started = any(phase.name == _LAST_PHASE for phase in report.phases)
        steps = [
            phase.name if phase.seconds is None else f"{phase.name} {phase.seconds:.1f} s"
            for phase in report.phases[-2:]
        ]
        self._report_step(", ".join(steps) or "boot program started")

    def _report_step(self, text: str) -> None:
        self.report_progress(f"upgrading {self.upgrade}: {text}" if self.upgrade else text)

    def _failed(self, report: BootReport) -> OperationFailed:
        cause = (report.error_cause or "no cause given")[:_CAUSE_LENGTH]
        node = f'{self.inputs["role"]} "{self.inputs["nodeName"]}" ({self.inputs["ssh"]["host"]})'
        what = f"{node} failed to boot in"
        if self.upgrade:
            what = f"the upgrade of {node} from {self.upgrade} failed in"
        return OperationFailed(f"{what} {report.error_phase}: {cause}\n    {self.machine.boot_log}")


def console_hint(inputs: Values) -> str:
    """The command that shows what a machine prints that cannot be asked."""
    return (
        "the boot log of a machine that reports nothing is in its console output: aws ec2 "
        f"get-console-output --latest --output text --instance-id {inputs['instanceId']}"
    )


def machine_of(inputs: Values, wait: Wait, host_keys: HostKeys, state: Values | None) -> Machine:
    """The machine of a Node's inputs, which may have missed changes of its keys since `state`."""
    ssh, reached = inputs["ssh"], (state or {}).get("ssh")
    login = Login.of(ssh)
    if not reached:
        return Machine(login, wait, host_keys)
    # A change may have got as far as the machine, failed later, and been followed by another one.
    # A key that does not change now has no previous one: it may have been another machine's.
    previous = {
        key: ssh.get(name) or ssh[key]
        for key, name in (("hostKey", "previousHostKey"), ("privateKey", "previousPrivateKey"))
        if ssh[key] != reached[key]
    }
    return Machine(login, wait, host_keys, [Login.of(reached), Login.of({**ssh, **previous})])
