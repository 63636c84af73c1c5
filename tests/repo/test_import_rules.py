"""Which folder may import what (design, section 2): purity is checked, not hoped for."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *("cluster", "cloud-init", "components", "provider"),
    *("localcloud", "recovery", "toolchain", "demo", "bench", "policy"),
    *("ci", "timeline", "k3s_aws"),
    *("cost", "promotion", "review"),
)
EFFECTS = {"socket", "subprocess", "time", "random", "secrets", "urllib", "http", "threading", "os"}
MAY_IMPORT_PULUMI = {"components", "provider", "localcloud", "policy", "bench", "k3s_aws"}


def python_files(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def imported(file: Path) -> frozenset[str]:
    """The top-level names of every import in the file, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return frozenset(found)


def users_of(package: str) -> set[str]:
    return {
        folder
        for folder in FOLDERS
        for file in python_files(folder)
        if package in file.read_text() and package in imported(file)
    }


def test_cluster_imports_the_standard_library_yaml_jinja_and_itself() -> None:
    allowed = sys.stdlib_module_names | {"yaml", "jinja2", "cluster"}
    strangers = {
        file.name: imported(file) - allowed
        for file in python_files("cluster")
        if imported(file) - allowed
    }
    assert strangers == {}


def test_cluster_imports_nothing_with_an_effect() -> None:
    effects = {
        file.name: imported(file) & EFFECTS
        for file in python_files("cluster")
        if imported(file) & EFFECTS
    }
    assert effects == {}


def test_cost_imports_the_model_and_only_its_refresh_reads_the_network() -> None:
    for file in python_files("cost"):
        assert imported(file) <= sys.stdlib_module_names | {"cluster", "cost"}, file
    readers = {file.name for file in python_files("cost") if imported(file) & EFFECTS}
    assert readers == {"download.py"}


def test_promotion_reads_files_with_the_declarations_of_the_model_alone() -> None:
    for file in python_files("promotion"):
        ours = imported(file) & {*FOLDERS, "pulumi"}
        assert ours <= {"cluster", "components", "promotion"}, file
        assert not imported(file) & EFFECTS, file


def test_the_boot_program_needs_the_standard_library_only() -> None:
    for file in python_files("cloud-init"):
        assert imported(file) <= {*sys.stdlib_module_names, "boot"}, file


def test_the_boot_program_is_imported_by_its_tests_only() -> None:
    assert users_of("boot") <= {"cloud-init"}


def test_pulumi_is_imported_only_where_it_may_be() -> None:
    assert users_of("pulumi") <= MAY_IMPORT_PULUMI
    # The plain program of the measurements is nothing but AWS resources.
    assert users_of("pulumi_aws") <= {"components", "bench"}


def test_paramiko_is_imported_only_in_the_provider() -> None:
    assert users_of("paramiko") == {"provider"}


def test_the_provider_stands_without_the_program() -> None:
    for file in python_files("provider"):
        assert not imported(file) & {"components", "pulumi_aws", "localcloud"}, file


@pytest.mark.parametrize(
    "folder",
    ["cluster", "cloud-init", "components", "k3s_aws", "provider", "recovery", "cost"],
)
def test_the_program_has_no_word_of_the_local_cloud(folder: str) -> None:
    for file in (each for each in (ROOT / folder).rglob("*") if each.is_file()):
        if "__pycache__" in file.parts:
            continue
        text = file.read_text().lower()
        assert "localcloud" not in text, file
        assert "moto" not in text.split(), file


# The rooms of provider/ and what each may import of them; the ground are the modules beside them.
ROOMS = {
    "ground": set(),
    "protocol": {"ground"},
    "keys": {"ground"},
    "ssh": {"keys", "ground"},
    "kubernetes": {"keys", "ground"},
    "resources": {"protocol", "keys", "ssh", "kubernetes", "ground"},
}


