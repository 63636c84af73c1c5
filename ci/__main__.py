"""
`python -m ci connect`: writes a kubeconfig of the stack to a file and sets KUBECONFIG.
`python -m ci outputs`: prints the stack's outputs without secrets as JSON.
`python -m ci expiry`: prints when the stack's cluster ends, by its state; nothing without an end.

No secret is printed, but for the commands by which GitHub Actions masks them, which its runner
does not print. What is meant for people goes to standard error. Lines for bash, GitHub Actions and
GitLab CI are in docs/outputs.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci import platforms
from ci.errors import PipelineError
from ci.stack import Stack

ROOT = Path(__file__).parents[1]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m ci",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True)
    connecting = commands.add_parser("connect", help="write a kubeconfig and set KUBECONFIG")
    whose = connecting.add_mutually_exclusive_group()
    whose.add_argument("--identity", metavar="NAME", help="whose kubeconfig, else the first one's")
    whose.add_argument("--admin", action="store_true", help="the administrator's kubeconfig")
    connecting.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="PATH",
        help="the file, else one below $RUNNER_TEMP/k3s-aws, or below .local/kubeconfigs",
    )
    connecting.add_argument(
        "--format",
        dest="form",
        choices=["bash", "github", "gitlab"],
        default="bash",
        help="bash: print a line for eval; github: mask secrets and append to $GITHUB_ENV and "
        "$GITHUB_OUTPUT; gitlab: the line for eval, and a dotenv report",
    )
    connecting.add_argument(
        "--dotenv", type=Path, metavar="FILE", help="GitLab's report, else .local/connect.env"
    )
    reading = commands.add_parser("outputs", help="the outputs without secrets as JSON")
    reading.add_argument("--output", type=Path, metavar="FILE", help="write them there")
    ending = commands.add_parser("expiry", help="when the cluster ends; nothing without an end")
    for each in (connecting, reading, ending):
        each.add_argument("--stack", metavar="NAME", help="the stack's name, else the selected one")
    return top


def connect(chosen: argparse.Namespace) -> None:
    """Runs the command."""
    from ci.connection import Place, Wanted
    from ci.connection import connect as write

    path = write(
        Stack(ROOT, chosen.stack),
        Wanted(identity=chosen.identity, admin=chosen.admin),
        chosen.form,
        Place(
            root=ROOT,
            environment=os.environ,
            path=chosen.kubeconfig,
            dotenv=chosen.dotenv,
        ),
        lambda line: print(line, flush=True),
    )
    print(f"kubeconfig in {path}", file=sys.stderr)


def outputs(chosen: argparse.Namespace) -> None:
    """Runs the command."""
    from ci import plain_outputs

    text = plain_outputs.render(plain_outputs.of(Stack(ROOT, chosen.stack)))
    if chosen.output is None:
        print(text, end="")
        return
    try:
        chosen.output.write_text(text)
    except OSError as error:
        raise PipelineError(
            f"{chosen.output} cannot be written: {error.strerror}\n    choose another --output FILE"
        ) from None


def expiry(chosen: argparse.Namespace) -> None:
    """Runs the command."""
    from ci import expiry as of_state

    if ends := of_state.of(Stack(ROOT, chosen.stack)):
        print(ends)


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    status = 1
    chosen: argparse.Namespace | None = None
    try:
        chosen = parser().parse_args(words)
        commands = {"connect": connect, "outputs": outputs, "expiry": expiry}
        commands[chosen.command](chosen)
        status = 0
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; run it again", file=sys.stderr)
        status = 130
    except SystemExit as ended:
        # Of a wrong word, or of --help.
        status = 2 if ended.code else 0
        raise
    finally:
        # Whatever ended it, a wrong word too: what a shell evaluates has to fail.
        is_evaluated = chosen is None or getattr(chosen, "form", "") != "github"
        if status != 0 and words[:1] == ["connect"] and is_evaluated:
            print(platforms.FAILED, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
