"""The Pulumi CLI with the policy pack, and what its events have."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.policy import stack_state

ROOT = Path(__file__).parents[2]
PACK = ROOT / "policy" / "run"
PROGRAM = ROOT / "tests" / "policy" / "program"
SECONDS = 120


@dataclass(frozen=True)
class Engine:
    """The Pulumi CLI with a home and a state of its own; no cloud is asked for anything."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *words: str, folder: Path = ROOT) -> tuple[int, str]:
        """The exit status and the output of a command."""
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=folder,
            env=dict(self.variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def analyze(
        self,
        resources: Sequence[Mapping[str, Any]],
        outputs: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[int, str]:
        """What the pack reports about a state; the engine neither has a program nor a provider."""
        state = self.folder / "state.json"
        state.write_text(json.dumps(stack_state.export(resources, outputs)))
        return self.run(
            *("policy", "analyze", "--json", "--file", str(state), "--policy-pack", str(PACK)),
            *self._configured(settings),
        )

    def preview(self, events: Path, settings: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """A preview of the small program, with its event log."""
        words = ("preview", "--stack", "examined", "--policy-pack", str(PACK))
        log = ("--event-log", str(events))
        return self.run(*words, *log, *self._configured(settings), folder=PROGRAM)

    def _configured(self, settings: Mapping[str, Any] | None) -> tuple[str, ...]:
        if settings is None:
            return ()
        file = self.folder / "settings.json"
        file.write_text(json.dumps(settings))
        return ("--policy-pack-config", str(file))


def violations(output: str) -> list[dict[str, Any]]:
    """The policy events of an output with an event in each line."""
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [each["policyEvent"] for each in events if "policyEvent" in each]


def unversioned(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event without the version of the pack, which is the program's."""
    return {key: value for key, value in event.items() if "Version" not in key}


def names(output: str) -> list[str]:
    return sorted(each["policyName"] for each in violations(output))


def passed(log: Path, name: str) -> set[str]:
    """The rules that a resource has passed; one that was not applicable is in no list."""
    summaries = [
        summary
        for line in log.read_text().splitlines()
        if (summary := json.loads(line).get("policyAnalyzeSummaryEvent"))
    ]
    (found,) = [each for each in summaries if each["resourceUrn"].endswith(f"::{name}")]
    return set(found["passed"])
