"""The program's own dependencies as a CycloneDX file, told by cyclonedx-py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from toolchain import progress
from toolchain.places import Places
from toolchain.progress import Say

FILE = "sbom.cdx.json"
PROGRAM = "k3s-aws"
"""The name of the Pulumi project."""

DEADLINE_SECONDS = 120


def write(places: Places, say: Say) -> Path:
    """Writes the file anew; the same requirements give the same bytes. Raises ToolchainError."""
    raw = places.toolchain / "cyclonedx.json"
    told = ask(places, places.venv / "bin" / "python", raw, say)
    target = places.root / FILE
    target.write_text(tidy(told, direct(places)))
    return target


def ask(places: Places, python: Path, raw: Path, say: Say) -> dict[str, Any]:
    """What cyclonedx-py of this Python says, without time and serial number."""
    progress.run(
        "cyclonedx-py",
        [str(python), "-m", "cyclonedx_py", "requirements", "--output-reproducible",
         "--no-validate",  # this is not the file yet; its test validates that one
         "--spec-version", "1.6", "--output-format", "JSON", "--output-file", str(raw),
         str(places.root / "requirements.txt")],
        log=raw.with_suffix(".log"),
        say=say,
        deadline_seconds=DEADLINE_SECONDS,
        way_out="make venv brings it",
    )  # fmt: skip
    told: dict[str, Any] = json.loads(raw.read_text())
    return told


def direct(places: Places) -> set[str]:
    """What the program asks for itself; all else is brought along."""
    text = (places.root / "requirements.in").read_text()
    return set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.M))


def tidy(told: dict[str, Any], asked_for: set[str]) -> str:
    """
    The same, named by package instead of by line, with the program as its subject.

    A line's number and text would change with every other package. Who brought what along is left
    unsaid: the tool does not tell.
    """
    for component in told["components"]:
        del component["description"]
        component["bom-ref"] = component["purl"]
        for reference in component["externalReferences"]:
            # Which index a package came from is the machine's business; its hashes are what counts.
            reference["url"] = component["purl"]
            reference["comment"] = "a hash for each file of this version"
    for tool in told["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    told["metadata"]["component"] = {"type": "application", "name": PROGRAM, "bom-ref": PROGRAM}
    needed = [each["bom-ref"] for each in told["components"] if each["name"] in asked_for]
    told["dependencies"] = [{"ref": PROGRAM, "dependsOn": sorted(needed)}]
    return json.dumps(told, indent=1) + "\n"
