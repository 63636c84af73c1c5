"""
The files and commands of a k3s machine, over SSH: reading its boot report, setting it up again.

The content of a boot report is cluster/'s business.
"""

from __future__ import annotations

import base64
import io
import shlex
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cluster import boot_report, machine_files
from cluster.boot_report import BootReport
from cluster.machine_files import NodeConfig
from provider.errors import OperationFailed
from provider.ssh.session import Session
from provider.waiting import POLL_SECONDS

# Manifests stand in it; as many as user data has room for have this at the very most.
_LONGEST_NODE_FILE: Final = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The files that a machine is set up with; `boot_program` are its modules by path."""

    node_file: str
    secrets: str = field(repr=False)
    boot_program: Mapping[str, str]


class Machine(Session):
    """A machine of the stack. `redact` removes secrets from what it reports, before it is cut."""

    redact: Callable[[str], str] = staticmethod(str)

    @property
    def boot_log(self) -> str:
        return f"see the boot log: {self.hint(f'sudo tail -50 {machine_files.BOOT_LOG}')}"

    def report(self) -> BootReport | None:
        """The boot report; None before there is one."""
        result = self.try_run(f"cat {machine_files.REPORT}", longest=boot_report.LONGEST)
        if result is None:
            return None
        if result.status != 0:
            self.wait.seen = "waiting for cloud-init"
            return None
        # Its report is an output that is not secret.
        return boot_report.parse(result.output, self.redact)

    def boot_id(self) -> str:
        """The id of the current boot of the machine."""
        return self.run("cat /proc/sys/kernel/random/boot_id").output.strip()

    def runs(self, node_config: NodeConfig) -> bool:
        """Whether the machine was set up by this node configuration."""
        result = self.run(f"sudo -n cat {machine_files.NODE}", longest=_LONGEST_NODE_FILE)
        return machine_files.has_config(result.output, node_config)

    def apply(self, setup: Setup, watch: Callable[[BootReport], Any]) -> BootReport:
        """Sets the machine up; the finished report, read with the keys it should have."""
        self._install(machine_files.NODE, setup.node_file, mode="600")
        self._install(machine_files.SECRETS, setup.secrets, mode="600")
        self._install_program(setup.boot_program)
        # The log of the first boot, too. The program runs once at a time.
        folder, package = machine_files.BOOT_PROGRAM.rsplit("/", 1)
        command = f"cd {folder} && python3 -m {package} >>{machine_files.BOOT_LOG} 2>&1 </dev/null"
        status: int | None = -1
        while status == -1:  # the connection was lost: it may not have ended, so run it again
            running = self.start(f"sudo -n sh -c {shlex.quote(command)}")
            while (status := running.status) is None:
                if (report := self.report()) is not None:
                    watch(report)
                self.wait.pause(POLL_SECONDS)
        self.require_login()
        report = self.until(self.report)
        # A run that ended before its report leaves the previous one.
        if report.state == "running" or (status != 0 and report.state == "done"):
            raise OperationFailed(
                f"the boot program ended with status {status} and left no result\n"
                f"    {self.boot_log}"
            )
        return report

    def _install(self, path: str, content: str, mode: str) -> None:
        """Replaces a file of root's atomically."""
        script = (
            f"set -e; umask 077; mkdir -p $(dirname {path}); cat >{path}.new; "
            f"chmod {mode} {path}.new; mv -f {path}.new {path}"
        )
        self._write_as_root(path, script, content)

    def _install_program(self, modules: Mapping[str, str]) -> None:
        """Replaces the whole folder, so that no module of another version is left."""
        path = machine_files.BOOT_PROGRAM
        script = (
            f"set -e; umask 022; rm -rf {path}.new {path}.old; mkdir -p {path}.new; "
            f"base64 -d | tar -xz -C {path}.new; "
            f"[ ! -e {path} ] || mv {path} {path}.old; mv {path}.new {path}; rm -rf {path}.old"
        )
        self._write_as_root(path, script, _packed(modules))

    def _write_as_root(self, path: str, script: str, content: str) -> None:
        result = self.run(f"sudo -n sh -c {shlex.quote(script)}", content)
        if result.status != 0:
            raise OperationFailed(
                f'user "{self.login.user}" may not write {path} on the machine\n'
                f"    to check: {self.hint('sudo -n true')}"
            )


def _packed(files: Mapping[str, str]) -> str:
    """A tar archive of these files by path, in base64."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return base64.b64encode(packed.getvalue()).decode()
