"""`python -m promotion compare`: the environments of the examples, and what it finds in others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from promotion.__main__ import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "environments"
NAMES = ["dev", "staging", "prod"]
CLUSTER = "k3s-aws:cluster"
BASE = "k3s-aws:base"

Change = Callable[[str, Callable[[dict[str, Any]], None]], None]


def compare(project: Path, *stacks: str) -> int:
    """The status of the command for the project's environments."""
    folder = project / "examples" / "environments"
    options = ["--folder", str(folder), "--differences", str(folder / "differences.yaml")]
    return main(["compare", *(stacks or NAMES), *options], project)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the examples that a test may change, in a project with the program's file."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copytree(EXAMPLES, tmp_path / "examples" / "environments")
    return tmp_path


@pytest.fixture
def change(project: Path) -> Change:
    """Changes the content of a YAML file of the environments."""

    def apply(name: str, edit: Callable[[dict[str, Any]], None]) -> None:
        file = project / "examples" / "environments" / name
        content = yaml.safe_load(file.read_text())
        edit(content)
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    return apply


def lines(output: str) -> dict[str, str]:
    """The table by its keys, blanks between the columns as one."""
    rows = [line.split(maxsplit=1) for line in output.splitlines()]
    return {row[0]: " ".join(row[1].split()) for row in rows if len(row) == 2}


