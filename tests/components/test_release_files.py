"""k3s on the operator's machine, before it goes into the bucket."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cluster import config
from cluster.model import Cluster
from components import release_files
from components.lookups import LookupFailed
from tests.cluster import ec2
from tests.components.recording import CONFIGURATION

CONTENT = b"the k3s of this test"


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.log, "info", lambda _: None)


def cluster(place: Path, content: bytes = CONTENT) -> Cluster:
    version = "v1.36.4+own1"
    digest = hashlib.sha256(content).hexdigest()
    k3s: dict[str, Any] = {"version": version, "bucket": True, "sha256": {"arm64": digest}}
    raw = {"network": CONFIGURATION["network"], "k3s": k3s}
    loaded = config.load(raw, stack="dev")
    resolved = ec2.resolve(loaded)
    (place / version).mkdir()
    (place / version / "k3s-arm64").write_bytes(CONTENT)
    served = dataclasses.replace(resolved.k3s, download_url=f"file://{place}")
    return dataclasses.replace(resolved, k3s=served)


def test_it_is_downloaded_once_and_kept_under_its_hash(tmp_path: Path) -> None:
    wanted = cluster(tmp_path)
    (path,) = release_files.provide(wanted, tmp_path / "kept").values()
    assert path.name == hashlib.sha256(CONTENT).hexdigest()
    assert path.read_bytes() == CONTENT
    (tmp_path / "v1.36.4+own1" / "k3s-arm64").unlink()
    assert release_files.provide(wanted, tmp_path / "kept") == {"arm64": path}


def test_a_kept_file_that_was_changed_is_fetched_again(tmp_path: Path) -> None:
    wanted = cluster(tmp_path)
    (path,) = release_files.provide(wanted, tmp_path / "kept").values()
    path.write_bytes(b"broken")
    release_files.provide(wanted, tmp_path / "kept")
    assert path.read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_rejected_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(LookupFailed) as failed:
        release_files.provide(cluster(tmp_path, b"what was expected"), tmp_path / "kept")
    assert f"got {hashlib.sha256(CONTENT).hexdigest()}" in str(failed.value)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_url_without_the_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    wanted = cluster(tmp_path)
    (tmp_path / "v1.36.4+own1" / "k3s-arm64").unlink()
    with pytest.raises(LookupFailed) as failed:
        release_files.provide(wanted, tmp_path / "kept")
    assert "could not be downloaded" in str(failed.value)
    assert "remove cluster.k3s.bucket" in str(failed.value)
