"""
The event log of a preview: JSON lines of the engine's events (docs/decisions/0033).

The format is `apitype.EngineEvent` of pulumi/pulumi, sdk/go/common/apitype/events.go. The file may
come from a job that was killed, so its last line may be cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from review.preview import REPLACE, STACK, Diagnostic, PolicyResult, Preview, Step, name_of
from review.property_values import plain

Event = Mapping[str, Any]
# Pulumi's own colors, where the log was written without `--color never`.
_COLORS: Final = re.compile(r"<\{%[^%]*%\}>")
# The program's own error says what is wrong; that the program ended adds nothing.
_OF_THE_ENGINE: Final = "an unhandled error occurred: program exited with non-zero exit code"
# All that the engine reports where a mandatory policy is violated: the program has run to its end.
_OF_A_POLICY: Final = "preview failed"
_DELETE_REPLACED: Final = "delete-replaced"
_BEGINS_A_REPLACEMENT: Final = frozenset(
    {REPLACE, "create-replacement", "read-replacement", "import-replacement"}
)
_PARTS_OF_A_REPLACEMENT: Final = _BEGINS_A_REPLACEMENT | {_DELETE_REPLACED, "discard-replaced"}


class UnreadablePreview(ValueError):  # noqa: N818 - reads as the fact it states
    """The file is not an event log; the text is what it is and how to get one."""


def read(file: Path) -> Preview:
    """The preview in a file. Raises UnreadablePreview, OSError."""
    try:
        content = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _unreadable(
            str(file), "is missing: pulumi may have ended before its first event"
        ) from None
    except UnicodeDecodeError:
        raise _unreadable(str(file), "is not UTF-8") from None
    # Not splitlines: Go leaves U+0085 and others of its ends of a line as they are in a string.
    return parse(content.split("\n"), str(file))


def parse(lines: Iterable[str], name: str) -> Preview:
    """The preview in the lines of an event log. Raises UnreadablePreview."""
    events = list(_events(lines, name))
    steps = _Steps()
    for event in events:
        steps.add(event)
    if steps.stack is None:
        raise _unreadable(name, "names no stack" if events else "holds no event")
    ends = [_part(event, "summaryEvent") for event in events if "summaryEvent" in event]
    policies = tuple(_policies(events))
    violated = any(each.level == "mandatory" for each in policies)
    return Preview(
        stack=steps.stack,
        steps=tuple(steps.planned.values()),
        old_copies=tuple(steps.old_copies.values()),
        refreshed=tuple(steps.refreshed.values()),
        diagnostics=tuple(_diagnostics(events, violated=violated)),
        policies=policies,
        # Of a pack that was not published the place on this machine follows.
        packs=tuple(each.split("|")[0] for end in ends for each in _part(end, "PolicyPacks")),
        outputs_before=steps.outputs_before,
        outputs_after=steps.outputs_after,
        has_ended=bool(ends),
        # Engines before OperationResult have none, and name every error.
        has_failed=any(each.get("result") not in (None, "", "succeeded") for each in ends),
    )


def _unreadable(name: str, what: str) -> UnreadablePreview:
    return UnreadablePreview(
        f"{name}: it {what}\n    look at the job's log; the file is what pulumi preview "
        "--event-log FILE writes, with PULUMI_DEBUG_COMMANDS=true (docs/review.md)"
    )


def _events(lines: Iterable[str], name: str) -> Iterator[Event]:
    found = [line for line in lines if line.strip()]
    for number, line in enumerate(found, 1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(found) > 1:
                # What a killed engine was writing.
                return
            raise _unreadable(name, f"has no JSON in line {number}") from None
        if not isinstance(event, Mapping):
            raise _unreadable(name, f"has no event in line {number}")
        yield event


def _part(event: Event, key: str) -> Event:
    found = event.get(key)
    return found if isinstance(found, Mapping) else {}


@dataclass
class _Steps:
    """The steps of the events so far, one for each resource."""

    stack: str | None = None
    planned: dict[str, Step] = field(default_factory=dict)
    refreshed: dict[str, Step] = field(default_factory=dict)
    old_copies: dict[str, Step] = field(default_factory=dict)
    outputs_before: Mapping[str, Any] = field(default_factory=dict)
    outputs_after: Mapping[str, Any] = field(default_factory=dict)
    # Whether the resource is being refreshed: the second event names what a refresh has found.
    _refreshing: dict[str, bool] = field(default_factory=dict)
    # URN and id of what this run replaces.
    _replaced: set[tuple[str, str]] = field(default_factory=set)

    def add(self, event: Event) -> None:
        for key in ("resourcePreEvent", "resOutputsEvent"):
            data = _part(_part(event, key), "metadata")
            urn = data.get("urn")
            if not isinstance(urn, str):
                continue
            step = _step(urn, data)
            self.stack = self.stack or _stack_of(urn)
            place = self._place(step, _part(data, "old"))
            if key == "resourcePreEvent":
                self._refreshing[place] = step.op == "refresh"
            self._keep(place, step, is_refreshed=self._refreshing.get(place, step.op == "refresh"))
            if step.type == STACK:
                self.outputs_before, self.outputs_after = step.old_outputs, step.new_outputs

    def _place(self, step: Step, old: Event) -> str:
        """
        What tells two resources of one URN apart: the id too, of a copy that waits for its end.

        An update that was killed after it had created the new one leaves the old one in the state,
        marked. The mark alone does not tell: the engine sets it in every replacement that creates
        first (pkg/resource/deploy/step.go, CreateStep.Apply).
        """
        resource = step.urn, str(old.get("id"))
        if step.op in _BEGINS_A_REPLACEMENT:
            self._replaced.add(resource)
        is_old_copy = old.get("delete") is True and resource not in self._replaced
        return " ".join(resource) if is_old_copy else step.urn

    def _keep(self, place: str, step: Step, *, is_refreshed: bool) -> None:
        if place != step.urn:
            # That such a copy is gone or differs is no drift of the resource that has its name.
            if not is_refreshed:
                op = "delete" if step.op == _DELETE_REPLACED else step.op
                self.old_copies[place] = replace(step, op=op)
        elif is_refreshed:
            self.refreshed[place] = step
        else:
            self.planned[place] = _merged(self.planned.get(place), step)


def _stack_of(urn: str) -> str:
    """https://www.pulumi.com/docs/iac/concepts/resources/names/#urns"""
    return urn.removeprefix("urn:pulumi:").partition("::")[0]


