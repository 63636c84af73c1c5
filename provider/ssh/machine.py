"""
A machine behind SSH, as long as one wait lasts: connects again when it must, reads and applies.

"Nobody answers yet" is patience; another host key, or a login that stays refused, is an error.
What a report means is cluster/'s business.
"""

from __future__ import annotations

import base64
import contextlib
import io
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from cluster import boot_report, machine_files
from cluster.boot_report import BootReport
from cluster.machine_files import NodeConfig
from provider.errors import DeadlineExceeded, OperationFailed
from provider.keys.host_keys import HostKeys
from provider.resources.ssh_key import fingerprint_of
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
from provider.waiting import Wait

T = TypeVar("T")

POLL_SECONDS: Final = 0.5
# cloud-init makes the login user a moment after sshd answers.
_LOGIN_GRACE_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a machine is set up by: node.json, secrets.json, and the modules of the program."""

    node_file: str
    secrets: str = field(repr=False)
    boot_program: Mapping[str, str]


class Machine:
    """
    The machine with this host key; `wait` ends every attempt.

    `before` is how it was reached so far: until it is set up anew, a machine whose keys are being
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
        """The line with which the operator looks for himself."""
        port = "" if self._login.port == 22 else f"-p {self._login.port} "
        return f"ssh {port}{self._login.user}@{self._login.host} {command}"

    @property
    def boot_log(self) -> str:
        return f"see the boot log: {self.hint(f'sudo tail -50 {machine_files.BOOT_LOG}')}"

    def ask(self, command: str, content: str = "") -> Answer | None:
        """A command's answer; nothing when the machine can not be asked yet."""
        return self._attempt(lambda connection: connection.run(command, content))

    def report(self) -> BootReport | None:
        """The machine's own account of its boot; nothing before there is one."""
        answer = self.ask(f"cat {machine_files.REPORT}")
        if answer is None:
            return None
        if answer.status != 0:
            self._wait.seen = "waiting for cloud-init"
            return None
        return boot_report.parse(answer.output)

    def boot_id(self) -> str:
        """Another one after each boot; waits for the answer."""
        return self._answered("cat /proc/sys/kernel/random/boot_id").output.strip()

    def runs(self, node_config: NodeConfig) -> bool:
        """Whether the machine was set up by this node configuration; waits for the answer."""
        answer = self._answered(f"sudo -n cat {machine_files.NODE}")
        return machine_files.has_config(answer.output, node_config)

    def apply(self, setup: Setup, watch: Callable[[BootReport], Any]) -> BootReport:
        """Sets the machine up by this; the finished report, read with the keys it should have."""
        self._install(machine_files.NODE, setup.node_file, mode="600")
        self._install(machine_files.SECRETS, setup.secrets, mode="600")
        self._install_program(setup.boot_program)
        # The log is where the first boot's lines are, too. Only one run at a time goes on.
        folder, package = machine_files.BOOT_PROGRAM.rsplit("/", 1)
        command = f"cd {folder} && python3 -m {package} >>{machine_files.BOOT_LOG} 2>&1 </dev/null"
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
        """Replaces a file of root's in one step."""
        script = (
            f"set -e; umask 077; mkdir -p $(dirname {path}); cat >{path}.new; "
            f"chmod {mode} {path}.new; mv -f {path}.new {path}"
        )
        self._write_as_root(path, script, content)

    def _install_program(self, modules: Mapping[str, str]) -> None:
        """Replaces the folder as a whole, so that no module of another program stays."""
        path = machine_files.BOOT_PROGRAM
        script = (
            f"set -e; umask 022; rm -rf {path}.new {path}.old; mkdir -p {path}.new; "
            f"base64 -d | tar -xz -C {path}.new; "
            f"[ ! -e {path} ] || mv {path} {path}.old; mv {path}.new {path}; rm -rf {path}.old"
        )
        self._write_as_root(path, script, _packed(modules))

    def _write_as_root(self, path: str, script: str, content: str) -> None:
        answer = self._answered(f"sudo -n sh -c {shlex.quote(script)}", content)
        if answer.status != 0:
            raise OperationFailed(
                f'the machine does not let "{self._login.user}" write {path}\n'
                f"    see for yourself: {self.hint('sudo -n true')}"
            )

    def _look(self, watch: Callable[[BootReport], Any]) -> None:
        report = self.report()
        if report is not None:
            watch(report)

    def _reported(self) -> BootReport:
        while (report := self.report()) is None:
            self._wait.pause(POLL_SECONDS)
        return report

    def _answered(self, command: str, content: str = "") -> Answer:
        while (answer := self.ask(command, content)) is None:
            self._wait.pause(POLL_SECONDS)
        return answer

    def _started(self, command: str) -> Running:
        while (running := self._attempt(lambda each: each.start(command))) is None:
            self._wait.pause(POLL_SECONDS)
        return running

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


@contextlib.contextmanager
def explain_deadline(wait: Wait, what: str, where: Callable[[], str]) -> Iterator[None]:
    """Makes a passed deadline say what is missing, after how long, and where to look."""
    try:
        yield
    except DeadlineExceeded:
        raise DeadlineExceeded(
            f"{what} after {wait.seconds:.0f} s\n    last seen: {wait.seen}\n    {where()}"
        ) from None


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
