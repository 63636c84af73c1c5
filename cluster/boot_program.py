"""The boot program as a machine gets it: cloud-init/boot/ without what only its readers need."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from tokenize import TokenInfo

SOURCE = Path(__file__).parent.parent / "cloud-init" / "boot"

# Tokens that are no part of a statement.
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
# They serve annotations alone.
_UNUSED_IMPORTS = (
    "from __future__ import annotations",
    "from collections.abc import ",
    "from typing import ",
)
# From the first token to the end of the last one.
_Span = tuple[TokenInfo, TokenInfo]


@cache
def modules() -> Mapping[str, str]:
    """The text of each module of the boot program by its path below the package's folder."""
    return {path.name: compact(path.read_text()) for path in sorted(SOURCE.glob("*.py"))}


def compact(source: str) -> str:
    """
    The Python source without comments, docstrings, annotations and the imports for them, indented
    by one space for each level, and without other spaces that separate nothing. What marks a field
    of a dataclass is the annotation `0`.

    Each line keeps its number, so that a traceback on a machine fits the source.
    """
    lines = source.splitlines()
    tokens = _tokens(source)
    # Backwards, so that the columns of what comes before stay right.
    removed = [(each, "") for each in _annotations(tokens)]
    removed += [(each, "0") for each in _variables(tokens)]
    for (first, last), instead in sorted(removed, key=_start, reverse=True):
        _remove(lines, first, last, instead)
    for index, token in enumerate(tokens):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            lines[row - 1] = lines[row - 1].removesuffix(token.string).rstrip()
        elif _is_docstring(tokens, index):
            _remove(lines, token, token)
            if _is_whole_body(tokens, index):
                lines[row - 1] = " " * column + "pass"
    _reduce_indentation(lines, tokens)
    lines = ["" if line.startswith(_UNUSED_IMPORTS) else line for line in lines]
    _remove_spaces(lines)
    return "\n".join(lines) + "\n"


def _tokens(source: str) -> list[TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))


def _start(removed: tuple[_Span, str]) -> tuple[int, int]:
    return removed[0][0].start


def _remove(lines: list[str], first: TokenInfo, last: TokenInfo, instead: str = "") -> None:
    """Replaces the text from one token to another; the lines between them stay as empty ones."""
    (top, left), (bottom, right) = first.start, last.end
    before, after = lines[top - 1][:left], lines[bottom - 1][right:]
    lines[top - 1 : bottom] = [""] * (bottom - top + 1)
    lines[bottom - 1] = after
    lines[top - 1] = (before if instead else before.rstrip()) + instead + lines[top - 1]


def _variables(tokens: Sequence[TokenInfo]) -> Iterator[_Span]:
    """The annotations of fields and variables, without the colon."""
    for statement in _statements(tokens):
        words = [token.string for token in statement]
        colon = words.index(":") if ":" in words else 0
        target = words[:colon]
        if target and all(each == "." or _is_name(each) for each in target):
            end = next(i for i, text in enumerate(words) if i > colon and text in ("=", ""))
            first, last = statement[colon + 1], statement[end - 1]
            # Without its brackets, what is left of it would not be one statement.
            if first.start[0] == last.end[0]:
                yield first, last


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _statements(tokens: Sequence[TokenInfo]) -> Iterator[list[TokenInfo]]:
    """The tokens of each statement, an empty one at the end."""
    statement: list[TokenInfo] = []
    for token in tokens:
        if token.type == tokenize.NEWLINE:
            yield [*statement, token._replace(string="")]
            statement = []
        elif token.type not in _LAYOUT:
            statement.append(token)


def _annotations(tokens: Sequence[TokenInfo]) -> Iterator[_Span]:
    """The annotations of parameters and results, each from its colon or arrow."""
    written = [token for token in tokens if token.type not in _LAYOUT]
    # How many brackets are open since a `def`; None outside of one.
    depth: int | None = None
    first: TokenInfo | None = None
    for before, token in pairwise(written):
        text = token.string
        if before.string == "def":
            depth = 0
        if depth is None or token.type == tokenize.STRING:
            continue
        ended = text == ":" and depth == 0
        if first and (ended or (first.string == ":" and depth == 1 and text in ("=", ",", ")"))):
            yield first, before
            first = None
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        if text == "->" or (text == ":" and depth == 1 and not first):
            first = token
        elif ended:
            depth = None


def _reduce_indentation(lines: list[str], tokens: Sequence[TokenInfo]) -> None:
    """From four spaces to one, but not inside of strings."""
    kept = {
        row
        for token in tokens
        if token.type == tokenize.STRING
        for row in range(token.start[0] + 1, token.end[0] + 1)
    }
    for row, line in enumerate(lines, 1):
        if row not in kept:
            text = line.lstrip(" ")
            lines[row - 1] = " " * ((len(line) - len(text)) // 4) + text


def _remove_spaces(lines: list[str]) -> None:
    """Around operators, brackets and commas."""
    for before, token in reversed(list(pairwise(_tokens("\n".join(lines) + "\n")))):
        row, column = before.end
        is_apart = before.type not in _LAYOUT and (row, column) < token.start
        if is_apart and row == token.start[0] and tokenize.OP in (before.type, token.type):
            lines[row - 1] = lines[row - 1][:column] + lines[row - 1][token.start[1] :]


def _is_docstring(tokens: Sequence[TokenInfo], index: int) -> bool:
    """Whether the token is a string that is a statement by itself."""
    if tokens[index].type != tokenize.STRING or tokens[index + 1].type != tokenize.NEWLINE:
        return False
    before = [token for token in tokens[:index] if token.type not in _LAYOUT]
    return not before or before[-1].type == tokenize.NEWLINE


def _is_whole_body(tokens: Sequence[TokenInfo], index: int) -> bool:
    after = (each.type for each in tokens[index + 2 :] if each.type != tokenize.NL)
    return tokens[index - 1].type == tokenize.INDENT and next(after) == tokenize.DEDENT
