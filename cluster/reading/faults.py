"""What is wrong with a value of the configuration, and the words all messages share."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cluster.errors import Kind

# A limit, so that the time for a long text without any URL does not grow with its square.
USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://([^\s/?#\"'<>@]*)@")
"""Scheme and user information of a URL that has some."""
QUERY_SECRET = re.compile(
    r"([?&](?:x-amz-signature|x-amz-security-token|x-goog-signature|signature|sig|token|password"
    r"|access_token|private_token|api_?key|secret)=)([^&\s\"']+)",
    re.IGNORECASE,
)
"""The parameter of a URL that grants access, such as that of a presigned one, and its value."""


# The same without a scheme; an image with a tag and a digest is no host behind credentials.
_BARE_USER_INFO = re.compile(r"[^\s/@:\"]{1,256}:[^\s/@\"]{1,4096}@(?!sha[0-9]+:)")
# Characters of a value in a message.
_LONGEST = 200
# What `pulumi config set --path` takes without brackets.
_PLAIN = re.compile(rf"[\w-]{{1,{_LONGEST}}}")


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
    text = without_credentials(_as_json(value))
    end = '"' if isinstance(value, str) else ""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...{end}"


def _as_json(value: object) -> str:
    """
    A value as JSON that looks like what it is.

    What a terminal does not show is escaped: control characters, marks of writing direction, and
    blanks that are not those of the keyboard.
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def without_credentials(text: str) -> str:
    """The text with "..." in place of what may be a password in a URL."""
    text = QUERY_SECRET.sub(r"\1...", USER_INFO.sub(r"\1://...@", text))
    return _BARE_USER_INFO.sub("...@", text) if "@" in text else text


def step(name: str) -> str:
    """A key as a part of a path."""
    return f".{name}" if _PLAIN.fullmatch(name) else f"[{quoted(name)}]"


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
