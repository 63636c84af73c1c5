"""Which Pulumi CLI is used, and what happens where none is."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from tests.toolchain.conftest import Machine
from toolchain import pins, pulumi_cli
from toolchain.errors import ToolchainError

# Builds like the real one as far as we look at it: what `-o` names afterwards prints a version.
GO = """
case "$1" in
env) echo go1.26.8 ;;
list) echo {modules} ;;
build) while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho {version}\\n' > "$2"; /bin/chmod 755 "$2" ;;
esac
"""


@pytest.fixture(autouse=True)
def _nothing_to_download(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pins, "PULUMI_URL", f"file://{machine.folder}/releases/{{version}}-{{platform}}.tar.gz"
    )


def provide(machine: Machine) -> pulumi_cli.PulumiCli:
    return pulumi_cli.provide(machine.places, machine.host, machine.path, machine.say)


def has_pulumi(machine: Machine, version: str) -> None:
    machine.has("pulumi", f"echo {version}")
    machine.has("pulumi-language-python", "")


def has_go(machine: Machine, version: str = pins.PULUMI_VERSION) -> None:
    modules = machine.folder / "modules"
    for name in ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python"):
        (modules / "python" / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / "python" / name).write_text("#!/bin/sh\n")
        (modules / "python" / name).chmod(0o444)
    machine.has("go", GO.format(modules=modules, version=version))


def offers_release(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release archive as Pulumi makes them, and the pin that fits it."""
    unpacked = machine.folder / "unpacked"
    unpacked.mkdir()
    for name in (*pulumi_cli.FILES, "pulumi-language-nodejs"):
        (unpacked / name).write_text(f"#!/bin/sh\necho {pins.PULUMI_VERSION}\n")
    archive = machine.folder / "releases" / f"{pins.PULUMI_VERSION}-linux-x64.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as content:
        content.add(unpacked, "pulumi")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(pins, "PULUMI_SHA256", {"linux-x64": digest})
    return archive


def test_a_recent_pulumi_on_path_is_used(machine: Machine) -> None:
    has_pulumi(machine, "v3.219.0")
    found = provide(machine)
    assert (machine.folder / "bin", "v3.219.0") == (found.folder, found.version)
    assert found.way == f"found on PATH ({machine.path}/pulumi)"


def test_the_pinned_one_is_not_that_on_path(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_pulumi(machine, "v3.300.0")
    offers_release(machine, monkeypatch)
    found = pulumi_cli.provide(
        machine.places, machine.host, machine.path, machine.say, is_pinned=True
    )
    assert (machine.places.pulumi_bin, pins.PULUMI_VERSION) == (found.folder, found.version)
    assert found == pulumi_cli.installed(machine.places)


@pytest.mark.parametrize("version", ["v3.149.9", "v2.25.1", "no version at all"])
def test_an_older_pulumi_on_path_is_passed_over(machine: Machine, version: str) -> None:
    has_pulumi(machine, version)
    assert pulumi_cli.on_path(machine.path, machine.places) is None


def test_a_pulumi_without_its_python_host_is_passed_over(machine: Machine) -> None:
    machine.has("pulumi", "echo v3.259.0")
    assert pulumi_cli.on_path(machine.path, machine.places) is None


def test_the_host_may_lie_beside_the_file_a_link_leads_to(machine: Machine) -> None:
    machine.has("pulumi", "echo v3.259.0", folder="opt")
    machine.has("pulumi-language-python", "", folder="opt")
    (machine.folder / "bin" / "pulumi").symlink_to(machine.folder / "opt" / "pulumi")
    found = pulumi_cli.on_path(machine.path, machine.places)
    assert found is not None
    assert found.version == "v3.259.0"


def test_the_official_release_is_installed_where_it_can_be_reached(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers_release(machine, monkeypatch)
    found = provide(machine)
    assert (machine.places.pulumi_bin, "the official release") == (found.folder, found.way)
    assert sorted(pulumi_cli.FILES) == sorted(file.name for file in found.folder.iterdir())
    assert all(os.access(file, os.X_OK) for file in found.folder.iterdir())
    assert not list(machine.places.toolchain.glob("*.tar.gz"))


def test_a_release_that_is_not_the_pinned_one_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers_release(machine, monkeypatch)
    monkeypatch.setattr(pins, "PULUMI_SHA256", {"linux-x64": "0" * 64})
    with pytest.raises(ToolchainError, match="is not the pinned file\n    expected SHA-256 0000"):
        provide(machine)
    assert not machine.places.pulumi_bin.exists()


def test_pulumi_is_built_where_no_release_can_be_reached(machine: Machine) -> None:
    has_go(machine)
    found = provide(machine)
    assert found.way == "built from its Go modules with go1.26.8"
    assert found.version == pins.PULUMI_VERSION
    assert [file.stat().st_mode & 0o777 for file in found.folder.iterdir()] == [0o755] * 4
    assert any("is out of reach: building Pulumi" in text for text in machine.messages)


def test_what_was_built_is_used_again(machine: Machine) -> None:
    has_go(machine)
    first, calls = provide(machine), len(machine.calls)
    assert first == provide(machine)
    assert calls == len(machine.calls)


def test_what_was_built_is_used_again_with_its_folder_on_path(machine: Machine) -> None:
    has_go(machine)
    first = provide(machine)
    machine_path = f"{machine.places.pulumi_bin}{os.pathsep}{machine.path}"
    again = pulumi_cli.provide(machine.places, machine.host, machine_path, machine.say)
    assert first == again


def test_another_pinned_version_is_built_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_go(machine)
    provide(machine)
    monkeypatch.setattr(pins, "PULUMI_VERSION", "v3.300.0")
    has_go(machine, "v3.300.0")
    assert provide(machine).version == "v3.300.0"


def test_an_incomplete_folder_is_built_again(machine: Machine) -> None:
    has_go(machine)
    (provide(machine).folder / "pulumi-language-python").unlink()
    assert pulumi_cli.installed(machine.places) is None
    assert (provide(machine).folder / "pulumi-language-python").exists()


def test_without_go_the_message_has_where_to_get_it(machine: Machine) -> None:
    with pytest.raises(ToolchainError) as caught:
        provide(machine)
    assert str(caught.value) == (
        "Go is not installed\n    get 1.26 or newer from https://go.dev/dl/"
    )


def test_a_failed_build_shows_its_last_words_and_leaves_no_folder(machine: Machine) -> None:
    machine.has("go", '[ "$1" = env ] && echo go1.26.8 && exit; echo "module not found"; exit 1')
    with pytest.raises(ToolchainError) as caught:
        provide(machine)
    log = machine.places.toolchain / "build-pulumi.log"
    assert str(caught.value) == (
        f"building pulumi {pins.PULUMI_VERSION} failed\n    | module not found\n"
        f"    or install Pulumi: https://www.pulumi.com/docs/install/; see {log}"
    )
    assert not machine.places.pulumi_bin.exists()


def test_the_go_modules_pin_the_versions_that_are_stamped() -> None:
    cli = (pulumi_cli.SOURCES / "pulumi" / "go.mod").read_text()
    host = (pulumi_cli.SOURCES / "language-python" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 {pins.PULUMI_VERSION}" in cli
    assert f"github.com/pulumi/pulumi/sdk/v3 {pins.PULUMI_VERSION}" in cli
    assert f"github.com/pulumi/pulumi/sdk/v3 {pins.LANGUAGE_HOST_VERSION}" in host
