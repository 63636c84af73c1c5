"""The program's own dependencies as a CycloneDX file, written by cyclonedx-py."""

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
    """Renders the file; the same requirements give the same bytes. Raises ToolchainError."""
    raw = places.toolchain / "cyclonedx.json"
    document = ask(places, places.venv / "bin" / "python", raw, say)
    target = places.root / FILE
    target.write_text(tidy(document, direct(places)))
    return target


def ask(places: Places, python: Path, raw: Path, say: Say) -> dict[str, Any]:
    """What cyclonedx-py of this Python reports, without time and serial number."""
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
    document: dict[str, Any] = json.loads(raw.read_text())
    return document


def direct(places: Places) -> set[str]:
    """What the program asks for itself; all else is brought along."""
    text = (places.root / "requirements.in").read_text()
    return set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.M))


def tidy(document: dict[str, Any], asked_for: set[str]) -> str:
    """
    The same, named by package instead of by line, with the program as its subject.

    A line's number and text would change with every other package. Who brought what along is left
    out: the tool does not report it.
    """
    for component in document["components"]:
        del component["description"]
        component["bom-ref"] = component["purl"]
        for reference in component["externalReferences"]:
            # Which index a package came from is the machine's business; its hashes are what counts.
            reference["url"] = component["purl"]
            reference["comment"] = "a hash for each file of this version"
    for tool in document["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    document["metadata"]["component"] = {"type": "application", "name": PROGRAM, "bom-ref": PROGRAM}
    needed = [each["bom-ref"] for each in document["components"] if each["name"] in asked_for]
    document["dependencies"] = [{"ref": PROGRAM, "dependsOn": sorted(needed)}]
    return json.dumps(document, indent=1) + "\n"
