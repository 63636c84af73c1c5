"""The version of this program; CHANGELOG.md says what changed with it."""

from __future__ import annotations

VERSION = "0.5.0"
