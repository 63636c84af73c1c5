"""What the repository promises about itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from cluster.outputs import OUTPUTS
from cluster.version import VERSION
from tests.repo.test_import_rules import imported
from toolchain import pins

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".yaml", ".yml", ".j2", ".go", ".sh", ".toml", ""}


def tracked() -> list[Path]:
    """Every file that is, or will be, part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_every_file_with_tests_is_collected() -> None:
    stray = [
        file
        for file in (ROOT / "tests").rglob("*.py")
        if re.search(r"^(async )?def test_", file.read_text(), re.M)
        and not file.name.startswith("test_")
    ]
    assert stray == []


def test_the_newest_version_of_the_changelog_is_the_programs() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == VERSION
    numbers = [[int(part) for part in each.split(".")] for each in versions]
    assert numbers == sorted(numbers, reverse=True)


def test_no_file_is_named_after_nothing() -> None:
    names = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py", "util.go", "utils.go"}
    assert [file for file in tracked() if file.name in names] == []


def test_every_output_of_the_program_is_documented() -> None:
    names = [each.name + "<name>" * each.is_prefix for each in OUTPUTS]
    readme = (ROOT / "README.md").read_text()
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_every_make_target_that_the_docs_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"`make ([a-z-]+)", page.read_text()))
        assert named <= targets, page


def test_a_command_of_a_page_is_run_by_a_python_that_is_there_and_has_the_packages() -> None:
    # Debian and macOS have no `python`, and their python3 has no package of the program.
    wrong = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in tracked()
        if page.suffix == ".md"
        for block in re.findall(r"^```\w*\n(.*?)^```$", page.read_text(), re.M | re.S)
        for line in block.splitlines()
        if re.search(r"(?<![\w/])python -m|(?<![\w/])python3 -m (?!toolchain|venv)", line)
    ]
    assert wrong == []


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_a_cell_of_a_table_holds_a_phrase_and_no_paragraph() -> None:
    long = [
        f"{page.relative_to(ROOT)}:{number}: {len(line)} characters"
        for page in tracked()
        if page.suffix == ".md"
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if line.startswith("|") and len(line) > 200
    ]
    assert long == []


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_project_file_starts_the_plugin_from_its_folder() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    assert project["plugins"]["providers"] == [{"name": "k3s", "path": "./provider"}]
    assert (ROOT / "provider" / "pulumi-resource-k3s").stat().st_mode & 0o111


def test_every_place_that_names_the_oldest_pulumi_names_the_same() -> None:
    required = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["requiredPulumiVersion"]
    plain = yaml.safe_load((ROOT / "bench" / "plain" / "Pulumi.yaml").read_text())
    assert plain["requiredPulumiVersion"] == required
    number = required.removeprefix(">=")
    assert tuple(map(int, number.split("."))) == pins.OLDEST_PULUMI
    for page in ("README.md", "recovery/stack.py"):
        assert f"{number} or newer" in (ROOT / page).read_text(), page


def test_every_decision_names_its_context_and_consequences() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(pages) >= 5
    for page in pages:
        text = page.read_text()
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), page


@pytest.mark.slow
def test_every_library_that_is_imported_is_required() -> None:
    # One that is only by chance in somebody's environment is missing in everybody else's.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = [*ROOT.glob("requirements*.txt"), ROOT / "policy" / "requirements.txt"]
    files = [each.read_text() for each in required]
    # What builds the wheel is installed for the build alone.
    text = "\n".join([*files, *project["build-system"]["requires"]])
    pinned = {_normal(name) for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.M)}
    homes_of_ours = (ROOT, ROOT / "cloud-init", ROOT / "policy")
    ours = {each.stem for home in homes_of_ours for each in home.iterdir()}
    homes = packages_distributions()
    missing = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in tracked()
        if file.suffix == ".py" and "image" not in file.parts
        for name in imported(file) - ours - sys.stdlib_module_names
        # What is in another environment than this one is required under its own name.
        if not {_normal(each) for each in homes.get(name, [name])} & pinned
    }
    assert missing == set()


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
