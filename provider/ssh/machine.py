"""
A machine over SSH, for the duration of one wait: connects again when it must, reads and applies.

A failed connection is retried; another host key, or a login that stays rejected, is an error.
The content of a boot report is cluster/'s business.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import shlex
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from cluster import boot_report
from cluster.boot_report import BootReport
from provider.errors import OperationFailed
from provider.keys.fingerprints import fingerprint_of
from provider.keys.host_keys import HostKeys
from provider.ssh.connection import (
    Answer,
    AuthenticationFailed,
    Connection,
    ConnectionFailed,
    Login,
    Running,
    WrongHostKey,
    connect,
)
from provider.waiting import POLL_SECONDS, Pending, Wait

T = TypeVar("T")

REPORT: Final = "/var/lib/k3s-aws/report.json"
NODE_CONFIG: Final = "/etc/k3s-aws/node.json"
SECRETS: Final = "/etc/k3s-aws/secrets.json"
BOOT_PROGRAM: Final = "/opt/k3s-aws/boot"
BOOT_LOG: Final = "/var/log/cloud-init-output.log"

# cloud-init makes the login user a moment after sshd answers.
_LOGIN_GRACE_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The files that a machine is set up with; `boot_program` are its modules by path."""

    node_config: str
    secrets: str = field(repr=False)
    boot_program: Mapping[str, str]


