"""What the plugin displays: progress, warnings and errors, in a terminal and in logs."""

from __future__ import annotations

from collections.abc import Callable

from cluster import untrusted_text


def displayed(text: str, redact: Callable[[str], str]) -> str:
    """The text without secrets, and without what a terminal or a CI runner would execute."""
    return untrusted_text.printable(redact(text))
