"""
The wheel `k3s-aws`: the folders of the program as one package, built by hatchling with this hook.

In the repository `cluster`, `components` ... are packages of their own; in somebody's environment
such names would be in the way of others. So the wheel has them below `k3s_aws`, and its imports say
so: `from cluster.errors import ...` is `from k3s_aws.cluster.errors import ...` there.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "k3s_aws"
ROOMS = ("cluster", "components", "provider", "recovery", "toolchain")
# Of these the library needs a part only.
PARTS: Mapping[str, frozenset[str]] = {
    "toolchain": frozenset({"__init__.py", "download.py", "errors.py", "progress.py"}),
}
DATA = ("cloud-init",)
FILES = ("Pulumi.yaml", "requirements.in")
# Those of checkouts, what starts the program's own plugin, and the program's own outputs.
LEFT_OUT = frozenset({"__pycache__", "pulumi-resource-k3s", "stack_outputs.py"})


class Hook(BuildHookInterface):
    """Hatchling calls it before and after a build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Makes the tree of the wheel in a folder and has it included."""
        if self.target_name != "wheel":
            return
        if version == "editable":
            raise RuntimeError(
                "an editable installation would have the repository's imports, which need its "
                "folder on sys.path\n    install without --editable"
            )
        self._tree = Path(tempfile.mkdtemp(prefix="k3s-aws-wheel-"))
        write_tree(Path(self.root), self._tree, self.metadata.version)
        build_data["force_include"][str(self._tree)] = PACKAGE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes the folder."""
        if self.target_name == "wheel":
            shutil.rmtree(self._tree)


def write_tree(root: Path, target: Path, version: str) -> None:
    """Writes the package as the wheel has it."""
    shutil.copytree(root / PACKAGE, target, dirs_exist_ok=True, ignore=_ignored)
    for name in (*ROOMS, *DATA):
        shutil.copytree(root / name, target / name, ignore=_ignored)
    for name in FILES:
        shutil.copy(root / name, target / name)
    for name, kept in PARTS.items():
        for path in (target / name).iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file in _modules(target):
        file.write_text(rewritten(file.read_text()))
    # Pulumi's Python host reads it: the engine then asks for the plugin of this very version.
    plugin = {"resource": True, "name": "k3s", "version": version}
    (target / "pulumi-plugin.json").write_text(json.dumps(plugin) + "\n")


def rewritten(source: str) -> str:
    """The source of a module with the imports, and the commands in its messages, of the wheel."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_room(node.module or ""):
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line.replace("from ", f"from {PACKAGE}.", 1)
        elif isinstance(node, ast.Import) and any(_is_room(each.name) for each in node.names):
            raise ValueError(f"line {node.lineno}: write `from ... import`, it can be rewritten")
    return re.sub(r"python -m recovery\b", f"python -m {PACKAGE}.recovery", "".join(lines))


def _is_room(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in ROOMS


def _modules(tree: Path) -> Iterator[Path]:
    """Those with imports of ours; what a machine runs is data here."""
    return (each for each in tree.rglob("*.py") if each.relative_to(tree).parts[0] not in DATA)


def _ignored(folder: str, names: list[str]) -> set[str]:
    left_out = set(LEFT_OUT & set(names))
    if Path(folder).name != "plugin":
        return left_out
    # Of the folder for the engine, what starts an installed plugin stays, and nothing that would
    # have the engine install the packages of a checkout.
    return left_out - {"pulumi-resource-k3s"} | {"PulumiPlugin.yaml", "requirements.txt"}
