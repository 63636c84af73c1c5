"""Commands that do not run."""

from __future__ import annotations

from pathlib import Path

from boot.environment import run_command


def test_a_command_that_does_not_run_is_a_failed_command(tmp_path: Path) -> None:
    code, output = run_command([str(tmp_path / "missing")])
    assert code == 126
    assert "No such file or directory" in output
