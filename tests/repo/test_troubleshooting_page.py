"""docs/troubleshooting.md quotes messages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
CODE = "\n".join(
    file.read_text()
    for room in ("cluster", "components", "provider", "cloud-init", "recovery")
    for file in sorted((ROOT / room).rglob("*.py"))
)
# Of AWS, Pulumi, Kubernetes, k3s and OpenSSL.
OTHERS = {
    "not authorized to perform",
    "DependencyViolation",
    "AccessDenied",
    "cannot be associated with a load balancer",
    "Not enough IP space available",
    "DeleteConflict",
    "associating EC2 EIP",
    "Forbidden",
    'violates PodSecurity "baseline"',
    "certificate has expired",
    "critical configuration value mismatch between servers",
}


def quoted() -> list[str]:
    """What stands as code in the first cells of the tables, without what varies."""
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| ")]
    strings = [string for cell in rows for string in re.findall(r"`([^`]+)`", cell)]
    pieces = [piece.strip(" :,") for string in strings for piece in string.split("...")]
    return sorted({piece for piece in pieces if piece and not piece.startswith("k3s-aws:")})


@pytest.mark.parametrize("text", quoted())
def test_a_quoted_message_exists(text: str) -> None:
    if text not in OTHERS:
        # Messages are wrapped in the code, and have values in them.
        assert text in re.sub(r"\"\s*\n\s*f?\"", "", CODE)


def test_the_page_quotes_messages() -> None:
    assert len(quoted()) > 20
