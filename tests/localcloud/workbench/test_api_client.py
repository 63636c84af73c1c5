"""The client that counts what failed, for how long, and what was lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import urllib3

from localcloud.errors import LocalCloudError
from localcloud.workbench import api_client


class Api:
    """ConfigMaps of one namespace; refuses connections while it is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.names: list[str] = []
        self.called = threading.Condition()
        self.calls = 0

    def request(
        self, method: str, path: str, *, body: str | None, headers: Any
    ) -> urllib3.BaseHTTPResponse:
        with self.called:
            self.calls += 1
            self.called.notify_all()
        if self.away:
            raise urllib3.exceptions.ProtocolError("away")
        if method == "POST" and body:
            self.names.append(json.loads(body)["metadata"]["name"])
            return urllib3.HTTPResponse(status=201)
        items = [{"metadata": {"name": each}} for each in self.names]
        found = "?" in path or path.rpartition("/")[2] in self.names
        content = json.dumps({"items": items}).encode()
        return urllib3.HTTPResponse(content, status=200 if found else 404, reason="Not Found")

    def wait_for_calls(self, count: int) -> None:
        """Until it was called so many times more."""
        with self.called:
            wanted = self.calls + count
            assert self.called.wait_for(lambda: self.calls >= wanted, timeout=10)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(api_client, "_pool", lambda _: made)
    monkeypatch.setattr(api_client, "PERIOD_SECONDS", 0.005)
    return made


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    file.write_text("{}")
    return file


def test_an_api_that_stays_has_neither_failures_nor_losses(api: Api, kubeconfig: Path) -> None:
    with api_client.counting(kubeconfig) as seen:
        api.wait_for_calls(10)
    assert seen.writes == len(api.names) > 0
    assert (seen.failed_writes, seen.failed_reads, seen.lost) == (0, 0, set())
    assert str(seen).endswith(f"0 of {seen.reads} reads failed")


def test_an_api_that_is_away_makes_a_gap_and_failures_and_loses_nothing(
    api: Api, kubeconfig: Path
) -> None:
    with api_client.counting(kubeconfig) as seen:
        api.wait_for_calls(4)
        api.away = True
        threading.Event().wait(0.2)
        api.away = False
        api.wait_for_calls(4)
    assert seen.gap_seconds >= 0.2
    assert seen.failed_writes > 0
    assert seen.failed_reads > 0
    assert seen.errors["ProtocolError"] >= seen.failed_writes + seen.failed_reads
    assert seen.lost == set()


def test_an_acknowledged_write_that_is_not_there_afterwards_is_lost(
    api: Api, kubeconfig: Path
) -> None:
    with api_client.counting(kubeconfig) as seen:
        api.wait_for_calls(4)
        lost = api.names.pop(0)
    assert seen.lost == {lost}


def test_an_api_that_never_responds_is_an_error_with_what_the_client_saw(
    api: Api, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "COUNT_SECONDS", 0.05)
    api.away = True
    with (
        pytest.raises(LocalCloudError, match=r"within 0 s: \d+ x ProtocolError$"),
        api_client.counting(kubeconfig),
    ):
        pytest.fail("it begins before the API responded")


def test_a_change_that_failed_stays_the_error_where_the_api_is_away(
    api: Api, kubeconfig: Path
) -> None:
    def change() -> None:
        with api_client.counting(kubeconfig):
            api.away = True
            raise ValueError("the change")

    with pytest.raises(ValueError, match="the change"):
        change()
