"""Boot reports as a stack's output has them."""

from __future__ import annotations

from typing import Any


def phase(name: str, started: str, seconds: float | None = None) -> dict[str, Any]:
    """`started` is the time of one day. What is null is left out, as Pulumi's SDK does."""
    found = {"name": name, "startedAt": f"2026-01-02T{started}Z"}
    return found if seconds is None else {**found, "seconds": seconds}


def report(node: str, *phases: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A boot that is done, unless changed."""
    return {
        "schema": 1,
        "node": node,
        "instanceId": "i-0a",
        "role": "agent",
        "state": "done",
        "phases": list(phases),
        **changes,
    }


SERVER = report(
    "dev-servers-1",
    phase("identity", "10:00:00.000", 0.5),
    phase("start-k3s", "10:00:00.500", 7.5),
    role="server",
)
AGENT = report(
    "dev-agents-1",
    phase("identity", "10:00:01.000", 0.5),
    phase("wait-for-server", "10:00:01.500", 6.5),
    phase("start-k3s", "10:00:08.000", 2),
)
LATER = report("dev-agents-2", phase("identity", "17:30:00.000", 1.0))
