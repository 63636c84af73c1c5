"""When a stack ends by itself, before and after: by its record, and by the tags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from cluster.record import Record
from review import markup
from review.markup import Html
from review.preview import Preview

TAG: Final = "k3s-aws:expires"
KEY: Final = "cluster.ttl"


def moment(preview: Preview, side: str) -> datetime | None:
    """The earliest moment on the tags before (`old`) or after (`new`); None without one."""
    states = (getattr(step, side) or {} for step in preview.steps)
    tags = (state.get("tags") for state in states)
    found = {str(each[TAG]) for each in tags if isinstance(each, dict) and TAG in each}
    return min(filter(None, map(_parsed, found)), default=None)


def _parsed(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def dangers(preview: Preview, now: datetime) -> Iterator[Html]:
    """That it ends earlier than before, or has ended."""
    old, new = moment(preview, "old"), moment(preview, "new")
    if new is not None and new <= now:
        yield Html(f"the cluster has expired at {_code(new)}: its machines end themselves")
    elif new is not None and old is None and preview.outputs_before:
        yield Html(f"the cluster, which had no end, ends at {_code(new)}")
    elif new is not None and old is not None and new < old:
        yield Html(f"the cluster ends earlier: at {_code(new)}, not at {_code(old)}")


def shortened(before: Record | None, after: Record) -> Iterator[Html]:
    """That its time to live, in seconds, is shorter than before; the tags follow at the update."""
    old, new = (each.node_keys.get(KEY) if each else None for each in (before, after))
    if before is None or not isinstance(new, int) or old == new:
        return
    if not isinstance(old, int):
        yield Html(f"{markup.code(KEY)}: it had no end, and lives for {_duration(new)}")
    elif new < old:
        yield Html(f"{markup.code(KEY)}: shortened from {_duration(old)} to {_duration(new)}")


def _duration(seconds: int) -> Html:
    return markup.code(timedelta(seconds=min(seconds, _LONGEST_SECONDS)))


# What timedelta has room for.
_LONGEST_SECONDS: Final = 10**9


def _code(when: datetime) -> Html:
    return markup.code(when.isoformat(timespec="minutes"))
