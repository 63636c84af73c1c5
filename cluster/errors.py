"""
Every error `cluster/` raises for what an operator can cause.

    ClusterError
    ├── ConfigError         the configuration is wrong: all its problems at once
    ├── ChangeRejected      the change cannot be made to the running cluster: all its problems
    ├── UserDataTooLarge    the user data of a machine is over EC2's limit
    ├── KubeconfigError     a text is not a kubeconfig, or is one of another cluster
    └── BootReportError     a machine's boot report cannot be read

A bug keeps its own traceback and is none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cluster.untrusted_text import printable


class ClusterError(Exception):
    """Something the operator can correct; its text is the whole message."""


class Kind(Enum):
    """What sort of problem it is, for programs that group them."""

    REQUIRED = "required"
    TYPE = "type"
    INVALID = "invalid"
    UNKNOWN_KEY = "unknown-key"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """Two settings that cannot stand beside each other."""
    LIMIT = "limit"
    """More than there is room for."""
    FORBIDDEN = "forbidden"
    """The program sets it itself, or never allows it."""
    SECRET = "secret"  # noqa: S105 - the name of a kind
    """A secret where it would be readable."""
    UNAVAILABLE = "unavailable"
    """AWS does not have it, or this release not yet."""
    WARNING = "warning"
    """Allowed, and perhaps not intended."""
    DATA_LOSS = "data-loss"
    DOWNGRADE = "downgrade"
    SKIPPED_MINOR = "skipped-minor"
    SHRUNK_VOLUME = "shrunk-volume"
    SSH_DISABLED = "ssh-disabled"
    LOWERED_NUMBER = "lowered-number"
    QUORUM = "quorum"
    """Too few servers would be left that can write the datastore together."""
    OLDER_RELEASE = "older-release"
    """The last update was by a release of the program that recorded less."""


@dataclass(frozen=True)
class Problem:
    """One problem of the configuration: a path to paste, a fact, an instruction."""

    path: str
    what: str
    fix: str
    kind: Kind = Kind.INVALID

    def __str__(self) -> str:
        # A value that is quoted may hold what a runner or Pulumi executes.
        return printable(f"{self.path}: {self.what}\n    {self.fix}")


class ProblemsError(ClusterError):
    """Several problems at once, below a line with their number."""

    head = "{} found"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        number = len(self.problems)
        head = self.head.format(f"{number} problem{'' if number == 1 else 's'}")
        super().__init__("\n".join([head, "", *map(str, self.problems)]))


class ConfigError(ProblemsError):
    """The configuration cannot be used; `problems` are in the order of the file."""

    head = "the configuration has {}"


class ChangeRejected(ProblemsError):  # noqa: N818 - reads as the fact it states
    """The running cluster cannot be changed into what the configuration has."""

    head = "the change of the running cluster has {}"


class UserDataTooLarge(ClusterError):  # noqa: N818 - reads as the fact it states
    """The user data of a machine is over the limit."""


class KubeconfigError(ClusterError):
    """The text is not a kubeconfig, or belongs to another cluster."""


class BootReportError(ClusterError):
    """The text is not a boot report of a known schema."""
