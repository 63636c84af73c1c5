"""A part of a comment that can be cut between its lines, and what says that it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from review import markup
from review.markup import Html


class Rank(IntEnum):
    """In which order the parts get their room."""

    ESSENTIAL = 0
    IMPORTANT = 1
    USEFUL = 2
    FOLDED = 3


@dataclass(frozen=True, kw_only=True)
class Part:
    """
    One HTML block.

    `opening` and `closing` stand in every comment; of `lines` the first ones stay that have room.
    `noun` is what a line is, for the note that says how many are left out.
    """

    rank: Rank
    opening: Html = markup.NOTHING
    lines: tuple[Html, ...] = ()
    closing: Html = markup.NOTHING
    noun: str = "line"

    def fitted(self, room: int, where: Html) -> Html:
        """The part in so many bytes, but never less than its opening, note and closing."""
        if size(whole := self._text(self.lines)) <= room:
            return whole
        left = room - size(self._text(())) - size(self._note(len(self.lines), where)) - 1
        kept = 0
        for line in self.lines:
            left -= size(line) + 1
            if left < 0:
                break
            kept += 1
        left_out = self._note(len(self.lines) - kept, where)
        return Html("\n".join([self._text(self.lines[:kept]), left_out]))

    def _text(self, lines: Sequence[Html]) -> Html:
        return Html("\n".join(filter(None, [self.opening, *lines, self.closing])))

    def _note(self, number: int, where: Html) -> Html:
        what = markup.words(f"{markup.count(number, self.noun)} left out, for want of room: ")
        return Html(f"<p><em>{what}{where}</em></p>")


def size(text: str) -> int:
    """What GitHub counts of a comment, which are bytes of UTF-8."""
    return len(text.encode())


def of(content: Html, rank: Rank) -> Part:
    """A part that is not cut."""
    return Part(rank=rank, opening=content)


def of_table(content: Html, rank: Rank, noun: str) -> Part:
    """A table, which is cut between its rows; what stands after it is part of its closing."""
    head, *rows = content.split("\n")
    end = rows.index("</table>")
    return Part(
        rank=rank,
        opening=Html("\n".join([head, rows[0]])),
        lines=tuple(map(Html, rows[1:end])),
        closing=Html("\n".join(rows[end:])),
        noun=noun,
    )


def fitted(parts: Sequence[Part], room: int, where: Html) -> list[Html]:
    """
    The parts in so many bytes, two for the blank line between each.

    What is essential gets its room first; parts of the same rank share what is left.
    """
    found: dict[int, Html] = {}
    order = sorted(range(len(parts)), key=lambda index: parts[index].rank)
    left = room - 2 * len(parts)
    for position, index in enumerate(order):
        rank = parts[index].rank
        same = sum(parts[each].rank == rank for each in order[position:])
        least = sum(_least(parts[each], where) for each in order[position + 1 :])
        share = max((left - least) // same, left - least if same == 1 else 0)
        found[index] = parts[index].fitted(share, where)
        left -= size(found[index])
    return [found[index] for index in range(len(parts))]


def _least(part: Part, where: Html) -> int:
    return size(part.fitted(0, where))
