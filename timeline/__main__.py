"""
`python -m timeline`: how each machine of a cluster booted, phase by phase.

Reads the stack output bootReport, and writes it as an SVG, or prints it as bars.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ci.errors import PipelineError
from ci.stack import Stack
from cluster.errors import BootReportError
from timeline import rows, svg

ROOT = Path(__file__).parents[1]
OUTPUT = "bootReport"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m timeline", description=__doc__)
    source = top.add_mutually_exclusive_group()
    source.add_argument("--stack", metavar="NAME", help="the stack's name, else the selected one")
    source.add_argument(
        "--outputs",
        type=Path,
        metavar="FILE",
        help="a file that `python -m ci outputs` wrote",
    )
    top.add_argument(
        "--output", type=Path, metavar="FILE", help="the SVG; without it bars are printed"
    )
    return top


def reports(chosen: argparse.Namespace) -> dict[str, Any]:
    """The output, from the stack or from the file. Raises PipelineError."""
    if chosen.outputs is None:
        found: Any = Stack(ROOT, chosen.stack).outputs(secrets=False)
    else:
        try:
            found = json.loads(chosen.outputs.read_text())["outputs"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise PipelineError(
                f"{chosen.outputs} is not what `python -m ci outputs` writes\n"
                "    write it: .local/venv/bin/python -m ci outputs --output FILE"
            ) from None
    report = found.get(OUTPUT) if isinstance(found, dict) else None
    if not isinstance(report, dict):
        raise PipelineError(
            f"there is no output {OUTPUT}: the last `pulumi up` did not end\n    run `pulumi up`"
        )
    return report


def show(found: list[rows.Start], output: Path | None) -> None:
    """Writes the SVG, or prints bars. Raises PipelineError."""
    if output is None:
        print(_bars(found))
        return
    try:
        output.write_text(svg.draw(found))
    except OSError as error:
        raise PipelineError(
            f"{output} cannot be written: {error.strerror}\n    choose another --output FILE"
        ) from None


def _bars(found: list[rows.Start]) -> str:
    try:
        # Not among what the program itself needs.
        from rich.console import Console

        from timeline import terminal
    except ModuleNotFoundError:
        raise PipelineError(
            "bars need the package rich, which only requirements-dev.txt has\n"
            "    write a picture: --output boot.svg"
        ) from None
    return terminal.bars(found, Console())


def main(words: list[str]) -> int:
    """Runs it; an operator's error is one message and status 1."""
    chosen = parser().parse_args(words)
    try:
        show(rows.starts(reports(chosen)), chosen.output)
    except (PipelineError, BootReportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
