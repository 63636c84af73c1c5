from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.machines import first_process

NOTHING = "Name:\tsystemd\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000000002\n"
SYSTEMD = "Name:\tsystemd\nSigBlk:\t7be3c0fe28014a03\nSigCgt:\t00000001800004ec\n"


def process(proc: Path, status: str) -> None:
    (proc / "7").mkdir(exist_ok=True)
    (proc / "7" / "status").write_text(status)


def test_a_machine_is_stopped_once_systemd_has_blocked_the_signals_it_reads(
    tmp_path: Path,
) -> None:
    process(tmp_path, NOTHING)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            process(tmp_path, SYSTEMD)

    first_process.wait_until_it_listens(7, tmp_path, sleep)
    assert len(waits) == 3


def test_nobody_waits_for_a_process_that_is_gone(tmp_path: Path) -> None:
    first_process.wait_until_it_listens(7, tmp_path, lambda _: pytest.fail("it waits"))


def test_a_handler_is_as_good_as_a_blocked_signal(tmp_path: Path) -> None:
    process(tmp_path, "Name:\tqemu\nSigBlk:\t0\nSigCgt:\t20000000\n")
    assert first_process.listens(7, tmp_path)


def test_the_program_before_systemd_ends_by_no_signal_although_it_blocks_them_at_times(
    tmp_path: Path,
) -> None:
    process(tmp_path, SYSTEMD.replace("systemd", "entrypoint.sh"))
    assert first_process.listens(7, tmp_path) is False
