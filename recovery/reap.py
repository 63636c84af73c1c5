"""
The removal of clusters whose time is over, by the tags of their resources: no state is needed.

Machines end themselves at that time; their addresses, volumes, network, roles, parameters and
buckets stay, and cost money.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from recovery import account, expired_ec2, expired_endpoints, expired_named, refusals
from recovery.errors import RecoveryError
from recovery.expired import Expired, Owner, OwnerChangedError, Scope
from recovery.leftover import Client

DEADLINE_SECONDS = 900.0
PAUSE_SECONDS = 2.0

Report = Callable[[str], None]


class Clock(Protocol):
    """The module `time`, as far as a wait needs it."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the operator asked for; `region` and `stack` narrow the search."""

    region: str | None = None
    stack: str | None = None
    remove: bool = False
    snapshots: bool = False
    """Whether buckets with snapshots of the datastore are removed too."""


def reap(wanted: Wanted, report: Report, clock: Clock) -> list[Expired]:
    """
    Lists what has expired in the account and region of the environment's credentials, and removes
    it where that is wanted. Returns what is left. Raises RecoveryError.
    """
    config = {"region": wanted.region} if wanted.region else {}
    try:
        client = account.clients(config, os.environ)
        place, now = account.location(client), account.now(client)
        scope = Scope(account=place.account, region=place.region, now=now, stack=wanted.stack)
        report(f"{place}, {now:%Y-%m-%dT%H:%M:%SZ} by the clock of AWS")
        return within(client, scope, wanted, report, clock)
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(f"AWS refused: {error}\n    correct it and run this again") from None


def within(
    client: Client, scope: Scope, wanted: Wanted, report: Report, clock: Clock
) -> list[Expired]:
    """The same with the scope given. Raises botocore's errors and RecoveryError."""
    found = find(client, scope, snapshots=wanted.snapshots)
    _list(found, scope, report)
    if not found or not wanted.remove:
        report("nothing was removed: --yes removes it" if found else "nothing has expired")
        return found
    removable = [each for each in found if not each.kept]
    left, removed = _remove(removable, report, clock)
    if left:
        raise RecoveryError(
            f"{len(left)} of {len(removable)} are left after {DEADLINE_SECONDS:.0f} s\n"
            + "\n".join(f"    {each}: {why}" for each, why in left)
            + "\n    correct it and run this again; what is gone stays gone"
        )
    report(f"removed: {removed}")
    for stack in dict.fromkeys(each.owner.stack for each in found):
        report(
            f"where the state of stack {stack} still exists: pulumi refresh --stack {stack}, then "
            f"pulumi destroy --stack {stack}"
        )
    return [each for each in found if each.kept]


def find(client: Client, scope: Scope, *, snapshots: bool) -> list[Expired]:
    """Everything that has expired, in the order in which it can be removed. Changes nothing."""
    searches: Sequence[Callable[[Client, Scope], Iterator[Expired]]] = (
        expired_endpoints.records,
        expired_endpoints.load_balancers,
        expired_ec2.instances,
        expired_endpoints.target_groups,
        expired_ec2.volumes,
        expired_ec2.addresses,
        expired_ec2.interfaces,
        expired_ec2.groups,
        expired_ec2.tables,
        expired_ec2.gateways,
        expired_ec2.subnets,
        expired_ec2.vpcs,
        expired_named.parameters,
        expired_named.profiles,
        expired_named.roles,
        partial(expired_named.buckets, snapshots=snapshots),
    )
    return [each for search in searches for each in search(client, scope)]


def as_json(found: Sequence[Expired]) -> list[Mapping[str, str]]:
    """What was found, for a pipeline."""
    return [
        {
            "stack": each.owner.stack,
            "cluster": each.owner.cluster,
            "expiresAt": each.owner.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "what": each.what,
            "id": each.id,
            "since": each.since,
            "kept": each.kept,
        }
        for each in found
    ]


def _list(found: Sequence[Expired], scope: Scope, report: Report) -> None:
    def owner(each: Expired) -> Owner:
        return each.owner

    for group, mine in groupby(sorted(found, key=owner), owner):
        report(f"{group}, {_ago(group.expires_at, scope.now)}")
        for each in mine:
            report(f"  {each}")
    for name, why in sorted(scope.doubtful.items()):
        report(f"left alone: {name} {why}")


def _ago(time: datetime, now: datetime) -> str:
    minutes = int((now - time).total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min ago" if minutes >= 60 else f"{minutes} min ago"


def _remove(
    found: Sequence[Expired], report: Report, clock: Clock
) -> tuple[list[tuple[Expired, str]], int]:
    """
    Removes round by round, until the deadline: what uses something goes before what it uses.

    Returns what is left, with the reason, and the number of those removed.
    """
    deadline = clock.monotonic() + DEADLINE_SECONDS
    left = dict.fromkeys(found, "")
    denied: list[tuple[Expired, str]] = []
    removed = 0
    while left and clock.monotonic() < deadline:
        before = dict(left)
        for each in before:
            try:
                why = _try(each)
            except OwnerChangedError:
                report(f"left alone: {each.what} {each.id} is another cluster's by now")
                del left[each]
                continue
            if why is None:
                report(f"removed {each.what} {each.id}")
                removed += 1
                del left[each]
            elif refusals.is_final(why):
                denied.append((each, why))
                del left[each]
            else:
                left[each] = why
        if left and len(left) == len(before):
            if left != before:
                first, why = next(iter(left.items()))
                report(f"waiting for {len(left)}, such as {first.what} {first.id}: {why}")
            clock.sleep(PAUSE_SECONDS)
    return [*denied, *left.items()], removed


def _try(each: Expired) -> str | None:
    """Why it is not removed yet; None once it is gone, whoever removed it."""
    try:
        return None if each.remove() else "it is ending"
    except ClientError as error:
        if refusals.is_gone(error):
            return None
        code, message = (str(error.response["Error"].get(key)) for key in ("Code", "Message"))
        return f"{code}: {message}"
