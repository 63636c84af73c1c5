"""
Reads the tags of everything: owner, expiry, and those of the operator.

https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from cluster.reading import checks
from cluster.reading.findings import Section, shown
from cluster.spec import TAG_PREFIX

# AWS takes 50 for each resource; the program has up to five of its own.
MOST = 45
_CHARACTERS = re.compile(r"[\w\s.:/=+\-@]*")


def read(top: Section) -> Mapping[str, str]:
    """What is wrong with a tag is reported; the rest is returned."""
    given = top.table("tags") or {}
    if len(given) > MOST:
        _report(
            top, None, f"{len(given)} tags are more than the {MOST} AWS has room for", "remove some"
        )
    seen: dict[str, str] = {}
    for key, value in given.items():
        fault = _key_fault(key) or _value_fault(value)
        # IAM tells keys apart without regard to case, EC2 does not.
        if fault is None and key.lower() in seen:
            fault = f"is the same as {shown(seen[key.lower()])} to IAM", "remove one of them"
        seen[key.lower()] = key
        if fault is not None:
            _report(top, key, *fault)
    owner, expiry = top.optional("owner"), _expiry(top)
    if owner is not None and (fault := _value_fault(owner)):
        top.report("owner", *fault)
    named = {"owner": owner, "expiry": expiry}
    return {
        **given,
        **{f"{TAG_PREFIX}{name}": value for name, value in named.items() if value is not None},
    }


def _expiry(top: Section) -> str | None:
    expiry = checks.shaped(top, "expiry", "a date", "write it in quotes, such as")
    if expiry:
        try:
            datetime.fromisoformat(expiry)
        except ValueError:
            top.report("expiry", f"{shown(expiry)} is on no calendar", "write a day that exists")
    return expiry or None


def _key_fault(key: str) -> tuple[str, str] | None:
    if key.lower().startswith(("aws:", TAG_PREFIX)) or key == "Name":
        return "is a tag of AWS's or of the program's own", "choose another key"
    if not key or len(key) > 128 or not _CHARACTERS.fullmatch(key):
        return f"{shown(key)} is no key of a tag", f"use up to 128 {_ALLOWED}"
    return None


def _value_fault(value: str) -> tuple[str, str] | None:
    if len(value) > 256 or not _CHARACTERS.fullmatch(value):
        return f"{shown(value)} is no value of a tag", f"use up to 256 {_ALLOWED}"
    return None


_ALLOWED = "letters, digits, blanks and . : / = + - @ _"


def _report(top: Section, key: str | None, what: str, fix: str) -> None:
    path = (*top.path, "tags") if key is None else (*top.path, "tags", key)
    top.findings.add(path, what, fix)
