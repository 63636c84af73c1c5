"""The whole comment of one or several stacks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from review import markup, part, section
from review.errors import ReviewError
from review.markup import Html
from review.part import Part, Rank
from review.preview import Preview

LIMIT: Final = 65_000
"""
In bytes of UTF-8. GitHub's error names 65,536 characters; what it counts has been observed to be
262,144 bytes. So many bytes are below both. GitLab takes 1,000,000 characters.
"""


def render(
    previews: Sequence[tuple[str | None, Preview | str]],
    now: datetime,
    where: str | None = None,
    limit: int = LIMIT,
) -> str:
    """
    The comment.

    Each preview has the name to show in the place of its stack's, if any; in the place of one that
    could not be read stands the reason. `where` is the URL of the run that has the whole logs.

    Raises ReviewError where the headlines alone have no room.
    """
    parts: list[Part] = []
    for name, preview in previews:
        if isinstance(preview, str):
            parts += _unreadable(name, preview)
        else:
            parts += section.parts(preview, now, name)
    return assemble(parts, where, limit)


def assemble(parts: Sequence[Part], where: str | None, limit: int = LIMIT) -> str:
    """The parts in so many bytes. Raises ReviewError."""
    place = (
        Html(f'<a href="{markup.escaped(where, 2000)}">the log of the run</a>')
        if where
        else (markup.words("the job's log has all of it"))
    )
    text = "\n\n".join(part.fitted(parts, limit - 2, place)) + "\n"
    if part.size(text) > limit:
        raise ReviewError(
            f"the comment has no room for {len(parts)} parts in {limit:,} bytes\n"
            "    give fewer stacks, and make several comments with post --name"
        )
    return text


def _unreadable(name: str | None, reason: str) -> list[Part]:
    line = markup.words("there is no preview, so what it would do is unknown")
    title = Html(f"<h3>{markup.code(name or 'a stack')}: {line}</h3>")
    return [
        part.of(title, Rank.ESSENTIAL),
        part.of(markup.message(reason), Rank.ESSENTIAL),
    ]
