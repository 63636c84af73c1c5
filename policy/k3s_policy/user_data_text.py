"""
What is in user data: its parts, and what is packed or encoded inside of them.

User data comes from the program that is examined, so it may be made to cost time or memory: all of
it together is unpacked to no more than MOST_BYTES.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import email
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MOST_BYTES = 4 * 1024 * 1024
DEEPEST = 6
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# A word of base64, or lines of it; shorter ones hold no secret that has a pattern.
_BASE64 = re.compile(
    r"(?:[A-Za-z0-9+/]{40,120}[ \t]*\r?\n[ \t]*){1,4000}[A-Za-z0-9+/]{1,120}={0,2}"
    r"|[A-Za-z0-9+/]{20,}={0,2}"
)


@dataclass(frozen=True)
class Layer:
    """A text in user data; `path` is how it is reached, such as `gzip, part 2, base64`."""

    path: str
    text: str


class _TooMuchError(Exception):
    """More than MOST_BYTES when unpacked: not all was examined."""


@dataclass
class _Budget:
    left: int = MOST_BYTES

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _TooMuchError


@dataclass(frozen=True)
class Unpacked:
    """The text itself and every text in it; `complete` unless that is more than MOST_BYTES."""

    layers: tuple[Layer, ...]
    complete: bool


# Several rules read the user data of one machine, one after the other, in each of a few threads.
@lru_cache(maxsize=16)
def unpack(content: bytes) -> Unpacked:
    """What is in user data, as far as the limit allows."""
    found: list[Layer] = []
    try:
        for layer in _layers(content, (), _Budget(), 0):
            found.append(layer)
    except _TooMuchError:
        return Unpacked(tuple(found), complete=False)
    return Unpacked(tuple(found), complete=True)


def _layers(content: bytes, path: tuple[str, ...], budget: _Budget, depth: int) -> Iterator[Layer]:
    budget.take(len(content))
    if depth > DEEPEST:
        raise _TooMuchError
    unpacked = _unpacked(content, budget)
    if unpacked:
        name, inner = unpacked
        yield from _layers(inner, (*path, name), budget, depth + 1)
        return
    text = content.decode("utf-8", "replace")
    yield Layer(", ".join(path), text)
    # What is encoded in a part is found there.
    for name, inner in list(_parts(text)) or _encoded(text):
        yield from _layers(inner, (*path, name), budget, depth + 1)


def _unpacked(content: bytes, budget: _Budget) -> tuple[str, bytes] | None:
    """The content of gzip, bzip2 or xz, as far as it can be read."""
    most = budget.left + 1
    try:
        if content.startswith(b"\x1f\x8b"):
            return "gzip", zlib.decompressobj(_GZIP_OR_ZLIB).decompress(content, most)
        if content.startswith(b"BZh"):
            return "bzip2", bz2.BZ2Decompressor().decompress(content, most)
        if content.startswith(b"\xfd7zXZ"):
            return "xz", lzma.LZMADecompressor().decompress(content, most)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return None
    return None


def _parts(text: str) -> Iterator[tuple[str, bytes]]:
    """The parts of a MIME message, each without its transfer encoding."""
    if not re.match(r"(?i)(?:[\w-]+:.*\r?\n)*content-type:\s*multipart/", text):
        return
    message = email.message_from_string(text)
    leaves = [each for each in message.walk() if not each.is_multipart()]
    for number, each in enumerate(leaves, 1):
        payload = each.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield f"part {number}", payload


def _encoded(text: str) -> Iterator[tuple[str, bytes]]:
    """What is base64 and is packed or text when decoded."""
    for match in _BASE64.finditer(text):
        lines = match.group().split()
        # The last line may be a word of what follows, such as `encoding` or `EOF`.
        for word in ("".join(lines), "".join(lines[:-1])):
            decoded = decode_base64(word)
            if decoded and (decoded[:3] in (b"BZh", b"\xfd7z") or _is_packed_or_text(decoded)):
                yield "base64", decoded
                break


def _is_packed_or_text(decoded: bytes) -> bool:
    if decoded.startswith(b"\x1f\x8b"):
        return True
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each.isspace() for each in text)


def decode_base64(text: str) -> bytes | None:
    """The content, also where the padding is left out; None where it is not base64."""
    word = re.sub(r"\s", "", text).rstrip("=")
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
