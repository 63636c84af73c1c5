"""The environment in which `pulumi` works on the demo's stack: for our runs and for a shell."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from localcloud.demo.folder import Folder

# An account or a Python of the operator must not reach into the demo.
FOREIGN = ("AWS_", "PULUMI_", "PYTHONHOME", "PYTHONPATH")


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
    kept = {name: value for name, value in ambient.items() if not name.startswith(FOREIGN)}
    path = os.pathsep.join([*_first_on_path(folder, pulumi), ambient["PATH"]])
    return {**kept, **variables(folder), "PATH": path}


def write_shell(folder: Folder, pulumi: Path, ambient: Mapping[str, str]) -> None:
    """Writes env.sh, which any POSIX shell can read."""
    first = os.pathsep.join(_first_on_path(folder, pulumi))
    foreign = sorted(name for name in ambient if name.startswith(FOREIGN))
    lines = [
        "# Puts the demo's pulumi, Python and stack into this shell. Written by `make demo`.",
        *(f"unset {name}" for name in foreign),
        f'export PATH={shlex.quote(first)}:"$PATH"',
        *(f"export {name}={shlex.quote(value)}" for name, value in variables(folder).items()),
    ]
    folder.shell.write_text("\n".join(lines) + "\n")


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
