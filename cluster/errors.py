"""
Every error `cluster/` raises for what an operator can cause.

    ClusterError
    ├── ConfigError         the configuration is wrong: all its problems at once
    ├── UserDataTooLarge    what a machine is told does not fit into EC2's user data
    ├── KubeconfigError     a kubeconfig is not one, or is not of this cluster
    └── BootReportError     a machine's boot report cannot be read

A bug keeps its own traceback and is none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ClusterError(Exception):
    """Something the operator can put right; its text is the whole message."""


@dataclass(frozen=True)
class Problem:
    """One fault of the configuration: a path to paste, a fact, an instruction."""

    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}\n    {self.fix}"


class ConfigError(ClusterError):
    """The configuration cannot be used; `problems` stand in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        number = len(self.problems)
        head = f"the configuration has {number} problem{'' if number == 1 else 's'}"
        super().__init__("\n".join([head, "", *map(str, self.problems)]))


class UserDataTooLarge(ClusterError):  # noqa: N818 - reads as the fact it states
    """The user data of a machine is over the limit."""


class KubeconfigError(ClusterError):
    """The text is no kubeconfig, or belongs to another cluster."""


class BootReportError(ClusterError):
    """The text is no boot report of a known shape."""
