"""The `k3s` plugin in the operator's Pulumi home, run by the Python that this package is in."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster.version import VERSION

FOLDER = Path(__file__).parent / "plugin"
"""What the engine can start as it is, by a path in a project's file."""
SECONDS = 120
_NAME = "pulumi-resource-k3s"
_STARTER = """\
#!/bin/sh
if [ ! -x {python} ]; then
    echo "k3s plugin: {named} is gone, which has k3s-aws {version}" >&2
    echo "    install it again: python -m k3s_aws plugin install" >&2
    exit 1
fi
exec {python} -P -u {folder} "$@"
"""


class InstallationError(Exception):
    """Something the operator can correct; its text is the whole message."""


def install() -> str:
    """
    Has the engine install the plugin, in place of one of this version; what is there then.

    Only its starter lies in the Pulumi home. Raises InstallationError.
    """
    with tempfile.TemporaryDirectory() as folder:
        starter = Path(folder) / _NAME
        starter.write_text(_starter())
        starter.chmod(0o755)
        words = ["plugin", "install", "resource", "k3s", VERSION, "--file", folder, "--reinstall"]
        _pulumi(*words)
    return f"the plugin k3s {VERSION} is installed, run by {sys.executable}"


def _starter() -> str:
    return _STARTER.format(
        python=shlex.quote(sys.executable),
        named=sys.executable.translate(str.maketrans("", "", '"$`\\')),
        folder=shlex.quote(str(FOLDER)),
        version=VERSION,
    )


def _pulumi(*words: str) -> None:
    try:
        done = subprocess.run(
            ["pulumi", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise InstallationError(
            "there is no `pulumi` on PATH\n"
            "    install the Pulumi CLI: https://www.pulumi.com/docs/iac/download-install/"
        ) from None
    except subprocess.TimeoutExpired:
        raise InstallationError(f"`pulumi plugin install` did not end within {SECONDS} s") from None
    if done.returncode != 0:
        raise InstallationError(f"`pulumi plugin install` failed\n{done.stderr.strip()}")
