"""The flags of `k3s server` and `k3s agent`, which are also the keys of config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from cluster.spec import Role

Type = Literal["string", "strings", "boolean", "integer", "duration"]

_FILE = yaml.safe_load((Path(__file__).parent / "flags.yaml").read_text())

VERSIONS: tuple[str, ...] = tuple(_FILE["versions"])
"""The minor versions whose flags are listed, from the oldest to the newest."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag: the type of its value, the commands that have it, and its other names."""

    name: str
    type: Type
    roles: frozenset[Role]
    aliases: tuple[str, ...]
    since: str


FLAGS: tuple[Flag, ...] = tuple(
    Flag(
        name=name,
        type=flag["type"],
        roles=frozenset(flag["roles"]),
        aliases=tuple(flag.get("aliases", ())),
        since=flag.get("since", VERSIONS[0]),
    )
    for name, flag in _FILE["flags"].items()
)
ALIASES: Mapping[str, str] = {alias: flag.name for flag in FLAGS for alias in flag.aliases}


def minor_of(release: str) -> str:
    """The minor version of a release, such as `1.36` of `v1.36.4+k3s1`."""
    return ".".join(release.removeprefix("v").split(".")[:2])


def is_at_least(release: str, minor: str) -> bool:
    """Whether a release is of this minor version or a later one."""
    return _number(minor_of(release)) >= _number(minor)


def flags_of(role: Role, minor: str) -> Mapping[str, Flag]:
    """
    The flags of `k3s <role>` by name, in this minor version.

    A version that is not listed has the flags of the newest listed one before it, or of the oldest.
    """
    wanted = max(_number(minor), _number(VERSIONS[0]))
    return {
        flag.name: flag for flag in FLAGS if role in flag.roles and _number(flag.since) <= wanted
    }


def _number(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))
