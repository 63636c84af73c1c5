"""The temporary credentials of instance roles: issued by STS, valid for six hours."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.aws_api.instances import Role
from localcloud.aws_api.moto_state import MotoState

LIFE = datetime.timedelta(hours=6)
# EC2 puts new ones out before the old ones end, so nobody is caught in between.
RENEWED_BEFORE = datetime.timedelta(minutes=15)

Clock = Callable[[], datetime.datetime]


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of an instance role."""

    access_key_id: str
    secret_access_key: str
    token: str
    role_arn: str
    issued: datetime.datetime

    @property
    def expires(self) -> datetime.datetime:
        return self.issued + LIFE


class Issuer:
    """Issues and checks the credentials of every machine."""

    def __init__(self, state: MotoState, clock: Clock) -> None:
        self._state, self._clock = state, clock
        self._issued: dict[str, list[Credentials]] = {}
        self._lock = threading.Lock()

    def issue(self, instance_id: str, role: Role) -> Credentials:
        """The machine's credentials for the role; new ones shortly before the last ones end."""
        with self._lock:
            now = self._clock()
            valid = [each for each in self._issued.get(instance_id, []) if each.expires > now]
            fit = [
                each
                for each in valid
                if each.role_arn == role.arn and each.expires - now > RENEWED_BEFORE
            ]
            if not fit:
                fit = [self._assume(instance_id, role, now)]
                valid += fit
            self._issued[instance_id] = valid
            return fit[-1]

    def is_valid_key(self, instance_id: str, access_key_id: str) -> bool:
        """Whether this machine was given the key and the key has not ended."""
        now = self._clock()
        return any(
            each.access_key_id == access_key_id and each.expires > now
            for each in self._issued.get(instance_id, [])
        )

    def _assume(self, instance_id: str, role: Role, now: datetime.datetime) -> Credentials:
        assumed = self._state.assume_role(role, instance_id, LIFE)
        return Credentials(
            assumed.access_key_id,
            assumed.secret_access_key,
            assumed.session_token,
            role.arn,
            now,
        )
