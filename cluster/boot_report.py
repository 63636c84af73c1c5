"""
A machine's own account of its boot (report.json), read and described in one line.

Root of the machine writes it, so it is untrusted: the known fields are read, each with its type and
its longest length, and everything else is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from cluster import untrusted_text
from cluster.errors import BootReportError
from cluster.machine_files import REPORT_SCHEMA, ReportError, ReportFile, ReportK3s, ReportPhase

State = Literal["running", "done", "failed"]
Redact = Callable[[str], str]
"""Removes secrets from a text."""

LONGEST: Final = 256 * 1024
"""The longest report that is read, in bytes; one of a boot with every phase has about 3 KiB."""

_NAME_LENGTH: Final = 64
# The longest name of a Node: a DNS subdomain.
_NODE_LENGTH: Final = 253
# k3s's last journal lines stand in it.
_CAUSE_LENGTH: Final = 4000
_MOST_PHASES: Final = 100
_MOST_SECONDS: Final = 1e7


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One step of the boot; `seconds` is None while it runs."""

    name: str
    started_at: datetime
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class BootReport:
    """What the boot program has done so far. `content` is the report, its known fields alone."""

    node: str
    instance_id: str
    role: str
    state: State
    phases: tuple[Phase, ...]
    error_phase: str | None
    error_cause: str | None
    content: ReportFile

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
            cause = untrusted_text.one_line(self.error_cause or "no cause given")
            return f"failed in {self.error_phase or 'an unknown phase'}: {cause}"
        if self.state == "done":
            return f"done, {self.seconds:.1f} s"
        if not self.phases:
            return "starting"
        last = self.phases[-1]
        seconds = last.seconds
        if seconds is None and now is not None:
            seconds = max(0.0, (now - last.started_at).total_seconds())
        return last.name if seconds is None else f"{last.name}, {seconds:.1f} s"


def parse(text: str, redact: Redact = str) -> BootReport:
    """
    The report, `redact` applied to each of its texts before it is cut.

    Raises BootReportError where the text is not a report, or has another schema.
    """
    try:
        content = _content(_object(json.loads(text)), redact)
    # OverflowError: a time that no calendar has. RecursionError: a text nested too deeply.
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as cause:
        why = untrusted_text.one_line(f"{type(cause).__name__}: {cause}", 200)
        raise BootReportError(
            f"the boot report cannot be read: {why}\n"
            "    see /var/lib/k3s-aws/report.json on the machine"
        ) from None
    error = content["error"]
    return BootReport(
        node=content["node"],
        instance_id=content["instanceId"],
        role=content["role"],
        state=content["state"],
        phases=tuple(
            Phase(
                name=each["name"],
                # Python 3.11 reads the Z itself.
                started_at=datetime.fromisoformat(each["startedAt"]),
                seconds=each["seconds"],
            )
            for each in content["phases"]
        ),
        error_phase=error["phase"] if error else None,
        error_cause=error["cause"] if error else None,
        content=content,
    )


def _content(raw: Mapping[str, Any], redact: Redact) -> ReportFile:
    schema = raw["schema"]
    if type(schema) is not int or schema != REPORT_SCHEMA:
        raise BootReportError(
            f"the boot report has schema {untrusted_text.one_line(str(schema), 20)}, "
            f"this program reads {REPORT_SCHEMA}\n"
            "    replace the machine, or use the program that made it"
        )
    phases = _list(raw["phases"])
    return {
        "schema": schema,
        "node": _name(raw, "node", _NODE_LENGTH),
        "instanceId": _name(raw, "instanceId"),
        "role": redact(_name(raw, "role")),
        "state": _state(raw["state"]),
        "phases": [_phase(_object(each), redact) for each in phases],
        "error": None if raw.get("error") is None else _error(_object(raw["error"]), redact),
        "k3s": None if raw.get("k3s") is None else _k3s(_object(raw["k3s"]), redact),
    }


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    if len(value) > _MOST_PHASES:
        raise ValueError(f"{len(value)} phases are more than {_MOST_PHASES}")
    return value


def _name(raw: Mapping[str, Any], key: str, length: int = _NAME_LENGTH) -> str:
    value = _string(raw, key)
    if len(value) > length:
        raise ValueError(f"{key} has {len(value)} characters, more than {length}")
    return untrusted_text.one_line(value, length)


def _string(raw: Mapping[str, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a string")
    return value


def _state(value: Any) -> State:
    if value not in ("running", "done", "failed"):
        raise ValueError(f'unknown state "{value}"')
    state: State = value
    return state


def _phase(raw: Mapping[str, Any], redact: Redact) -> ReportPhase:
    started = datetime.fromisoformat(_string(raw, "startedAt"))
    if started.tzinfo is None:
        raise ValueError("startedAt has no time zone")
    # Rendered again: fromisoformat accepts any character between date and time.
    text = started.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "name": redact(_name(raw, "name")),
        "startedAt": text.replace("+00:00", "Z"),
        "seconds": _seconds(raw["seconds"]),
    }


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("seconds is not a number")
    # JSON as Python reads it has NaN and Infinity, which the state cannot hold.
    if not math.isfinite(value) or not 0 <= value <= _MOST_SECONDS:
        raise ValueError("seconds is out of range")
    return float(value)


def _error(raw: Mapping[str, Any], redact: Redact) -> ReportError:
    cause = untrusted_text.lines(redact(_string(raw, "cause")), _CAUSE_LENGTH)
    return {"phase": redact(_name(raw, "phase")), "cause": cause}


def _k3s(raw: Mapping[str, Any], redact: Redact) -> ReportK3s:
    return {"version": redact(_name(raw, "version")), "sha256": redact(_name(raw, "sha256"))}
