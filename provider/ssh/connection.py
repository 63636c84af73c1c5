"""
One SSH connection to a machine whose host key is given.

Accepts exactly the given host key and offers exactly the given login key: no agent, no key files,
no known_hosts. What the machine sends has a greatest size, and what it writes reaches no message as
it is. Retries nothing (machine.py does).
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import paramiko

from provider.errors import OperationFailed
from provider.keys import ed25519
from provider.ssh.errors import (
    ConnectionFailed,
    OutputTooLong,
    WrongHostKey,
    translate_errors,
    translate_missing_host_key,
    translate_unfinished_login,
)
from provider.ssh.limited_socket import LimitedSocket

# For one attempt; the wait around it has the deadline.
_CONNECT_SECONDS: Final = 5.0
_BANNER_SECONDS: Final = 10.0
_LOGIN_SECONDS: Final = 10.0
# For one block of an output, and for all of it.
_RESPONSE_SECONDS: Final = 20.0
_OUTPUT_SECONDS: Final = 60.0

LONGEST_OUTPUT: Final = 256 * 1024
"""The longest output of a command, in bytes, unless a caller expects a longer one."""

# What is received beside an output: the handshake, the packets of the protocol.
_OVERHEAD: Final = 256 * 1024
# How much a machine may send before it was read; the default of paramiko is 2 MiB.
_WINDOW: Final = 128 * 1024
_BLOCK: Final = 32 * 1024

# paramiko logs errors with a traceback of its own; we raise them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


@dataclass(frozen=True, kw_only=True)
class Login:
    """Address and user; `host_key` is the only host key accepted, as a public key's line."""

    host: str
    port: int
    user: str
    private_key: str = field(repr=False)
    host_key: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Login:
        """The `ssh` input of a resource."""
        return cls(
            host=given["host"],
            port=given["port"],
            user=given["user"],
            private_key=given["privateKey"],
            host_key=given["hostKey"],
        )

    def has_host_key(self, offered: str) -> bool:
        """Whether this is the host key, whatever its comment."""
        return self.host_key.split()[:2] == offered.split()[:2]


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The output of a command and its exit status."""

    status: int
    output: str


class Running:
    """A command that runs on the machine; its output is not kept."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs, -1 when the connection was lost."""
        return self._channel.recv_exit_status() if self._channel.exit_status_ready() else None


class Connection:
    """An open connection; commands run one after the other or side by side."""

    def __init__(self, transport: paramiko.Transport, received: LimitedSocket) -> None:
        self._transport, self._received = transport, received

    def run(self, command: str, content: str = "", longest: int = LONGEST_OUTPUT) -> CommandResult:
        """
        Runs a command to its end, with `content` as its input.

        Raises OutputTooLong, and closes the connection, when it sends more than `longest` bytes.
        """
        self._received.allow(longest + _OVERHEAD)
        with (
            self._limited(),
            translate_errors(),
            contextlib.closing(self._open(command)) as channel,
        ):
            channel.sendall(content.encode())
            channel.shutdown_write()
            output = _read(channel, longest)
            if not channel.status_event.wait(_RESPONSE_SECONDS):
                raise ConnectionFailed("the machine does not end a command")
            if not self._transport.is_active():
                raise ConnectionFailed("the connection was lost")
            status = channel.recv_exit_status()
            return CommandResult(status=status, output=output.decode(errors="replace"))

    def start(self, command: str) -> Running:
        """Starts a command and does not wait for it."""
        with translate_errors():
            channel = self._open(command)
            channel.shutdown_write()
            return Running(channel)

    def close(self) -> None:
        """Ends the commands that run in other threads, too."""
        self._transport.close()
        self._received.close()

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        """What exceeds the limit outside of the output, such as an endless error output."""
        try:
            yield
        except OutputTooLong:
            self.close()
            raise
        except ConnectionFailed:
            if self._received.exceeded:
                raise OutputTooLong from None
            raise

    def _open(self, command: str) -> paramiko.Channel:
        channel = self._transport.open_session(window_size=_WINDOW, timeout=_RESPONSE_SECONDS)
        channel.settimeout(_RESPONSE_SECONDS)
        # paramiko waits for the response to this without a time-out, until the connection ends.
        timer = threading.Timer(_RESPONSE_SECONDS, self._transport.close)
        timer.daemon = True
        timer.start()
        try:
            channel.exec_command(command)
        finally:
            timer.cancel()
        return channel


def connect(login: Login) -> Connection:
    """
    Connects and logs in; raises ConnectionFailed, WrongHostKey or AuthenticationFailed, and
    OperationFailed where the login key is not a key.
    """
    key = _login_key(login)
    with translate_errors():
        raw = socket.create_connection((login.host, login.port), _CONNECT_SECONDS)
        # Many small packets back and forth: none of them is to wait for the next.
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = LimitedSocket(raw, _OVERHEAD)
        transport = paramiko.Transport(received)  # type: ignore[arg-type]
        transport.banner_timeout, transport.auth_timeout = _BANNER_SECONDS, _LOGIN_SECONDS
        try:
            with translate_missing_host_key():
                _check_host_key(transport, login)
            with translate_unfinished_login():
                transport.auth_publickey(login.user, key)
        except BaseException:
            transport.close()
            raw.close()
            raise
        return Connection(transport, received)


def _read(channel: paramiko.Channel, longest: int) -> bytes:
    """The whole output, block by block: each block may take as long as the time-out allows."""
    output, end = bytearray(), time.monotonic() + _OUTPUT_SECONDS
    while block := channel.recv(_BLOCK):
        output += block
        if len(output) > longest:
            raise OutputTooLong
        if time.monotonic() > end:
            raise ConnectionFailed("the machine does not end a command")
    return bytes(output)


def _login_key(login: Login) -> paramiko.Ed25519Key:
    try:
        private = ed25519.rewritten(login.private_key)
        return paramiko.Ed25519Key.from_private_key(io.StringIO(private))
    except (ValueError, paramiko.SSHException):
        raise OperationFailed(
            f'the login key of user "{login.user}" cannot be used\n'
            "    give an Ed25519 key in OpenSSH's form, without a passphrase"
        ) from None


def _check_host_key(transport: paramiko.Transport, login: Login) -> None:
    """Checks the host key, before anything of ours is sent."""
    algorithm, blob = login.host_key.split()[:2]
    options = transport.get_security_options()
    # Preferred, so that a machine with several keys offers the expected one.
    others = [each for each in options.key_types if each != algorithm]
    options.key_types = (algorithm, *others)
    transport.start_client(timeout=_BANNER_SECONDS)
    offered = transport.get_remote_server_key()
    if (offered.get_name(), offered.asbytes()) != (algorithm, base64.b64decode(blob)):
        raise WrongHostKey(f"{offered.get_name()} {offered.get_base64()}")
