"""
Parameter Store as AWS has it: what a value may not hold, the key of one that is written again, and
how many a second.
"""

from __future__ import annotations

import inspect
import re
import threading
import time
from collections.abc import Callable
from typing import Any

ACCOUNTS_KEY = "alias/aws/ssm"
"""The key of SSM in every account, which lets all decrypt who may read."""

# AWS documents more; its support names three a second, and what comes at once passes at first:
# https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
BURST = 10
PER_SECOND = 3.0

# "You can't include values wrapped in double brackets":
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
_NESTED = re.compile(r"\{\{.*\}\}", re.DOTALL)


class Rate:
    """How many calls pass: a burst, and then so many a second."""

    def __init__(
        self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._at = float(burst), clock()
        self._lock = threading.Lock()

    def passes(self) -> bool:
        """Whether one more call passes now."""
        with self._lock:
            now = self._clock()
            gained = (now - self._at) * self._per_second
            self._left, self._at = min(self._burst, self._left + gained), now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def install() -> None:
    """
    Makes PutParameter of moto refuse too many calls and values that name another parameter, and use
    the account's key where none is given.

    "If you don't specify a key ID, the system uses the default key associated with your Amazon Web
    Services account", at every call: moto keeps the key of the version before.
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    """
    from moto.core.exceptions import JsonRESTError
    from moto.ssm.models import SimpleSystemManagerBackend as Backend

    if hasattr(Backend.put_parameter, "__wrapped__"):
        return
    put = Backend.put_parameter
    signature = inspect.signature(put)

    def put_parameter(*args: Any, **given: Any) -> Any:
        call = signature.bind(*args, **given)
        if not vars(call.arguments["self"]).setdefault("_rate", Rate(BURST, PER_SECOND)).passes():
            raise JsonRESTError(
                "TooManyUpdates",
                "There are concurrent updates for a resource that supports one update at a time.",
            )
        if _NESTED.search(call.arguments["value"]):
            raise JsonRESTError(
                "ValidationException",
                'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value',
            )
        if call.arguments["parameter_type"] == "SecureString" and not call.arguments["keyid"]:
            call.arguments["keyid"] = ACCOUNTS_KEY
        return put(*call.args, **call.kwargs)

    put_parameter.__wrapped__ = put  # type: ignore[attr-defined]
    Backend.put_parameter = put_parameter
