"""`python -m review render|post|drift`: what a change would do, as a comment (docs/review.md)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from review import comment, event_log, run_url
from review.errors import ReviewError
from review.event_log import UnreadablePreview
from review.preview import Preview


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m review", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="make the comment of one or several previews")
    render.add_argument("files", nargs="+", type=Path, metavar="FILE", help="event logs")
    render.add_argument("--output", type=Path, help="where to write it, else to standard output")
    render.add_argument(
        "--stack-name",
        action="append",
        default=[],
        help="what to call the stack of each FILE, in their order, else by its own name",
    )
    render.add_argument(
        "--run-url", help="where the whole logs are, else from the CI's environment"
    )
    return top


def act(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Runs one command."""
    names = arguments.stack_name
    if len(names) > len(arguments.files):
        raise ReviewError(
            f"--stack-name is given {len(names)} times for {len(arguments.files)} files\n"
            "    give it once for each FILE, in their order"
        )
    where = arguments.run_url or run_url.of(environment)
    previews = _previews(arguments.files, names)
    write(comment.render(previews, datetime.now(UTC), where), arguments.output)
    return 0


def _previews(
    files: Sequence[Path], names: Sequence[str]
) -> list[tuple[str | None, Preview | str]]:
    found: list[tuple[str | None, Preview | str]] = []
    for index, file in enumerate(files):
        name = names[index] if index < len(names) else None
        try:
            found.append((name, event_log.read(file)))
        except UnreadablePreview as error:
            # The other stacks' previews are worth reading, and this one's absence is to be seen.
            found.append((name or file.stem, str(error)))
    return found


def write(text: str, output: Path | None) -> None:
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    arguments = parser().parse_args(words)
    try:
        return act(arguments, os.environ)
    except (ReviewError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
