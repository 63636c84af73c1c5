"""`python -m review render|post|drift`: what a change would do, as a comment (docs/review.md)."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from review import comment, drift, event_log, run_url
from review.errors import ReviewError
from review.event_log import UnreadablePreview
from review.posting import platform
from review.posting.platform import Platform
from review.preview import Preview

DRIFT = 2
"""The exit status of `drift --exit-code` where there is drift."""


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
    _add_drift(commands.add_parser("drift", help="what exists otherwise than the state has it"))
    _add_post(commands.add_parser("post", help="put a comment on the change that a job is about"))
    return top


def _add_drift(drift: argparse.ArgumentParser) -> None:
    drift.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="event logs of refreshes"
    )
    drift.add_argument("--output", type=Path, help="where to write it, else to standard output")
    drift.add_argument("--stack-name", action="append", default=[], help="as for render")
    drift.add_argument("--run-url", help="as for render")
    drift.add_argument("--text", action="store_true", help="for a terminal, without markup")
    drift.add_argument(
        "--exit-code", action="store_true", help="end with 2 where there is drift, or it is unknown"
    )


def _add_post(post: argparse.ArgumentParser) -> None:
    post.add_argument("--platform", choices=("github", "gitlab"), required=True)
    post.add_argument("--comment", type=Path, required=True, help="the file to post")
    post.add_argument("--name", default=platform.NAME, help="which of our comments it replaces")
    post.add_argument("--author", help="the token's account on GitHub, else looked up")


def act(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Runs one command."""
    commands = {"render": _render, "drift": _drift, "post": _post}
    return commands[arguments.command](arguments, environment)


def _render(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    names = _names(arguments)
    where = arguments.run_url or run_url.of(environment)
    previews = _previews(arguments.files, names)
    write(comment.render(previews, datetime.now(UTC), where), arguments.output)
    return 0


def _drift(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    names = _names(arguments)
    try:
        found = [
            (names[index] if index < len(names) else None, event_log.read(file))
            for index, file in enumerate(arguments.files)
        ]
    except UnreadablePreview as error:
        raise ReviewError(str(error)) from None
    where = arguments.run_url or run_url.of(environment)
    text = drift.text(found) if arguments.text else drift.render(found, where)
    write(text, arguments.output)
    return DRIFT if arguments.exit_code and drift.exists([each for _, each in found]) else 0


def _post(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    from review.posting import github, gitlab
    from review.posting.http import Clock

    clock = Clock(now=time.time, sleep=time.sleep)
    text = arguments.comment.read_text(encoding="utf-8")
    place: Platform
    if arguments.platform == "github":
        place = github.of(environment, clock, arguments.author)
    else:
        place = gitlab.of(environment, clock)
    print(platform.post(place, text, arguments.name))
    return 0


def _names(arguments: argparse.Namespace) -> Sequence[str]:
    names: list[str] = arguments.stack_name
    if len(names) > len(arguments.files):
        raise ReviewError(
            f"--stack-name is given {len(names)} times for {len(arguments.files)} files\n"
            "    give it once for each FILE, in their order"
        )
    return names


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
