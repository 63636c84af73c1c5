"""What the platforms have in common: comments on a change, one of which is ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from review.errors import ReviewError
from review.posting.http import Lost

NAME: Final = "review"
MOST_ATTEMPTS: Final = 5
_NAMES: Final = re.compile(r"[a-z0-9](-?[a-z0-9]){0,39}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment that is there."""

    id: int
    body: str
    is_own: bool
    """Whether the account of the token wrote it."""


class Platform(Protocol):
    """The comments of one pull request or merge request."""

    longest: int
    """The longest body, in bytes."""

    def comments(self) -> Iterator[Comment]: ...

    def create(self, body: str) -> str:
        """Makes a comment; its URL."""
        ...

    def update(self, comment_id: int, body: str) -> str:
        """Replaces the body of a comment; its URL."""
        ...


def marker(name: str) -> str:
    """
    The first line of a comment, which nobody sees.

    Raises ReviewError for a name that could end the HTML comment.
    """
    if not _NAMES.fullmatch(name):
        raise ReviewError(
            f"--name: must be lower-case letters, digits and hyphens, found {name!r}\n"
            "    name it for what the comment is about, such as drift"
        )
    return f"<!-- k3s-aws: {name} -->"


def post(platform: Platform, text: str, name: str) -> str:
    """
    Puts the text in the place of our comment of this name, or makes one; its URL.

    Of comments that begin with the marker only one that the account of the token wrote is ours:
    anybody who may comment can write the marker. Of several the first one is updated.

    Raises ReviewError.
    """
    first = marker(name)
    body = f"{first}\n\n{text}"
    if (size := len(body.encode())) > platform.longest:
        raise ReviewError(
            f"the comment has {size:,} bytes, and {platform.longest:,} is the most\n"
            "    make it with python -m review render, which leaves out what has no room"
        )
    for _ in range(MOST_ATTEMPTS - 1):
        try:
            return _put(platform, first, body)
        except Lost:
            # The comment may be there, although the response was lost: look for it again.
            continue
    return _put(platform, first, body)


def _put(platform: Platform, first: str, body: str) -> str:
    own = [each for each in platform.comments() if each.is_own and _begins(each.body, first)]
    if own:
        return platform.update(min(each.id for each in own), body)
    return platform.create(body)


def _begins(body: str, first: str) -> bool:
    return body.replace("\r\n", "\n").split("\n", 1)[0].rstrip() == first


def required(environment_value: str | None, variable: str, instead: str) -> str:
    """A variable of the CI's environment. Raises ReviewError where it is missing or empty."""
    if not environment_value:
        raise ReviewError(f"{variable} is not set\n    {instead}")
    return environment_value
