"""
Adds a k3s release to the pinned ones (cluster/releases.yaml), comments and order kept.

The hashes come from the release's own sha256sum files: fetched, given as files, or by hand.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.host import Architecture
from toolchain.progress import Say

FILE = Path("cluster") / "releases.yaml"
RELEASES = "https://github.com/k3s-io/k3s/releases/download"
# In sha256sum-<name>.txt the binary is called <asset>.
NAMES: Mapping[Architecture, tuple[str, str]] = {
    "x86_64": ("amd64", "k3s"),
    "arm64": ("arm64", "k3s-arm64"),
}
ANSWER_SECONDS = 30
LONGEST_LIST = 1 << 20
_VERSION = re.compile(r"v\d+\.\d+\.\d+(-rc\d+)?\+[a-z0-9]+")
_LINE = re.compile(r"^([0-9a-f]{64}) [ *](\S+)$", re.M)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEAD = "releases:\n"


def fetched(version: str, say: Say, releases: str = RELEASES) -> dict[Architecture, str]:
    """The hashes that the release page publishes. Raises ToolchainError."""
    found: dict[Architecture, str] = {}
    for name, _ in NAMES.values():
        url = f"{releases}/{version.replace('+', '%2B')}/sha256sum-{name}.txt"
        say(f"reading {url}")
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - the release page
                found |= listed(answer.read(LONGEST_LIST).decode())
        except (OSError, ValueError) as error:
            raise ToolchainError(
                f"{url} cannot be read: {error}\n    check the version; without a connection, "
                "name the two files with --sums, or the hashes with --x86-64 and --arm64"
            ) from None
    return found


def in_files(files: Sequence[Path]) -> dict[Architecture, str]:
    """The hashes in sha256sum files that were downloaded before. Raises ToolchainError."""
    found: dict[Architecture, str] = {}
    for file in files:
        try:
            here = listed(file.read_text())
        except (OSError, ValueError) as error:
            raise ToolchainError(f"{file} cannot be read: {error}") from None
        if not here:
            raise ToolchainError(
                f"{file} lists neither k3s nor k3s-arm64\n    "
                "it should be sha256sum-amd64.txt or sha256sum-arm64.txt of a release"
            )
        found |= here
    return found


def listed(text: str) -> dict[Architecture, str]:
    """The hashes of the binaries in the text of a sha256sum file."""
    hashes = {name: digest for digest, name in _LINE.findall(text)}
    return {
        architecture: hashes[asset] for architecture, (_, asset) in NAMES.items() if asset in hashes
    }


def add(file: Path, version: str, sha256: Mapping[Architecture, str]) -> str:
    """
    Pins the version with these hashes; gives what was done. Raises ToolchainError.

    A hash that is pinned already is never replaced by another one.
    """
    if not _VERSION.fullmatch(version):
        raise ToolchainError(
            f"{version} is not shaped like a k3s release\n    write it in full: v1.36.4+k3s1"
        )
    for architecture, digest in sha256.items():
        if not _SHA256.fullmatch(digest):
            raise ToolchainError(
                f"{digest} is not the SHA-256 of {architecture}\n    write 64 hexadecimal digits"
            )
    if not sha256:
        raise ToolchainError(f"no hash of {version} is known\n    name at least one architecture")
    text = file.read_text()
    block = re.search(rf"^  {re.escape(version)}:\n((?:    .*\n)*)", text, re.M)
    known = dict(re.findall(r"^ {4}(\w+): (\w+)$", block[1], re.M)) if block else {}
    for architecture, digest in sha256.items():
        if known.get(architecture, digest) != digest:
            raise ToolchainError(
                f"{version} is pinned for {architecture} with another hash, {known[architecture]}\n"
                "    a release does not change: find out which of the two files is wrong"
            )
    new = {each: digest for each, digest in sha256.items() if each not in known}
    if not new:
        return f"{version} is pinned already"
    lines = "".join(f"    {architecture}: {digest}\n" for architecture, digest in new.items())
    if block:
        text = text[: block.end()] + lines + text[block.end() :]
    else:
        text = text.replace(_HEAD, f"{_HEAD}  {version}:\n{lines}", 1)
    file.write_text(text)
    return f"{version} is pinned for {' and '.join(new)}"
