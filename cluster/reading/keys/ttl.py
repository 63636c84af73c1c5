"""The key `ttl`: how long a cluster exists."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.reading.declarations import String
from cluster.reading.faults import Fault, quoted

_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
# Shorter ones end while the machines boot; nodeDeadlineSeconds is at most an hour.
SHORTEST, LONGEST = "30m", "30d"


def seconds(text: str) -> int:
    """A duration such as 4h in seconds."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def _check(text: str) -> Fault | None:
    if not seconds(SHORTEST) <= seconds(text) <= seconds(LONGEST):
        what = f"{quoted(text)} is out of range"
        return Fault(what, f"choose a duration from {SHORTEST} to {LONGEST}")
    return None


TTL = String(
    "how long the cluster exists, counted from the `pulumi up` that sets it: the machines end "
    "themselves, and everything has the tag `k3s-aws:expires`",
    Effect.IN_PLACE,
    default_text="no end",
    example="4h",
    noun="duration",
    hint="write a number and m, h or d for minutes, hours or days, such as {}",
    pattern=r"[1-9][0-9]{0,4}[mhd]",
    check=_check,
    parser=seconds,
)
