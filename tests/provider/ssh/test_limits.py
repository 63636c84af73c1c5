"""What a machine sends has a greatest size, and no thread is left that waits for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import paramiko
import pytest

from provider.errors import DeadlineExceeded, OperationFailed
from provider.keys.host_keys import HostKeys
from provider.ssh import connection
from provider.ssh.connection import Login, connect
from provider.ssh.errors import ConnectionFailed
from provider.ssh.machine import Machine
from provider.waiting import SystemClock, Wait
from tests.provider import fake_machine
from tests.provider.fake_machine import FakeMachine

MIB = 1 << 20
Write = Callable[[paramiko.Channel, bytes], Any]


class TalkativeMachine(FakeMachine):
    """Sends without an end whatever command it is given, a block each so many seconds."""

    write: Write = staticmethod(paramiko.Channel.sendall)
    block = b"x" * 32 * 1024
    every_seconds = 0.0
    sent = 0

    def execute(self, channel: paramiko.Channel, command: str) -> None:
        try:
            while True:
                self.write(channel, self.block)
                self.sent += len(self.block)
                time.sleep(self.every_seconds)
        except (EOFError, OSError):
            return  # the caller hung up


@pytest.fixture
def talkative(
    tmp_path: Path, host_key: Mapping[str, Any], login_key: Mapping[str, Any]
) -> Iterator[TalkativeMachine]:
    made = TalkativeMachine(tmp_path / "root", host_key["privateKey"], login_key["privateKey"])
    yield made
    made.close()


@pytest.fixture
def login(
    talkative: TalkativeMachine, host_key: Mapping[str, Any], login_key: Mapping[str, Any]
) -> Login:
    return Login(
        host="127.0.0.1",
        port=talkative.port,
        user="admin",
        private_key=login_key["privateKey"],
        host_key=host_key["publicKey"],
    )


def machine_of(login: Login, seconds: float) -> Machine:
    return Machine(login, Wait(seconds, SystemClock(), threading.Event()), HostKeys())


def wait_for(fact: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not fact() and time.monotonic() < end:
        time.sleep(0.02)
    assert fact()


def threads_of_the_plugin() -> set[str]:
    """The threads that wait for a machine: those of paramiko's client and of `Wait.run`."""
    return {
        str(each.ident)
        for each in threading.enumerate()
        if "work" in each.name or (isinstance(each, paramiko.Transport) and not each.server_mode)
    }


def test_a_report_without_an_end_is_an_error_at_once(
    talkative: TalkativeMachine, login: Login
) -> None:
    start = time.monotonic()
    with machine_of(login, 600) as machine, pytest.raises(OperationFailed) as failed:
        machine.report()
    assert time.monotonic() - start < 60
    assert str(failed.value) == (
        "the machine at 127.0.0.1 sends more than 262144 bytes as the output of a command: "
        "cat /var/lib/k3s-aws/report.json\n"
        "    the program did not set it up so: replace the machine"
    )
    assert talkative.sent < MIB


def test_an_error_output_without_an_end_is_an_error_at_once(
    talkative: TalkativeMachine, login: Login
) -> None:
    class Flooding(paramiko.Channel):
        """Ignores how much the other side allows to be sent."""

        def _wait_for_send_window(self, size: int) -> int:
            return min(size, 16 * 1024)

    def flood(channel: paramiko.Channel, block: bytes) -> None:
        channel.__class__ = Flooding
        channel.sendall_stderr(block)

    talkative.write = flood
    with (
        machine_of(login, 60) as machine,
        pytest.raises(OperationFailed, match="sends more than 262144 bytes"),
    ):
        machine.run("cat /proc/sys/kernel/random/boot_id")


def test_no_thread_waits_for_a_machine_after_the_deadline(
    talkative: TalkativeMachine, login: Login
) -> None:
    talkative.block, talkative.every_seconds = b"x", 0.05
    before = threads_of_the_plugin()
    with pytest.raises(DeadlineExceeded), machine_of(login, 1.0) as machine:
        machine.report()
    wait_for(lambda: threads_of_the_plugin() <= before)


def test_a_machine_that_does_not_start_a_command_is_no_connection(
    talkative: TalkativeMachine, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that was stopped, whose end of the connection nobody closed."""
    asked, ended = threading.Event(), threading.Event()

    def ignore(server: Any, channel: paramiko.Channel, command: bytes) -> bool:
        asked.set()
        return ended.wait(60)

    monkeypatch.setattr(fake_machine._Sshd, "check_channel_exec_request", ignore)
    monkeypatch.setattr(connection, "_RESPONSE_SECONDS", 0.5)
    opened = connect(login)
    failed: list[Exception] = []

    def run() -> None:
        try:
            opened.run("true")
        except ConnectionFailed as error:
            failed.append(error)

    running = threading.Thread(target=run, daemon=True)
    running.start()
    running.join(20)
    ended.set()
    assert asked.is_set()
    assert len(failed) == 1
    opened.close()


@pytest.mark.parametrize(
    "greeting",
    [
        b"x" * 64 * 1024,
        b"a line\r\n",
        b"SSH-2.0-other\r\n\xff\xff\xff\xf0" + b"y" * 64 * 1024,
        b"SSH-9.9-\x1b]0;title\x07 ##vso[task.complete]\r\n",
        b"SSH-2.0-other\r\n" + b"\x00" * 64,
    ],
    ids=["no line end", "only lines", "a packet of 4 GiB", "another version", "no packet"],
)
def test_what_does_not_speak_ssh_is_no_connection(login: Login, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sent = 0

        def serve() -> None:
            nonlocal sent
            connected, _ = listening.accept()
            with connected:
                try:
                    while sent < 16 * MIB:
                        sent += connected.send(greeting)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        there = Login(
            host="127.0.0.1",
            port=listening.getsockname()[1],
            user=login.user,
            private_key=login.private_key,
            host_key=login.host_key,
        )
        with pytest.raises(ConnectionFailed) as failed:
            connect(there)
    assert str(failed.value).isprintable()
    assert "##vso[" not in str(failed.value)
    # What it could send before the connection was closed, the buffers of the kernel included.
    assert sent < 16 * MIB
