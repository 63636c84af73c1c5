"""The flags of the Kubernetes components that k3s passes arguments on to, such as the kubelet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Type = Literal["string", "boolean", "integer", "number", "duration", "address", "ports"]

_FILE = Path(__file__).parent / "components.json"


@cache
def _content() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(_FILE.read_text())
    return content


@cache
def flags_of(component: str) -> Mapping[str, Type]:
    """The type of each flag of a component by its name; empty for one that is not listed."""
    kinds = _content()["components"].get(component, {})
    return {name: kind for kind, names in kinds.items() for name in names.split()}


def is_listed(minor: str) -> bool:
    """Whether these are the flags of the components in this minor version."""
    return bool(minor == _content()["minor"])
