"""Recovering a stack: what was left is found, shown, removed, and forgotten, in this order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from recovery import account, interrupted, leftovers
from recovery.errors import RecoveryError
from recovery.interrupted import Interrupted
from recovery.leftovers import Client, Leftover
from recovery.stack import Stack

Agree = Callable[[Sequence[Leftover]], bool]
Say = Callable[[str], None]


def recover(stack: Stack, agree: Agree, say: Say) -> None:
    """
    Removes what interrupted creations left in AWS, and takes them out of the stack's state.

    `agree` is asked before anything is removed. May be repeated: what could not be removed is
    found again. Raises RecoveryError, also while another run holds the stack's lock.
    """
    found = interrupted.read(stack.export())
    if found:
        stack.require_unlocked(found.stack_urn)
        # A run that was alive may have ended in between: what it made is known only now.
        found = interrupted.read(stack.export())
    if not found:
        say("no creation was interrupted: nothing to recover")
        return
    _require_known(found)
    try:
        client = account.clients(stack.aws_config(), os.environ)
        if not _remove(found, client, agree, say):
            return
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(
            f"AWS refused: {error}\n    mend it and run this again; nothing is forgotten yet"
        ) from None
    stack.forget_creations(found.stack_urn)
    say("the interrupted creations are out of the state: run pulumi up again")


def _require_known(found: Interrupted) -> None:
    unknown = leftovers.unknown_kinds(found)
    if unknown:
        raise RecoveryError(
            f"cannot look for {', '.join(unknown)}\n"
            "    `pulumi refresh` asks for each interrupted creation what became of it"
        )


def _remove(found: Interrupted, client: Client, agree: Agree, say: Say) -> bool:
    left = leftovers.find(found, client)
    say(f"interrupted creations: {len(found.creations)}, left in AWS: {len(left)}")
    if left and not agree(left):
        say("nothing was removed, nothing forgotten")
        return False
    for each in left:
        say(f"removing {each}")
        each.remove()
    return True
