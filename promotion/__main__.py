"""
`python -m promotion compare dev staging prod`: where these environments differ, as a table.

Status 1 where one of the differences is not declared, such as in environments/differences.yaml.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components import project_files
from promotion import comparison, stack_files
from promotion.comparison import Difference
from promotion.stack_files import PromotionError

DIFFERENCES = Path("environments/differences.yaml")


def read_declared(file: Path) -> dict[str, Mapping[str, Any] | None]:
    """The declared differences: a key, and its values by environment or nothing."""
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PromotionError(f"{file} cannot be read: {error}") from None
    if not isinstance(content, Mapping):
        raise PromotionError(f"{file} must be an object: a key, and what may follow it")
    for key, wanted in content.items():
        if wanted is not None and not isinstance(wanted, Mapping):
            raise PromotionError(
                f"{file}: {key} must have nothing, or a value for each environment, behind it"
            )
    return dict(content)


def _require_files(
    declared: Mapping[str, Mapping[str, Any] | None], folder: Path, file: Path
) -> None:
    """A value for an environment that does not exist has no effect: its name is misspelt."""
    for key, wanted in declared.items():
        for name in wanted or ():
            if not (found := stack_files.path(str(name), folder)).is_file():
                raise PromotionError(
                    f"{file}: {key} has a value for {name}, and there is no {found}\n"
                    "    correct or remove the name"
                )


def table(names: Sequence[str], differences: Sequence[Difference]) -> str:
    """The differences below each other, faults in the last column."""
    rows = [("key", *names, "")]
    rows += [
        (each.key, *map(each.values.__getitem__, names), each.fault or "") for each in differences
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines)


def main(words: list[str], project: Path = Path()) -> int:
    """Compares environments; an error of the operator is one message and status 2."""
    parser = argparse.ArgumentParser(prog="python -m promotion", description=__doc__)
    parser.add_argument("what", choices=["compare"])
    parser.add_argument("stacks", nargs="+", metavar="STACK", help="dev for Pulumi.dev.yaml")
    parser.add_argument("--folder", type=Path, default=project, help="where the stack files are")
    parser.add_argument("--differences", type=Path, help=f"default: {DIFFERENCES}")
    chosen = parser.parse_args(words)
    try:
        read_file = project_files.reader(project)
        environments = {
            name: stack_files.read(name, chosen.folder, read_file) for name in chosen.stacks
        }
        file = chosen.differences or project / DIFFERENCES
        declared = read_declared(file)
        _require_files(declared, chosen.folder, file)
    except PromotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    differences = comparison.compare(environments, declared)
    print(table(chosen.stacks, differences))
    for key in comparison.unused(environments, declared):
        print(f"declared, and nowhere: {key}")
    faults = [each.key for each in differences if each.fault]
    if faults:
        print(f"error: {len(faults)} differences are wrong: {', '.join(faults)}", file=sys.stderr)
        print(
            "    make the stacks the same there, in their base, or declare the key", file=sys.stderr
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