def room_of(module: str) -> str:
    """The room of a module of provider/; `provider` itself has the version only."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "ground"


@cache
def modules_of_provider(file: Path) -> frozenset[str]:
    """The modules of provider/ that a file imports."""
    found: set[str] = set()
    source = file.read_text()
    for node in ast.walk(ast.parse(source)) if "provider" in source else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "provider":
            modules = {f"{node.module}.{each.name}" for each in node.names}
            found |= {each if _path(each).exists() else str(node.module) for each in modules}
    return frozenset(found)


def _path(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_of_the_provider_import_downward(room: str) -> None:
    files = [
        file
        for file in python_files("provider")
        if file.name != "__main__.py" and room == _room_of_file(file)
    ]
    assert files
    for file in files:
        assert {room_of(each) for each in modules_of_provider(file)} <= {room, *ROOMS[room]}, file


def _room_of_file(file: Path) -> str:
    return room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))


def test_no_module_of_the_provider_is_imported_by_one_that_it_imports() -> None:
    graph = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): modules_of_provider(file)
        for file in python_files("provider")
    }
    # Raises CycleError, which names the circle.
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("folder", [each for each in FOLDERS if each != "k3s_aws"])
def test_the_package_for_other_programs_is_imported_by_none_of_its_parts(folder: str) -> None:
    # It is what the others look like from outside; in the wheel they are below it.
    for file in python_files(folder):
        assert "k3s_aws" not in imported(file), file


def test_the_protocol_of_the_provider_stands_without_the_program() -> None:
    for file in python_files("provider/protocol"):
        assert not imported(file) & {*FOLDERS} - {"provider"}, file


def test_localcloud_uses_the_protocol_of_the_provider_and_its_ground_only() -> None:
    found = {
        room_of(each) for file in python_files("localcloud") for each in modules_of_provider(file)
    }
    assert found == {"protocol", "ground"}


def test_localcloud_is_imported_by_itself_the_demo_and_the_measurements_only() -> None:
    assert users_of("localcloud") <= {"localcloud", "demo", "bench"}


def test_moto_is_imported_in_the_package_of_the_aws_api_only() -> None:
    found = {file.parent for file in python_files("localcloud") if "moto" in imported(file)}
    assert found == {ROOT / "localcloud" / "aws_api"}
    assert users_of("moto") == {"localcloud"}


@pytest.mark.parametrize("folder", ["demo", "bench"])
def test_nothing_imports_the_demo_or_the_measurements(folder: str) -> None:
    assert users_of(folder) <= {folder}


def test_recovery_stands_without_the_program() -> None:
    ours = set(FOLDERS) - {"recovery"}
    for file in python_files("recovery"):
        assert not imported(file) & {*ours, "pulumi", "pulumi_aws"}, file


def test_what_pipelines_run_stands_on_the_declarations_alone() -> None:
    ours = set(FOLDERS) - {"ci", "cluster"}
    for file in python_files("ci"):
        assert not imported(file) & {*ours, "pulumi", "pulumi_aws"}, file


def test_the_timeline_draws_what_the_declarations_and_the_stack_have() -> None:
    ours = set(FOLDERS) - {"timeline", "ci", "cluster"}
    for file in python_files("timeline"):
        assert not imported(file) & {*ours, "pulumi", "pulumi_aws"}, file
    # What draws cannot read or start anything.
    for name in ("rows", "axis", "svg", "terminal"):
        assert not imported(ROOT / "timeline" / f"{name}.py") & {*EFFECTS, "ci", "pathlib"}


def test_the_rules_of_the_policy_pack_are_plain_python() -> None:
    # The engine and its SDK are in one module; the rules themselves run in the fast tests.
    for file in python_files("policy"):
        allowed = {*sys.stdlib_module_names, "k3s_policy"}
        if file.name == "pack.py":
            allowed.add("pulumi_policy")
        assert imported(file) <= allowed, file
        assert file.name == "pack.py" or not imported(file) & EFFECTS, file


def test_nothing_imports_the_policy_pack() -> None:
    assert users_of("k3s_policy") == {"policy"}


def test_review_imports_the_rules_of_the_cluster_and_an_http_client_only() -> None:
    allowed = sys.stdlib_module_names | {"cluster", "review", "urllib3"}
    for file in python_files("review"):
        assert imported(file) <= allowed, file
        assert "urllib3" not in imported(file) or file.parent.name == "posting", file


def test_nothing_imports_review() -> None:
    assert users_of("review") <= {"review"}


def test_the_root_holds_no_module_but_the_program() -> None:
    # The root is first on sys.path: a types.py here would shadow Python's own.
    assert [file.name for file in ROOT.glob("*.py")] == ["__main__.py"]
