"""A configuration reads files of the project's folder, and no others of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster import config
from cluster.errors import ConfigError
from components import project_files

CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
TEXT = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "manifests").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".local").mkdir()
    for name in ("project/manifests/shop.yaml", "project/.git/config", "project/.env", "x.yaml"):
        (tmp_path / name).write_text(TEXT)
    (folder / "out.yaml").symlink_to(tmp_path / "x.yaml")
    (folder / "outside").symlink_to(tmp_path)
    (folder / "in.yaml").symlink_to("manifests/shop.yaml")
    (folder / "git.yaml").symlink_to(".git/config")
    (folder / "circle").symlink_to("circle")
    (folder / "large.yaml").write_text("#" * (project_files.LONGEST + 1))
    (folder / "binary.yaml").write_bytes(b"\xff\xfe")
    os.mkfifo(folder / "pipe.yaml")
    return folder


def load(project: Path, name: str) -> str:
    """The content of a manifest of a configuration that names this file."""
    given = {"network": CLOSED, "manifests": [{"name": "shop", "file": name}]}
    read_file = project_files.reader(project)
    return config.load(given, stack="dev", read_file=read_file).manifests[0].content


@pytest.mark.parametrize("name", ["manifests/shop.yaml", "./manifests/shop.yaml", "in.yaml"])
def test_a_file_of_the_project_is_read(project: Path, name: str) -> None:
    assert load(project, name) == TEXT


OUTSIDE = 'it is not a path in the project\'s folder, without ".."'
HIDDEN = "it is a hidden file, or in a hidden folder"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x.yaml", OUTSIDE),
        ("../no-such-file.yaml", OUTSIDE),
        ("manifests/../../x.yaml", OUTSIDE),
        ("manifests/../manifests/shop.yaml", OUTSIDE),
        ("/etc/hostname", OUTSIDE),
        ("/no-such-file", OUTSIDE),
        ("out.yaml", "it leads out of the project's folder"),
        ("outside/x.yaml", "it leads out of the project's folder"),
        ("outside/no-such-file.yaml", "it leads out of the project's folder"),
        (".git/config", HIDDEN),
        (".env", HIDDEN),
        ("git.yaml", "it leads to a hidden file, or into a hidden folder"),
        ("no-such-file.yaml", "No such file or directory"),
        ("manifests", "it is not a regular file"),
        ("pipe.yaml", "it is not a regular file"),
        ("large.yaml", "it has more than 1048576 bytes"),
        ("binary.yaml", "it is not UTF-8 text"),
        ("a\0b", "it is not a valid path"),
        ("circle", "it is not a valid path"),
    ],
)
def test_every_other_file_is_a_problem_with_its_reason(project: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(project, name)
    (problem,) = rejected.value.problems
    assert problem.path == "cluster.manifests[0].file"
    assert problem.what.endswith(f" cannot be read: {why}")


def test_the_project_may_itself_be_in_a_hidden_folder_or_behind_a_link(project: Path) -> None:
    hidden = project.parent / ".checkout"
    project.rename(hidden)
    (project.parent / "link").symlink_to(hidden)
    for folder in (hidden, project.parent / "link"):
        assert load(folder, "manifests/shop.yaml") == TEXT


def test_the_program_reads_files_in_this_way() -> None:
    program = (Path(__file__).parents[2] / "__main__.py").read_text()
    assert "read_file=project_files.reader(Path.cwd())" in program
