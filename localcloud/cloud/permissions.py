"""May this role do that? The part of IAM's evaluation that decides for a machine's own calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any


def allowed(statements: Sequence[Mapping[str, Any]], action: str, resource: str) -> bool:
    """
    Whether the statements allow the action on the resource: an explicit Deny wins, silence denies.

    Conditions, NotAction and NotResource are not evaluated: a statement with one of them allows
    nothing and denies what it names, the careful side of both.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    decided = False
    for statement in statements:
        plain = not {"Condition", "NotAction", "NotResource"} & set(statement)
        if not _names(statement.get("Action"), action.lower(), lower=True):
            continue
        if not _names(statement.get("Resource"), resource):
            continue
        if statement["Effect"] == "Deny":
            return False
        decided = decided or plain
    return decided


def _names(patterns: str | Sequence[str] | None, value: str, *, lower: bool = False) -> bool:
    if patterns is None:
        return True
    listed = [patterns] if isinstance(patterns, str) else patterns
    # IAM knows * and ? only; fnmatch would read [ as a class.
    return any(
        fnmatchcase(value, (each.lower() if lower else each).replace("[", "[[]")) for each in listed
    )
