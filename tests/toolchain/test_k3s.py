"""Which k3s the local cloud gets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cluster import releases
from tests.toolchain.conftest import Machine
from toolchain import emulation, k3s
from toolchain.errors import ToolchainError

BUILD = """#!/bin/sh
echo build "$1" $GOARCH >> {folder}/calls
printf '#!/bin/sh\\necho "k3s version v1.36.4+standin1 (standin)"\\n' > "$1"
/bin/chmod 755 "$1"
"""
VERSION = "v1.36.4+k3s1"


@pytest.fixture(autouse=True)
def _nothing_to_download(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "DOWNLOAD_URL", f"file://{machine.folder}/releases")


def provide(machine: Machine, named: str | None = None) -> k3s.K3s:
    return k3s.provide(machine.places, machine.host, named, machine.say)


def has_standin(machine: Machine) -> Path:
    """The sources of a stand-in that is built at once."""
    sources = machine.places.root / k3s.STANDIN
    sources.mkdir(parents=True)
    (sources / "build.sh").write_text(BUILD.format(folder=machine.folder))
    (sources / "build.sh").chmod(0o755)
    (sources / "main.go").write_text("package main\n")
    machine.has("go", "echo go1.26.8")
    return sources


def builds(machine: Machine) -> int:
    return len([call for call in machine.calls if call.startswith("build ")])


def offers_release(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> str:
    content = b"the real k3s"
    sha256 = hashlib.sha256(content).hexdigest()
    file = machine.folder / "releases" / VERSION / "k3s"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    monkeypatch.setattr(releases, "DEFAULT_VERSION", VERSION)
    monkeypatch.setattr(releases, "PINNED", {VERSION: {"x86_64": sha256}})
    return sha256


def test_the_pinned_release_is_used_where_it_can_be_reached(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = offers_release(machine, monkeypatch)
    found = provide(machine)
    path = machine.places.k3s / VERSION / "k3s"
    assert found == k3s.K3s(path, VERSION, "the real release", sha256)
    assert path.stat().st_mode & 0o111


def test_a_release_that_is_there_is_not_downloaded_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers_release(machine, monkeypatch)
    first = provide(machine)
    (machine.folder / "releases" / VERSION / "k3s").unlink()
    assert first == provide(machine)


def test_the_stand_in_is_built_where_the_release_is_out_of_reach(machine: Machine) -> None:
    has_standin(machine)
    found = provide(machine)
    assert (found.version, found.kind) == ("v1.36.4+standin1", "the stand-in")
    assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert any("is out of reach: the stand-in takes its place" in text for text in machine.messages)


def test_an_architecture_nothing_is_pinned_for_gets_the_stand_in(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers_release(machine, monkeypatch)
    has_standin(machine)
    machine.is_now(architecture="arm64")
    assert provide(machine).kind == "the stand-in"


def test_the_stand_in_is_built_once(machine: Machine) -> None:
    has_standin(machine)
    provide(machine)
    provide(machine)
    assert builds(machine) == 1


@pytest.mark.parametrize(
    ("changed", "count"), [("main.go", 2), ("go.sum", 2), ("main_test.go", 1), ("README.md", 1)]
)
def test_the_stand_in_is_built_again_when_its_sources_change(
    machine: Machine, changed: str, count: int
) -> None:
    sources = has_standin(machine)
    provide(machine)
    (sources / changed).write_text("changed")
    provide(machine)
    assert count == builds(machine)


@pytest.mark.parametrize(("changed", "count"), [("flags.yaml", 2), ("__init__.py", 1)])
def test_the_stand_in_is_built_again_when_k3s_flags_change(
    machine: Machine, changed: str, count: int
) -> None:
    has_standin(machine)
    provide(machine)
    flags = machine.places.root / k3s.FLAGS
    flags.mkdir(parents=True)
    (flags / changed).write_text("changed")
    provide(machine)
    assert count == builds(machine)


def test_the_stand_in_is_built_again_by_another_go(machine: Machine) -> None:
    has_standin(machine)
    provide(machine)
    machine.has("go", "echo go1.27.0")
    provide(machine)
    assert builds(machine) == 2


def test_a_named_binary_comes_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    offers_release(machine, monkeypatch)
    named = machine.has("mine", "echo 'k3s version v1.37.0+k3s9 (abc)'", folder="own")
    found = provide(machine, str(named))
    assert (named, "v1.37.0+k3s9", "K3S_BINARY") == (found.path, found.version, found.kind)


def test_a_named_binary_may_have_the_name_of_a_release_file(machine: Machine) -> None:
    """k3s begins its version with the name it was called by."""
    named = machine.has("k3s-arm64", "echo 'k3s-arm64 version v1.37.0+k3s9 (abc)'", folder="own")
    assert provide(machine, str(named)).version == "v1.37.0+k3s9"


def test_a_named_file_that_is_not_executable_is_refused(machine: Machine) -> None:
    named = machine.folder / "k3s"
    with pytest.raises(ToolchainError) as caught:
        provide(machine, str(named))
    assert str(caught.value) == (
        f"K3S_BINARY names {named}, which is not an executable file\n"
        "    name a k3s binary, or unset K3S_BINARY"
    )


def test_a_named_file_that_is_no_k3s_is_refused(machine: Machine) -> None:
    named = machine.has("mine", "echo 'BusyBox v1.35'", folder="own")
    with pytest.raises(ToolchainError, match=f"{named} is not a k3s: "):
        provide(machine, str(named))


def test_the_stand_in_for_the_other_architecture_is_built_beside_the_hosts_own(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_standin(machine)
    here = provide(machine)
    made = k3s.emulated(machine.places, machine.host, here, machine.say)
    assert made == machine.places.k3s / "standin-arm64" / "k3s"
    assert made == k3s.emulated(machine.places, machine.host, here, machine.say)
    built = [call for call in machine.calls if call.startswith("build ")]
    assert [call.split()[2:] for call in built] == [[], ["arm64"]]


def test_what_is_emulated_is_what_was_built_and_runs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = has_standin(machine)
    here = provide(machine)
    monkeypatch.setattr(emulation, "is_ready", lambda _: True)
    assert k3s.emulated_if_built(machine.places, machine.host, here) is None
    made = k3s.emulated(machine.places, machine.host, here, machine.say)
    assert k3s.emulated_if_built(machine.places, machine.host, here) == made
    monkeypatch.setattr(emulation, "is_ready", lambda _: False)
    assert k3s.emulated_if_built(machine.places, machine.host, here) is None
    monkeypatch.setattr(emulation, "is_ready", lambda _: True)
    (sources / "main.go").write_text("changed")
    assert k3s.emulated_if_built(machine.places, machine.host, here) is None


def test_a_real_k3s_is_not_emulated(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    offers_release(machine, monkeypatch)
    here = provide(machine)
    assert k3s.emulated(machine.places, machine.host, here, machine.say) is None
    assert "the real release cannot be emulated, only the stand-in can" in machine.messages
