"""A machine's own account of its boot (report.json), read and described in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cluster.errors import BootReportError
from cluster.machine_files import REPORT_SCHEMA

State = Literal["running", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One step of the boot; `seconds` is None while it runs."""

    name: str
    started_at: datetime
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class BootReport:
    """What the boot program has done so far. `content` is the report as the machine wrote it."""

    node: str
    instance_id: str
    role: str
    state: State
    phases: tuple[Phase, ...]
    error_phase: str | None
    error_cause: str | None
    content: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """What the finished phases took together."""
        return sum(phase.seconds or 0.0 for phase in self.phases)

    def describe(self, now: datetime | None = None) -> str:
        """
        One line of progress: `download-k3s, 3.2 s`, `done, 14.0 s`, `failed in start-k3s: ...`.

        The seconds of a running phase need `now`; the machine's clock may differ from it.
        """
        if self.state == "failed":
            return f"failed in {self.error_phase}: {self.error_cause}"
        if self.state == "done":
            return f"done, {self.seconds:.1f} s"
        if not self.phases:
            return "starting"
        last = self.phases[-1]
        seconds = last.seconds
        if seconds is None and now is not None:
            seconds = max(0.0, (now - last.started_at).total_seconds())
        return last.name if seconds is None else f"{last.name}, {seconds:.1f} s"


def parse(text: str) -> BootReport:
    """The report; raises BootReportError where the text is not one, or has another schema."""
    try:
        content = json.loads(text)
        if content["schema"] != REPORT_SCHEMA:
            raise BootReportError(
                f"the boot report has schema {content['schema']}, "
                f"this program reads {REPORT_SCHEMA}\n"
                "    replace the machine, or use the program that made it"
            )
        error = content.get("error") or {}
        return BootReport(
            node=content["node"],
            instance_id=content["instanceId"],
            role=content["role"],
            state=_state(content["state"]),
            phases=tuple(_phase(each) for each in content["phases"]),
            error_phase=error.get("phase"),
            error_cause=error.get("cause"),
            content=content,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise BootReportError(
            f"the boot report cannot be read: {type(cause).__name__}: {cause}\n"
            "    see /var/lib/k3s-aws/report.json on the machine"
        ) from cause


def _state(value: Any) -> State:
    if value not in ("running", "done", "failed"):
        raise ValueError(f'unknown state "{value}"')
    state: State = value
    return state


def _phase(raw: Mapping[str, Any]) -> Phase:
    return Phase(
        name=raw["name"],
        # Python 3.11 reads the Z itself.
        started_at=datetime.fromisoformat(raw["startedAt"]),
        seconds=None if raw["seconds"] is None else float(raw["seconds"]),
    )
