"""What expired: a resource whose tags prove of which cluster it is, and that its time is over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PREFIX = "k3s-aws:"
EXPIRES, STACK, CLUSTER = (f"{PREFIX}{name}" for name in ("expires", "stack", "cluster"))
RECORD = f"{PREFIX}record"
"""On the addresses of servers: `<hosted zone>/<name>` of the record that leads to them."""

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)

Pairs = Iterable[Mapping[str, str]]


@dataclass(frozen=True, order=True)
class Owner:
    """The cluster that a resource is of, and when it expired."""

    stack: str
    cluster: str
    expires_at: datetime

    def __str__(self) -> str:
        return f"stack {self.stack}, cluster {self.cluster}, expired at {text_of(self.expires_at)}"


class OwnerChangedError(Exception):
    """What was found under this name is not the expired cluster's any more."""


@dataclass(frozen=True, kw_only=True)
class Expired:
    """
    A resource of an expired cluster.

    `remove` is called again until it returns true, which is once the resource is gone; it may
    raise ClientError meanwhile, and OwnerChangedError. `kept` is why it is left where it is, if so.
    """

    what: str
    id: str
    owner: Owner
    remove: Callable[[], bool]
    since: str = ""
    kept: str = ""

    def __str__(self) -> str:
        since = f", since {self.since}" if self.since else ""
        kept = f" ({self.kept})" if self.kept else ""
        return f"{self.what} {self.id}{since}{kept}"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The account, the moment and perhaps the one stack; it decides what has expired."""

    account: str
    region: str
    now: datetime
    stack: str | None = None
    doubtful: dict[str, str] = field(default_factory=dict)
    """Why something is left alone that may be ours, by its id."""

    def owner(self, id_: str, pairs: Pairs | None, account: str | None = None) -> Owner | None:
        """
        Whose it is where it has expired, else None. `account` is the one that AWS has it in.

        All three tags are needed: the time alone may be another program's.
        """
        tags = {each["Key"]: each["Value"] for each in pairs or ()}
        if EXPIRES not in tags or account not in (None, self.account):
            return None
        time = parse(tags[EXPIRES])
        if time is None or not tags.get(STACK) or not tags.get(CLUSTER):
            self.doubtful[id_] = f"has no valid tags of an expired cluster, {tags[EXPIRES]!r}"
            return None
        if time > self.now or self.stack not in (None, tags[STACK]):
            return None
        return Owner(tags[STACK], tags[CLUSTER], time)


def parse(text: str) -> datetime | None:
    """A time in RFC 3339 and UTC, to the second, as the program writes it; else None."""
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def text_of(time: datetime | None) -> str:
    """The time as the tag has it; empty where AWS has none."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else ""


def done(call: Callable[..., Any], **arguments: Any) -> Callable[[], bool]:
    """A removal that one call is enough for."""

    def remove() -> bool:
        call(**arguments)
        return True

    return remove
