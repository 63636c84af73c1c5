"""The health of targets: what the checks found, in the states and reasons of the API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from localcloud.load_balancers.model import HealthCheck, TargetKey

INITIAL, HEALTHY, UNHEALTHY = "initial", "healthy", "unhealthy"
# State, reason code and description, as DescribeTargetHealth returns them.
Reported = tuple[str, str | None, str | None]
REGISTERING: Reported = (
    INITIAL,
    "Elb.RegistrationInProgress",
    "Target registration is in progress",
)
_REPORTED: dict[str, Reported] = {
    INITIAL: (INITIAL, "Elb.InitialHealthChecking", "Initial health checks in progress"),
    HEALTHY: (HEALTHY, None, None),
    UNHEALTHY: (UNHEALTHY, "Target.FailedHealthChecks", "Health checks failed"),
}


@dataclass
class Health:
    """The health of one target, changed by so many results in a row as its group requires."""

    state: str = INITIAL
    successes: int = 0
    failures: int = 0

    def record(self, passed: bool, check: HealthCheck) -> bool:
        """Counts the result of a check; gives whether the state has changed."""
        before = self.state
        self.successes = self.successes + 1 if passed else 0
        self.failures = 0 if passed else self.failures + 1
        if self.successes >= check.healthy_threshold:
            self.state = HEALTHY
        elif self.failures >= check.unhealthy_threshold:
            self.state = UNHEALTHY
        return self.state != before

    @property
    def reported(self) -> Reported:
        """What DescribeTargetHealth returns."""
        if not self.successes and not self.failures:
            return REGISTERING
        return _REPORTED[self.state]


@dataclass
class HealthTable:
    """The health of every target that is checked; written by one thread, read by others."""

    _entries: dict[TargetKey, Health] = field(default_factory=dict)

    def begin(self, key: TargetKey) -> None:
        """Makes the entry of a target that is checked from now on."""
        self._entries[key] = Health()

    def entry(self, key: TargetKey) -> Health:
        """The entry of a target that is checked."""
        return self._entries[key]

    def keep(self, keys: Iterable[TargetKey]) -> None:
        """Removes every other entry."""
        for gone in self._entries.keys() - set(keys):
            self._entries.pop(gone, None)

    def state(self, key: TargetKey) -> str:
        """The state of a target."""
        found = self._entries.get(key)
        return found.state if found else INITIAL

    def reported(self, key: TargetKey) -> Reported:
        """What DescribeTargetHealth returns for a target."""
        found = self._entries.get(key)
        return found.reported if found else REGISTERING
