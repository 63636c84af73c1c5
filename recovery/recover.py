"""The recovery of a stack: remove what is left in AWS, then clear the creations in the state."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from recovery import account, interrupted, leftovers
from recovery.errors import RecoveryError
from recovery.interrupted import Interrupted
from recovery.leftover import Client, Leftover
from recovery.stack import Stack

Agree = Callable[[Sequence[Leftover]], bool]
Report = Callable[[str], None]


def recover(stack: Stack, agree: Agree, report: Report) -> None:
    """
    Removes what interrupted creations left in AWS, and takes them out of the stack's state.

    Calls `agree` before it removes anything. May be repeated: what could not be removed is
    found again. Raises RecoveryError, also while another run holds the stack's lock, and where the
    credentials are those of another account.
    """
    found = interrupted.read(stack.export())
    if found:
        stack.require_unlocked(found.stack_urn)
        # Another run may have ended in between: what it created is recorded only now.
        found = interrupted.read(stack.export())
    if not found:
        report("no creation was interrupted: nothing to recover")
        return
    _require_searchable(found)
    try:
        client = account.clients(stack.aws_config(), os.environ)
        if not _remove(found, client, agree, report):
            return
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(
            f"AWS refused: {error}\n    correct it and run this again; the state is unchanged"
        ) from None
    stack.clear_creations(found.stack_urn)
    report("the interrupted creations are out of the state: run pulumi up again")


def _require_searchable(found: Interrupted) -> None:
    unknown = leftovers.unknown_kinds(found)
    if unknown:
        raise RecoveryError(
            f"cannot search for {', '.join(unknown)}\n"
            "    `pulumi refresh` asks for the result of each interrupted creation"
        )


def _remove(found: Interrupted, client: Client, agree: Agree, report: Report) -> bool:
    place = account.location(client)
    found.recorded.require(place)
    left = [replace(each, place=str(place)) for each in leftovers.find(found, client)]
    report(f"interrupted creations: {len(found.creations)}, left in AWS: {len(left)}")
    if left and not agree(left):
        report("nothing was removed, the state is unchanged")
        return False
    for each in left:
        report(f"removing {each}")
        each.remove()
    return True
