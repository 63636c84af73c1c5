"""docs/security.md claims nothing that has no test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
REFERENCES = sorted(
    set(re.findall(r"`((?:[\w.-]+/)+\w+\.(?:py|go)(?:::\w+)?)`", PAGE)),
)


def rows_of_claims() -> list[str]:
    """The rows of every table of claims, without their heads."""
    rows: list[str] = []
    claims = False
    for line in PAGE.splitlines():
        if not line.startswith("|"):
            claims = False
        elif line.startswith("| What stops it |"):
            claims = True
        elif claims and not line.startswith("|---"):
            rows.append(line)
    return rows


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_test_that_is_named_exists(reference: str) -> None:
    name, _, function = reference.partition("::")
    file = ROOT / name if name.endswith(".go") else ROOT / "tests" / name
    assert file.exists(), reference
    if function:
        assert f"def {function}(" in file.read_text()


def test_every_claim_has_what_its_test_proves_it_on() -> None:
    proofs = {row.split(" | ")[1] for row in rows_of_claims()}
    assert proofs == {"real", "stand-in", "text"}


def test_every_claim_names_a_test() -> None:
    rows = rows_of_claims()
    assert len(rows) > 60
    assert [row for row in rows if not re.search(r"\.(py|go)(::\w+)?`", row)] == []


def test_every_documented_command_writes_a_kubeconfig_that_nobody_else_can_read() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    commands = [
        line
        for page in pages
        for line in page.read_text().splitlines()
        if re.search(r"kubeconfig.*--show-secrets.*>|--show-secrets.*kubeconfig.*>", line)
    ]
    assert commands
    assert [line for line in commands if not re.search(r"\(umask 077; .*\)", line)] == []
