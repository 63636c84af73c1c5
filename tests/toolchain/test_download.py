"""Fetching a pinned file: whole and verified, or not at all."""

from __future__ import annotations

import errno
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from toolchain import download
from toolchain.errors import ToolchainError

CONTENT = b"k3s" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "offered"
    file.write_bytes(CONTENT)
    return file


def fetch(source: Path, sha256: str = SHA256) -> Path:
    target = source.parent / "kept" / "k3s"
    download.fetch(source.as_uri(), sha256, target, lambda _: None)
    return target


def test_the_file_arrives_whole(source: Path) -> None:
    assert fetch(source).read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_not_kept(source: Path) -> None:
    with pytest.raises(ToolchainError, match=f"got {SHA256}; something between"):
        fetch(source, "f" * 64)
    assert list((source.parent / "kept").iterdir()) == []


def test_a_full_disk_is_named_with_what_is_free(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_copy", full)
    with pytest.raises(ToolchainError) as caught:
        fetch(source)
    assert str(caught.value).startswith(f"no space for {source.parent}/kept/k3s: ")
    assert str(caught.value).endswith("MiB are free\n    free some, then run it again")


def test_what_is_not_there_is_a_message_with_its_address(source: Path) -> None:
    source.unlink()
    with pytest.raises(ToolchainError, match=f"{source.as_uri()} could not be downloaded: "):
        fetch(source)


def test_reachable_is_what_can_be_opened(source: Path) -> None:
    assert download.reachable(source.as_uri())
    source.unlink()
    assert not download.reachable(source.as_uri())


def test_a_refusal_is_an_answer_and_silence_is_none() -> None:
    class Registry(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(401)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v2/"
        assert download.status_of(url) == 401
    assert download.status_of(url) is None
