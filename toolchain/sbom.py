"""
The program's own dependencies as a CycloneDX file, written by cyclonedx-py.

The programs that no requirement names are added: the Pulumi CLI, and the plugin that the package
pulumi-aws starts. Both have the credentials of AWS.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from toolchain import pins, progress
from toolchain.places import Places
from toolchain.progress import Say

FILE = "sbom.cdx.json"
PROGRAM = "k3s-aws"
"""The name of the Pulumi project."""

AWS_PACKAGE = "pulumi-aws"
AWS_PLUGIN = "pulumi-resource-aws"

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
    versions = {each["name"]: each["version"] for each in document["components"]}
    programs = [_cli(), _aws_plugin(versions[AWS_PACKAGE])]
    document["components"] += programs
    needed += [each["bom-ref"] for each in programs]
    document["dependencies"] = [{"ref": PROGRAM, "dependsOn": sorted(needed)}]
    return json.dumps(document, indent=1) + "\n"


def _cli() -> dict[str, Any]:
    """The Pulumi CLI that the toolchain gets, with the hash of the archive for each platform."""
    version = pins.PULUMI_VERSION
    purl = f"pkg:github/pulumi/pulumi@{version}"
    archives = [
        {
            "comment": f"the archive for {platform}",
            "hashes": [{"alg": "SHA-256", "content": sha256}],
            "type": "distribution",
            "url": f"{purl}?platform={platform}",
        }
        for platform, sha256 in sorted(pins.PULUMI_SHA256.items())
    ]
    return _program("pulumi", version, purl, archives)


def _aws_plugin(version: str) -> dict[str, Any]:
    """The plugin in the version of its package, which is the one that the package asks for."""
    purl = f"pkg:github/pulumi/pulumi-aws@v{version}"
    archive = {
        "comment": "fetched over TLS by its version; no hash is compared, see docs/security.md",
        "type": "distribution",
        "url": purl,
    }
    return _program(AWS_PLUGIN, f"v{version}", purl, [archive])


def _program(name: str, version: str, purl: str, archives: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "bom-ref": purl,
        "externalReferences": archives,
        "name": name,
        "purl": purl,
        "type": "application",
        "version": version,
    }
