"""
What programs in YAML, TypeScript and Go need beside the Pulumi CLI, built from Go modules.

The hosts of these languages come with Pulumi's release. Of the one for Node.js the Go modules hold
an old release only, which can run a program and not generate an SDK; `generate-sdk` does that with
the code that the newer ones call.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from toolchain import progress
from toolchain.download import file_sha256
from toolchain.locking import alone
from toolchain.places import ROOT, Places
from toolchain.progress import Say

SOURCES = ROOT / "toolchain"
GENERATE_SDK = "generate-sdk"
YAML_VERSION, NODEJS_VERSION = "v1.25.0", "v3.68.0"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_YAML = "github.com/pulumi/pulumi-yaml"
# Name, folder of its go.mod, package, and the variable with its version.
_PROGRAMS = (
    (
        "pulumi-language-yaml",
        "language-yaml",
        f"{_YAML}/cmd/pulumi-language-yaml",
        f"-X {_YAML}/pkg/version.Version={YAML_VERSION}",
    ),
    (
        "pulumi-language-nodejs",
        "language-nodejs",
        f"{_SDK}/nodejs/cmd/pulumi-language-nodejs",
        f"-X {_SDK}/go/common/version.Version={NODEJS_VERSION}",
    ),
    (GENERATE_SDK, GENERATE_SDK, ".", ""),
)
BUILD_SECONDS = 3600


def provide(places: Places, say: Say) -> Path:
    """The folder with the programs, built where they are not there. Raises ToolchainError."""
    with alone(places.toolchain / "languages.lock", say):
        if not is_prepared(places):
            for name, sources, package, variable in _PROGRAMS:
                _build(places, name, sources, package, variable, say)
            _stamp(places).write_text(json.dumps(_pinned()) + "\n")
    return folder(places)


def folder(places: Places) -> Path:
    """Where the programs are; to be on PATH."""
    return places.toolchain / "languages"


def is_prepared(places: Places) -> bool:
    """Whether the pinned ones are there."""
    try:
        stamp = json.loads(_stamp(places).read_text())
    except (OSError, ValueError):
        return False
    names = [name for name, *_ in _PROGRAMS]
    return bool(stamp == _pinned()) and all(
        os.access(folder(places) / name, os.X_OK) for name in names
    )


def _pinned() -> list[str]:
    sources = [file_sha256(SOURCES / GENERATE_SDK / name) for name in ("main.go", "go.mod")]
    return [YAML_VERSION, NODEJS_VERSION, *sources]


def _stamp(places: Places) -> Path:
    return folder(places) / "built.json"


def _build(places: Places, name: str, sources: str, package: str, variable: str, say: Say) -> None:
    target = folder(places)
    target.mkdir(parents=True, exist_ok=True)
    words = ["go", "build", "-trimpath", "-ldflags", f"-w -s {variable}"]
    progress.run(
        f"building {name}",
        [*words, "-o", str(target / name), package],
        folder=SOURCES / sources,
        log=places.toolchain / f"build-{name}.log",
        environment={"CGO_ENABLED": "0"},
        say=say,
        deadline_seconds=BUILD_SECONDS,
        way_out="or install Pulumi: https://www.pulumi.com/docs/install/",
    )
