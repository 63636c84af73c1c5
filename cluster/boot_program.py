"""The boot program as a machine gets it: cloud-init/boot/ without what only its readers need."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cluster.spec import Role

SOURCE = Path(__file__).parent.parent / "cloud-init" / "boot"

OF_ONE_ROLE: Mapping[Role, frozenset[str]] = {
    "server": frozenset(
        {
            "backups.py",
            "data_version.py",
            "datastore.py",
            "etcd_snapshot.py",
            "manifests.py",
            "offline.py",
            "programs.py",
            "restoring.py",
            "rotation.py",
            "server.py",
            "snapshot.py",
            "volume.py",
        }
    ),
    "agent": frozenset({"agent.py", "drain.py"}),
}
"""Modules that only the machines of one role have; what imports them is among them too."""

OF_CHANGES = frozenset({"change.py", "etcd_snapshot.py", "expiry.py", "offline.py", "rotation.py"})
"""Modules that no first boot needs: the provider brings them along with a change."""

_NEITHER_TEXT_NOR_END = {
    tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip
# They serve annotations alone.
_UNUSED_IMPORTS = ("__future__", "collections.abc", "typing")


class _Token(NamedTuple):
    """A token of a statement; an f-string is one token."""

    type: int
    text: str


class _Statement(NamedTuple):
    """The tokens of a logical line, and how many blocks it is in."""

    depth: int
    tokens: Sequence[_Token]


@cache
def modules() -> Mapping[str, str]:
    """The text of each module of the boot program by its path below the package's folder."""
    return {path.name: compact(path.read_text()) for path in sorted(SOURCE.glob("*.py"))}


def of_role(modules: Mapping[str, str], role: str) -> dict[str, str]:
    """Those of the modules that a machine of the role gets."""
    others = {path for each, paths in OF_ONE_ROLE.items() if each != role for path in paths}
    return {path: text for path, text in modules.items() if path not in others}


def of_first_boot(modules: Mapping[str, str], role: str) -> dict[str, str]:
    """Those of the modules that user data of the role has."""
    found = of_role(modules, role)
    return {path: text for path, text in found.items() if path not in OF_CHANGES}


def compact(source: str) -> str:
    """
    The Python source without comments, docstrings, annotations and the imports for them: each
    statement on one line, indented by one space for each level, without other spaces that separate
    nothing. What marks a field of a dataclass is the annotation `0`.

    A traceback on a machine has the lines of the machine's own file.
    """
    statements = list(_statements(source))
    # A block that was a docstring alone.
    following = [*statements[1:], _Statement(0, ())]
    lines: list[str] = []
    for statement, after in zip(statements, following, strict=True):
        tokens = list(_without_annotations(statement.tokens))
        if _is_docstring(statement):
            if not lines or after.depth >= statement.depth:
                continue
            tokens = [_Token(tokenize.NAME, "pass")]
        elif tokens[0].text == "from" and _module(tokens) in _UNUSED_IMPORTS:
            continue
        lines.append(" " * statement.depth + _line(tokens))
    return "\n".join(lines) + "\n"


def _statements(source: str) -> Iterator[_Statement]:
    depth, tokens = 0, list[_Token]()
    for token in _with_whole_f_strings(source):
        depth += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
        if token.type == tokenize.NEWLINE:
            yield _Statement(depth, tokens)
            tokens = []
        elif token.type not in _NEITHER_TEXT_NOR_END:
            tokens.append(token)


def _with_whole_f_strings(source: str) -> Iterator[_Token]:
    """The tokens; from Python 3.12 on, what stands in an f-string would be tokens of its own."""
    lines = source.splitlines(keepends=True)
    starts: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            starts.append(token.start)
        elif kind == "FSTRING_END":
            start = starts.pop()
            if not starts:
                yield _Token(tokenize.STRING, _between(lines, start, token.end))
        elif not starts:
            yield _Token(token.type, token.string)


def _between(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    (top, left), (bottom, right) = start, end
    if top == bottom:
        return lines[top - 1][left:right]
    return "".join([lines[top - 1][left:], *lines[top : bottom - 1], lines[bottom - 1][:right]])


def _is_docstring(statement: _Statement) -> bool:
    return [token.type for token in statement.tokens] == [tokenize.STRING]


def _module(tokens: Sequence[_Token]) -> str:
    """The module of a `from ... import`."""
    words = [token.text for token in tokens]
    return "".join(words[1 : words.index("import")])


def _without_annotations(tokens: Sequence[_Token]) -> Iterator[_Token]:
    words = [token.text for token in tokens]
    if words[0] == "def":
        return _without_types(tokens)
    colon = words.index(":") if ":" in words else 0
    target = words[:colon]
    if not target or not all(each == "." or _is_name(each) for each in target):
        return iter(tokens)
    end = words.index("=") if "=" in words else len(words)
    return iter([*tokens[: colon + 1], _Token(tokenize.NUMBER, "0"), *tokens[end:]])


def _without_types(tokens: Sequence[_Token]) -> Iterator[_Token]:
    """The definition of a function, none of whose defaults is a lambda."""
    depth = 0
    # How many brackets are open around the type that is left out.
    of_type: int | None = None
    for token in tokens:
        text = token.text
        if depth == of_type and text in ((":",) if depth == 0 else ("=", ",", ")")):
            of_type = None
        elif of_type is None and (text == "->" or (depth == 1 and text == ":")):
            of_type = depth
        if of_type is None:
            yield token
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _line(tokens: Sequence[_Token]) -> str:
    """The tokens, with a space only between two of which each is a word, a number or a string."""
    line = tokens[0].text
    for before, token in pairwise(tokens):
        is_apart = tokenize.OP not in (before.type, token.type)
        line += " " * is_apart + token.text
    return line
