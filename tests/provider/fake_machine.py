"""
A machine on loopback: an SSH server with a given host key that runs commands in a folder.

The commands are real (sh, cat, mv, ...), with the folder in place of /, a `sudo` that only drops
its options, and a `systemctl` that notes what it was asked. Reports are a script: each time the
report is read, the next one is there.
"""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

REPORT = "var/lib/k3s-aws/report.json"
# A boot program that takes its result from the machine's folder.
BOOT_PROGRAM = {
    "__main__.py": """import pathlib, shutil
reports = pathlib.Path(__file__).parents[3] / "var/lib/k3s-aws"
shutil.copy(reports / "next.json", reports / "report.new")
(reports / "report.new").replace(reports / "report.json")
"""
}
_TOOLS = {
    "sudo": '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n',
    "systemctl": '#!/bin/sh\necho "$@" >>"$ROOT/systemctl.log"\n',
}


def report(
    state: str = "done",
    *phases: tuple[str, float | None],
    node: str = "demo-agents-1a2b3c4d",
    instance_id: str = "i-0123456789abcdef0",
    cause: str | None = None,
) -> str:
    """A boot report, as the boot program writes it."""
    content = {
        "schema": 1,
        "node": node,
        "instanceId": instance_id,
        "role": "agent",
        "state": state,
        "phases": [
            {"name": name, "startedAt": "2026-11-24T03:00:00.123Z", "seconds": seconds}
            for name, seconds in phases
        ],
        "error": {"phase": phases[-1][0], "cause": cause} if cause else None,
        "k3s": {"version": "v1.36.5+k3s1", "sha256": "00"},
    }
    return json.dumps(content)


class FakeMachine:
    """Listens on a free port of the loopback from its making to `close`."""

    def __init__(self, root: Path, host_key: str, login_key: str, user: str = "admin") -> None:
        self.root = root
        self.user = user
        self.commands: list[str] = []
        self.connections = 0
        self.on_connect: Callable[[], Any] = lambda: None
        self.on_boot: Callable[[], Any] = lambda: None
        self.show(host_key=host_key, login_key=login_key)
        self._reports: list[str | None] = []
        self._transports: list[paramiko.Transport] = []
        for name, text in _TOOLS.items():
            self.put(f"bin/{name}", text).chmod(0o755)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def show(self, *, host_key: str | None = None, login_key: str | None = None) -> None:
        """From the next connection on: this host key, this login key."""
        if host_key:
            self._host_key = paramiko.Ed25519Key.from_private_key(io.StringIO(host_key))
        if login_key:
            key = paramiko.Ed25519Key.from_private_key(io.StringIO(login_key))
            self._login = key.asbytes()

    def will_report(self, *reports: str | None) -> None:
        """None stands for: there is no report yet. The last one stays."""
        self._reports = list(reports)

    def will_report_after_boot(self, before: str, after: str) -> None:
        """The report as it is, and what BOOT_PROGRAM makes of it when it is run."""
        self._reports = []
        self.put(REPORT, before)
        self.put("var/lib/k3s-aws/next.json", after)
        self.put("var/log/cloud-init-output.log", "")

    def put(self, path: str, content: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # As the boot program does: a reader sees the old file or the new one, never a part.
        new = file.with_name(f".{file.name}.{threading.get_ident()}")
        new.write_text(content)
        return new.replace(file)

    def mode_of(self, path: str) -> int:
        return (self.root / path).stat().st_mode & 0o777

    def content_of(self, path: str) -> str:
        return (self.root / path).read_text()

    @property
    def systemctl_calls(self) -> Sequence[str]:
        log = self.root / "systemctl.log"
        return log.read_text().splitlines() if log.exists() else []

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        for each in list(self._transports):  # another one may come meanwhile
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self.on_connect()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._host_key)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Sshd(self), event=threading.Event())
            except (EOFError, paramiko.SSHException):
                transport.close()

    def accepts(self, user: str, key: paramiko.PKey) -> bool:
        return user == self.user and key.asbytes() == self._login

    def execute(self, channel: paramiko.Channel, command: str) -> None:
        self.commands.append(command)
        if command.endswith(f"cat /{REPORT}"):
            self._next_report()
        boots = "-m boot" in command
        content = b"" if boots else self._input(channel)
        local = re.sub(r"(?<=[\s'\">(])/(etc|var|opt)/", rf"{self.root}/\1/", command)
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "ROOT": str(self.root)}
        ran = subprocess.run(
            ["/bin/sh", "-c", local],
            input=content,
            capture_output=True,
            check=False,
            env=environment,
        )
        if boots:
            self.on_boot()
        try:
            channel.sendall(ran.stdout)
            channel.send_exit_status(ran.returncode)
            channel.close()
        except (EOFError, OSError, paramiko.SSHException):
            return  # the caller hung up

    def _input(self, channel: paramiko.Channel) -> bytes:
        content: bytes = channel.makefile("rb").read()
        return content

    def _next_report(self) -> None:
        if not self._reports:
            return
        text = self._reports.pop(0) if len(self._reports) > 1 else self._reports[0]
        if text is not None:
            self.put(REPORT, text)


class _Sshd(paramiko.ServerInterface):
    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        accepted = self._machine.accepts(username, key)
        return AUTH_SUCCESSFUL if accepted else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        arguments = (channel, command.decode())
        threading.Thread(target=self._machine.execute, args=arguments, daemon=True).start()
        return True
