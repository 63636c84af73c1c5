"""The measurement of `make check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import checks
from localcloud.errors import LocalCloudError


def test_the_first_run_warms_the_caches_and_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("check:\n\t@echo run >> runs\n")
    assert len(checks.seconds(tmp_path, 2)) == 2
    assert (tmp_path / "runs").read_text() == "run\n" * 3


def test_it_is_no_part_of_the_make_that_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make --dry-run bench` would hand its options down, for example."""
    monkeypatch.setenv("MAKEFLAGS", "n")
    (tmp_path / "Makefile").write_text("check:\n\t@echo run >> runs\n")
    checks.seconds(tmp_path, 1)
    assert (tmp_path / "runs").exists()


def test_a_check_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("check:\n\t@echo one test failed; exit 1\n")
    with pytest.raises(LocalCloudError, match="one test failed"):
        checks.seconds(tmp_path, 1)
