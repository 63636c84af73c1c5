"""
The owners of SSH host keys: every key of the stack that the engine showed to the plugin.

An error can so name the machine whose key was offered in place of the expected one, or say that the
key is a previous one. No connection is accepted because of this.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class HostKeys:
    """The owners' names by public key; safe for use by several threads."""

    _owners: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, public_key: str, name: str) -> None:
        """Records the owner of the public key in this line; an empty line is ignored."""
        if public_key:
            with self._lock:
                self._owners[_bare(public_key)] = name

    def owner_of(self, public_key: str) -> str | None:
        with self._lock:
            return self._owners.get(_bare(public_key))


def _bare(public_key: str) -> str:
    """Type and key, without the comment."""
    return " ".join(public_key.split()[:2])
