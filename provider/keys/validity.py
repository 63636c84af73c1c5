"""From when until when a certificate is valid, and when it is due for renewal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

# RFC 3339 in UTC, in the outputs of resources: `2027-11-24T03:00:00Z`.
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class Validity:
    """The two times of a certificate; in outputs they are `issuedAt` and `expiresAt`."""

    issued: datetime
    expires: datetime

    @classmethod
    def of_outputs(cls, outputs: Mapping[str, Any]) -> Validity | None:
        """None where the outputs do not have both."""
        if not {"issuedAt", "expiresAt"} <= outputs.keys():
            return None
        parse = datetime.fromisoformat
        return cls(issued=parse(outputs["issuedAt"]), expires=parse(outputs["expiresAt"]))

    @property
    def outputs(self) -> dict[str, str]:
        return {
            "issuedAt": self.issued.strftime(_FORMAT),
            "expiresAt": self.expires.strftime(_FORMAT),
        }

    def due(self, now: datetime, at_most: timedelta = timedelta.max) -> bool:
        """Whether the last third of the life has begun, or its last `at_most` if that is less."""
        return now >= self.expires - min((self.expires - self.issued) / 3, at_most)
