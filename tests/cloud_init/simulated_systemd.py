"""The commands of a machine and its clock, as far as the boot program uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from tests.cloud_init import simulated_volume
from tests.cloud_init.simulated_volume import SimulatedVolume

T = TypeVar("T")


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_offset = datetime(2026, 11, 24, 3, tzinfo=UTC).timestamp() - self.now

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + self.wall_offset

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Systemd:
    """The commands of a machine, as far as the boot program uses them."""

    ssh_units: tuple[str, ...] = ("ssh.service",)
    # How often a server's unit is activating before it is active; an agent's stays activating.
    activating_polls: int = 2
    starts: bool = True
    # k3s ends some time after its start, and systemd starts it again.
    falls_over: bool = False
    # How often k3s ends after its start before it is active.
    ends_at_start: int = 0
    # Whether k3s's unit, or a drop-in of it, is another than the one that systemd has read.
    needs_reload: bool = False
    # Whether it has ended, and its next start is still to come.
    between_starts: bool = False
    monotonic: Callable[[], float] = lambda: 0.0
    journal: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    on_k3s_start: Callable[[], None] = lambda: None
    # What other programs return for their arguments, by name.
    programs: dict[str, Callable[[Sequence[str]], tuple[int, str]]] = field(default_factory=dict)
    # What `sshd -T` prints.
    sshd_config: Callable[[], str] = str
    # How often systemd started k3s by itself; another start does not end the count.
    counted: int = 0
    # The units that a restart of the machine starts.
    enabled: set[str] = field(default_factory=set)
    # What `k3s --version` prints, by the content of the binary.
    versions: dict[bytes, str] = field(default_factory=dict)
    # The process of k3s, and when it started.
    process: int = 0
    process_started: float = 0.0
    # The data volume of a server that has one.
    volume: SimulatedVolume | None = None
    _polls: int = 0

    def run(self, words: Sequence[str]) -> tuple[int, str]:
        self.commands.append(list(words))
        if words[:2] == ["systemctl", "stop"] and words[-1] == simulated_volume.MOUNT:
            # What requires it is stopped with it.
            self.active.discard("k3s")
            self.process = 0
        if self.volume and (result := self.volume.run(words)) is not None:
            return result
        if words[0] == "ssh-keygen":
            is_key = "PRIVATE KEY" in Path(words[-1]).read_text()
            return (0, "ssh-ed25519 AAAA\n") if is_key else (255, "")
        if Path(words[0]).name in self.programs:
            return self.programs[Path(words[0]).name](words[1:])
        if words[0] == "systemctl":
            return 0, self._systemctl(words)
        if words[1:] == ["--version"] and not Path(words[0]).exists():
            # As `run_command` returns it.
            return 126, f"[Errno 2] No such file or directory: '{words[0]}'"
        return 0, self._print(words)

    def seen_at_starts(self, look: Callable[[], T]) -> list[T]:
        """What `look` returns right before each start of k3s from now on."""
        seen: list[T] = []
        start = self.on_k3s_start

        def look_and_start() -> None:
            seen.append(look())
            start()

        self.on_k3s_start = look_and_start
        return seen

    def _systemctl(self, words: Sequence[str]) -> str:
        if words[1] == "show":
            return self._show(words[-1])
        if words[1] == "enable":
            self.enabled.add(words[-1])
        if words[1] == "disable":
            self.enabled.discard(words[-1])
        if words[1] == "reset-failed" and words[-1].startswith("k3s"):
            self.counted = 0
        if words[1] == "daemon-reload":
            self.needs_reload = False
        if words[1] == "stop":
            self.active.discard(words[-1])
            self.process = 0
        if words[1] == "restart" and words[-1] in ("k3s", "k3s-agent"):
            self._polls = 0
            self.active.discard(words[-1])
            self.process = self.restarts(words[-1])
            self.process_started = self.monotonic()
            self.counted += self.ends_at_start
            self.on_k3s_start()
        return ""

    def _print(self, words: Sequence[str]) -> str:
        if words[0] == "journalctl":
            return "\n".join(self.journal)
        if words[0].endswith("/sshd"):
            return self.sshd_config()
        if words[1:] != ["--version"]:
            return ""
        version = self.versions.get(Path(words[0]).read_bytes(), "v1.36.4+k3s1")
        return f"k3s version {version} (0ffd67db)\ngo version go1.26.1\n"

    def all_restarts(self) -> list[list[str]]:
        return [words for words in self.commands if words[1:3] == ["restart", "--no-block"]]

    def restarts(self, unit: str) -> int:
        return sum(
            words[:2] == ["systemctl", "restart"] and words[-1] == unit for words in self.commands
        )

    def _show(self, unit: str) -> str:
        if unit.startswith("ssh"):
            return f"LoadState={'loaded' if unit in self.ssh_units else 'not-found'}\n"
        self._polls += 1
        if self.starts and self.process and self._polls > self.activating_polls and unit == "k3s":
            self.active.add(unit)
        state = "active" if unit in self.active else "activating"
        ends = self.falls_over or not self.starts
        # It is there for the first look after its start.
        runs = self.starts and not (self.between_starts and self._polls > 1)
        restarts = self.counted + self._polls if ends else self.counted
        return (
            f"LoadState=loaded\nActiveState={state}\nNRestarts={restarts}\n"
            f"MainPID={self.process if runs else 0}\n"
            f"NeedDaemonReload={'yes' if self.needs_reload else 'no'}\n"
            f"ExecMainStartTimestampMonotonic={self.process_started * 1e6 if runs else 0:.0f}\n"
        )
