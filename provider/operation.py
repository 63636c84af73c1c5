"""A request of the engine and what it may use: time, randomness, progress, cancellation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from provider.display import displayed
from provider.waiting import Clock, Wait

Values = Mapping[str, Any]
"""Inputs or outputs by their names, without secret marks."""

Names = Collection[str]
"""Names of inputs or outputs."""


class ProgressReporter(Protocol):
    """Shows lines about a resource in the output of `pulumi up`."""

    def progress(self, urn: str, text: str) -> None: ...

    def warn(self, urn: str, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class ProviderEnvironment:
    """Everything with an effect that all resources share. `random_hex` takes a number of bytes."""

    clock: Clock
    progress_reporter: ProgressReporter
    random_hex: Callable[[int], str]


@dataclass(kw_only=True)
class Operation:
    """One request of the engine for one resource; `redact` removes the request's secrets."""

    environment: ProviderEnvironment
    cancelled: threading.Event
    urn: str
    redact: Callable[[str], str] = str
    resource_id: str = ""
    """Empty before the resource exists."""
    previous_inputs: Values | None = None
    """The inputs before an update."""
    _reported: str = ""

    def wait(self, seconds: float) -> Wait:
        return Wait(seconds, self.environment.clock, self.cancelled)

    def report_progress(self, text: str) -> None:
        """Shows progress in the resource's row; the same text again is not sent."""
        if text != self._reported:
            self._reported = text
            self.environment.progress_reporter.progress(self.urn, displayed(text, self.redact))

    def warn(self, text: str) -> None:
        self.environment.progress_reporter.warn(self.urn, displayed(text, self.redact))
