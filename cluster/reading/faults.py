"""What is wrong with a value of the configuration, and the words all messages share."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cluster.errors import Kind

USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s/?#\"'<>@]*)@")
"""Scheme and user information of a URL that has some."""
QUERY_SECRET = re.compile(
    r"([?&](?:x-amz-signature|x-amz-security-token|x-goog-signature|signature|sig|token|password"
    r"|access_token|private_token|api_?key|secret)=)([^&\s\"']+)",
    re.IGNORECASE,
)
"""The parameter of a URL that grants access, such as that of a presigned one, and its value."""


# Characters of a value in a message.
_LONGEST = 200


class Fault(NamedTuple):
    """A problem without its path."""

    what: str
    fix: str
    kind: Kind = Kind.INVALID


def quoted(value: object) -> str:
    """A value as messages show it."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = without_credentials(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}..."'


def without_credentials(text: str) -> str:
    """The text with "..." in place of what may be a password in a URL."""
    return QUERY_SECRET.sub(r"\1...", USER_INFO.sub(r"\1://...@", text))


def wrong_type(expected: str, value: object, fix: str) -> Fault:
    return Fault(f"must be {expected}, found {quoted(value)}", fix, Kind.TYPE)


def not_an_object(value: object, known: Iterable[str]) -> Fault:
    return wrong_type("an object", value, f"known keys: {', '.join(known)}")


def unknown_key(key: str, known: Iterable[str]) -> Fault:
    fix = suggestion(key, known, f"known keys: {', '.join(known)}", cutoff=0.6)
    return Fault("unknown key", fix, Kind.UNKNOWN_KEY)


def listed_twice(text: str) -> Fault:
    return Fault(f"{text} is listed twice", "remove one of them", Kind.DUPLICATE)


def suggestion(text: str, known: Iterable[str], otherwise: str, cutoff: float = 0.5) -> str:
    """The instruction for a word that is not one of these."""
    near = difflib.get_close_matches(text, list(known), n=1, cutoff=cutoff)
    return f'did you mean "{near[0]}"?' if near else otherwise
