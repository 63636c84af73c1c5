"""What can be missing on a machine and be put right by its operator."""

from __future__ import annotations


class ToolchainError(Exception):
    """A tool cannot be had; its text is the whole message: what, where, and the way out."""
