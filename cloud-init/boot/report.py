"""The boot report, /var/lib/k3s-aws/report.json, and the lines of the boot log."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from boot import files
from boot.environment import Environment

SCHEMA = 1


class Report:
    """The phases so far, saved after each step. Secrets that it was given are redacted."""

    def __init__(self, environment: Environment) -> None:
        self.path = environment.root / "var/lib/k3s-aws/report.json"
        self.clock, self.print_line = environment.clock, environment.print_line
        self.secrets: set[str] = set()
        self.began = self.clock.monotonic()
        # In seconds since 1970, by phase.
        self.phase_starts: dict[str, float] = {}
        # The last phase, unless the previous k3s was started again after this one.
        self.failed_phase = ""
        self.content: dict[str, Any] = {
            "schema": SCHEMA, "node": "", "instanceId": "", "role": "", "state": "running",
            "phases": [], "error": None, "k3s": None,
        }  # fmt: skip

    def add_secret(self, text: str, shortest: int = 8) -> None:
        """Redacts the text from now on, and by itself each of its lines that is not short."""
        pieces = [text, *text.splitlines()]
        self.secrets.update(piece for piece in pieces if len(piece) >= shortest)

    def redact(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def log(self, text: str) -> None:
        self.print_line(f"k3s-aws {self.clock.monotonic() - self.began:7.2f} {self.redact(text)}")

    def save(self) -> None:
        files.write(self.path, json.dumps(self.content, indent=1) + "\n", 0o644)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.phase_starts[name] = self.clock.time()
        now = datetime.fromtimestamp(self.phase_starts[name], timezone.utc)  # noqa: UP017
        began = self.clock.monotonic()
        phase: dict[str, Any] = {
            "name": name,
            "startedAt": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": None,
        }
        self.content["phases"].append(phase)
        self.save()
        self.log(name)
        try:
            yield
        finally:
            phase["seconds"] = round(self.clock.monotonic() - began, 3)

    def end(self, cause: str | None = None) -> None:
        self.content["state"] = "done" if cause is None else "failed"
        if cause is not None:
            phase = self.failed_phase or self.content["phases"][-1]["name"]
            self.content["error"] = {"phase": phase, "cause": self.redact(cause)}
        self.save()
        self.log("done" if cause is None else f"failed: {cause}")