def _step(urn: str, data: Event) -> Step:
    old, new = _part(data, "old"), _part(data, "new")
    return Step(
        op=str(data.get("op")),
        urn=urn,
        type=str(data.get("type")),
        old=_inputs(old),
        new=_inputs(new),
        old_outputs=plain(_part(old, "outputs")),
        new_outputs=plain(_part(new, "outputs")),
        replaced_by=_names(data.get("keys")),
        detailed={
            str(path): str(each.get("diffKind"))
            for path, each in _part(data, "detailedDiff").items()
            if isinstance(each, Mapping)
        },
    )


def _inputs(state: Event) -> Mapping[str, Any] | None:
    # A component has no inputs in the log, and is there all the same.
    found: Mapping[str, Any] = plain(_part(state, "inputs"))
    return found if state else None


def _names(found: Any) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _merged(known: Step | None, step: Step) -> Step:
    """The step of a resource that has several: a replacement is one."""
    if known is None or _PARTS_OF_A_REPLACEMENT.isdisjoint({known.op, step.op}):
        op = REPLACE if step.op in _PARTS_OF_A_REPLACEMENT else step.op
        return replace(step, op=op)
    return replace(
        step,
        op=REPLACE,
        old=known.old if step.old is None else step.old,
        new=known.new if step.new is None else step.new,
        old_outputs=step.old_outputs or known.old_outputs,
        new_outputs=step.new_outputs or known.new_outputs,
        replaced_by=step.replaced_by or known.replaced_by,
        detailed=step.detailed or known.detailed,
    )


def _diagnostics(events: Sequence[Event], *, violated: bool) -> Iterator[Diagnostic]:
    found = [each for each in _printed(events) if not violated or each.message != _OF_A_POLICY]
    others = [each for each in found if not each.message.startswith(_OF_THE_ENGINE)]
    # A program that was killed has no error of its own.
    yield from others if any(each.severity == "error" for each in others) else found


def _printed(events: Sequence[Event]) -> Iterator[Diagnostic]:
    for event in events:
        found = _part(event, "diagnosticEvent")
        severity, message = str(found.get("severity")), str(found.get("message"))
        if severity not in ("info", "info#err", "warning", "error") or found.get("ephemeral"):
            continue
        if text := _COLORS.sub("", message).strip():
            yield Diagnostic(severity=severity, message=text)


def _policies(events: Sequence[Event]) -> Iterator[PolicyResult]:
    for event in events:
        for key in ("policyEvent", "policyRemediationEvent"):
            if not (found := _part(event, key)):
                continue
            remediated = key == "policyRemediationEvent"
            message = _COLORS.sub("", str(found.get("message") or "")).strip()
            yield PolicyResult(
                pack=str(found.get("policyPackName")),
                policy=str(found.get("policyName")),
                level="remediate" if remediated else str(found.get("enforcementLevel")),
                message=message,
                resource=name_of(str(found.get("resourceUrn") or "")),
                severity=str(found.get("severity") or ""),
                is_remediated=remediated,
            )