class Machine:
    """
    The machine with this host key; `wait` ends every attempt.

    `before` are its previous logins: until it is set up again, a machine whose keys are being
    changed may still have any of these.
    """

    def __init__(
        self, login: Login, wait: Wait, host_keys: HostKeys, before: Sequence[Login] = ()
    ) -> None:
        self._login = login
        self._ways = _ways(login, before)
        self._way = login
        self._wait = wait
        self._host_keys = host_keys
        self._connection: Connection | None = None
        self._refused_since: float | None = None

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def hint(self, command: str) -> str:
        """The command with which an operator runs `command` on the machine."""
        port = "" if self._login.port == 22 else f"-p {self._login.port} "
        return f"ssh {port}{self._login.user}@{self._login.host} {command}"

    @property
    def boot_log(self) -> str:
        return f"see the boot log: {self.hint(f'sudo tail -50 {BOOT_LOG}')}"

    def ask(self, command: str, content: str = "") -> Answer | None:
        """A command's output and status; None when the machine cannot be reached yet."""
        return self._attempt(lambda connection: connection.run(command, content))

    def run(self, command: str, content: str = "") -> Answer:
        """A command's output and status, as soon as the machine can be reached."""
        return self._until(lambda: self.ask(command, content))

    def report(self) -> BootReport | None:
        """The boot report; None before there is one."""
        answer = self.ask(f"cat {REPORT}")
        if answer is None:
            return None
        if answer.status != 0:
            self._wait.seen = "waiting for cloud-init"
            return None
        return boot_report.parse(answer.output)

    def boot_id(self) -> str:
        """The id of the current boot of the machine."""
        return self.run("cat /proc/sys/kernel/random/boot_id").output.strip()

    def runs(self, node_config: str) -> bool:
        """Whether the machine was set up by this node configuration."""
        answer = self.run(f"sudo -n cat {NODE_CONFIG}")
        with contextlib.suppress(ValueError):
            same: bool = json.loads(answer.output) == json.loads(node_config)
            return same
        return False

    def apply(self, setup: Setup, watch: Callable[[BootReport], Any]) -> BootReport:
        """Sets the machine up by this; the finished report, read with the keys it should have."""
        self._install(NODE_CONFIG, setup.node_config, mode="600")
        self._install(SECRETS, setup.secrets, mode="600")
        self._install_program(setup.boot_program)
        # The log is where the first boot's lines are, too. Only one run at a time goes on.
        folder, package = BOOT_PROGRAM.rsplit("/", 1)
        command = f"cd {folder} && python3 -m {package} >>{BOOT_LOG} 2>&1 </dev/null"
        status: int | None = -1
        while status == -1:  # the connection was lost: whether it ended is unknown, so once more
            running = self._started(f"sudo -n sh -c {shlex.quote(command)}")
            while (status := running.status) is None:
                self._look(watch)
                self._wait.pause(POLL_SECONDS)
        # Whatever it had before, from now on it is what we asked for or an error.
        self._ways = [self._login]
        if self._way != self._login:
            self._way = self._login
            self._hang_up()
        report = self._reported()
        # A run that never got to its report leaves the one before.
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
        """Replaces the folder as a whole, so that no module of another program stays."""
        path = BOOT_PROGRAM
        script = (
            f"set -e; umask 022; rm -rf {path}.new {path}.old; mkdir -p {path}.new; "
            f"base64 -d | tar -xz -C {path}.new; "
            f"[ ! -e {path} ] || mv {path} {path}.old; mv {path}.new {path}; rm -rf {path}.old"
        )
        self._write_as_root(path, script, _packed(modules))

    def _write_as_root(self, path: str, script: str, content: str) -> None:
        answer = self.run(f"sudo -n sh -c {shlex.quote(script)}", content)
        if answer.status != 0:
            raise OperationFailed(
                f'the machine does not let "{self._login.user}" write {path}\n'
                f"    to check: {self.hint('sudo -n true')}"
            )

    def _look(self, watch: Callable[[BootReport], Any]) -> None:
        report = self.report()
        if report is not None:
            watch(report)

    def _reported(self) -> BootReport:
        return self._until(self.report)

    def _started(self, command: str) -> Running:
        return self._until(lambda: self._attempt(lambda each: each.start(command)))

    def _until(self, call: Callable[[], T | None]) -> T:
        def attempt() -> T:
            if (result := call()) is None:
                raise Pending(self._wait.seen)
            return result

        return self._wait.until(attempt)

    def _attempt(self, act: Callable[[Connection], T]) -> T | None:
        try:
            connection = self._connection = self._connection or self._wait.run(
                lambda: connect(self._way), discard=Connection.close
            )
            self._refused_since = None
            return self._wait.run(lambda: act(connection))
        except WrongHostKey as error:
            # All of them stay: the key may change while the machine is set up.
            known = [way for way in self._ways if way.has_host_key(error.offered)]
            if not known:
                raise OperationFailed(self._another_machine(error.offered)) from None
            self._way = known[0]
        except AuthenticationFailed as error:
            self._wait.seen = str(error)
            same = [way for way in self._ways if way.has_host_key(self._way.host_key)]
            others = same[same.index(self._way) + 1 :]
            if others:
                self._way = others[0]
            else:
                self._login_refused()
        except ConnectionFailed as error:
            self._wait.seen = str(error)
        self._hang_up()
        return None

    def _login_refused(self) -> None:
        if self._refused_since is None:
            self._refused_since = self._wait.elapsed
        if self._wait.elapsed - self._refused_since >= _LOGIN_GRACE_SECONDS:
            raise OperationFailed(
                f'{self._login.host} does not let user "{self._login.user}" in with the login key\n'
                "    the image may have another login user, or the key was removed on the machine"
            )

    def _another_machine(self, offered: str) -> str:
        place = f"{self._login.host} port {self._login.port}"
        owner = self._host_keys.owner_of(offered)
        keys = f"{fingerprint_of(offered)}, expected {fingerprint_of(self._login.host_key)}"
        if owner is None:
            return (
                f"another machine answers at {place}: its SSH host key is {keys}\n"
                "    the address may belong to another instance by now, or somebody stands in "
                "between; nothing was sent to it\n"
                "    compare with the host key in the instance's console output; when the machine "
                "is the right one but was set up anew by hand, replace it"
            )
        if owner == self._host_keys.owner_of(self._login.host_key):
            return (
                f'the machine at {place} shows the SSH host key that "{owner}" had before it '
                f"was replaced or its key rotated: {keys}\n"
                "    a machine that is no longer ours answers; nothing was sent to it\n"
                "    terminate the instance that has the address, then run pulumi refresh and "
                "pulumi up"
            )
        return (
            f"another machine of this cluster answers at {place}: its SSH host key is that of "
            f'"{owner}", {keys}\n'
            "    the address leads to the wrong machine, or one took another's key; nothing was "
            "sent to it\n"
            "    run pulumi refresh, then pulumi up; if it stays so, replace both machines"
        )

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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


def _ways(login: Login, before: Sequence[Login]) -> list[Login]:
    """Each pair of host key and login key the machine may have, the wanted one first."""
    found = [
        replace(login, host_key=host.host_key, private_key=own.private_key)
        for host in (login, *before)
        for own in (login, *before)
    ]
    return list(dict.fromkeys(found))
