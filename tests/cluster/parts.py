"""User data taken apart as cloud-init takes it apart."""

from __future__ import annotations

import base64
import gzip
from email import message_from_bytes
from types import ModuleType
from typing import Any

import yaml


def parts_of(text: str) -> dict[str, str]:
    """The parts of user data by their types."""
    message = message_from_bytes(text.encode())
    assert message.is_multipart()
    parts = [part for part in message.walk() if not part.is_multipart()]
    return {part.get_content_type(): str(part.get_payload()) for part in parts}


def cloud_config_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(parts_of(text)["text/cloud-config"])
    return found


def boothook_of(text: str) -> ModuleType:
    """The program that cloud-init runs first, as a module."""
    module = ModuleType("boothook")
    exec(parts_of(text)["text/cloud-boothook"], module.__dict__)  # noqa: S102 - our own program
    return module


def files_of(text: str) -> dict[str, str]:
    """What the boothook writes, by path."""
    files = boothook_of(text).FILES
    return {f"/{path}": content for path, (_, content) in files.items()}


def unpacked(encoded: str) -> str:
    """User data as it was before it was encoded for EC2."""
    return gzip.decompress(base64.b64decode(encoded)).decode()
