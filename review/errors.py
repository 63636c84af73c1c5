"""What an operator, a CI system or an API caused; its text is the whole message."""

from __future__ import annotations


class ReviewError(Exception):
    """It says what, where, and how to fix it; it never has a token in it."""
