"""The boot program as a machine gets it: cloud-init/boot.py without what only its readers need."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "cloud-init" / "boot.py"


def text() -> str:
    """The boot program for user data, which has little room."""
    return compact(SOURCE.read_text())


def compact(source: str) -> str:
    """
    The Python source without comments and docstrings.

    Each line keeps its number, so that a traceback on a machine fits the source.
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("#!"):
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is None:
            continue
        docstring = node.body[0]
        # A body needs a statement.
        stays = " " * docstring.col_offset + "pass" if len(node.body) == 1 else ""
        for row in range(docstring.lineno, (docstring.end_lineno or 0) + 1):
            lines[row - 1] = stays if row == docstring.lineno else ""
    return "\n".join(lines) + "\n"
