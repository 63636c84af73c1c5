"""
Words that this project does not use, and where they are used all the same.

CONTRIBUTING.md has the glossary. Names are those that a Python file defines: modules, classes,
functions, arguments, variables and attributes. Messages are string literals with a space in the
program and its tools; docstrings are none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

# In the text of every file.
REFUSED_ANYWHERE = re.compile(r"\b(master|masters|slave|slaves|worker node|worker nodes)\b", re.I)
# k3s and Kubernetes themselves say so in names nobody can change.
UNCHANGEABLE = ("system:masters",)

# Each with what to write instead. Words that have a sense of their own in the field are left out:
# known hosts, plain text, a Mapping of Python, a flag of k3s.
_REPORTED = "reported, formatted or rendered"
REFUSED = {
    **dict.fromkeys(("told", "tell", "tells", "said", "says"), _REPORTED),
    **dict.fromkeys(("spelled", "spell"), "formatted"),
    "surroundings": "context or environment",
    "answers": "responds; a lookup; what AWS returned",
    "objection": "rejection",
    "unfit": "invalid credentials",
    "declined": "an API error",
    "foreign": "an untrusted server; of another architecture, account or owner",
    "learned": "computed outputs",
    "former": "previous",
    "begun": "an incomplete update",
    "anew": "again; recreated, replaced or regenerated",
    "worthless": "revoked or expired",
    "texts": "strings",
    "founded": "the datastore exists",
    "voice": "a progress reporter",
    "sealed": "marked secret",
    "knows": "has, reads or supports",
}
# Good English in a sentence, but no name.
REFUSED_IN_NAMES = {
    **REFUSED,
    "shown": "quoted, printed or rendered",
    "world": "an environment; what it consists of",
    "passing": "retryable",
    "stale": "expired",
    "heard": "a callback: on_change",
    "judge": "authorize",
    "attended": "with_hooks",
}
REFUSED_PHRASES = {
    r"(?<!\bthere )\bis no (?!longer\b|more\b)": "is not a valid ...; must be ...",
    r"\bis none of\b": "must be one of",
    r"\bon no calendar\b": "is not a valid date",
    r"\bput back\b": "reconciled or restored",
}

_MESSAGES = {
    **{rf"\b{word}\b": instead for word, instead in REFUSED.items()},
    **REFUSED_PHRASES,
}
_ANY_PHRASE = re.compile("|".join(REFUSED_PHRASES), re.I)
_ANY_MESSAGE = re.compile("|".join(_MESSAGES), re.I)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def faults(path: Path, *, messages: bool) -> list[str]:
    """The refused words of a Python file: line number, what has them, what to write instead."""
    source = path.read_text()
    found = [fault for part in (path.parent.name, path.stem) for fault in _faults_in_name(0, part)]
    if not _may_have_faults(source):
        return found
    nodes = list(ast.walk(ast.parse(source)))
    for line, name in _names(nodes):
        found += _faults_in_name(line, name)
    for line, text in _messages(nodes) if messages else ():
        found += _faults_in_message(line, text)
    return found


def _may_have_faults(source: str) -> bool:
    """Whether a file is worth parsing."""
    words = {word.lower() for word in set(_WORD.findall(source))}
    return bool(words & REFUSED_IN_NAMES.keys() or _ANY_PHRASE.search(source))


def _faults_in_message(line: int, text: str) -> Iterator[str]:
    if not _ANY_MESSAGE.search(text):
        return
    for pattern, instead in _MESSAGES.items():
        if match := re.search(pattern, text, re.I):
            yield f'{line}: "{match[0].strip()}" in {text[:60]!r}: {instead}'


def _faults_in_name(line: int, name: str) -> Iterator[str]:
    for word in _WORD.findall(name):
        if instead := REFUSED_IN_NAMES.get(word.lower()):
            yield f"{line}: {name}: {instead}"


def _names(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def _messages(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    docstrings = {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            text = node.value
            if isinstance(text, str) and " " in text.strip():
                yield node.lineno, text
