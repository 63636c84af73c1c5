"""The environment in which `pulumi` works on the demo's stack: for our runs and for a shell."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from localcloud.workbench.folder import Folder
from toolchain import demo_shell

# An account or a Python of the operator must not reach into the demo.
OPERATORS = ("AWS_", "PULUMI_", "PYTHONHOME", "PYTHONPATH")


def variables(folder: Folder) -> dict[str, str]:
    """What is set besides PATH."""
    return {
        "PULUMI_HOME": str(folder.pulumi_home),
        # Without `metadata`, Pulumi writes a second file beside each of the state's, and not at
        # once: a run killed in between leaves a state that no command reads.
        "PULUMI_BACKEND_URL": f"file://{folder.state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder.passphrase),
        # Everything is there already: no look-ups on the internet, no downloads.
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "PULUMI_SUPPRESS_NEO_LINK": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Of two virtual environments the plugins must take this one.
        "VIRTUAL_ENV": str(folder.places.venv),
        "KUBECONFIG": str(folder.kubeconfig),
    }


def operator_home(ambient: Mapping[str, str]) -> Path:
    """The operator's own Pulumi home, whose plugins may be used."""
    return Path(ambient.get("PULUMI_HOME") or Path.home() / ".pulumi")


def complete(folder: Folder, pulumi: Path, ambient: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a Pulumi run, free of the operator's accounts."""
    kept = {name: value for name, value in ambient.items() if not name.startswith(OPERATORS)}
    path = [*_first_on_path(folder, pulumi), ambient["PATH"], *_last_on_path(folder)]
    return {**kept, **variables(folder), "PATH": os.pathsep.join(path)}


def write_shell(folder: Folder, pulumi: Path) -> None:
    """Writes env.sh, which any POSIX shell can read."""
    # Whatever the shell that reads it holds by then, not what this run holds.
    pattern = "|".join(OPERATORS)
    lines = [
        "# Gives this shell the demo's pulumi, Python, kubectl and stack. Written by `make demo`.",
        f"for k3s_aws in $(env | sed -n -E 's/^(({pattern})[A-Za-z0-9_]*)=.*/\\1/p'); do",
        '    unset "$k3s_aws"',
        "done",
        "unset k3s_aws",
        *demo_shell.lines(variables(folder), _first_on_path(folder, pulumi), _last_on_path(folder)),
    ]
    folder.shell.write_text("\n".join(lines) + "\n")


def write_kubectl(folder: Folder, k3s: Path) -> None:
    """Writes a kubectl, the one inside k3s, for machines that have none."""
    kubectl = folder.bin / "kubectl"
    kubectl.parent.mkdir(parents=True, exist_ok=True)
    kubectl.write_text(f'#!/bin/sh\nexec {shlex.quote(str(k3s))} kubectl "$@"\n')
    kubectl.chmod(0o755)


def make_passphrase(folder: Folder) -> None:
    """Makes the stack's passphrase, readable by its owner alone; an existing one stays."""
    folder.path.mkdir(parents=True, exist_ok=True)
    if not folder.passphrase.exists():
        write_private(folder.passphrase, secrets.token_urlsafe(32) + "\n")


def write_private(file: Path, text: str) -> None:
    """Replaces a file at once by one that only its owner reads."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
    new.replace(file)


def _first_on_path(folder: Folder, pulumi: Path) -> list[str]:
    # Older Python language hosts know no virtualenv option and take the first python3.
    return [str(pulumi), str(folder.places.venv / "bin")]


def _last_on_path(folder: Folder) -> list[str]:
    # An operator's own kubectl comes first.
    return [str(folder.bin)]
