"""
Every error the plugin raises on purpose; the text is the whole message the operator sees.

    ProviderError
    ├── OperationFailed     waiting longer would not help: another host key, a failed boot, ...
    ├── DeadlineExceeded    a wait reached its one deadline
    └── Cancelled           the operator stopped the update

A bug is none of these: it keeps its traceback, in the plugin's log.
"""

from __future__ import annotations

from typing import ClassVar


class ProviderError(Exception):
    """Something the operator can put right; `code` is the name of its gRPC status."""

    code: ClassVar[str] = "FAILED_PRECONDITION"


class OperationFailed(ProviderError):  # noqa: N818 - reads as the fact it states
    """Waiting longer would not help."""


class DeadlineExceeded(ProviderError):  # noqa: N818
    """The one deadline of a wait has passed."""

    code = "DEADLINE_EXCEEDED"


class Cancelled(ProviderError):  # noqa: N818
    """The engine cancelled the operation."""

    code = "CANCELLED"
