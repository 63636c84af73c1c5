"""
Root's rights for an account that has none but may use Docker.

Whoever may use the Docker Engine may start a container with root's rights. This one sees the
system's programs, the processes and the network of this host, so that the same commands do the
same work as root's own. It has no image but an empty one, and ends with the process that uses it.
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.errors import MachineError
from localcloud.machines import messages
from toolchain.places import ROOT

REPOSITORY = "k3s-aws-root"
START_SECONDS = 60.0
END_SECONDS = 30.0
# How much longer than the command itself its answer may take.
ANSWER_SECONDS = 30.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# For iptables, nsenter, losetup, sockets in other namespaces, and mmdebstrap.
CAPABILITIES = tuple(
    """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL MKNOD NET_ADMIN NET_BIND_SERVICE NET_RAW
    SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_CHROOT SYS_PTRACE
    """.split()  # noqa: SIM905 - a list of words reads worse
)
# mmdebstrap downloads, and writes where this process looks.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "TMPDIR")
# Where programs and what they read lie; those that are links are links in the image.
SYSTEM = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr")
XTABLES_LOCK = Path("/run/xtables.lock")
# Loop devices, and the one that makes them.
DEVICES = ("b 7:* rmw", "c 10:237 rmw")


@dataclass(frozen=True)
class Started:
    """A container that runs: the connection to the process in it, and its `docker run`."""

    connection: socket.socket
    process: subprocess.Popen[bytes] | None

    def close(self) -> None:
        """Ends it; it removes itself."""
        self.connection.close()
        if self.process is not None:
            self.process.wait(END_SECONDS)


class RootContainer:
    """The container of this process, started with the first call. Raises MachineError."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: Started | None = None

    def run(self, words: Sequence[str], *, stdin: str, seconds: float) -> str:
        """The standard output of a command."""
        request = {"do": "run", "words": list(words), "stdin": stdin, "seconds": seconds}
        reply, _ = self._ask(request, seconds + ANSWER_SECONDS)
        return str(reply["output"])

    def listen(self, pid: int, address: str, port: int) -> socket.socket:
        """A listening socket in the network namespace of a process."""
        request = {"do": "listen", "pid": pid, "address": address, "port": port}
        _, descriptors = self._ask(request, ANSWER_SECONDS)
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        """Ends the container, if there is one; the end of this process does so too."""
        with self._lock:
            if self._started is not None:
                self._started.close()
                self._started = None

    def _ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            if self._started is None:
                self._started = connect()
            connection = self._started.connection
            try:
                connection.settimeout(seconds)
                messages.send(connection, request)
                received = messages.receive(connection)
            except OSError as error:
                # What is still on its way must not be taken for the answer to the next request.
                connection.close()
                self._started = None
                raise MachineError(f"the container with root's rights failed: {error}") from None
        if "error" in received[0]:
            raise MachineError(received[0]["error"])
        return received


_container = RootContainer()


def get() -> RootContainer:
    """The one of this process."""
    return _container


def connect() -> Started:
    """Starts the container. Raises MachineError."""
    ensure_image()
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile() as log,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
    ):
        address = Path(folder) / "socket"
        listener.bind(str(address))
        listener.listen(1)
        listener.settimeout(0.2)
        process = subprocess.Popen(
            command(address),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for us: what has to be removed then is removed through the container.
            start_new_session=True,
        )
        for _ in range(int(START_SECONDS / 0.2)):
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                if process.poll() is None:
                    continue
                break
            return Started(connection, process)
        process.kill()
        process.wait()
        log.seek(0)
        raise MachineError(_why_not(log.read().decode(errors="replace")))


def command(address: Path) -> list[str]:
    """The `docker run` whose process connects to the address."""
    words = ["docker", "run", "--rm", "--interactive", "--pull", "never", "--network", "host"]
    words += ["--pid", "host", "--userns", "host", "--cap-drop", "ALL"]
    words += [f"--cap-add={each}" for each in CAPABILITIES]
    for option in ("seccomp=unconfined", "apparmor=unconfined", "label=disable"):
        words += ["--security-opt", option]
    words += [f"--device-cgroup-rule={each}" for each in DEVICES]
    # /proc/sys may be written.
    words += ["--security-opt", "systempaths=unconfined"]
    words += [f"--volume={each}" for each in volumes()]
    words += ["--env", f"PATH={PATH}", *(f"--env={name}" for name in PASSED_ON)]
    words += ["--workdir", str(ROOT), image()]
    return [*words, sys.executable, "-m", "localcloud.machines.root_process", str(address)]


def volumes(root: Path = Path("/")) -> list[str]:
    """What the container sees of this host: the system, this checkout, its Python, temp files."""
    system = [root / name for name in SYSTEM]
    seen = [each for each in system if each.is_dir() and not each.is_symlink()]
    venv = (ROOT / ".local" / "venv").resolve()
    # The Python that the virtual environment was made with may lie anywhere.
    for folder in (ROOT, venv, Path(sys.prefix), Path(sys.base_prefix), _real(sys.base_prefix)):
        if not any(folder.is_relative_to(each) for each in seen):
            seen.append(folder)
    found = [f"{each}:{each}:ro" for each in seen]
    if XTABLES_LOCK.exists():
        found.append(f"{XTABLES_LOCK}:{XTABLES_LOCK}")
    temporary = tempfile.gettempdir()
    return [*found, f"{temporary}:{temporary}"]


def _real(folder: str) -> Path:
    return Path(folder).resolve()


def ensure_image() -> None:
    """Makes the image where it is missing. Raises MachineError."""
    try:
        found = subprocess.run(
            ["docker", "image", "inspect", image()], capture_output=True, timeout=60, check=False
        )
        if found.returncode == 0:
            return
        done = subprocess.run(
            ["docker", "import", "-", image()],
            input=content(),
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(_why_not(str(error))) from None
    if done.returncode != 0:
        raise MachineError(_why_not(done.stderr.decode(errors="replace")))


def image() -> str:
    """The image's name with the hash of what is in it."""
    return f"{REPOSITORY}:{hashlib.sha256(content()).hexdigest()[:16]}"


def content(root: Path = Path("/")) -> bytes:
    """Nothing but the links among the system's folders, such as /bin to /usr/bin."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in SYSTEM:
            if (root / name).is_symlink():
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, os.readlink(root / name)  # noqa: PTH115 - as it is written
                archive.addfile(link)
    return buffer.getvalue()


def _why_not(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip() and "--help" not in line]
    last = lines[-1] if lines else "no message"
    return (
        f"no container with root's rights can be started: {last}\n"
        "    the local cloud sets up the network of its machines: run it as root, or use a Docker "
        "Engine that starts such containers on this machine"
    )
