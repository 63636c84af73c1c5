"""Further versions of the k3s stand-in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from localcloud.__main__ import FURTHER_K3S
from localcloud.errors import LocalCloudError
from localcloud.workbench import k3s_versions

OWN = "v1.36.4+standin1"


@pytest.fixture
def standin(tmp_path: Path) -> Path:
    file = tmp_path / "k3s"
    file.write_bytes(f"code {OWN} code".encode())
    return file


def test_a_later_version_has_another_patch_only() -> None:
    assert k3s_versions.later(OWN, 2) == "v1.36.6+standin1"


def test_the_stand_in_is_served_with_another_version_in_the_place_of_its_own(
    tmp_path: Path, standin: Path
) -> None:
    digest = k3s_versions.serve_standin(tmp_path, standin, OWN, "v1.36.5+standin1")
    served = (tmp_path / FURTHER_K3S / "v1.36.5+standin1" / "k3s").read_bytes()
    assert served == b"code v1.36.5+standin1 code"
    assert digest == hashlib.sha256(served).hexdigest()


def test_a_version_that_an_earlier_run_has_left_is_replaced_and_all_are_forgotten(
    tmp_path: Path, standin: Path
) -> None:
    for content in (f"an earlier {OWN}", f"the present {OWN}"):
        standin.write_text(content)
        k3s_versions.serve_standin(tmp_path, standin, OWN, "v1.36.5+standin1")
    served = tmp_path / FURTHER_K3S / "v1.36.5+standin1" / "k3s"
    assert served.read_text() == "the present v1.36.5+standin1"
    k3s_versions.forget(tmp_path)
    assert not (tmp_path / FURTHER_K3S).exists()


@pytest.mark.parametrize(("own", "version"), [(OWN, "v1.36.10+standin1"), ("v1.35.1+k3s1", OWN)])
def test_a_version_that_cannot_take_its_place_is_refused(
    tmp_path: Path, standin: Path, own: str, version: str
) -> None:
    with pytest.raises(LocalCloudError, match="is not a stand-in that"):
        k3s_versions.serve_standin(tmp_path, standin, own, version)
