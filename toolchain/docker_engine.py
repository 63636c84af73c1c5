"""The Docker Engine: used where it answers, else started; ended only if we started it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain import progress
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.locking import alone
from toolchain.packages import SBIN
from toolchain.places import Places
from toolchain.progress import Say

ANSWER_SECONDS = 20
START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.2

# Engines this very process started: they outlive it, but until then it must collect their end.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Answer:
    """What `docker info` returned: the engine's version, or why there was none."""

    version: str
    error: str


def ask() -> Answer:
    """Asks the engine who it is."""
    try:
        done = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Answer("", "docker is not installed")
    except subprocess.TimeoutExpired:
        return Answer("", f"`docker info` did not answer within {ANSWER_SECONDS} s")
    if done.returncode == 0 and done.stdout.strip():
        return Answer(done.stdout.strip(), "")
    message = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
    return Answer("", message[-1])


def start(places: Places, host: Host, say: Say) -> str:
    """
    The version of an engine that responds, and how it came to run, in one phrase.

    Raises ToolchainError with the way out when there is none and none can be started.
    """
    with alone(places.docker / "lock", say):
        answer = ask()
        if answer.version:
            ours = "started here earlier" if started_here(places) else "already running"
            return f"Docker {answer.version}, {ours}"
        dockerd = _dockerd()
        if dockerd is None or not host.root:
            raise ToolchainError(why_not(answer, host))
        if host.systemd and _has_unit():
            return _start_unit(places, say)
        return _start_daemon(places, dockerd, say)


def stop(places: Places, say: Say) -> str:
    """Ends the engine if this checkout started it and nobody else uses it; what was done."""
    with alone(places.docker / "lock", say):
        record = _record(places)
        if record is None:
            return "Docker was not started by this checkout and keeps running"
        running = _containers()
        if running:
            return f"Docker keeps running: {len(running)} containers of others run in it"
        if record["way"] == "systemd":
            _systemctl("stop", "docker.socket", "docker.service", log=places.docker / "stop.log")
        else:
            _end(int(record["pid"]), str(record["began"]))
        _record_file(places).unlink()
    return "Docker stopped"


def started_here(places: Places) -> bool:
    """Whether the engine that runs is one this checkout started."""
    return _record(places) is not None


def can_start(host: Host) -> bool:
    """Whether an engine that does not respond can be started here, or installed and started."""
    return host.root and (host.debian or _dockerd() is not None)


def why_not(answer: Answer, host: Host) -> str:
    """The message for an engine that does not respond and cannot be started here."""
    if "permission denied" in answer.error.lower():
        way_out = (
            "run as root, or let your account use Docker: sudo usermod -aG docker $USER, "
            "then log in again"
        )
    elif _dockerd() is not None:
        way_out = "start it as root: `service docker start`, or run this as root"
    else:
        way_out = "install Docker Engine (on Debian: apt-get install docker.io) and start it"
    return f"Docker does not respond: {answer.error}\n    {way_out}"


def unsupported() -> Iterator[str]:
    """
    Why the engine that responds cannot hold the machines, if so.

    Their network is set up on this host, and so must be the engine's.
    """
    words = ["docker", "info", "--format", "{{.OperatingSystem}} {{.SecurityOptions}}"]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return
    address = os.environ.get("DOCKER_HOST", "")
    if address and not address.startswith("unix://"):
        yield (
            f"the Docker Engine at {address} is another machine's\n"
            "    use the one of this machine: unset DOCKER_HOST"
        )
    elif "rootless" in done.stdout or "Docker Desktop" in done.stdout:
        kind = "rootless" if "rootless" in done.stdout else "Docker Desktop"
        yield (
            f"the Docker Engine ({kind}) has a network of its own, which this machine does not "
            "reach\n    use Docker Engine as the system's service: "
            "https://docs.docker.com/engine/install/"
        )


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=os.pathsep.join([os.environ["PATH"], *SBIN]))


def _start_daemon(places: Places, dockerd: str, say: Say) -> str:
    log, pid_file = places.docker / "dockerd.log", places.docker / "dockerd.pid"
    # Left behind by a killed engine, its number may be another process by now.
    pid_file.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [dockerd, "--pidfile", str(pid_file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    _keep(places, way="dockerd", pid=process.pid, began=_began(process.pid))
    version = _wait(log, process, say)
    return f"Docker {version}, started (log: {log})"


def _start_unit(places: Places, say: Say) -> str:
    log = places.docker / "start.log"
    _systemctl("start", "docker.service", log=log)
    _keep(places, way="systemd", pid=0, began="")
    return f"Docker {_wait(log, None, say)}, started by systemd"


def _wait(log: Path, process: subprocess.Popen[bytes] | None, say: Say) -> str:
    deadline = time.monotonic() + START_SECONDS
    with progress.ticking("starting Docker", say):
        while time.monotonic() < deadline:
            answer = ask()
            if answer.version:
                return answer.version
            if process is not None and process.poll() is not None:
                raise ToolchainError(progress.failure("starting dockerd", log))
            time.sleep(POLL_SECONDS)
    if process is not None:
        _end(process.pid, _began(process.pid))
    text = f"starting Docker (no answer within {START_SECONDS:.0f} s)"
    raise ToolchainError(progress.failure(text, log))


def _end(pid: int, began: str) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    if began and began == _began(pid):
        os.kill(pid, signal.SIGTERM)
    while began and began == _began(pid):
        if time.monotonic() > deadline:
            raise ToolchainError(
                f"dockerd did not end within {STOP_SECONDS:.0f} s\n    end it: kill -9 {pid}"
            )
        time.sleep(POLL_SECONDS)
    if pid in _children:
        _children.pop(pid).wait()


def _containers() -> list[str]:
    try:
        done = subprocess.run(
            ["docker", "ps", "--quiet"],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"`docker ps` did not answer within {ANSWER_SECONDS} s") from None
    return done.stdout.split()


def _has_unit() -> bool:
    done = subprocess.run(
        ["systemctl", "cat", "docker.service"], capture_output=True, timeout=20, check=False
    )
    return done.returncode == 0


def _systemctl(*words: str, log: Path) -> None:
    progress.run(
        f"systemctl {' '.join(words)}",
        ["systemctl", *words],
        log=log,
        say=lambda _: None,
        deadline_seconds=START_SECONDS,
        way_out="see: journalctl -u docker",
    )


def _record_file(places: Places) -> Path:
    return places.docker / "started.json"


def _keep(places: Places, **record: str | int) -> None:
    _record_file(places).write_text(json.dumps(record))


def _record(places: Places) -> dict[str, str | int] | None:
    """The record of an engine we started, if that one still runs."""
    try:
        record: dict[str, str | int] = json.loads(_record_file(places).read_text())
    except (OSError, ValueError):
        return None
    if record["way"] == "systemd":
        return record
    began = _began(int(record["pid"]))
    return record if began and began == record["began"] else None


def _began(pid: int) -> str:
    """
    When the process began, by the kernel's count; empty when it has ended.

    Tells it from a later process with its number.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] == "Z" else fields[19]
