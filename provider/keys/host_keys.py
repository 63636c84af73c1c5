"""
Whose an SSH host key is: every key of the stack that the plugin met in this run.

The engine shows the plugin each SshKey of the stack, so that a machine which answers with another
machine's key, or with its own of before, can be called by its name. Nothing here admits a key.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class HostKeys:
    """The owners' names by public key; used by many requests at a time."""

    _owners: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, public_key: str, name: str) -> None:
        """Notes whose key this line holds; an empty one is none."""
        if public_key:
            with self._lock:
                self._owners[_bare(public_key)] = name

    def owner_of(self, public_key: str) -> str | None:
        with self._lock:
            return self._owners.get(_bare(public_key))


def _bare(public_key: str) -> str:
    """Type and key, without what follows them."""
    return " ".join(public_key.split()[:2])
