"""
The k3s that the local cloud's machines run: the pinned release, the one K3S_BINARY names, or the
stand-in built here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain import download, emulation, go, k3s_pins, progress
from toolchain.errors import ToolchainError
from toolchain.host import GO_NAMES, Architecture, Host
from toolchain.locking import alone
from toolchain.places import Places
from toolchain.progress import Say

VARIABLE = "K3S_BINARY"
THE_RELEASE = "the real release"
NAMED = VARIABLE
THE_STANDIN = "the stand-in"
STANDIN = Path("localcloud") / "k3s-standin"
# It is built with the program's own table of k3s's flags.
FLAGS = Path("cluster") / "k3s_flags"
VERSION_SECONDS = 30
BUILD_SECONDS = 3600


@dataclass(frozen=True)
class K3s:
    """A k3s binary and which one it is."""

    path: Path
    version: str
    kind: str
    sha256: str


def provide(places: Places, host: Host, named: str | None, say: Say) -> K3s:
    """
    The k3s to use; `named` is the value of K3S_BINARY. Raises ToolchainError.

    The pinned release is preferred to the stand-in wherever it can be had.
    """
    if named:
        return _known(require_usable(named), NAMED)
    with alone(places.k3s / "lock", say):
        return _release(places, host, say) or _standin(places, say)


def standin(places: Places, say: Say) -> K3s:
    """The stand-in, built when its sources changed. Raises ToolchainError."""
    with alone(places.k3s / "lock", say):
        return _standin(places, say)


def emulated(places: Places, host: Host, here: K3s, say: Say) -> Path | None:
    """
    The stand-in for the architecture this host does not have, beside the k3s it has.

    emulation.py makes it run. None beside a real k3s, which does not run there: qemu-user has
    neither its containers' namespaces nor what iptables asks of the kernel. Raises ToolchainError.
    """
    if here.kind != THE_STANDIN:
        say(f"{here.kind} cannot be emulated, only the stand-in can")
        return None
    with alone(places.k3s / "lock", say):
        return _built(places, say, emulation.other(host))


def emulated_if_built(places: Places, host: Host, here: K3s) -> Path | None:
    """The same where it is current and runs here; nothing is built."""
    folder, wanted = _place(places, emulation.other(host))
    usable = here.kind == THE_STANDIN and emulation.is_ready(host)
    return folder / "k3s" if usable and _is_current(folder, wanted) else None


def is_prepared(places: Places, named: str | None) -> bool:
    """Whether there is one to use without a download or a build."""
    return _is_real(places, named) or _is_built(places, None)


def is_emulated_prepared(places: Places, host: Host, named: str | None) -> bool:
    """Whether the one for the architecture this host does not have is built, or never will be."""
    return _is_real(places, named) or _is_built(places, emulation.other(host))


def require_usable(named: str) -> Path:
    """The file that K3S_BINARY names. Raises ToolchainError where it cannot be run."""
    path = Path(named).expanduser().resolve()
    if not os.access(path, os.X_OK) or path.is_dir():
        raise ToolchainError(
            f"{VARIABLE} names {path}, which is not an executable file\n"
            f"    name a k3s binary, or unset {VARIABLE}"
        )
    return path


def _is_real(places: Places, named: str | None) -> bool:
    return bool(named) or (places.k3s / default_version(places) / "k3s").is_file()


def _is_built(places: Places, other: Architecture | None) -> bool:
    try:
        return _is_current(*_place(places, other))
    except ToolchainError:
        # There is no Go.
        return False


def default_version(places: Places) -> str:
    """The pinned release, read without PyYAML: before there is a virtual environment."""
    text = (places.root / k3s_pins.FILE).read_text()
    found = re.search(r"^default: (\S+)$", text, re.M)
    return found[1] if found else ""


def release_url(places: Places, host: Host) -> str:
    """Where the pinned release lies; as cluster/releases builds it, without PyYAML."""
    asset = k3s_pins.NAMES[host.architecture][1]
    return f"{k3s_pins.RELEASES}/{default_version(places).replace('+', '%2B')}/{asset}"


def _release(places: Places, host: Host, say: Say) -> K3s | None:
    # The program's pins need PyYAML, which the rest of the toolchain runs without.
    from cluster import releases

    version = releases.DEFAULT_VERSION
    pinned = releases.PINNED[version]
    if host.architecture not in pinned:
        return None
    sha256 = pinned[host.architecture]
    target = places.k3s / version / "k3s"
    if not (target.is_file() and download.file_sha256(target) == sha256):
        url = releases.binary_url(releases.DOWNLOAD_URL, version, host.architecture)
        if not download.reachable(url):
            say(f"{url} is out of reach: the stand-in takes its place")
            return None
        say(f"downloading {url}")
        download.fetch(url, sha256, target, say)
    target.chmod(0o755)
    return K3s(target, version, THE_RELEASE, sha256)


def _standin(places: Places, say: Say) -> K3s:
    return _known(_built(places, say, None), THE_STANDIN)


def _built(places: Places, say: Say, other: Architecture | None) -> Path:
    sources = places.root / STANDIN
    folder, wanted = _place(places, other)
    target = folder / "k3s"
    if not _is_current(folder, wanted):
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "k3s.new"
        progress.run(
            f"building the k3s stand-in{f' for {other}' if other else ''} (real Kubernetes: some "
            "minutes the first time)",
            [str(sources / "build.sh"), str(made)],
            folder=sources,
            log=folder / "build.log",
            say=say,
            deadline_seconds=BUILD_SECONDS,
            environment={"GOARCH": GO_NAMES[other]} if other else None,
            way_out=f"or name a k3s binary with {VARIABLE}",
        )
        made.replace(target)
        _stamp(folder).write_text(wanted)
    return target


def _place(places: Places, other: Architecture | None) -> tuple[Path, str]:
    """The folder of a stand-in, and what its stamp says when it is current."""
    folder = places.k3s / (f"standin-{other}" if other else "standin")
    sources = source_hash(places.root / STANDIN, places.root / FLAGS)
    built_from = {"sources": sources, "go": go.version()}
    return folder, json.dumps(built_from)


def _is_current(folder: Path, wanted: str) -> bool:
    stamp = _stamp(folder)
    return (folder / "k3s").is_file() and stamp.is_file() and stamp.read_text() == wanted


def _stamp(folder: Path) -> Path:
    return folder / "built-from.json"


def source_hash(*folders: Path) -> str:
    """The hash of what the stand-in is built from; its tests do not count."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(_sources(folder)):
            digest.update(f"{folder.name}/{file.relative_to(folder)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.endswith(("_test.go", ".md", ".py", ".pyc")):
            yield file


def _known(path: Path, kind: str) -> K3s:
    return K3s(path, _version(path), kind, download.file_sha256(path))


def _version(path: Path) -> str:
    """
    From the first line of `k3s --version`: `k3s version v1.36.4+k3s1 (0ffd67db)`.

    k3s begins it with the name of its file, such as `k3s-arm64`.
    """
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolchainError(f"{path} does not run: {error}") from None
    match = re.match(rf"(?:k3s|{re.escape(path.name)}) version (v\S+)", done.stdout)
    if match is None:
        raise ToolchainError(f"{path} is not a k3s: `{path} --version` names no k3s version")
    return match.group(1)
