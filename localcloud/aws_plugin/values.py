"""Property values, as the resource types and lookups exchange them with the protocol layer."""

from __future__ import annotations

from typing import Any

from provider.protocol.values import UNKNOWN

__all__ = ["UNKNOWN", "Values"]

Values = dict[str, Any]
