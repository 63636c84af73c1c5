"""
Commands on a machine over SSH, for the duration of one wait: connects again when it must.

A failed connection is retried; another host key, or a login that stays rejected, is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Self, TypeVar

from provider.errors import OperationFailed
from provider.keys.fingerprints import fingerprint_of
from provider.keys.host_keys import HostKeys
from provider.ssh.connection import (
    LONGEST_OUTPUT,
    CommandResult,
    Connection,
    Login,
    Running,
    connect,
)
from provider.ssh.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    OutputTooLong,
    WrongHostKey,
)
from provider.waiting import Pending, Wait

T = TypeVar("T")
# cloud-init creates the login user a moment after sshd accepts connections.
_LOGIN_GRACE_SECONDS: Final = 20.0


class Session:
    """
    The machine of this login; `wait` ends every attempt.

    `previous` logins are tried too: a machine whose keys are being changed may still have any of
    their host keys and login keys, until `require_login`.
    """

    def __init__(
        self, login: Login, wait: Wait, host_keys: HostKeys, previous: Sequence[Login] = ()
    ) -> None:
        self.login = login
        self.wait = wait
        self._logins = _combinations(login, previous)
        self._current = login
        self._host_keys = host_keys
        self._connection: Connection | None = None
        self._rejected_since: float | None = None
        self.reached = False
        """Whether a login has succeeded."""
        self.host_key_grace_seconds = 0.0
        """How long a host key that is nobody's may be one that the machine replaces yet."""
        self._untrusted_since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()

    def hint(self, command: str) -> str:
        """The command with which an operator runs `command` on the machine."""
        port = "" if self.login.port == 22 else f"-p {self.login.port} "
        return f"ssh {port}{self.login.user}@{self.login.host} {command}"

    def try_run(
        self, command: str, content: str = "", longest: int = LONGEST_OUTPUT
    ) -> CommandResult | None:
        """
        A command's output and status; None when the machine cannot be reached yet.

        Raises OperationFailed when the output has more than `longest` bytes.
        """
        try:
            return self._attempt(lambda connection: connection.run(command, content, longest))
        except OutputTooLong:
            raise OperationFailed(
                f"the machine at {self.login.host} sends more than {longest} bytes as the output "
                f"of a command: {command}\n"
                "    the program did not set it up so: replace the machine"
            ) from None

    def run(self, command: str, content: str = "", longest: int = LONGEST_OUTPUT) -> CommandResult:
        """A command's output and status, as soon as the machine can be reached."""
        return self.until(lambda: self.try_run(command, content, longest))

    def start(self, command: str) -> Running:
        """A command that goes on by itself, as soon as the machine can be reached."""
        return self.until(lambda: self._attempt(lambda connection: connection.start(command)))

    def require_login(self) -> None:
        """From now on the machine must have the keys of `login`."""
        self._logins = [self.login]
        if self._current != self.login:
            self._current = self.login
            self._disconnect()

    def until(self, call: Callable[[], T | None]) -> T:
        """The first result of `call` that is not None."""

        def attempt() -> T:
            if (result := call()) is None:
                raise Pending(self.wait.seen)
            return result

        return self.wait.until(attempt)

    def _attempt(self, act: Callable[[Connection], T]) -> T | None:
        try:
            connection = self._connection = self._connection or self.wait.run(
                lambda: connect(self._current), discard=Connection.close
            )
            self._rejected_since = None
            self.reached = True
            return self.wait.run(lambda: act(connection))
        except WrongHostKey as error:
            # All of them are kept: the key may change while the machine is set up.
            known = [login for login in self._logins if login.has_host_key(error.offered)]
            if known:
                self._current = known[0]
            elif not self._may_replace_host_key(error.offered):
                raise OperationFailed(self._explain_host_key(error.offered)) from None
        except AuthenticationFailed as error:
            self.wait.seen = str(error)
            key = self._current.host_key
            same_host = [login for login in self._logins if login.has_host_key(key)]
            others = same_host[same_host.index(self._current) + 1 :]
            if others:
                self._current = others[0]
            else:
                self._check_grace()
        except ConnectionFailed as error:
            self.wait.seen = str(error)
        self._disconnect()
        return None

    def _may_replace_host_key(self, offered: str) -> bool:
        """Whether a new machine may still have a host key that its image made."""
        if self._host_keys.owner_of(offered) is not None:
            return False
        if self._untrusted_since is None:
            self._untrusted_since = self.wait.elapsed
        self.wait.seen = (
            f"the machine has another SSH host key so far, {fingerprint_of(offered)}; nothing is "
            "sent to it"
        )
        return self.wait.elapsed - self._untrusted_since < self.host_key_grace_seconds

    def _check_grace(self) -> None:
        """Raises when the login has been rejected for too long."""
        if self._rejected_since is None:
            self._rejected_since = self.wait.elapsed
        if self.wait.elapsed - self._rejected_since >= _LOGIN_GRACE_SECONDS:
            raise OperationFailed(
                f'{self.login.host} rejects the login key of user "{self.login.user}"\n'
                "    the image may have another login user, or the key was removed on the machine"
            )

    def _explain_host_key(self, offered: str) -> str:
        place = f"{self.login.host} port {self.login.port}"
        owner = self._host_keys.owner_of(offered)
        keys = f"{fingerprint_of(offered)}, expected {fingerprint_of(self.login.host_key)}"
        if owner is None:
            return (
                f"another machine responds at {place}: its SSH host key is {keys}\n"
                "    the address may belong to another instance now, or the connection is "
                "intercepted; nothing was sent\n"
                "    compare with the host key in the instance's console output; if it is the "
                "right machine and was set up again by hand, replace it"
            )
        if owner == self._host_keys.owner_of(self.login.host_key):
            return (
                f'the machine at {place} has the SSH host key that "{owner}" had before it '
                f"was replaced or its key rotated: {keys}\n"
                "    it is not a machine of this stack any more; nothing was sent\n"
                "    terminate the instance that has the address, then run pulumi refresh and "
                "pulumi up"
            )
        return (
            f"another machine of this cluster responds at {place}: its SSH host key is that of "
            f'"{owner}", {keys}\n'
            "    the address leads to the wrong machine, or a machine has another's key; nothing "
            "was sent\n"
            "    run pulumi refresh, then pulumi up; if the error stays, replace both machines"
        )

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _combinations(login: Login, previous: Sequence[Login]) -> list[Login]:
    """Each pair of host key and login key the machine may have, the wanted one first."""
    found = [
        replace(login, host_key=host.host_key, private_key=own.private_key)
        for host in (login, *previous)
        for own in (login, *previous)
    ]
    return list(dict.fromkeys(found))
