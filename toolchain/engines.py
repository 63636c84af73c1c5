"""The engines that execute the pipeline files in tests: act, actionlint, gitlab-ci-local."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from toolchain import go, packages, progress
from toolchain.host import PULUMI_NAMES, Host
from toolchain.locking import alone
from toolchain.places import Places
from toolchain.progress import Say

# A folder of that name here pins each by version and by the hashes of all that it is made of.
SOURCES = Path("toolchain")
PINS = ("go.mod", "go.sum", "package.json", "package-lock.json")
GO_PACKAGES = {
    "act": "github.com/nektos/act",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint",
}
# Brings a Node of its own: it needs a newer one than Debian has.
GITLAB = "gitlab-ci-local"
# Command -> Debian package. actionlint runs shellcheck over each script of a workflow,
# gitlab-ci-local comes by npm and copies a repository with rsync.
COMMANDS = {"shellcheck": "shellcheck", "npm": "npm", "rsync": "rsync"}
BUILD_SECONDS = 1800
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Engines:
    """The first words of each command."""

    act: Sequence[str]
    actionlint: Sequence[str]
    gitlab: Sequence[str]


def provide(places: Places, host: Host, path: str, say: Say) -> Engines:
    """
    The engines, made below `.local/toolchain/engines` where they are not there.

    `path` is the PATH to search. Raises ToolchainError with what is missing.
    """
    with alone(_place(places, "lock"), say):
        packages.provide(COMMANDS, places, host, path, say)
        for name in GO_PACKAGES:
            _make(places, name, partial(_build, places, name, say))
        _make(places, GITLAB, partial(_install, places, say))
    return _commands(places, host)


def is_prepared(places: Places, path: str) -> bool:
    """Whether all of them are there, in the versions that are pinned."""
    made = all(_is_current(places, name) for name in (*GO_PACKAGES, GITLAB))
    return made and not packages.missing(COMMANDS, path)


def _commands(places: Places, host: Host) -> Engines:
    npm = _place(places, GITLAB) / "node_modules"
    node = npm / f"node-linux-{PULUMI_NAMES[host.architecture]}" / "bin" / "node"
    return Engines(
        act=[str(_place(places, "act") / "act")],
        actionlint=[str(_place(places, "actionlint") / "actionlint")],
        gitlab=[str(node), str(npm / GITLAB / "dist" / "index.js")],
    )


def _make(places: Places, name: str, make: Callable[[Path], None]) -> None:
    """Puts a complete folder in place, with the hash of its pins; nothing where it is current."""
    if _is_current(places, name):
        return
    made = _place(places, f"{name}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    make(made)
    _stamp(made).write_text(_pinned(places, name))
    shutil.rmtree(_place(places, name), ignore_errors=True)
    made.rename(_place(places, name))


def _build(places: Places, name: str, say: Say, made: Path) -> None:
    go.require()
    progress.run(
        f"building {name}",
        ["go", "build", "-trimpath", "-ldflags=-w -s", "-o", str(made / name), GO_PACKAGES[name]],
        folder=places.root / SOURCES / name,
        log=places.toolchain / f"build-{name}.log",
        environment={"CGO_ENABLED": "0"},
        say=say,
        deadline_seconds=BUILD_SECONDS,
    )


def _install(places: Places, say: Say, made: Path) -> None:
    for pins in PINS[2:]:
        shutil.copy(places.root / SOURCES / GITLAB / pins, made)
    # `ci` takes exactly the files of the lock, by their hashes.
    progress.run(
        f"installing {GITLAB}",
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
        folder=made,
        log=places.toolchain / f"install-{GITLAB}.log",
        say=say,
        deadline_seconds=INSTALL_SECONDS,
        way_out="check that this machine reaches an npm registry",
    )


def _is_current(places: Places, name: str) -> bool:
    try:
        return _stamp(_place(places, name)).read_text() == _pinned(places, name)
    except OSError:
        return False


def _pinned(places: Places, name: str) -> str:
    """The hash of the files that pin the engine."""
    folder = places.root / SOURCES / name
    there = [folder / each for each in PINS if (folder / each).exists()]
    return hashlib.sha256(b"\0".join(each.read_bytes() for each in there)).hexdigest()


def _place(places: Places, name: str) -> Path:
    return places.toolchain / "engines" / name


def _stamp(folder: Path) -> Path:
    return folder / "pins.sha256"
