"""The table of k3s's flags, and what the program makes of each of them."""

from __future__ import annotations

from typing import get_args

import pytest

from cluster import k3s_flags
from cluster.reading.k3s import OLD, OWNED, SECRET
from cluster.releases import DEFAULT_VERSION, PINNED
from cluster.spec import Role

# Names that k3s had before the oldest listed version.
GIVEN_UP = {"cluster-secret", "disable-selinux", "no-flannel"}
ROLES: tuple[Role, ...] = ("server", "agent")


def test_every_pinned_release_has_its_flags_listed() -> None:
    assert {k3s_flags.minor_of(release) for release in PINNED} <= set(k3s_flags.VERSIONS)


def test_every_flag_has_a_known_type_and_a_listed_version() -> None:
    for flag in k3s_flags.FLAGS:
        assert flag.type in get_args(k3s_flags.Type), flag.name
        assert flag.since in k3s_flags.VERSIONS, flag.name
        assert flag.roles, flag.name


def test_no_two_flags_share_a_name() -> None:
    names = [flag.name for flag in k3s_flags.FLAGS]
    aliases = [alias for flag in k3s_flags.FLAGS for alias in flag.aliases]
    assert len({*names, *aliases}) == len(names) + len(aliases)


def test_the_program_names_only_keys_that_k3s_has_or_had() -> None:
    names = {flag.name for flag in k3s_flags.FLAGS}
    assert {*OWNED, *OLD, *SECRET} - names == GIVEN_UP
    assert set(OLD.values()) <= names


def test_what_the_program_writes_are_flags_of_every_version() -> None:
    """What the boot program and cluster/k3s_config.py write, or k3s agent does not start."""
    common = {"node-name", "token-file", "node-ip", "node-external-ip", "node-label", "node-taint"}
    for minor in k3s_flags.VERSIONS:
        for role in ROLES:
            assert common <= set(k3s_flags.flags_of(role, minor))
    assert "flannel-backend" not in k3s_flags.flags_of("agent", "1.36")


@pytest.mark.parametrize(
    ("minor", "there"), [("1.2", False), ("1.36", False), ("1.37", True), ("1.40", True)]
)
def test_a_flag_is_there_since_its_first_version(minor: str, there: bool) -> None:
    assert ("helm-controller-arg" in k3s_flags.flags_of("server", minor)) is there


def test_the_minor_version_of_a_release() -> None:
    assert k3s_flags.minor_of(DEFAULT_VERSION) == "1.36"
    assert k3s_flags.minor_of("v1.37.0-rc1+k3s1") == "1.37"
