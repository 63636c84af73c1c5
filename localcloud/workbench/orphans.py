"""
What outlives a `pulumi` that was killed: its language host and its plugins.

They end after minutes only. A stack's own are identified by its Pulumi home in their environment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Plugins of ours are Python modules: their wrappers replace themselves by `python -m <module>`.
MODULES = {b"provider", b"localcloud.aws_plugin", b"pulumi.policy"}
EXECUTABLES = (b"pulumi-language-", b"pulumi-resource-")


def end(pulumi_home: Path, processes: Path = Path("/proc"), *, engines: bool = False) -> list[str]:
    """
    Ends them; what they were.

    With `engines`, every pulumi of this home too: for a home that nobody works with by hand.
    """
    ended = []
    for pid, name in sorted(_orphans(pulumi_home, processes, engines=engines)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        ended.append(f"{name} ({pid})")
    return ended


def _orphans(pulumi_home: Path, processes: Path, *, engines: bool) -> Iterator[tuple[int, str]]:
    home = f"PULUMI_HOME={pulumi_home}".encode()
    for folder in processes.glob("[0-9]*"):
        try:
            words = _words(folder)
            name = "pulumi" if engines and _is_engine(words) else _plugin(words)
            # A shell that read env.sh has the same home, but is no plugin.
            if name and home in (folder / "environ").read_bytes().split(b"\0"):
                parent = processes / (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
                if engines or not _is_engine(_words(parent)):
                    yield int(folder.name), name
        except OSError:
            continue


def _words(process: Path) -> list[bytes]:
    return (process / "cmdline").read_bytes().split(b"\0")


def _is_engine(words: list[bytes]) -> bool:
    return words[0].endswith(b"pulumi")


def _plugin(words: list[bytes]) -> str | None:
    executable = Path(os.fsdecode(words[0])).name
    if executable.encode().startswith(EXECUTABLES):
        return executable
    if b"-m" in words[:-1]:
        module = words[words.index(b"-m") + 1]
        return os.fsdecode(module) if module in MODULES else None
    return None
