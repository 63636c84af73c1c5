"""The virtual environments, made from the pinned requirements and again when they change."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain import packages, progress
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.locking import alone
from toolchain.places import Places
from toolchain.progress import Say


@dataclass(frozen=True)
class Environment:
    """Its folder below the checkout, and what it is made from; the last file has all of it."""

    folder: str
    requirements: Sequence[str]


PROGRAM = Environment(".local/venv", ("requirements.txt", "requirements-dev.txt"))
"""That of the program, the local cloud and the checks."""

# pulumi-policy needs an older protobuf than the program has.
POLICY = Environment(".local/policy-venv", ("policy/requirements.txt",))
"""That of the policy pack, where policy/PulumiPolicy.yaml looks for it."""

# Brings ensurepip, which Debian takes out of its Python.
DEBIAN_PACKAGE = "python3-venv"
CREATE_SECONDS = 120
INSTALL_SECONDS = 1200
COMPILE_SECONDS = 300


def provide(places: Places, host: Host, say: Say, of: Environment = PROGRAM) -> bool:
    """
    Brings a virtual environment up to the requirements; whether there was anything to do.

    Raises ToolchainError, also for a requirement without a hash and a file with another one.
    """
    with alone(places.local / "venv.lock", say):
        if is_current(places, of):
            return False
        if not _works(places.root / of.folder):
            _create(places, host, say, of)
        _fill(places, say, of)
        _stamp(places, of).write_text(wanted(places, of))
    return True


def is_current(places: Places, of: Environment = PROGRAM) -> bool:
    """Whether it works and was made from the requirements as they stand."""
    try:
        return _stamp(places, of).read_text() == wanted(places, of) and _works(
            places.root / of.folder
        )
    except OSError:
        return False


def wanted(places: Places, of: Environment = PROGRAM) -> str:
    """The hash of what the environment is made from."""
    digest = hashlib.sha256()
    for name in of.requirements:
        digest.update((places.root / name).read_bytes())
    return digest.hexdigest()


def _stamp(places: Places, of: Environment) -> Path:
    return places.root / of.folder / "requirements.sha256"


def _works(venv: Path) -> bool:
    """False too when the Python it was made with has gone, or another one is in its place."""
    command = [str(venv / "bin" / "python"), "-c", "import pip"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _create(places: Places, host: Host, say: Say, of: Environment) -> None:
    try:
        import ensurepip  # noqa: F401 - Debian takes it out of its Python
    except ImportError:
        _install_ensurepip(places, host, say)
    folder = places.root / of.folder
    say(f"making {folder} with Python {sys.version.split()[0]}")
    progress.run(
        "python -m venv",
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        log=places.toolchain / "venv.log",
        say=say,
        deadline_seconds=CREATE_SECONDS,
    )


def _install_ensurepip(places: Places, host: Host, say: Say) -> None:
    if host.debian and host.root:
        packages.install([DEBIAN_PACKAGE], places.toolchain / "apt.log", say)
    else:
        raise ToolchainError(
            "this Python cannot make virtual environments\n"
            f"    on Debian: apt-get install {DEBIAN_PACKAGE}"
        )


def _fill(places: Places, say: Say, of: Environment) -> None:
    folder = places.root / of.folder
    python = str(folder / "bin" / "python")
    say(f"installing {of.requirements[-1]}")
    progress.run(
        "pip install",
        install(python, places.root / of.requirements[-1]),
        log=places.toolchain / "pip.log",
        say=say,
        deadline_seconds=INSTALL_SECONDS,
        way_out="check that this machine reaches a package index",
    )
    # Once, on all processors: otherwise each first start of Pulumi and its plugins pays for it.
    progress.run(
        "compiling the installed packages",
        [python, "-m", "compileall", "-q", "-j", "0", *_site_packages(folder)],
        log=places.toolchain / "compile.log",
        say=say,
        deadline_seconds=COMPILE_SECONDS,
    )


def install(python: str, requirements: Path) -> list[str]:
    """The command that installs them and refuses every file whose hash they do not name."""
    words = "-m pip install --disable-pip-version-check --no-input --no-compile --require-hashes -r"
    return [python, *words.split(), str(requirements)]


def _site_packages(venv: Path) -> list[str]:
    return [str(folder) for folder in (venv / "lib").glob("python3*/site-packages")]
