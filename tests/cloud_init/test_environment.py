"""Commands and threads of the boot program."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from boot.environment import run_command, start_thread
from boot.waiting import BootError


def test_a_command_that_does_not_run_is_a_failed_command(tmp_path: Path) -> None:
    code, output = run_command([str(tmp_path / "missing")])
    assert code == 126
    assert "No such file or directory" in output


def test_work_in_a_thread_begins_at_once_and_its_end_is_awaited() -> None:
    began, may_end = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        began.set()
        assert may_end.wait(60)
        done.append("work")

    end = start_thread(work)
    assert began.wait(60)
    assert done == []
    may_end.set()
    end()
    assert done == ["work"]


def test_an_error_of_a_thread_is_raised_where_its_end_is_awaited() -> None:
    def work() -> None:
        raise BootError("no source has k3s")

    end = start_thread(work)
    with pytest.raises(BootError, match="no source has k3s"):
        end()
