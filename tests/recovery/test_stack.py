"""What `pulumi` prints about a stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.errors import RecoveryError
from recovery.stack import Stack


@pytest.mark.parametrize("printed", ["hunter22secret", "[1]", "", "[" * 100_000])
def test_what_is_no_object_is_an_error_that_does_not_quote_it(
    printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "printed").write_text(printed)
    command = tmp_path / "pulumi"
    command.write_text(f"#!/bin/sh\ncat {tmp_path}/printed\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for read in (Stack(tmp_path).export, Stack(tmp_path).aws_config):
        with pytest.raises(RecoveryError) as error:
            read()
        assert "prints something else than a JSON object" in str(error.value)
        assert "hunter22secret" not in str(error.value)
