"""The Pulumi CLI with its Python language host: found on PATH, else downloaded, else built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from toolchain import download, go, pins, progress
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.locking import alone
from toolchain.places import ROOT, Places
from toolchain.progress import Say

CLI = "pulumi"
LANGUAGE_HOST = "pulumi-language-python"
# The language host and the bundled plugins are looked for beside the symlink-resolved CLI.
FILES = (CLI, LANGUAGE_HOST, f"{LANGUAGE_HOST}-exec", "pulumi-resource-pulumi-python")
SOURCES = ROOT / "toolchain"
VERSION_SECONDS = 30
BUILD_SECONDS = 3600


@dataclass(frozen=True)
class PulumiCli:
    """A usable Pulumi CLI: its folder (to be first on PATH), version and where it came from."""

    folder: Path
    version: str
    way: str


def provide(
    places: Places, host: Host, path: str, say: Say, *, is_pinned: bool = False
) -> PulumiCli:
    """
    The Pulumi CLI to use; `path` is the PATH to search, and is not with `is_pinned`.

    Installs it under `.local/` when PATH has none that is new enough. Raises ToolchainError.
    """
    with alone(places.toolchain / "lock", say):
        found = (None if is_pinned else on_path(path, places)) or installed(places)
        if found:
            return found
        url = pins.PULUMI_URL.format(version=pins.PULUMI_VERSION, platform=host.pulumi_platform)
        if download.reachable(url):
            return _keep(places, _release(places, host, url, say), "the official release")
        say(f"{url} is out of reach: building Pulumi from its Go modules")
        made, go_version = _build(places, say)
        return _keep(places, made, f"built from its Go modules with {go_version}")


def on_path(path: str, places: Places) -> PulumiCli | None:
    """The first `pulumi` of PATH, if it is new enough and has its Python language host."""
    others = [each for each in path.split(os.pathsep) if Path(each) != places.pulumi_bin]
    # In our own folder it is not a find: that one is judged by its stamp.
    search = os.pathsep.join(others)
    found = shutil.which(CLI, path=search)
    if found is None:
        return None
    beside = Path(found).resolve().parent / LANGUAGE_HOST
    if not beside.exists() and shutil.which(LANGUAGE_HOST, path=search) is None:
        return None
    version = _version(Path(found))
    if version is None or _numbers(version) < pins.OLDEST_PULUMI:
        return None
    return PulumiCli(Path(found).parent, version, f"found on PATH ({found})")


def installed(places: Places) -> PulumiCli | None:
    """What an earlier run installed or built here, if it is of the pinned version and whole."""
    try:
        stamp = json.loads(_stamp(places).read_text())
    except (OSError, ValueError):
        return None
    whole = all(os.access(places.pulumi_bin / name, os.X_OK) for name in FILES)
    if not whole or stamp.get("pins") != _pinned():
        return None
    return PulumiCli(places.pulumi_bin, str(stamp["version"]), str(stamp["way"]))


def _release(places: Places, host: Host, url: str, say: Say) -> Path:
    archive = places.toolchain / "pulumi.tar.gz"
    sha256 = pins.PULUMI_SHA256.get(host.pulumi_platform)
    if sha256 is None:
        raise ToolchainError(f"no Pulumi release is pinned for {host.pulumi_platform}")
    say(f"downloading {url}")
    download.fetch(url, sha256, archive, say)
    made = _empty(places)
    try:
        with tarfile.open(archive) as content:
            for member in content:
                name = Path(member.name).name
                source = content.extractfile(member) if name in FILES else None
                if source:
                    with (made / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
                    (made / name).chmod(0o755)
    except (OSError, tarfile.TarError) as error:
        raise ToolchainError(f"{archive} could not be unpacked: {error}") from None
    archive.unlink()
    return made


def _build(places: Places, say: Say) -> tuple[Path, str]:
    version = go.version()
    made = _empty(places)
    module = "github.com/pulumi/pulumi"
    for name, sources, package, pinned in (
        (CLI, "pulumi", f"{module}/pkg/v3/cmd/pulumi", pins.PULUMI_VERSION),
        (
            LANGUAGE_HOST,
            "language-python",
            f"{module}/sdk/v3/python/cmd/pulumi-language-python",
            pins.LANGUAGE_HOST_VERSION,
        ),
    ):
        # Without the version the engine would enforce no requiredPulumiVersion, silently.
        flags = f"-w -s -X {module}/sdk/v3/go/common/version.Version={pinned}"
        progress.run(
            f"building {name} {pinned}",
            ["go", "build", "-trimpath", "-ldflags", flags, "-o", str(made / name), package],
            folder=SOURCES / sources,
            log=places.toolchain / f"build-{name}.log",
            environment={"CGO_ENABLED": "0"},
            say=say,
            deadline_seconds=BUILD_SECONDS,
            way_out="or install Pulumi: https://www.pulumi.com/docs/install/",
        )
    sdk = go.module_folder(f"{module}/sdk/v3", SOURCES / "pulumi") / "python"
    for source in (sdk / "cmd" / FILES[2], sdk / "dist" / FILES[3]):
        # Files of the module cache are read-only and not executable.
        (made / source.name).write_bytes(source.read_bytes())
        (made / source.name).chmod(0o755)
    return made, version


def _empty(places: Places) -> Path:
    folder = places.toolchain / "bin.new"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _keep(places: Places, made: Path, way: str) -> PulumiCli:
    """Puts a complete folder in place; the stamp is written last."""
    missing = [name for name in FILES if not (made / name).exists()]
    version = _version(made / CLI)
    if missing or version is None:
        raise ToolchainError(
            f"the Pulumi CLI in {made} does not work (missing: {', '.join(missing) or 'nothing'})"
            "\n    install Pulumi: https://www.pulumi.com/docs/install/"
        )
    _stamp(places).unlink(missing_ok=True)
    shutil.rmtree(places.pulumi_bin, ignore_errors=True)
    made.rename(places.pulumi_bin)
    kept = PulumiCli(places.pulumi_bin, version, way)
    stamp = {**asdict(kept), "folder": str(kept.folder), "pins": _pinned()}
    _stamp(places).write_text(json.dumps(stamp, indent=2) + "\n")
    return kept


def _pinned() -> list[str]:
    return [pins.PULUMI_VERSION, pins.LANGUAGE_HOST_VERSION]


def _stamp(places: Places) -> Path:
    return places.toolchain / "pulumi.json"


def _version(cli: Path) -> str | None:
    try:
        done = subprocess.run(
            [cli, "version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v\d+\.\d+\.\d+\S*", done.stdout.strip())
    return match.group() if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
