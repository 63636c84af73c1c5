"""The errors of an SSH connection, and paramiko's and the network's as one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import paramiko

from cluster import untrusted_text


class SshError(Exception):
    """Every error of this module is one of its subclasses."""


class ConnectionFailed(SshError):  # noqa: N818 - reads as the fact it states
    """No connection, or a lost one: worth another attempt."""


class AuthenticationFailed(SshError):  # noqa: N818
    """The machine has the expected host key and rejects the login key."""


class OutputTooLong(SshError):  # noqa: N818
    """The machine sends more than the command can have as its output."""


class WrongHostKey(SshError):  # noqa: N818
    """The machine has another host key. Nothing was sent to it."""

    def __init__(self, offered: str) -> None:
        super().__init__(offered)
        self.offered = offered


@contextlib.contextmanager
def translate_missing_host_key() -> Iterator[None]:
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
def translate_unfinished_login() -> Iterator[None]:
    """A connection that is lost during the login, or silent: paramiko reports it as rejected."""
    try:
        yield
    except paramiko.AuthenticationException as error:
        if "EOF" in str(error) or "timeout" in str(error):
            raise ConnectionFailed("SSH does not respond to the login") from error
        raise


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Translates paramiko's and the network's errors into ours."""
    try:
        yield
    except SshError:
        raise
    except paramiko.AuthenticationException as error:
        raise AuthenticationFailed("the machine does not accept the login key") from error
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise ConnectionFailed(
            f"the machine offers no host key that can be used: {_quoted(error)}"
        ) from error
    except ConnectionRefusedError as error:
        raise ConnectionFailed("SSH is refused") from error
    except TimeoutError as error:
        raise ConnectionFailed("SSH does not respond") from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ConnectionFailed(f"no SSH connection: {_quoted(error)}") from error
    except Exception as error:
        # A packet that is malformed fails wherever paramiko reads it, with any error of Python.
        name = type(error).__name__
        raise ConnectionFailed(f"no SSH connection: a malformed packet ({name})") from error


def _quoted(error: Exception) -> str:
    """What paramiko reports, which quotes the machine."""
    return untrusted_text.one_line(str(error) or type(error).__name__, 200)
