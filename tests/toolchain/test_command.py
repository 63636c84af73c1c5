"""What an operator caused is a message; what we caused is a stack trace."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toolchain import command
from toolchain.errors import ToolchainError
from toolchain.places import ROOT, Places


class OwnError(Exception):
    """An error of the command itself."""


def raising(error: BaseException) -> Callable[[], int]:
    def act() -> int:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ToolchainError("no Go\n    get it"), "no Go\n    get it"),
        (OwnError("it broke"), "it broke"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/srv/.local/k3s/lock"),
            "/srv/.local/k3s/lock: Permission denied\n    it may belong to another account after "
            "a run as root: run it as that account, or give the folder to yours with chown",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/srv/file"),
            "/srv/file: No space left on device\n    free some disk space",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "docker"),
            '"docker" is not installed\n    make doctor lists what is needed',
        ),
        (
            ModuleNotFoundError("No module named 'yaml'", name="yaml"),
            f"this Python ({sys.executable}) has no yaml\n"
            "    make venv, then run it with .local/venv/bin/python",
        ),
    ],
)
def test_what_the_machine_lacks_is_a_message_with_the_way_out(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(raising(error), errors=(OwnError,), in_venv=False) == 1
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize(
    "error",
    [
        OwnError("not one the command names"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/srv/of-ours"),
        ModuleNotFoundError("No module named 'bench.wrong'", name="bench.wrong"),
        OSError("something else"),
    ],
)
def test_an_error_of_ours_keeps_its_stack_trace(error: Exception) -> None:
    with pytest.raises(type(error)):
        command.run(raising(error), in_venv=False)


def test_an_interruption_is_neither(capsys: pytest.CaptureFixture[str]) -> None:
    status = command.run(raising(KeyboardInterrupt()), interrupted="run it again", in_venv=False)
    assert status == 130
    assert capsys.readouterr().err == "run it again\n"


def test_another_python_than_the_virtual_environments_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its packages may have other versions than the pinned ones."""
    monkeypatch.setattr(command, "Places", lambda: Places(tmp_path))
    assert command.run(lambda: 0) == 1
    assert "is not the one of the virtual environment\n    make venv, then" in (
        capsys.readouterr().err
    )


# Makes a file, and removes it when it ends in order.
RUN = """
import pathlib, sys, time
from toolchain import command
made = pathlib.Path(sys.argv[1])
def act():
    try:
        made.touch()
        time.sleep(60)
    finally:
        made.unlink()
command.end_in_order()
sys.exit(command.run(act, in_venv=False))
"""


@contextmanager
def running(made: Path, hang_up: str) -> Iterator[subprocess.Popen[bytes]]:
    # The tests themselves may be run with nohup.
    words = ["env", f"--{hang_up}-signal=HUP", sys.executable, "-c", RUN, str(made)]
    with subprocess.Popen(words, cwd=ROOT) as run:
        deadline = time.monotonic() + 60
        while not made.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield run
        run.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_kill_and_a_closed_terminal_let_a_run_remove_what_it_made(
    number: signal.Signals, tmp_path: Path
) -> None:
    with running(tmp_path / "made", "default") as run:
        run.send_signal(number)
        assert run.wait(60) == 130
    assert not (tmp_path / "made").exists()


def test_with_nohup_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "made", "ignore") as run:
        run.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.3)
