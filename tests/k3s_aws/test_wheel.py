"""The wheel holds one package, with everything in it, and the program's own ranges."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> types.ModuleType:
    """The hook; hatchling, which is there in builds only, is not needed for the tree."""
    hatchling = types.ModuleType("hatchling.builders.hooks.plugin.interface")
    hatchling.BuildHookInterface = object  # type: ignore[attr-defined]
    sys.modules[hatchling.__name__] = hatchling
    try:
        path = ROOT / "toolchain" / "build_hook.py"
        spec = importlib.util.spec_from_file_location("build_hook", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        del sys.modules[hatchling.__name__]


def test_imports_of_ours_are_those_of_the_wheel_and_no_others(hook: types.ModuleType) -> None:
    source = (
        "import yaml\n"
        "from cluster.errors import (\n    ConfigError,\n)\n"
        "def load():\n    from recovery.account import clients\n"
        'TEXT = "from cluster import errors; python -m recovery snapshots"\n'
        "from clusters import x\n"
    )
    rewritten = hook.rewritten(source)
    assert "from k3s_aws.cluster.errors import (\n    ConfigError,\n)" in rewritten
    assert "    from k3s_aws.recovery.account import clients" in rewritten
    assert '"from cluster import errors; python -m k3s_aws.recovery snapshots"' in rewritten
    assert "\nfrom clusters import x" in rewritten
    with pytest.raises(ValueError, match=r"line 1: write `from \.\.\. import`"):
        hook.rewritten("import cluster.errors\n")


@pytest.mark.slow
def test_every_module_is_imported_from_the_tree_alone(
    hook: types.ModuleType, tmp_path: Path
) -> None:
    hook.write_tree(ROOT, tmp_path / "k3s_aws", "0.0.0")
    assert not (tmp_path / "k3s_aws" / "cost").exists()
    program = """
import importlib, pkgutil, sys, k3s_aws
from k3s_aws.cluster import boot_program, bom, releases, user_data
from k3s_aws.components import bom as components_bom, console, engine
assert boot_program.modules() and user_data.TEMPLATE.exists() and engine.PROJECT_FILE.exists()
assert components_bom.tools()["pulumi"]
for each in pkgutil.walk_packages(k3s_aws.__path__, "k3s_aws."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
ours = {"cluster", "components", "cost", "provider", "recovery", "toolchain", "boot"}
assert not ours & {name.split(".")[0] for name in sys.modules}, ours & {*sys.modules}
from k3s_aws.recovery.__main__ import ROOT
from pathlib import Path
assert ROOT == Path.cwd()
assert str(console.PROJECT) == sys.argv[1]
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(tmp_path)],
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_the_library_requires_are_ranges_around_what_the_program_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(
        line.split("==")
        for line in (ROOT / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    )
    ranges = {}
    for each in project["dependencies"]:
        found = re.fullmatch(r"([\w-]+)>=([\d.]+),<(\d+)", each)
        assert found, each
        ranges[found[1]] = (found[2], int(found[3]))
    assert ranges.keys() == pins.keys()
    for name, (low, below) in ranges.items():
        assert numbers(low) <= numbers(pins[name]) < (below,), name
        assert below == numbers(pins[name])[0] + 1, name


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
