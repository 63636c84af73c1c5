"""Starting, finding and ending the daemon of a local cloud; one for each home folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.architectures import MADE, OTHER
from localcloud.aws_api.server import INTERRUPTION_PATH, STATUS_PATH
from localcloud.errors import LocalCloudError
from localcloud.machines import Machines, ensure_emulated_image, ensure_image
from toolchain.command import VENV_PYTHON
from toolchain.places import Places

START_SECONDS = 60.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1
ANSWER_SECONDS = 5.0
# What a run leaves that the next one cannot use.
RUN_FILES = ("endpoint.json", "endpoints.pem", "amis.json", MADE)
ERROR = "error: "

# Python warns of a process that is still running when nothing refers to it any more.
_started: list[subprocess.Popen[bytes]] = []

Say = Callable[[str], None]


@dataclass(frozen=True)
class Cloud:
    """The local cloud whose files are in `home`. Its id names everything it makes on the host."""

    home: Path

    @property
    def id(self) -> str:
        """Eight hex digits of the home's path: two checkouts never share a machine."""
        return hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:8]

    @property
    def log(self) -> Path:
        """Where the daemon writes what it does."""
        return self.home / "daemon.log"

    @property
    def stop_command(self) -> str:
        """The command that ends this cloud, from the checkout's root."""
        home = "" if self.home == Places().cloud else f" --home {shlex.quote(str(self.home))}"
        return f"{VENV_PYTHON} -m localcloud{home} stop"

    def endpoint(self) -> dict[str, Any] | None:
        """The announcement of the running daemon; None where none is running."""
        try:
            content: dict[str, Any] = json.loads((self.home / "endpoint.json").read_text())
            pid = int(content["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return content if _is_daemon(pid, self.home) else None

    def start(
        self,
        *,
        k3s_binary: Path,
        k3s_version: str,
        port: int,
        say: Say,
        emulated_k3s: Path | None = None,
    ) -> dict[str, Any]:
        """
        The announcement of the running daemon, started where it does not run yet.

        With `emulated_k3s`, the k3s of the architecture this host does not have, machines of that
        architecture run its programs. What a daemon that died left behind is removed first: its
        state is lost with it. Raises LocalCloudError.
        """
        for binary in filter(None, (k3s_binary, emulated_k3s)):
            if not binary.is_file():
                raise LocalCloudError(
                    f"there is no k3s at {binary}\n    `{VENV_PYTHON} -m toolchain k3s` gets one"
                )
        with self._alone():
            running = self.endpoint()
            if running:
                return self._same(running, k3s_binary, k3s_version)
            words = ["--image", ensure_image(say), "--k3s-binary", str(k3s_binary)]
            words += ["--k3s-version", k3s_version, "--port", str(port)]
            if emulated_k3s is not None:
                words += ["--emulated-image", ensure_emulated_image(OTHER, say)]
                words += ["--emulated-k3s", str(emulated_k3s)]
            for removed in self._sweep():
                say(f"left behind by a daemon that died, removed: {removed}")
            written = self.log.stat().st_size if self.log.exists() else 0
            process = self._launch(words)
            _started.append(process)
            return self._wait(process, written)

    def stop(self, say: Say) -> None:
        """Ends the daemon and removes everything of this cloud on the host; may be repeated."""
        with self._alone():
            running = self.endpoint()
            if running:
                self._end(int(running["pid"]), say)
            for removed in self._sweep():
                say(f"removed: {removed}")

    def interrupt(self, instance_id: str, seconds: float) -> dict[str, Any]:
        """Announces that EC2 takes a spot instance after so long. Raises LocalCloudError."""
        content = {"instanceId": instance_id, "seconds": seconds}
        return _post(f"{self._running()['endpoint']}{INTERRUPTION_PATH}", content)

    def status(self) -> dict[str, Any]:
        """The status page of the running daemon. Raises LocalCloudError."""
        running = self._running()
        try:
            return _ask(running["endpoint"])
        except OSError as error:
            raise LocalCloudError(
                f"the local cloud's daemon {running['pid']} does not respond: {error}\n"
                f"    see {self.log}, or end it: {self.stop_command}"
            ) from None

    def machines(self) -> list[str]:
        """The instance ids of the machines that run."""
        return sorted(self._machines().running())

    def _machines(self) -> Machines:
        return Machines(self.id, image="", home=self.home)

    def _same(self, running: dict[str, Any], binary: Path, version: str) -> dict[str, Any]:
        if (running["k3sBinary"], running["k3sVersion"]) != (str(binary), version):
            raise LocalCloudError(
                f"the local cloud runs with k3s {running['k3sVersion']} ({running['k3sBinary']}), "
                f"not {version} ({binary})\n    stop it first: {self.stop_command}"
            )
        return running

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One start or stop at a time in one home; the others wait."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "localcloud", "--home", str(self.home), "serve"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*words, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[1],
                start_new_session=True,
            )

    def _wait(self, process: subprocess.Popen[bytes], written: int) -> dict[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                running = self.endpoint()
                if running and _responds(running["endpoint"]):
                    return running
                if process.poll() is not None:
                    raise LocalCloudError(self._why_it_ended(process.returncode, written))
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            process.kill()
            raise
        process.kill()
        raise LocalCloudError(
            f"the local cloud's daemon did not answer within {START_SECONDS:.0f} s\n"
            f"    see {self.log}"
        )

    def _why_it_ended(self, code: int, written: int) -> str:
        """The daemon's own message where it had one, else its last line."""
        output = self.log.read_bytes()[written:].decode(errors="replace").strip()
        _, found, message = output.rpartition(ERROR)
        if found:
            return message
        last = "".join(output.splitlines()[-1:])
        return f"the local cloud's daemon ended with {code}: {last}\n    see {self.log}"

    def _end(self, pid: int, say: Say) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        _signal(pid, signal.SIGTERM)
        while _is_daemon(pid, self.home):
            if time.monotonic() > deadline:
                say(f"the daemon did not end within {STOP_SECONDS:.0f} s and is killed")
                _signal(pid, signal.SIGKILL)
                deadline += STOP_SECONDS
            time.sleep(POLL_SECONDS)
        for process in _started:
            process.poll()

    def _running(self) -> dict[str, Any]:
        running = self.endpoint()
        if running is None:
            raise LocalCloudError(f"the local cloud of {self.home} is not running")
        return running

    def _sweep(self) -> list[str]:
        for name in RUN_FILES:
            (self.home / name).unlink(missing_ok=True)
        return self._machines().remove_everything()


def _is_daemon(pid: int, home: Path) -> bool:
    """Whether the process is the daemon of this home, and not another one with its old number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z" and b"localcloud" in words and str(home).encode() in words


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise LocalCloudError(
            f"the local cloud's daemon (process {pid}) belongs to another account\n"
            "    run this as the account that started it, such as root"
        ) from None


def _post(address: str, content: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address, json.dumps(content).encode())  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            received: dict[str, Any] = json.load(answer)
            return received
    except urllib.error.HTTPError as error:
        raise LocalCloudError(error.read().decode()) from None


def _ask(endpoint: str) -> dict[str, Any]:
    """The daemon's status page; raises OSError where it does not respond."""
    address = f"{endpoint}{STATUS_PATH}"
    with urllib.request.urlopen(address, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - loopback
        content: dict[str, Any] = json.load(answer)
    return content


def _responds(endpoint: str) -> bool:
    try:
        _ask(endpoint)
    except OSError:
        return False
    return True
