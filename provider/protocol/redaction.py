"""Removing secrets from messages, in every form in which a message may quote them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

REDACTED: Final = "[secret]"

# A line of a key or a file: shorter ones stand in ordinary text as well.
_SHORTEST_LINE: Final = 12
# Shorter strings are redacted only where they stand alone: "abc" also begins ordinary words.
_SHORTEST_PART: Final = 6
_SHORTEST: Final = 3


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that puts REDACTED in place of each of these strings."""
    # The longest first: a password may begin with another one.
    patterns = [_pattern(each) for each in sorted(set(secrets), key=len, reverse=True)]
    if not patterns:
        return str
    pattern = re.compile("|".join(patterns))
    return lambda text: pattern.sub(REDACTED, text)


def forms(secret: str) -> set[str]:
    """
    The secret as messages may quote it: whole, its lines, and the strings in it if it is JSON, such
    as passwords; each as it is and as JSON and URLs escape it.
    """
    found = {each for each in _parts(secret) if len(each.strip()) >= _SHORTEST}
    return {form for each in found for form in (each, json.dumps(each)[1:-1], quote(each, safe=""))}


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) >= _SHORTEST_PART else rf"(?<!\w){escaped}(?!\w)"


def _parts(secret: str) -> Iterator[str]:
    yield secret
    yield from (line for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE)
    if secret.lstrip().startswith(("{", "[")):
        try:
            content = json.loads(secret)
        except (ValueError, RecursionError):
            return
        yield from _strings(content)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _credentials(value)
        for key, each in value.items():
            # Beside a password it is no secret, and "admin" is also the user of hints.
            if key != "username":
                yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield from _parts(value)


def _credentials(value: Mapping[str, Any]) -> Iterator[str]:
    """User and password as the header `Authorization: Basic` has them, and the password in one."""
    user, password, basic = (value.get(key) for key in ("username", "password", "auth"))
    if isinstance(user, str) and isinstance(password, str):
        yield f"{user}:{password}"
        yield base64.b64encode(f"{user}:{password}".encode()).decode()
    if isinstance(basic, str):
        try:
            decoded = base64.b64decode(basic, validate=True).decode()
        except (binascii.Error, ValueError):
            return
        yield decoded
        yield decoded.partition(":")[2]
