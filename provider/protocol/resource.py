"""What every resource of the plugin is, and what it may use while it works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from provider.errors import OperationFailed
from provider.keys.host_keys import HostKeys
from provider.protocol.differences import Difference
from provider.protocol.engine import ProgressReporter
from provider.protocol.properties import Fields
from provider.waiting import Clock, Wait

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProviderEnvironment:
    """The world outside, as arguments: time, randomness, the engine, the boot program's modules."""

    clock: Clock
    progress_reporter: ProgressReporter
    random_hex: Callable[[int], str]
    boot_program: Callable[[], Mapping[str, str]]
    host_keys: HostKeys = field(default_factory=HostKeys)


class Operation:
    """One request of the engine for one resource."""

    def __init__(
        self,
        environment: ProviderEnvironment,
        cancelled: threading.Event,
        urn: str,
        scrub: Callable[[str], str] = str,
    ) -> None:
        self.environment = environment
        self._cancelled = cancelled
        self._urn = urn
        self._scrub = scrub
        self._said = ""

    def wait(self, seconds: float) -> Wait:
        return Wait(seconds, self.environment.clock, self._cancelled)

    def report_progress(self, text: str) -> None:
        """Shows progress in the resource's row; the same text again is not sent."""
        if text != self._said:
            self._said = text
            self.environment.progress_reporter.progress(self._urn, self._scrub(text))

    def warn(self, text: str) -> None:
        self.environment.progress_reporter.warn(self._urn, self._scrub(text))


@dataclass(frozen=True, kw_only=True)
class Created:
    """A new resource: its id, and what was learned besides its inputs."""

    id: str
    computed: Values


class Resource:
    """
    A resource type. Values are plain here: the servicer knows about secrets and previews.

    Outputs are the inputs and `outputs`. A change of an input in `replaces` means a new resource.
    """

    token: ClassVar[str]
    description: ClassVar[str]
    inputs: ClassVar[Fields]
    outputs: ClassVar[Fields]
    replaces: ClassVar[frozenset[str]] = frozenset()

    @property
    def all_outputs(self) -> Fields:
        return {**self.inputs, **self.outputs}

    def observe(self, environment: ProviderEnvironment, known: Values) -> None:
        """Looks at a resource of the stack that others of this run may ask about."""

    def reject_update(self, changed: Collection[str], inputs: Values, known: Values) -> str | None:
        """Why these changes of the top properties cannot be made, before anything is changed."""
        del changed, inputs, known
        return None

    def filter_diff(self, differences: Sequence[Difference]) -> Sequence[Difference]:
        """Those differences that mean a change at all."""
        return differences

    def recomputed_outputs(self, changed: Collection[str]) -> Collection[str]:
        """The outputs that an update with these changes finds out anew."""
        del changed
        return ()

    def expired_outputs(self, known: Values, now: datetime) -> Collection[str]:
        """The outputs that the next update makes anew although no input changed."""
        del known, now
        return ()

    def create(self, operation: Operation, inputs: Values) -> Created:
        raise NotImplementedError

    def update(
        self, operation: Operation, inputs: Values, known: Values, changed: Collection[str]
    ) -> Values:
        """What was computed; `known` are the outputs so far."""
        del operation, inputs, changed
        return {key: known[key] for key in self.outputs if key in known}

    def read(self, operation: Operation, known: Values) -> Values | None:
        """The outputs as they are now; nothing when the resource is gone."""
        del operation
        if not known:
            raise OperationFailed(f"{self.token} cannot be imported\n    let the program create it")
        return known

    def delete(self, operation: Operation, known: Values) -> None:
        """Removes what was made outside of the state."""
