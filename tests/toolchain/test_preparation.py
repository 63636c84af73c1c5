"""What can be prepared side by side is, and the operator sees how far it is."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from toolchain.errors import ToolchainError
from toolchain.plan import Step
from toolchain.preparation import Preparation, duration


def step(name: str, script: str, after: Sequence[str] = ()) -> Step:
    return Step(
        name=name, words=["/bin/sh", "-c", script], how=f"how of {name}", minutes=1, after=after
    )


def run(folder: Path, *steps: Step, every_seconds: float = 60.0) -> list[str]:
    reported: list[str] = []
    Preparation(steps, folder, reported.append, every_seconds=every_seconds).run()
    return reported


def test_steps_that_need_nothing_of_each_other_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other, and would wait for ever alone."""
    meet = ": > {0}; until [ -e {1} ]; do sleep 0.01; done"
    run(tmp_path, step("venv", meet.format("a", "b")), step("pulumi", meet.format("b", "a")))


def test_a_step_begins_when_what_it_needs_is_done(tmp_path: Path) -> None:
    run(
        tmp_path,
        step("image", "[ -e venv ] && [ -e docker ]", after=["venv", "docker"]),
        step("venv", "sleep 0.2; : > venv"),
        step("docker", ": > docker"),
    )


def test_each_step_is_announced_with_how_it_is_made_and_again_when_it_is_done(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, step("venv", ""), step("k3s", "", after=["venv"])) == [
        "[0:00] venv: how of venv",
        "[0:00] venv: done in 0:00",
        "[0:00] k3s: how of k3s",
        "[0:00] k3s: done in 0:00",
    ]


def test_while_it_lasts_it_reports_how_long_what_it_does_and_what_comes_next(
    tmp_path: Path,
) -> None:
    line = "Pulumi CLI: building pulumi ... 5 s; image: mmdebstrap; next: k3s"
    reported: list[str] = []

    def say(text: str) -> None:
        reported.append(text)
        if text.endswith(line):
            (tmp_path / "seen").touch()

    until_seen = "for each in $(seq 3000); do [ -e seen ] && exit; sleep 0.02; done"
    steps = [
        step("Pulumi CLI", f"echo building pulumi ... 5 s >&2; {until_seen}"),
        step("image", f"echo mmdebstrap >&2; {until_seen}"),
        step("k3s", "", after=["Pulumi CLI"]),
    ]
    Preparation(steps, tmp_path, say, every_seconds=0.05).run()
    assert any(re.fullmatch(r"\[\d+:\d\d\] " + re.escape(line), each) for each in reported)


def test_the_error_of_a_step_is_the_error_and_ends_the_others(tmp_path: Path) -> None:
    compiler = "sleep 60 & echo $! > compiler; wait"
    until = "until [ -s compiler ]; do sleep 0.01; done; "
    message = "echo 'error: no Go'; echo '    get it'"
    began = time.monotonic()
    with pytest.raises(ToolchainError) as caught:
        run(
            tmp_path,
            step("pulumi", compiler),
            step("k3s", f"{until} echo looking >&2; ({message}) >&2; exit 1"),
            step("image", ": > image", after=["pulumi"]),
        )
    assert str(caught.value) == "k3s: no Go\n    get it"
    assert time.monotonic() - began < 30
    assert not is_alive(int((tmp_path / "compiler").read_text()))
    assert not (tmp_path / "image").exists()


def test_an_interruption_ends_every_step_with_what_it_started(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"

    def say(text: str) -> None:
        # Wherever it comes in.
        if compiler.exists() and compiler.read_text():
            raise KeyboardInterrupt

    steps = [step("pulumi", "sleep 60 & echo $! > compiler; wait")]
    with pytest.raises(KeyboardInterrupt):
        Preparation(steps, tmp_path, say, every_seconds=0.02).run()
    assert not is_alive(int(compiler.read_text()))


def test_a_step_without_a_message_ends_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"^k3s: Segmentation fault$"):
        run(tmp_path, step("k3s", "echo one >&2; echo Segmentation fault >&2; exit 139"))


def test_a_duration_is_read_as_minutes() -> None:
    assert [duration(each) for each in (0, 7.9, 60, 750, 3725)] == [
        "0:00", "0:07", "1:00", "12:30", "62:05"
    ]  # fmt: skip


def is_alive(pid: int) -> bool:
    """Ended processes may wait for the init process to notice."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        if re.search(r"\) Z ", stat):
            return False
        time.sleep(0.01)
    return True
