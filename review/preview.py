"""What the engine would do to one stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

STACK: Final = "pulumi:pulumi:Stack"
REPLACE: Final = "replace"
SAME: Final = "same"


def name_of(urn: str) -> str:
    """
    The name in a URN, which may have `::` in it; stack, project and type have none.

    https://www.pulumi.com/docs/iac/concepts/resources/names/#urns
    """
    return urn.split("::", 3)[-1]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the engine would do with one resource. The operation `same` is nothing."""

    op: str
    urn: str
    type: str
    old: Mapping[str, Any] | None = None
    """The inputs in the state, in plain JSON; None where there is no such resource."""
    new: Mapping[str, Any] | None = None
    """The inputs it would have."""
    old_outputs: Mapping[str, Any] = field(default_factory=dict)
    new_outputs: Mapping[str, Any] = field(default_factory=dict)
    replaced_by: tuple[str, ...] = ()
    """The properties that replace it."""
    detailed: Mapping[str, str] = field(default_factory=dict)
    """The kind of each difference, by path."""

    @property
    def short_type(self) -> str:
        """The type as Pulumi's command line prints it: `aws:ec2:Instance`."""
        package, _, rest = self.type.partition(":")
        module, _, kind = rest.rpartition(":")
        return ":".join(filter(None, [package, module.partition("/")[0], kind]))

    @property
    def name(self) -> str:
        """The name of the resource."""
        return name_of(self.urn)


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """What the engine or the program printed. `severity` is info, warning or error."""

    severity: str
    message: str


@dataclass(frozen=True, kw_only=True)
class PolicyResult:
    """
    A violation or a remediation.

    `level` is advisory, mandatory, remediate or disabled; `severity` low, medium, high, critical or
    empty.
    """

    pack: str
    policy: str
    level: str
    message: str
    resource: str
    severity: str = ""
    is_remediated: bool = False


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What one event log has, of one stack."""

    stack: str
    steps: tuple[Step, ...] = ()
    """The last step of each resource, in the engine's order."""
    old_copies: tuple[Step, ...] = ()
    """What is done with resources that an earlier update replaced and, killed, did not delete."""
    refreshed: tuple[Step, ...] = ()
    """What a refresh has read, resources that are as the state has them included."""
    diagnostics: tuple[Diagnostic, ...] = ()
    policies: tuple[PolicyResult, ...] = ()
    packs: tuple[str, ...] = ()
    """The names of the policy packs that ran."""
    outputs_before: Mapping[str, Any] = field(default_factory=dict)
    outputs_after: Mapping[str, Any] = field(default_factory=dict)
    has_ended: bool = False
    """Whether the log has the end of the preview; that of a job that was killed has not."""
    has_failed: bool = False
    """Whether the engine says that the preview failed, also without an error that says why."""

    @property
    def is_complete(self) -> bool:
        """Whether the program has run to its end; mandatory policies may have failed then."""
        if not self.has_ended or self.errors:
            return False
        return not self.has_failed or any(each.level == "mandatory" for each in self.policies)

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(each for each in (*self.steps, *self.old_copies) if each.op != SAME)

    @property
    def deletes_all(self) -> bool:
        return any(each.type == STACK and each.op == "delete" for each in self.steps)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(each for each in self.diagnostics if each.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(each for each in self.diagnostics if each.severity == "warning")
