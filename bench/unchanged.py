"""What `preview` and `up` cost when nothing changed, against as many plain resources."""

from __future__ import annotations

import json

from bench.environment import BenchEnvironment
from bench.figures import Comparison

COMMANDS = {
    "preview": ("preview", "--expect-no-changes"),
    "up": ("up", "--yes", "--skip-preview", "--expect-no-changes"),
}


def unchanged(bench: BenchEnvironment, repeats: int) -> list[Comparison]:
    """Brings the plain program up with as many resources, then runs both in turn."""
    count = _resources(bench.program.answer("stack", "export"))
    bench.plain.answer("config", "set", "resources", str(count))
    bench.plain.seconds("up", "--yes", "--skip-preview")
    found = []
    for name, words in COMMANDS.items():
        floor, ours = [], []
        for _ in range(repeats):
            floor.append(bench.plain.seconds(*words))
            ours.append(bench.program.seconds(*words))
        bench.say(f"    {name} measured {repeats} times")
        found.append(
            Comparison(
                what=f"{name} without changes",
                floor=f"{count} plain resources",
                floor_seconds=floor,
                program_seconds=ours,
            )
        )
    return found


def _resources(export: str) -> int:
    """The resources of a stack, without the stack itself and its providers."""
    resources = json.loads(export)["deployment"]["resources"]
    return len([each for each in resources if not each["type"].startswith("pulumi:")])
