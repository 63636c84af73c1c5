"""
`python -m recovery`: after a `pulumi up` that was killed and a `pulumi cancel`.
`python -m recovery snapshots`: lists the snapshots of the datastore; status 1 where the last one is
old and no other has followed.
`python -m recovery reap`: lists what is left of clusters whose `ttl` is over; --yes removes it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from recovery import reap as reaping
from recovery import snapshots
from recovery.errors import RecoveryError
from recovery.leftover import Leftover
from recovery.recover import recover
from recovery.stack import Stack

# Installed with the library it belongs to the project that it is run in.
ROOT = Path(__file__).parents[1] if __package__ == "recovery" else Path.cwd()


def agree(left: Sequence[Leftover]) -> bool:
    """Lists the leftovers and asks the operator whether to remove them."""
    for each in left:
        print(f"  {each}")
    if not sys.stdin.isatty():
        raise RecoveryError(
            "standard input is not a terminal\n    --yes removes them without asking"
        )
    place = left[0].place
    question = f"These are in AWS ({place}) and in no state. Remove them? [yes/no] "
    try:
        return input(question).strip() == "yes"
    except EOFError:  # Ctrl-D
        print()
        return False


def list_snapshots(stack: Stack, folder: str | None, *, as_json: bool) -> int:
    """Prints the snapshots, the newest first; 1 with a warning where a running cluster has none."""
    found = snapshots.of_stack(stack, folder)
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        print("\n".join(map(str, found)) or "there are no snapshots yet")
    # A folder is named where the stack is gone: no further ones come then.
    if folder or not (problem := snapshots.overdue(found, datetime.now(UTC))):
        return 0
    print(f"warning: {problem}", file=sys.stderr)
    return 1


def reap(chosen: argparse.Namespace) -> None:
    """Lists what has expired, and removes it with --yes."""
    wanted = reaping.Wanted(
        region=chosen.region,
        stack=chosen.stack,
        remove=chosen.yes,
        snapshots=chosen.delete_snapshots,
    )
    progress = sys.stderr if chosen.json else sys.stdout
    found = reaping.reap(wanted, lambda line: print(line, file=progress, flush=True), time)
    if chosen.json:
        print(json.dumps(reaping.as_json(found), indent=2))


def main(words: list[str]) -> int:
    """Recovers one stack; an operator's error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python -m recovery", description=__doc__)
    parser.add_argument("--stack", help="the stack's name, else the selected one")
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    parser.add_argument(
        "what", nargs="?", choices=["snapshots", "reap"], help="see above; recover without one"
    )
    parser.add_argument("--folder", help="the S3 URL of the snapshots, else the stack's output")
    parser.add_argument("--json", action="store_true", help="list as JSON")
    parser.add_argument("--region", help="where to reap, else the environment's region")
    parser.add_argument(
        "--delete-snapshots", action="store_true", help="reap buckets with snapshots too"
    )
    chosen = parser.parse_args(words)
    try:
        if chosen.what == "reap":
            reap(chosen)
            return 0
        if chosen.what:
            stack = Stack(ROOT, chosen.stack)
            return list_snapshots(stack, chosen.folder, as_json=chosen.json)
        recover(Stack(ROOT, chosen.stack), (lambda _: True) if chosen.yes else agree, print)
    except RecoveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
