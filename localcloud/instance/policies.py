"""May this role do that? The part of IAM's evaluation that decides for a machine's own calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.instance.conditions import Context, every, holds, like, some

# Where a variable may stand in an ARN: in what follows the fifth colon.
COLONS_BEFORE_VARIABLES = 5


def denial(
    statements: Sequence[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Context | None = None,
) -> str | None:
    """
    Why the statements do not let a request with these keys act on the resource, in IAM's words.

    None where they do. An explicit Deny wins, silence denies. NotAction, NotResource and conditions
    beyond localcloud.instance.conditions are not evaluated: a statement with one of them allows
    nothing and denies what it names, the careful side of both.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    decided = False
    for statement in statements:
        applies = _applies(statement, action, resource, context or {})
        if statement["Effect"] == "Deny" and applies is not False:
            return "with an explicit deny in an identity-based policy"
        decided = decided or applies is True
    return None if decided else f"because no identity-based policy allows the {action} action"


def _applies(
    statement: Mapping[str, Any], action: str, resource: str, context: Context
) -> bool | None:
    """Whether the statement is about this request; None where that is not understood."""
    actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
    return every(
        [
            some(like(each.lower(), action.lower(), {}) for each in actions) if actions else None,
            some(_names(each, resource, context) for each in resources) if resources else None,
            holds(statement.get("Condition", {}), context),
        ]
    )


def _names(pattern: str, resource: str, context: Context) -> bool | None:
    before, variable, _ = pattern.partition("${")
    if variable and before.count(":") < COLONS_BEFORE_VARIABLES:
        return None
    return like(pattern, resource, context)


def _listed(patterns: str | Sequence[str] | None) -> Sequence[str]:
    return [patterns] if isinstance(patterns, str) else patterns or []
