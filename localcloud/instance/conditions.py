"""
IAM's Condition element and its policy variables, as far as a machine's own requests carry keys.

A result of None means: not supported here. A key that AWS may support and this module does not is
not a missing key.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Context = Mapping[str, str]
"""The keys of a request, in lower case: IAM ignores their case."""

KEYS = frozenset(
    {
        "aws:ec2instancesourceprivateipv4",
        "aws:ec2instancesourcevpc",
        "aws:principalarn",
        "ec2:sourceinstancearn",
        "kms:viaservice",
    }
)
ENCRYPTION_CONTEXT = "kms:encryptioncontext:"
ANY = "ForAnyValue:"
IF_EXISTS = "IfExists"
VARIABLE = re.compile(r"\$\{([^}]*)\}")
KEY_AND_DEFAULT = re.compile(r"\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?")

# A character of a pattern, and whether * and ? stand for others.
Pieces = Sequence[tuple[str, bool]]


class NotUnderstoodError(Exception):
    """What is written is beyond this module."""


def holds(condition: Mapping[str, Any], context: Context) -> bool | None:
    """Whether a request with these keys meets the whole condition."""
    return every(
        _meets(operator, key, values, context)
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def every(found: Iterable[bool | None]) -> bool | None:
    """Whether all are true: one that is false decides, whatever else is not understood."""
    known = list(found)
    return False if False in known else None if None in known else True


def some(found: Iterable[bool | None]) -> bool | None:
    """Whether one is true."""
    known = list(found)
    return True if True in known else None if None in known else False


def like(pattern: str, text: str, context: Context) -> bool | None:
    """Whether the text matches the pattern: variables, then * and ?."""
    return _compared(pattern, context, lambda pieces: _fits(pieces, text))


def _meets(operator: str, key: str, listed: Any, context: Context) -> bool | None:
    name = operator.removeprefix(ANY).removesuffix(IF_EXISTS)
    key, values = key.lower(), listed if isinstance(listed, list) else [listed]
    compare = OPERATORS.get(name.replace("Not", "", 1))
    if key not in KEYS and not key.startswith(ENCRYPTION_CONTEXT):
        return None
    actual = context.get(key)
    if operator == "Null":
        return some(
            {"true": actual is None, "false": actual is not None}.get(str(value).lower())
            for value in values
        )
    if compare is None:
        return None
    negated = "Not" in name
    if actual is None:
        # Among no values there is not any.
        return operator.endswith(IF_EXISTS) or (negated and not operator.startswith(ANY))
    found = some(
        compare(actual, value, context) if isinstance(value, str) else None for value in values
    )
    return found if found is None else found is not negated


def _equals(actual: str, value: str, context: Context) -> bool | None:
    return _compared(value, context, lambda pieces: "".join(each for each, _ in pieces) == actual)


def _string_like(actual: str, value: str, context: Context) -> bool | None:
    return like(value, actual, context)


def _arn_like(actual: str, value: str, context: Context) -> bool | None:
    """Each of the six parts by itself; ArnEquals does the same."""

    def fits(pieces: Pieces) -> bool:
        wanted, parts = _parts(pieces), actual.split(":", 5)
        if len(wanted) != 6:
            raise NotUnderstoodError
        return len(parts) == 6 and all(map(_fits, wanted, parts))

    return _compared(value, context, fits)


def _in_network(actual: str, value: str, context: Context) -> bool | None:
    # AWS supports no variables here.
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None


OPERATORS: Mapping[str, Callable[[str, str, Context], bool | None]] = {
    "StringEquals": _equals,
    "StringLike": _string_like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "IpAddress": _in_network,
}


def _compared(text: str, context: Context, compare: Callable[[Pieces], bool]) -> bool | None:
    """
    The comparison with the text as it reads for this request.

    A variable without a value equals nothing and is like nothing.
    """
    try:
        pieces = _expanded(text, context)
        return False if pieces is None else compare(pieces)
    except NotUnderstoodError:
        return None


def _expanded(text: str, context: Context) -> Pieces | None:
    """The text with its variables' values, in which nothing stands for something else."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for variable in VARIABLE.finditer(text):
        pieces += [(each, True) for each in text[end : variable.start()]]
        value = _value(variable.group(1), context)
        if value is None:
            return None
        pieces += [(each, False) for each in value]
        end = variable.end()
    return pieces + [(each, True) for each in text[end:]]


def _value(variable: str, context: Context) -> str | None:
    if variable in ("*", "?", "$"):
        return variable
    found = KEY_AND_DEFAULT.fullmatch(variable)
    if found is None:
        raise NotUnderstoodError
    key, default = found.group(1).lower(), found.group(2)
    if key not in KEYS and not key.startswith(ENCRYPTION_CONTEXT):
        raise NotUnderstoodError
    return context.get(key, default)


def _parts(pieces: Pieces) -> list[Pieces]:
    parts: list[list[tuple[str, bool]]] = [[]]
    for piece in pieces:
        if piece[0] == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(piece)
    return list(parts)


def _fits(pieces: Pieces, text: str) -> bool:
    meaning = {("*", True): ".*", ("?", True): "."}
    pattern = "".join(meaning.get(piece, re.escape(piece[0])) for piece in pieces)
    return re.fullmatch(pattern, text, re.DOTALL) is not None
