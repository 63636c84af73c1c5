"""The boot program as a machine gets it: cloud-init/boot/ without what only its readers need."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from tokenize import TokenInfo

SOURCE = Path(__file__).parent.parent / "cloud-init" / "boot"

# Tokens that are no part of a statement.
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
# They serve annotations alone: those of functions are removed, those of fields are never evaluated.
_UNUSED_IMPORTS = ("from collections.abc import ", "from typing import ")
# From the first token to the end of the last one.
_Span = tuple[TokenInfo, TokenInfo]


@cache
def modules() -> Mapping[str, str]:
    """The text of each module of the boot program by its path below the package's folder."""
    return {path.name: compact(path.read_text()) for path in sorted(SOURCE.glob("*.py"))}


def compact(source: str) -> str:
    """
    The Python source without comments, docstrings, the annotations of functions and the imports
    for annotations, indented by one space for each level.

    Each line keeps its number, so that a traceback on a machine fits the source.
    """
    lines = source.splitlines()
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    # Backwards, so that the columns of what comes before stay right.
    for first, last in reversed(list(_annotations(tokens))):
        _remove(lines, first, last)
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
    return "\n".join(lines) + "\n"


def _remove(lines: list[str], first: TokenInfo, last: TokenInfo) -> None:
    """Removes the text from one token to another; the lines between them stay as empty ones."""
    (top, left), (bottom, right) = first.start, last.end
    before, after = lines[top - 1][:left], lines[bottom - 1][right:]
    lines[top - 1 : bottom] = [""] * (bottom - top + 1)
    lines[bottom - 1] = after
    lines[top - 1] = before.rstrip() + lines[top - 1]


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


def _is_docstring(tokens: Sequence[TokenInfo], index: int) -> bool:
    """Whether the token is a string that is a statement by itself."""
    if tokens[index].type != tokenize.STRING or tokens[index + 1].type != tokenize.NEWLINE:
        return False
    before = [token for token in tokens[:index] if token.type not in _LAYOUT]
    return not before or before[-1].type == tokenize.NEWLINE


def _is_whole_body(tokens: Sequence[TokenInfo], index: int) -> bool:
    after = (each.type for each in tokens[index + 2 :] if each.type != tokenize.NL)
    return tokens[index - 1].type == tokenize.INDENT and next(after) == tokenize.DEDENT
