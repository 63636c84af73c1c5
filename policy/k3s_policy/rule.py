"""What a rule is: a check over plain values, with its settings, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from k3s_policy.resource import Resource

Level = Literal["advisory", "mandatory", "disabled"]
Severity = Literal["low", "medium", "high", "critical"]
Settings = Mapping[str, Any]
# The engine's regular expressions are Go's.
_RANGE = (
    r"^(([0-9]{1,3}\.){3}[0-9]{1,3}(/([0-9]|[12][0-9]|3[0-2]))?"
    r"|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/([0-9]{1,2}|1[01][0-9]|12[0-8]))?)$"
)


@dataclass(frozen=True)
class Setting:
    """
    A setting of a rule: its JSON schema, which has a default, and what it means.

    https://www.pulumi.com/docs/insights/policy/policy-packs/configuration/
    """

    schema: Mapping[str, Any]
    meaning: str

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema as the engine gets it."""
        return {**self.schema, "description": self.meaning}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What is wrong, where and how to fix it; `urn` where it is not the resource in question."""

    message: str
    urn: str | None = None


@dataclass(frozen=True)
class NotKnown:
    """A property that a preview does not have; the update examines it."""

    path: str


Finding = Violation | NotKnown


@dataclass(frozen=True, kw_only=True)
class Rule:
    """
    A rule, as docs/policy.md has it.

    `why` says what could happen, `source` where that is documented.
    """

    name: str
    description: str
    level: Level
    severity: Severity
    why: str
    source: str
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def complete(self, given: Settings | None) -> Settings:
        """
        The settings with the defaults of those that are not given.

        ValueError names those that the rule does not have: the engine passes them on.
        """
        defaults = {name: each.schema["default"] for name, each in self.settings.items()}
        unknown = sorted(set(given or {}) - set(defaults))
        if unknown:
            raise ValueError(
                f"rule {self.name} has no setting {', '.join(unknown)}\n"
                f"    correct it in --policy-pack-config; settings: {', '.join(defaults) or 'none'}"
            )
        return {**defaults, **(given or {})}


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """A rule over the inputs of one resource: a violation stops it before it is created."""

    types: Sequence[str]
    check: Callable[[Resource, Settings], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """A rule over the outputs of all resources: examined at the end of a preview or update."""

    check: Callable[[Sequence[Resource], Settings], Iterator[Finding]]


def strings(default: Sequence[str], meaning: str, **items: Any) -> Setting:
    """A setting that is a list of strings; `items` is more of the schema of each."""
    each = {"type": "string", **items}
    return Setting({"type": "array", "items": each, "default": list(default)}, meaning)


def ranges(default: Sequence[str], meaning: str) -> Setting:
    """A setting that is a list of IPv4 and IPv6 ranges; a misspelt one would have no effect."""
    return strings(default, meaning, pattern=_RANGE)


def ports(default: Sequence[int], meaning: str) -> Setting:
    """A setting that is a list of ports."""
    port = {"type": "integer", "minimum": 0, "maximum": 65535}
    return Setting({"type": "array", "items": port, "default": list(default)}, meaning)


def integer(default: int, meaning: str, *, minimum: int, maximum: int) -> Setting:
    """A setting that is an integer in a range, limits included."""
    limits = {"minimum": minimum, "maximum": maximum}
    return Setting({"type": "integer", **limits, "default": default}, meaning)


def flag(default: bool, meaning: str) -> Setting:
    """A setting that is true or false."""
    return Setting({"type": "boolean", "default": default}, meaning)


def tags(meaning: str) -> Setting:
    """A setting that maps keys of tags to values; none by default."""
    schema = {"type": "object", "additionalProperties": {"type": "string"}, "default": {}}
    return Setting(schema, meaning)
