"""The machine image: built once from image/, found again by the hash of what it is made of."""

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

from localcloud.errors import MachineImageError
from localcloud.machines.containers import connect, said_plainly

IMAGE = Path(__file__).parent / "image"
REPOSITORY = "k3s-aws-machine"
PUBLIC_BASE = "debian:12-slim"
# The layers of the image, twice while it is built.
NEEDED_BYTES = 2 * 1024**3
PROBE_SECONDS = 20
BUILD_SECONDS = 900
SAY_EVERY_SECONDS = 5.0

Say = Callable[[str], None]


def tag() -> str:
    """The image's name with the hash of everything in image/."""
    digest = hashlib.sha256()
    for file in sorted(each for each in IMAGE.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(IMAGE)}\0".encode())
        digest.update(file.read_bytes())
    return f"{REPOSITORY}:{digest.hexdigest()[:16]}"


def ensure_image(say: Say) -> str:
    """
    The tag of the machine image, which is built when it is missing.

    The base is a public Debian image where a registry answers, else one made from Debian's packages
    with mmdebstrap (about a minute, as root). Raises MachineImageError.
    """
    wanted, client = tag(), connect()
    with said_plainly("the machine image"):
        if client.images.list(name=wanted):
            return wanted
        _require_space(Path(client.info()["DockerRootDir"]))
        say(f"building the machine image {wanted}")
        base = _pulled_base(say) or _own_base(client, say)
        with _progress(say, "docker build"):
            words = ["docker", "build", "--quiet", "--network", "host"]
            _command([*words, "--build-arg", f"BASE={base}", "--tag", wanted, str(IMAGE)])
        for old in client.images.list(name=REPOSITORY):
            _forget(client, old, keep=wanted)
    return wanted


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


def _own_base(client: docker.DockerClient, say: Say) -> str:
    packages = ",".join((IMAGE / "packages.txt").read_text().split())
    name = f"{REPOSITORY}-base:{hashlib.sha256(packages.encode()).hexdigest()[:16]}"
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
            _command(
                ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}"]
                + [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded]
                + ["bookworm", str(archive)]
            )
        _command(["docker", "import", str(archive), name])
    return name


def _command(words: Sequence[str], *, seconds: float = BUILD_SECONDS) -> None:
    """Runs a step of the build; its last words become the error."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise MachineImageError(f'"{words[0]} {words[1]}" did not end in {seconds:.0f} s') from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise MachineImageError(f'"{words[0]} {words[1]}" failed: {said[-1]}')


@contextmanager
def _progress(say: Say, step: str) -> Iterator[None]:
    """Says every few seconds that the step still runs."""
    ended, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not ended.wait(SAY_EVERY_SECONDS):
            say(f"{step} ... {time.monotonic() - began:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _forget(client: docker.DockerClient, image: docker.models.images.Image, keep: str) -> None:
    """Removes an image of an older content, unless a machine still uses it."""
    if keep in image.tags:
        return
    for old in image.tags:
        try:
            client.images.remove(old)
        except docker.errors.APIError:
            continue
