"""The boot program as a machine gets it: cloud-init/boot.py without what only its readers need."""

from __future__ import annotations

import io
import tokenize
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "cloud-init" / "boot.py"


# What says nothing about which statement a line is.
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}


@cache
def text() -> str:
    """The boot program for user data, which has little room."""
    return compact(SOURCE.read_text())


def compact(source: str) -> str:
    """
    The Python source without comments and docstrings.

    Each line keeps its number, so that a traceback on a machine fits the source.
    """
    lines = source.splitlines()
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in tokens:
        if token.type == tokenize.COMMENT and not token.string.startswith("#!"):
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for index, token in enumerate(tokens):
        if _is_docstring(tokens, index):
            (first, column), (last, _) = token.start, token.end
            lines[first - 1 : last] = [""] * (last - first + 1)
            if _is_whole_body(tokens, index):
                lines[first - 1] = " " * column + "pass"
    return "\n".join(lines) + "\n"


def _is_docstring(tokens: list[tokenize.TokenInfo], index: int) -> bool:
    """Whether the token is a string that is a statement by itself."""
    if tokens[index].type != tokenize.STRING or tokens[index + 1].type != tokenize.NEWLINE:
        return False
    before = [token for token in tokens[:index] if token.type not in _LAYOUT]
    return not before or before[-1].type == tokenize.NEWLINE


def _is_whole_body(tokens: list[tokenize.TokenInfo], index: int) -> bool:
    after = (each.type for each in tokens[index + 2 :] if each.type != tokenize.NL)
    return tokens[index - 1].type == tokenize.INDENT and next(after) == tokenize.DEDENT
