"""The hosts of other languages are built once, and again when a pin changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain import languages
from toolchain.errors import ToolchainError
from toolchain.places import Places

GO = """#!/bin/sh
for word; do
    if [ "$before" = -o ]; then printf '#!/bin/sh\\n' > "$word"; chmod +x "$word"; fi
    before=$word
done
echo "$@" >> "$(dirname "$0")/calls"
exit %d
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def use_go(folder: Path, monkeypatch: pytest.MonkeyPatch, *, status: int = 0) -> Path:
    """A `go` that makes what it is asked for; the file with its calls."""
    go = folder / "bin" / "go"
    go.parent.mkdir()
    go.write_text(GO % status)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    return go.with_name("calls")


def test_they_are_built_once(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = use_go(tmp_path, monkeypatch)
    folder = languages.provide(places, lambda _: None)
    assert languages.provide(places, lambda _: None) == folder
    assert languages.is_prepared(places)
    assert len(calls.read_text().splitlines()) == 3
    names = {"pulumi-language-yaml", "pulumi-language-nodejs", languages.GENERATE_SDK}
    assert {each.name for each in folder.iterdir()} == {*names, "built.json"}


def test_another_pin_or_a_missing_program_has_them_built_again(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = use_go(tmp_path, monkeypatch)
    folder = languages.provide(places, lambda _: None)
    (folder / "pulumi-language-yaml").unlink()
    assert not languages.is_prepared(places)
    languages.provide(places, lambda _: None)
    monkeypatch.setattr(languages, "YAML_VERSION", "v1.26.0")
    assert not languages.is_prepared(places)
    languages.provide(places, lambda _: None)
    assert len(calls.read_text().splitlines()) == 9


def test_a_build_that_fails_leaves_nothing_that_counts_as_prepared(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_go(tmp_path, monkeypatch, status=1)
    with pytest.raises(ToolchainError):
        languages.provide(places, lambda _: None)
    assert not languages.is_prepared(places)
