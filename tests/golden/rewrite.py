"""
Writes everything rendered that is committed: `python -m tests.golden.rewrite`.

That is tests/golden/, the reference of the configuration and the rules of the policy pack in
docs/, and components/plugin.py. What the engine wrote itself (RECORDED) is left alone.

Ends with an error when anything changed, so that nobody commits the result unread.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cluster import outputs_reference, reference
from tests.golden import comments, plugin_module, preview_logs, rendering

RECORDED = frozenset({"policy"})
"""Folders of tests/golden/ with what the engine wrote, which nothing here renders."""


def render() -> dict[str, dict[str, str]]:
    """Every golden, by folder and file name."""
    # It reads components/plugin.py, which is to be written before.
    from tests.golden import state_names

    examples = {name: rendering.render(name) for name in rendering.NAMES}
    names = {file: state_names.render(file) for file in state_names.FILES}
    return {**examples, state_names.FOLDER.name: names, preview_logs.FOLDER.name: comments.render()}


def rewrite(golden: Path, wanted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Makes the folder hold these goldens; returns the files that changed, came or went."""
    before = contents(golden)
    for folder in golden.iterdir():
        if folder.is_dir() and folder.name not in {"__pycache__", *RECORDED}:
            shutil.rmtree(folder)
    for name, files in wanted.items():
        (golden / name).mkdir()
        for file, text in files.items():
            (golden / name / file).write_text(text)
    after = contents(golden)
    return sorted(file for file in before | after if before.get(file) != after.get(file))


def contents(golden: Path) -> dict[str, str]:
    """Every golden by its path, such as `arm64/cluster.yaml`."""
    return {
        str(path.relative_to(golden)): path.read_text()
        for path in golden.glob("*/*")
        if path.parent.name not in {"__pycache__", *RECORDED}
    }


def rewrite_reference(docs: Path) -> list[str]:
    """Brings what docs/ tells about the keys up to date; returns the files that changed."""
    page, schema = docs / "configuration.md", docs / "stack.schema.json"
    outputs = docs / "outputs.md"
    return _write(
        {
            page: reference.with_tables(page.read_text()),
            schema: reference.stack_schema(),
            docs / "base.schema.json": reference.base_schema(),
            outputs: outputs_reference.with_table(outputs.read_text()),
            docs / "outputs.schema.json": outputs_reference.render_schema(),
        }
    )


def rewrite_policy(docs: Path) -> list[str]:
    """Brings the tables of the policy pack's page up to date; returns the files that changed."""
    # Its package is found in policy/, where the engine starts it.
    sys.path.insert(0, str(Path(__file__).parents[2] / "policy"))
    from k3s_policy import reference as of_rules
    from k3s_policy.rules import RULES

    page = docs / "policy.md"
    return _write({page: of_rules.with_tables(page.read_text(), RULES)})


def _write(wanted: Mapping[Path, str]) -> list[str]:
    changed = [
        file for file, text in wanted.items() if not file.exists() or file.read_text() != text
    ]
    for file in changed:
        file.write_text(wanted[file])
    return [str(file) for file in changed]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.rewrite", description=__doc__)
    parser.parse_args(words)
    changed = _write({Path("components/plugin.py"): plugin_module.render()})
    changed += [f"tests/golden/{file}" for file in rewrite(rendering.GOLDEN, render())]
    changed += rewrite_reference(Path("docs"))
    changed += rewrite_policy(Path("docs"))
    if not changed:
        print("everything rendered is up to date")
        return 0
    print(f"{len(changed)} files changed; read the diff before you commit it:", file=sys.stderr)
    for file in changed:
        print(f"    {file}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
