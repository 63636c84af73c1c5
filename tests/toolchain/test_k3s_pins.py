"""Adding a release to the pinned ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster import releases
from toolchain import k3s_pins
from toolchain.errors import ToolchainError
from toolchain.host import Architecture

VERSION = "v1.36.6+k3s1"
X86_64, ARM64 = "ab" * 32, "cd" * 32
AMD64_SUMS = f"{'11' * 32}  k3s-airgap-images-amd64.tar\n{X86_64}  k3s\n"
ARM64_SUMS = f"{ARM64}  k3s-arm64\n"
BEFORE = "# why\ndefault: v1.36.4+k3s1\nreleases:\n  v1.36.5+k3s1:\n    x86_64: " + "ee" * 32 + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "releases.yaml"
    made.write_text(BEFORE)
    return made


@pytest.fixture
def page(tmp_path: Path) -> str:
    """A release page with the two files of one version."""
    folder = tmp_path / "page" / VERSION
    folder.mkdir(parents=True)
    (folder / "sha256sum-amd64.txt").write_text(AMD64_SUMS)
    (folder / "sha256sum-arm64.txt").write_text(ARM64_SUMS)
    return f"file://{tmp_path}/page"


def test_a_release_is_pinned_with_what_its_page_publishes(file: Path, page: str) -> None:
    found = k3s_pins.fetched(VERSION, print, page)
    assert k3s_pins.add(file, VERSION, found) == f"{VERSION} is pinned for x86_64 and arm64"
    content = yaml.safe_load(file.read_text())
    assert content["releases"][VERSION] == {"x86_64": X86_64, "arm64": ARM64}
    assert content["releases"]["v1.36.5+k3s1"] == {"x86_64": "ee" * 32}
    assert file.read_text().startswith("# why\ndefault: v1.36.4+k3s1\n")


def test_a_release_is_pinned_from_files_that_were_downloaded(file: Path, tmp_path: Path) -> None:
    sums = tmp_path / "sums.txt"
    sums.write_text(ARM64_SUMS)
    k3s_pins.add(file, "v1.36.5+k3s1", k3s_pins.in_files([sums]))
    pinned = yaml.safe_load(file.read_text())["releases"]["v1.36.5+k3s1"]
    assert pinned == {"x86_64": "ee" * 32, "arm64": ARM64}


def test_pinning_twice_changes_nothing(file: Path) -> None:
    k3s_pins.add(file, VERSION, {"arm64": ARM64})
    before = file.read_text()
    assert k3s_pins.add(file, VERSION, {"arm64": ARM64}) == f"{VERSION} is pinned already"
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("version", "sha256", "message"),
    [
        ("v1.36.5+k3s1", {"x86_64": X86_64}, "is pinned for x86_64 with another hash"),
        ("1.36.5", {"x86_64": X86_64}, "is not shaped like a k3s release"),
        (VERSION, {"x86_64": "abc"}, "abc is not the SHA-256 of x86_64"),
        (VERSION, {}, "no hash of v1.36.6+k3s1 is known"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_written(
    file: Path, version: str, sha256: dict[Architecture, str], message: str
) -> None:
    with pytest.raises(ToolchainError, match="    ") as refused:
        k3s_pins.add(file, version, sha256)
    assert message in str(refused.value)
    assert file.read_text() == BEFORE


def test_a_page_that_has_no_such_release_is_named_with_the_ways_without_it(page: str) -> None:
    with pytest.raises(ToolchainError) as refused:
        k3s_pins.fetched("v9.9.9+k3s1", print, page)
    assert "sha256sum-amd64.txt cannot be read" in str(refused.value)
    assert "--sums" in str(refused.value)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hello\n")
    with pytest.raises(ToolchainError, match="lists neither k3s nor k3s-arm64"):
        k3s_pins.in_files([other])


def test_the_file_of_this_project_can_be_added_to(tmp_path: Path) -> None:
    own = Path(releases.__file__).with_name("releases.yaml")
    copy = tmp_path / "releases.yaml"
    copy.write_text(own.read_text())
    k3s_pins.add(copy, VERSION, {"x86_64": X86_64})
    content = yaml.safe_load(copy.read_text())["releases"]
    assert content.pop(VERSION) == {"x86_64": X86_64}
    assert content == releases.PINNED
