"""
The only way for a string of a stack into a comment: escaped, visible, on one line, inside `code`.

A comment is Markdown that consists of HTML blocks alone. Inside an HTML block, which a blank line
ends, neither CommonMark nor GitHub's extensions parse anything
(https://spec.commonmark.org/0.31.2/#html-blocks), so that one escaping is enough, HTML's. What
GitHub and GitLab make of the result afterwards, such as links of `@name`, `#123` and `:name:`,
leaves `code` and `pre` alone. GitLab executes lines that begin with a slash, so none begins with a
string of a stack.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from typing import Final, NewType

Html = NewType("Html", str)
"""HTML of ours, in which every other string is escaped. It has no blank line."""

NOTHING: Final = Html("")
LONGEST: Final = 300
"""The longest string that is kept, in characters."""
LONGEST_MESSAGE: Final = 4000
"""The same of an error's whole text."""

# Letters that show nothing, which Unicode counts as letters, marks or symbols.
_INVISIBLE: Final = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# What a CI system executes where it stands in a job's log, for a comment that is printed there.
_COMMANDS: Final = (("##", "#&#35;"), ("::", ":&#58;"))
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def code(text: object, longest: int = LONGEST) -> Html:
    """A string of a stack on one line."""
    return Html(f"<code>{escaped(text, longest)}</code>")


def escaped(text: object, longest: int = LONGEST) -> Html:
    """The same without its element: for `pre`, where something of ours stands before it."""
    readable = html.escape(visible(str(text), longest))
    for command, harmless in _COMMANDS:
        readable = readable.replace(command, harmless)
    return Html(readable)


def visible(text: str, longest: int = LONGEST) -> str:
    """
    The string as a reader sees it: what has no glyph of its own, reorders or combines is its
    number, `\\u202e`; what is longer than `longest` is cut, with the number of characters that
    are left out.
    """
    readable = "".join(map(_visible, text[:longest]))
    left_out = len(text) - longest
    return readable if left_out <= 0 else f"{readable}… ({left_out:,} more characters)"


def _visible(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    hidden = unicodedata.category(character) in ("Mn", "Me") or character in _INVISIBLE
    if character.isprintable() and not hidden:
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def message(text: str) -> Html:
    """A text of several lines, such as an error, as it was printed; each line after a bar."""
    kept = text[:LONGEST_MESSAGE].splitlines()
    lines = [f"| {escaped(line, LONGEST_MESSAGE)}" for line in kept]
    if len(text) > LONGEST_MESSAGE:
        lines.append(f"| … ({len(text) - LONGEST_MESSAGE:,} more characters: the job's log)")
    return Html("<pre>" + "\n".join(lines) + "</pre>")


def words(text: str) -> Html:
    """A sentence of this program, which holds no string of a stack."""
    return Html(html.escape(text, quote=False))


def joined(parts: Iterable[Html], separator: str = ", ") -> Html:
    return Html(words(separator).join(parts))


def listed(parts: Iterable[Html], most: int = 6) -> Html:
    """The parts in a sentence; of many the first ones, and how many more there are."""
    found = list(parts)
    if len(found) > most:
        return Html(f"{joined(found[:most])} and {len(found) - most} more")
    if len(found) < 2:
        return joined(found)
    return Html(f"{joined(found[:-1])} and {found[-1]}")


def table(head: Iterable[str], rows: Iterable[Iterable[Html]]) -> Html:
    """A table with one line for each row, so that a comment can be cut between them."""
    titles = "".join(f"<th>{words(each)}</th>" for each in head)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return Html("\n".join(["<table>", f"<tr>{titles}</tr>", *lines, "</table>"]))


def details(summary: Html, content: Html) -> Html:
    return Html(f"<details><summary>{summary}</summary>\n{content}\n</details>")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 agent`, `2 agents`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
