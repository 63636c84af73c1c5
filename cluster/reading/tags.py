"""
The tags of everything: owner, expiry, and those of the operator.

https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from cluster.errors import Kind
from cluster.reading.declarations import Path
from cluster.reading.faults import Fault, quoted
from cluster.reading.section import Section
from cluster.spec import TAG_PREFIX

# AWS takes 50 for each resource. A data volume has most of the program's own: the cluster, the
# stack, the authority and a name, and with a ttl the time.
MOST = 45
_LIMIT, _OWN = 50, 4
_SIGNS = frozenset("_.:/=+-@")
_ALLOWED = "letters, digits, blanks and . : / = + - @ _"


def read(top: Section) -> Mapping[str, str]:
    """The operator's tags, with owner and expiry; reports more than there is room for."""
    named = {f"{TAG_PREFIX}{key}": top[key] for key in top.given("owner", "expiry")}
    found = {**top["tags"], **named}
    room = _LIMIT - _OWN - len(named) - (top["ttl"] is not None)
    if room < len(top["tags"]) <= MOST:
        what = (
            f"{len(top['tags'])} tags are more than the {room} AWS has room for beside the others"
        )
        top.report("tags", what, "remove some", Kind.LIMIT)
    return found


def check(given: Mapping[str, str]) -> Iterator[tuple[Path, Fault]]:
    """What is wrong with tags, by key."""
    if len(given) > MOST:
        what = f"{len(given)} tags are more than the {MOST} AWS has room for"
        yield (), Fault(what, "remove some", Kind.LIMIT)
    seen: dict[str, str] = {}
    for key, text in given.items():
        fault = _name(key) or value(text)
        # IAM compares keys without regard to case, EC2 with.
        if fault is None and key.lower() in seen:
            what = f"is the same as {quoted(seen[key.lower()])} to IAM"
            fault = Fault(what, "remove one of them", Kind.DUPLICATE)
        seen[key.lower()] = key
        if fault is not None:
            yield (key,), fault


def _name(key: str) -> Fault | None:
    if key.lower().startswith(("aws:", TAG_PREFIX)) or key == "Name":
        what = "is a tag of AWS's or of the program's own"
        return Fault(what, "choose another key", Kind.FORBIDDEN)
    if not key or len(key) > 128 or not _is_allowed(key):
        return Fault(f"{quoted(key)} is not a valid tag key", f"use up to 128 {_ALLOWED}")
    return None


def value(text: str) -> Fault | None:
    """The check of the value of a tag."""
    if len(text) > 256 or not _is_allowed(text):
        return Fault(f"{quoted(text)} is not a valid tag value", f"use up to 256 {_ALLOWED}")
    return None


def _is_allowed(text: str) -> bool:
    """What IAM and SSM state for keys and values: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*."""
    return all(each in _SIGNS or unicodedata.category(each)[0] in "LZN" for each in text)
