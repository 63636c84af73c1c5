"""The filters that lookups are given, in the format of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filters(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `filters` of the arguments."""
    given = args.get("filters") or []
    return [{"Name": each["name"], "Values": each["values"]} for each in given]


def tag_filters(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those of the `tags` of the arguments."""
    tags = args.get("tags") or {}
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
