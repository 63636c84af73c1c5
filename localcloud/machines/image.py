"""
The machine images: built once, found again by the hash of what they are made of.

The host's own is made from image/. That of the other architecture is made of that architecture's
Debian packages in the same way, and has emulated/ on top.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import docker.errors

from localcloud.errors import MachineError, MachineImageError
from localcloud.machines import commands
from localcloud.machines.docker_client import connect, translate_errors
from toolchain.host import GO_NAMES, Architecture

IMAGE = Path(__file__).parent / "image"
EMULATED = Path(__file__).parent / "emulated"
REPOSITORY = "k3s-aws-machine"
PUBLIC_BASE = "debian:12-slim"
# The layers of the image, twice while it is built.
NEEDED_BYTES = 2 * 1024**3
PROBE_SECONDS = 20
BUILD_SECONDS = 900
# Every package's own scripts run through qemu-user.
EMULATED_SECONDS = 2400
SAY_EVERY_SECONDS = 5.0

Say = Callable[[str], None]


def tag() -> str:
    """The image's name with the hash of everything in image/."""
    return f"{REPOSITORY}:{_hash(IMAGE)}"


def emulated_tag(architecture: Architecture) -> str:
    """The name of the other architecture's image, with the hash of everything it is made of."""
    return f"{REPOSITORY}-{architecture}:{_hash(IMAGE, EMULATED)}"


def _hash(*folders: Path) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            digest.update(f"{file.relative_to(folder)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def ensure_image(say: Say) -> str:
    """
    The tag of the machine image, which is built when it is missing.

    The base is a public Debian image where a registry answers, else one made from Debian's packages
    with mmdebstrap (about a minute). Raises MachineImageError.
    """
    wanted, client = tag(), connect()
    with translate_errors("the machine image"):
        if client.images.list(name=wanted):
            return wanted
        _require_space(Path(client.info()["DockerRootDir"]))
        say(f"building the machine image {wanted}")
        _build(_pulled_base(say) or _own_base(client, say), IMAGE, wanted, say)
        for old in client.images.list(name=REPOSITORY):
            _forget(client, old, keep=wanted)
    return wanted


def ensure_emulated_image(architecture: Architecture, say: Say) -> str:
    """
    The tag of the image of the other architecture, which is built when it is missing.

    Needs that architecture's programs to run here (toolchain/emulation.py), and some minutes.
    Raises MachineImageError.
    """
    wanted, client = emulated_tag(architecture), connect()
    with translate_errors("the machine image"):
        if client.images.list(name=wanted):
            return wanted
        _require_space(Path(client.info()["DockerRootDir"]))
        say(f"building the machine image {wanted}, its programs through qemu-user")
        plain = f"{wanted}-plain"
        _build(_own_base(client, say, architecture), IMAGE, plain, say)
        _build(plain, EMULATED, wanted, say)
        for old in client.images.list(name=wanted.partition(":")[0]):
            _forget(client, old, keep=wanted)
    return wanted


def _build(base: str, folder: Path, wanted: str, say: Say) -> None:
    with _progress(say, "docker build"):
        words = ["docker", "build", "--quiet", "--network", "host"]
        _command([*words, "--build-arg", f"BASE={base}", "--tag", wanted, str(folder)])


def _require_space(folder: Path) -> None:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise MachineImageError(
            f"the machine image needs {NEEDED_BYTES >> 20} MiB in {folder}, "
            f"{free >> 20} MiB are free\n    free some (`docker system prune` removes what Docker "
            "no longer uses), or move Docker's data-root"
        )


def _pulled_base(say: Say) -> str | None:
    try:
        _command(["docker", "pull", "--quiet", PUBLIC_BASE], seconds=PROBE_SECONDS)
    except MachineImageError as error:
        say(f"{PUBLIC_BASE} cannot be pulled, making a base from Debian's packages ({error})")
        return None
    return PUBLIC_BASE


def _own_base(
    client: docker.DockerClient, say: Say, architecture: Architecture | None = None
) -> str:
    packages = ",".join((IMAGE / "packages.txt").read_text().split())
    kind = f"base-{architecture}" if architecture else "base"
    name = f"{REPOSITORY}-{kind}:{hashlib.sha256(packages.encode()).hexdigest()[:16]}"
    if client.images.list(name=name):
        return name
    if shutil.which("mmdebstrap") is None:
        raise MachineImageError(
            f"neither {PUBLIC_BASE} can be pulled nor is mmdebstrap installed\n"
            "    on Debian: apt-get install mmdebstrap; elsewhere: let Docker reach a registry"
        )
    excluded = ("man", "locale", "doc", "info")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        with _progress(say, "mmdebstrap"):
            _as_root(
                ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}"]
                + [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded]
                + ([f"--architectures={GO_NAMES[architecture]}"] if architecture else [])
                + ["bookworm", str(archive)],
                seconds=EMULATED_SECONDS if architecture else BUILD_SECONDS,
            )
        _command(["docker", "import", str(archive), name])
    return name


def _as_root(words: Sequence[str], *, seconds: float) -> None:
    try:
        commands.run(words, seconds=seconds)
    except MachineError as error:
        raise MachineImageError(str(error)) from None


def _command(words: Sequence[str], *, seconds: float = BUILD_SECONDS) -> None:
    """Runs a step of the build; its last words become the error."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise MachineImageError(f'"{words[0]} {words[1]}" did not end in {seconds:.0f} s') from None
    if done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise MachineImageError(f'"{words[0]} {words[1]}" failed: {output[-1]}')


@contextmanager
def _progress(say: Say, step: str) -> Iterator[None]:
    """Reports every few seconds that the step is still running."""
    ended, began = threading.Event(), time.monotonic()

    def report() -> None:
        while not ended.wait(SAY_EVERY_SECONDS):
            say(f"{step} ... {time.monotonic() - began:.0f} s")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()


def _forget(client: docker.DockerClient, image: docker.models.images.Image, keep: str) -> None:
    """Removes an image of an older content, unless a machine still uses it."""
    if keep in image.tags:
        return
    for old in image.tags:
        try:
            client.images.remove(old)
        except docker.errors.APIError:
            continue
