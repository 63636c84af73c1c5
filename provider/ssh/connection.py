"""
One SSH connection to a machine whose host key is given. The only module that imports paramiko.

Accepts exactly the given host key and offers exactly the given login key: no agent, no key files,
no known_hosts. Retries nothing (machine.py does).
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import paramiko

from provider.errors import OperationFailed
from provider.keys import ed25519

# For one attempt; the wait around it has the deadline.
_CONNECT_SECONDS: Final = 5.0
_BANNER_SECONDS: Final = 10.0
_RESPONSE_SECONDS: Final = 20.0

# paramiko logs errors with a traceback of its own; we raise them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class ConnectionFailed(Exception):  # noqa: N818 - reads as the fact it states
    """No connection, or a lost one: worth another attempt."""


class AuthenticationFailed(Exception):  # noqa: N818
    """The machine has the expected host key and rejects the login key."""


class WrongHostKey(Exception):  # noqa: N818
    """The machine has another host key. Nothing was sent to it."""

    def __init__(self, offered: str) -> None:
        super().__init__(offered)
        self.offered = offered


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

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def run(self, command: str, content: str = "") -> CommandResult:
        """Runs a command to its end, with `content` as its input."""
        with _translate_errors(), contextlib.closing(self._open(command)) as channel:
            channel.sendall(content.encode())
            channel.shutdown_write()
            output = channel.makefile("rb").read()
            if not channel.status_event.wait(_RESPONSE_SECONDS):
                raise ConnectionFailed("the machine does not end a command")
            return CommandResult(status=channel.recv_exit_status(), output=output.decode())

    def start(self, command: str) -> Running:
        """Starts a command and does not wait for it."""
        with _translate_errors():
            channel = self._open(command)
            channel.shutdown_write()
            return Running(channel)

    def close(self) -> None:
        self._transport.close()

    def _open(self, command: str) -> paramiko.Channel:
        channel = self._transport.open_session(timeout=_RESPONSE_SECONDS)
        channel.settimeout(_RESPONSE_SECONDS)
        channel.exec_command(command)
        return channel


def connect(login: Login) -> Connection:
    """
    Connects and logs in; raises ConnectionFailed, WrongHostKey or AuthenticationFailed, and
    OperationFailed where the login key is not a key.
    """
    key = _login_key(login)
    with _translate_errors():
        raw = socket.create_connection((login.host, login.port), _CONNECT_SECONDS)
        # Many small packets back and forth: none of them is to wait for the next.
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(raw)
        transport.banner_timeout = transport.auth_timeout = _BANNER_SECONDS
        try:
            with _translate_missing_host_key():
                _check_host_key(transport, login)
            transport.auth_publickey(login.user, key)
        except BaseException:
            transport.close()
            raise
        return Connection(transport)


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


@contextlib.contextmanager
def _translate_missing_host_key() -> Iterator[None]:
    """An sshd without a host key accepts a connection and closes it before its banner."""
    try:
        yield
    except (EOFError, paramiko.SSHException) as error:
        if isinstance(error, EOFError) or "banner" in str(error):
            raise ConnectionFailed(
                "SSH ends before it offers a host key: a machine has none before the boot "
                "program's phase ssh"
            ) from error
        raise


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Translates paramiko's and the network's errors into ours."""
    try:
        yield
    except paramiko.AuthenticationException as error:
        raise AuthenticationFailed("the machine does not accept the login key") from error
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise ConnectionFailed(
            f"the machine offers no host key that can be used: {error}"
        ) from error
    except ConnectionRefusedError as error:
        raise ConnectionFailed("SSH is refused") from error
    except TimeoutError as error:
        raise ConnectionFailed("SSH does not respond") from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ConnectionFailed(f"no SSH connection: {error or type(error).__name__}") from error
