"""The demo's stack, worked on with the real `pulumi`, whose own display is left alone."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.workbench import orphans
from localcloud.workbench.environment import write_private
from localcloud.workbench.folder import Folder
from recovery.interrupted import interrupted_creations
from toolchain.progress import Say

OUTPUT_SECONDS = 60
# Longer than the end of one instance may take.
RECOVERY_SECONDS = 400


@dataclass(frozen=True)
class Stack:
    """The stack of one checkout and the environment its commands run in."""

    folder: Folder
    environment: Mapping[str, str]

    def select(self) -> None:
        """Makes the stack where there is none, and the one that commands by hand mean."""
        self.folder.state.mkdir(parents=True, exist_ok=True)
        self._quietly("stack", "select", self.folder.name, "--create")

    def up(self) -> None:
        """Creates or updates everything."""
        # The outputs, boot reports among them, would push everything else off the screen.
        self._openly("up", "--yes", "--skip-preview", "--suppress-outputs")

    def destroy(self) -> None:
        """Destroys everything."""
        self._openly("destroy", "--yes", "--skip-preview")

    def export_kubeconfig(self) -> None:
        """Writes the kubeconfig, which is a secret output, to its file."""
        words = ["stack", "output", "kubeconfig", "--show-secrets", "--stack", self.folder.name]
        write_private(self.folder.kubeconfig, self._quietly(*words))

    def output(self, name: str) -> Any:
        """An output that is not secret."""
        words = ["stack", "output", name, "--json", "--stack", self.folder.name]
        return json.loads(self._quietly(*words))

    def take_over(self, say: Say) -> None:
        """
        Removes what a run that was killed has left: lock, plugins, incomplete resources.

        Nothing but this machine uses this state, and nothing but the demo this cloud. Raises
        LocalCloudError when the run that holds the lock is alive.
        """
        self.release_lock(say)
        for name in orphans.end(self.folder.pulumi_home):
            say(f"left behind by a pulumi that was killed, ended: {name}")
        if interrupted(self.folder):
            say("a run that was killed may have left something: python -m recovery removes it")
            words = ["python", "-m", "recovery", "--stack", self.folder.name, "--yes"]
            for line in self._run(*words, seconds=RECOVERY_SECONDS).splitlines():
                say(line)

    def release_lock(self, say: Say) -> None:
        """Removes the lock of a run that was killed."""
        require_idle(self.folder.state)
        if locks(self.folder.state):
            say("a run that was killed left its lock behind: pulumi cancel")
            self._quietly("cancel", "--yes", "--stack", self.folder.name)

    def _openly(self, *words: str) -> None:
        """With the operator's terminal. Ctrl-C reaches pulumi itself, which then ends in order."""
        interrupted: list[int] = []
        command = ["pulumi", *words, "--stack", self.folder.name]
        before = signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
        try:
            status = subprocess.call(
                command, cwd=self.folder.places.root, env=dict(self.environment)
            )
        finally:
            signal.signal(signal.SIGINT, before)
        if interrupted:
            raise KeyboardInterrupt
        if status != 0:
            raise LocalCloudError(f"`pulumi {words[0]}` ended with {status}; see its output above")

    def _quietly(self, *words: str) -> str:
        return self._run("pulumi", *words, "--non-interactive", seconds=OUTPUT_SECONDS)

    def _run(self, *command: str, seconds: int) -> str:
        root = self.folder.places.root
        return answer(command, root, self.environment, seconds=seconds)


def answer(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, seconds: int
) -> str:
    """The output of a command. Raises LocalCloudError with its error when it fails."""
    named = " ".join(command[:3])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LocalCloudError(f"`{named}` was not done within {seconds} s") from None
    if done.returncode != 0:
        raise LocalCloudError(f"`{named}` failed\n{done.stderr.strip()}")
    return done.stdout


def resources(folder: Folder) -> int:
    """The number of resources in the state, read without pulumi."""
    try:
        remembered = _latest(folder).get("resources") or []
    except (ValueError, KeyError):
        # A state nobody can read is no reason to forget what it held.
        return 1
    return len([each for each in remembered if not each["type"].startswith("pulumi:")])


def interrupted(folder: Folder) -> bool:
    """Whether a creation was under way when a run was killed."""
    try:
        return bool(interrupted_creations(_latest(folder)))
    except (ValueError, KeyError):
        return False


def _latest(folder: Folder) -> dict[str, Any]:
    for file in folder.state.glob(f".pulumi/stacks/*/{folder.name}.json"):
        return json.loads(file.read_text())["checkpoint"].get("latest") or {}
    return {}


def require_idle(state: Path) -> None:
    """Raises LocalCloudError while a pulumi that is alive works on the stack."""
    for lock in locks(state):
        pid = _holder(lock)
        if pid is not None and _is_pulumi(pid):
            raise LocalCloudError(
                f"another pulumi (process {pid}) works on the stack\n"
                f"    wait for it, or end it: kill -INT {pid}"
            )


def locks(state: Path) -> Sequence[Path]:
    """The lock files of the state's only stack."""
    return sorted(state.glob(".pulumi/locks/**/*.json"))


def _holder(lock: Path) -> int | None:
    try:
        return int(json.loads(lock.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return None


def _is_pulumi(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z" and words[0].endswith(b"pulumi")
