"""The machine image's name, and what its building refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from localcloud.errors import MachineImageError
from localcloud.machines import image


def test_the_name_changes_with_any_file_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "image"
    shutil.copytree(image.IMAGE, copy)
    before = image.tag()
    monkeypatch.setattr(image, "IMAGE", copy)
    assert image.tag() == before
    (copy / "entrypoint.sh").write_text("#!/bin/sh\n")
    assert image.tag() != before


def test_the_name_of_the_other_architectures_image_changes_with_both_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image.emulated_tag("arm64")
    assert before.startswith("k3s-aws-machine-arm64:")
    assert before != image.emulated_tag("x86_64")
    seen = {before}
    for name in ("IMAGE", "EMULATED"):
        copy = tmp_path / name
        shutil.copytree(getattr(image, name), copy)
        monkeypatch.setattr(image, name, copy)
        assert image.emulated_tag("arm64") in seen
        (copy / "Dockerfile").write_text("FROM scratch\n")
        seen.add(image.emulated_tag("arm64"))
    assert len(seen) == 3


def test_too_little_space_is_reported_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(MachineImageError) as refused:
        image._require_space(tmp_path / "not" / "there" / "yet")
    text = str(refused.value)
    assert text.startswith(f"the machine image needs {1 << 40} MiB in {tmp_path}, ")
    assert "docker system prune" in text


def test_a_step_that_fails_reports_its_last_line() -> None:
    with pytest.raises(MachineImageError) as refused:
        image._command(["sh", "-c", "echo first >&2; echo the reason >&2; exit 3"])
    assert str(refused.value) == '"sh -c" failed: the reason'


def test_a_step_that_does_not_end_is_ended() -> None:
    with pytest.raises(MachineImageError) as refused:
        image._command(["sleep", "30"], seconds=0.1)
    assert str(refused.value) == '"sleep 30" did not end in 0 s'
