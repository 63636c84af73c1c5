"""What a pipeline or its operator can correct."""

from __future__ import annotations


class PipelineError(Exception):
    """What is wrong, where, and how to fix it; never with a secret in it."""
