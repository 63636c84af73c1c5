"""Changes that cannot be made to a running cluster, whatever they are worth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cluster import ssh_needed
from cluster.effect import Effect
from cluster.errors import Kind, Problem
from cluster.k3s_flags import minor_of
from cluster.node_changes import Pair
from cluster.record import Record, Value

VERSION = "cluster.k3s.version"
_ROTATED = ("joinTokens", "loginKey", "hostKeys")
# What k3s compares when a server joins (CriticalControlArgs in pkg/daemons/config/types.go), as far
# as it changes in place; the rest is in data_loss.py. Of keys for k3s itself a hash is recorded.
_SHARED = tuple(
    f"cluster.k3s.components.{each}" for each in ("servicelb", "helm-controller", "network-policy")
)
_MAY_BE_SHARED = ("cluster.k3s.server", "cluster.servers.k3s")


def check_release(old: Value | None, new: Value | None) -> Iterator[Problem]:
    """
    https://kubernetes.io/releases/version-skew-policy/

    The version is one for all machines, so agents newer than servers are in no configuration. After
    an update that failed some machines may have another one than the record: the boot program
    compares it with the version that last wrote the datastore.
    """
    before, after = _numbers(old), _numbers(new)
    if before is None or after is None:
        return
    if after < before:
        what = f'must not be older than "{old}", which wrote the datastore, found "{new}"'
        yield Problem(VERSION, what, "keep the version, or choose a newer one", Kind.DOWNGRADE)
    elif after[0] > before[0] or after[1] > before[1] + 1:
        what = f'"{new}" is more than one minor version after "{old}"'
        fix = f"upgrade one minor version at a time, first to the one after {minor_of(str(old))}"
        yield Problem(VERSION, what, fix, Kind.SKIPPED_MINOR)


def _numbers(version: Value | None) -> tuple[int, ...] | None:
    """Major, minor and patch version; None for what is not one."""
    found = re.match(r"v(\d{1,4})\.(\d{1,4})\.(\d{1,4})", str(version), re.ASCII)
    return tuple(map(int, found.groups())) if found else None


def check_quorum(old: int, new: int) -> Iterator[Problem]:
    """From several servers to one: the one that is left could not write alone."""
    if old > 1 and new == 1:
        yield Problem(
            "cluster.servers.count",
            f"must not go from {old} to 1: etcd needs more than half of its {old} members",
            "keep 3 or more; or move what runs to a cluster of one server in another stack",
            Kind.QUORUM,
        )


def check_root_volumes(pairs: Sequence[Pair]) -> Iterator[Problem]:
    """Those of machines that stay; a new machine has a new one."""
    yield from _check_size([pair for pair in pairs if not pair.is_replaced], "rootVolumeGib")


def check_data_volumes(pairs: Sequence[Pair]) -> Iterator[Problem]:
    """They stay, whatever happens to the machine."""
    yield from _check_size([pair for pair in pairs if pair.is_server], "dataVolumeGib")


def _check_size(pairs: Sequence[Pair], key: str) -> Iterator[Problem]:
    for path, pair in {f"{pair.after.path}.{key}": pair for pair in pairs}.items():
        old, new = pair.before.pool.own(key), pair.after.pool.own(key)
        if isinstance(old, int) and isinstance(new, int) and new < old:
            what = f"must be at least {old}, the size of the volume, found {new}"
            fix = f"set it to {old} or more; EC2 cannot shrink a volume"
            yield Problem(path, what, fix, Kind.SHRUNK_VOLUME)


def check_rotation(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """k3s opens its datastore with the token that it has stored there, and with no other."""
    key = "cluster.rotation.joinTokens"
    replaced = [pair.change.name for pair in pairs if pair.is_server and pair.is_replaced]
    if replaced and before.node_keys.get(key) != after.node_keys.get(key):
        yield Problem(
            key,
            f'must not change together with what replaces "{replaced[0]}", whose next machine '
            "could not open the datastore",
            "rotate in one update, and replace in the next",
            Kind.CONFLICT,
        )


def check_upgrade(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """
    A server saves etcd before it starts another k3s. One that is replaced among several has nothing
    to save: it joins with the other version, and no machine has what to go back to. The only server
    saves its datastore on the next machine, which gets the volume.
    """
    replaced = [pair.change.name for pair in pairs if pair.is_server and pair.is_replaced]
    if before.servers.count == 1 or not replaced:
        return
    if before.node_keys.get(VERSION) != after.node_keys.get(VERSION):
        yield Problem(
            VERSION,
            f'must not change together with what replaces "{replaced[0]}": its next machine has no '
            "data to save before, and no previous k3s to go back to",
            "upgrade in one update, and replace in the next",
            Kind.CONFLICT,
        )


def check_shared(before: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """k3s lets a server join only others that have the same value of what all have to share."""
    servers = [pair for pair in pairs if pair.is_server]
    replaced = [pair.change.name for pair in servers if pair.is_replaced]
    if before.servers.count == 1 or not replaced:
        return
    changed = {key for pair in servers for key in pair.effects}
    for key in filter(changed.__contains__, (*_SHARED, *_MAY_BE_SHARED)):
        may = "may have what all servers share, and " if key in _MAY_BE_SHARED else ""
        yield Problem(
            key,
            f'{may}must not change together with what replaces "{replaced[0]}": k3s lets a server '
            "join only others with the same settings, and those still have the previous ones",
            "change it in one update, and replace in the next",
            Kind.CONFLICT,
        )


def check_numbers(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """Numbers that ask for something once more: a lower one asks too, and brings nothing back."""
    for name in _ROTATED:
        key = f"cluster.rotation.{name}"
        what = "another number renews the secret again, and brings none back"
        yield from _check_lowered(key, before.node_keys.get(key), after.node_keys.get(key), what)
    for index, (name, number) in enumerate(after.generations.items()):
        path = f"cluster.identities[{index}].generation"
        what = "another number revokes the kubeconfig, and brings none back"
        yield from _check_lowered(path, before.generations.get(name), number, what)
    yield from _check_images(pairs)


def _check_images(pairs: Sequence[Pair]) -> Iterator[Problem]:
    key = "image.generation"
    for path, pair in {f"{each.after.path}.{key}": each for each in pairs}.items():
        replacing = [name for name, each in pair.effects.items() if each == Effect.REPLACE]
        # Another image may count from 1 again: its machines are new ones anyway.
        if all(name.endswith(f".{key}") for name in replacing):
            what = "another number takes the newest image, and brings no older one back"
            yield from _check_lowered(
                path, pair.before.pool.own(key), pair.after.pool.own(key), what
            )


def _check_lowered(path: str, old: Value | None, new: Value | None, what: str) -> Iterator[Problem]:
    if isinstance(old, int) and isinstance(new, int) and new < old:
        fact = f"must not be lowered from {old} to {new}: {what}"
        yield Problem(path, fact, f"keep {old}, or raise it", Kind.LOWERED_NUMBER)


def check_ssh(after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """What is applied to a running machine goes over SSH."""
    changes = [pair.change for pair in pairs]
    names = [each.name for each in changes if Effect.NONE < each.effect < Effect.REPLACE]
    if names and not after.ssh_enabled:
        yield ssh_needed.problem(names)