def test_the_examples_differ_only_where_they_should(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(ROOT) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "declared, and nowhere" not in captured.out
    table = lines(captured.out)
    assert table["pools[agents].count"] == "1 2 3"
    assert table["pools[agents].spot"] == "true false (default) false (default)"
    assert table["identities[viewer]"] == "- there there"
    assert table["servers.rootVolumeGib"] == "20 (default) 20 (default) 80"


def test_a_difference_that_is_not_declared_is_an_error(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change(
        "Pulumi.dev.yaml",
        lambda file: file["config"][CLUSTER].update(k3s={"version": "v1.35.1+k3s1"}),
    )
    assert compare(project) == 1
    captured = capsys.readouterr()
    assert lines(captured.out)["k3s.version"].endswith("not declared")
    assert "1 differences are wrong: k3s.version" in captured.err


def test_a_value_that_is_not_the_declared_one_is_an_error(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change(
        "Pulumi.prod.yaml",
        lambda file: file["config"][CLUSTER].update(adminKubeconfig=True),
    )
    assert compare(project) == 1
    assert lines(capsys.readouterr().out)["adminKubeconfig"] == (
        "true false (default) true not as declared in prod"
    )


def test_an_environment_that_declared_values_leave_out_is_an_error(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change("differences.yaml", lambda file: file["adminKubeconfig"].pop("prod"))
    assert compare(project, "dev", "staging") == 0
    assert compare(project) == 1
    assert lines(capsys.readouterr().out)["adminKubeconfig"] == (
        "true false (default) false (default) not declared for prod"
    )


def test_a_value_for_an_environment_without_a_file_is_an_error(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change("differences.yaml", lambda file: file["adminKubeconfig"].update(prodd=False))
    assert compare(project) == 2
    reported = capsys.readouterr().err
    assert "differences.yaml: adminKubeconfig has a value for prodd, and there is no" in reported


def test_declared_values_count_where_all_are_the_same_too(project: Path, change: Change) -> None:
    change("Pulumi.dev.yaml", lambda file: file["config"][CLUSTER].pop("adminKubeconfig"))
    assert compare(project) == 1


def test_a_default_that_is_written_out_is_no_difference(project: Path, change: Change) -> None:
    change(
        "Pulumi.dev.yaml",
        lambda file: file["config"][CLUSTER].update(nodeDeadlineSeconds=600),
    )
    assert compare(project) == 0
    change(
        "Pulumi.dev.yaml",
        lambda file: file["config"][CLUSTER].update(nodeDeadlineSeconds=601),
    )
    assert compare(project) == 1


def test_a_key_of_an_entry_is_compared_between_those_that_have_the_entry(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(project)
    assert lines(capsys.readouterr().out)["identities[viewer].namespaces"] == (
        "- [] (default) [shop]"
    )


def test_other_keys_of_the_file_are_compared_and_secrets_only_for_being_there(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    auth = "k3s-aws:registryAuth"
    for name in NAMES:
        encrypted = {"ghcr.io": {"password": {"secure": f"v1:hunter2-{name}"}}}
        change(f"Pulumi.{name}.yaml", partial(_set, auth, encrypted))
    assert compare(project) == 0
    change("Pulumi.dev.yaml", lambda file: file["config"].pop(auth))
    change("Pulumi.dev.yaml", lambda file: file["config"].update({"aws:region": "eu-west-1"}))
    assert compare(project) == 1
    captured = capsys.readouterr()
    assert f"{auth}.ghcr.io.password, aws:region" in captured.err or (
        f"aws:region, {auth}.ghcr.io.password" in captured.err
    )
    assert "hunter2" not in captured.out + captured.err


def _set(key: str, value: object, file: dict[str, Any]) -> None:
    file["config"][key] = value


def set_in_project(project: Path, key: str, entry: object) -> None:
    """Sets a key of the project's own configuration, which every stack has."""
    file = project / "Pulumi.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"].pop(f"k3s-aws:{key}", None)
    content["config"][key] = entry
    file.write_text(yaml.safe_dump(content))


FILE = "examples/environments/base.yaml"


@pytest.mark.parametrize("key", ["base", BASE])
@pytest.mark.parametrize("entry", [FILE, {"value": FILE}, {"type": "string", "default": FILE}])
def test_a_base_of_the_project_is_that_of_every_stack_without_one(
    project: Path, change: Change, entry: object, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_in_project(project, key, entry)
    for name in NAMES:
        change(f"Pulumi.{name}.yaml", lambda file: file["config"].pop(BASE))
    assert compare(project) == 0
    assert lines(capsys.readouterr().out)["pools[agents].count"] == "1 2 3"
    # A key of the base that is in one of the stack files only: that one alone has it otherwise.
    change("base.yaml", lambda base: base.update(drainSeconds=90))
    for name in NAMES[1:]:
        change(f"Pulumi.{name}.yaml", lambda file: file["config"][CLUSTER].update(drainSeconds=90))
    assert compare(project) == 0
    change("Pulumi.dev.yaml", partial(_set, BASE, ""))
    assert compare(project) == 1


def test_a_cluster_of_the_project_is_that_of_a_stack_without_one(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = project / "examples" / "environments"
    shutil.copy(stacks / "Pulumi.dev.yaml", stacks / "Pulumi.other.yaml")
    dev = yaml.safe_load((stacks / "Pulumi.dev.yaml").read_text())["config"][CLUSTER]
    change("Pulumi.other.yaml", lambda file: file["config"].pop(CLUSTER))
    compare(project, "dev", "other")
    assert lines(capsys.readouterr().out)["tags.environment"] == "dev - not declared for other"
    set_in_project(project, "cluster", {"type": "object", "default": dev})
    compare(project, "dev", "other")
    assert lines(capsys.readouterr().out)["tags.environment"] == "dev dev not declared for other"


def test_a_project_of_another_name_has_its_own_keys(project: Path, change: Change) -> None:
    file = project / "Pulumi.yaml"
    file.write_text(file.read_text().replace("k3s-aws", "shop"))
    for name in NAMES:
        stack = project / "examples" / "environments" / f"Pulumi.{name}.yaml"
        stack.write_text(stack.read_text().replace("k3s-aws:", "shop:"))
    assert compare(project) == 0
    change("Pulumi.prod.yaml", lambda file: file["config"].pop("shop:base"))
    assert compare(project) == 1


def test_an_object_that_is_empty_is_there(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change("Pulumi.dev.yaml", lambda file: file["config"][CLUSTER].update(backup={}))
    assert compare(project) == 1
    assert lines(capsys.readouterr().out)["backup"] == "{} - - not declared"
    for name in NAMES[1:]:
        change(
            f"Pulumi.{name}.yaml",
            lambda file: file["config"][CLUSTER].update(backup={"everyHours": 12}),
        )
    assert compare(project) == 0


def test_a_declared_key_that_nothing_has_is_named(
    project: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change("differences.yaml", lambda file: file.update({"servers.instanceTyp": None}))
    assert compare(project) == 0
    assert "declared, and nowhere: servers.instanceTyp" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "text", "reported"),
    [
        ("Pulumi.dev.yaml", "a: [", "Pulumi.dev.yaml cannot be read: "),
        ("Pulumi.dev.yaml", "a: 1", "Pulumi.dev.yaml has no `config`"),
        ("differences.yaml", "- a", "differences.yaml must be an object"),
        ("differences.yaml", "a: 1", "a must have nothing, or a value for each environment"),
        ("base.yaml", "- a", '"examples/environments/base.yaml" is not an object'),
        (
            "Pulumi.dev.yaml",
            "config: {k3s-aws:base: 7}",
            "Pulumi.dev.yaml: k3s-aws:base must be the name of a file, found 7",
        ),
        (
            "Pulumi.dev.yaml",
            "config: {k3s-aws:base: {secure: v1:x}}",
            "Pulumi.dev.yaml: k3s-aws:base must be the name of a file, found {'secure': 'v1:x'}",
        ),
        ("../../Pulumi.yaml", "a: [", "Pulumi.yaml cannot be read: "),
        ("../../Pulumi.yaml", "a: 1", "Pulumi.yaml has no `name`"),
    ],
)
def test_a_file_of_another_form_is_one_message(
    project: Path, file: str, text: str, reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "examples" / "environments" / file).write_text(text)
    assert compare(project) == 2
    assert reported in capsys.readouterr().err


def test_a_stack_that_has_no_file_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(ROOT, "dev", "qa") == 2
    assert "Pulumi.qa.yaml cannot be read" in capsys.readouterr().err
