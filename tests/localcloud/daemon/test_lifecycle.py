"""Start, stop and status where no daemon answers, or another one does; Docker is not asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import lifecycle
from localcloud.__main__ import main
from localcloud.aws_api.server import Api, Hooks
from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from toolchain.places import Places


class Leftovers:
    """What is on the host of an earlier run."""

    names: tuple[str, ...] = ()

    def __init__(self, cloud_id: str, image: str, home: Path) -> None:
        assert len(cloud_id) == 8
        assert home.is_absolute()

    def running(self) -> dict[str, int]:
        return dict.fromkeys(self.names, 1)

    def remove_everything(self) -> list[str]:
        removed, Leftovers.names = list(self.names), ()
        return removed


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(lifecycle, "Machines", Leftovers)
    monkeypatch.setattr(Leftovers, "names", ())
    return Cloud(tmp_path / "home")


@pytest.fixture
def daemon(cloud: Cloud) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like the daemon of this home, and has announced itself."""
    words = [sys.executable, "-c", "import time; time.sleep(60)", "localcloud", str(cloud.home)]
    with subprocess.Popen(words) as process:
        # Right after exec the kernel has no command line to tell yet.
        cmdline = Path(f"/proc/{process.pid}/cmdline")
        for _ in range(500):
            if b"localcloud" in cmdline.read_bytes():
                break
            time.sleep(0.01)
        announce(cloud, pid=process.pid, endpoint="http://127.0.0.1:1")
        yield process
        process.kill()


def announce(cloud: Cloud, **content: Any) -> None:
    cloud.home.mkdir(exist_ok=True)
    reported = {"k3sBinary": sys.executable, "k3sVersion": "v1", **content}
    (cloud.home / "endpoint.json").write_text(json.dumps(reported))


def start(cloud: Cloud, binary: str = sys.executable, version: str = "v1") -> dict[str, Any]:
    return cloud.start(k3s_binary=Path(binary), k3s_version=version, port=0, say=print)


def test_a_daemon_whose_number_another_process_has_does_not_run(cloud: Cloud) -> None:
    announce(cloud, pid=os.getpid())
    assert cloud.endpoint() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "one"}'])
def test_an_announcement_that_cannot_be_read_is_none(cloud: Cloud, content: str) -> None:
    cloud.home.mkdir()
    (cloud.home / "endpoint.json").write_text(content)
    assert cloud.endpoint() is None


def test_status_reports_what_a_dead_daemon_left(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Leftovers, "names", ("i-1", "i-2"))
    stop = f".local/venv/bin/python -m localcloud --home {cloud.home} stop"
    assert main(["--home", str(cloud.home), "status"]) == 3
    assert capsys.readouterr().out == (
        f"local cloud {cloud.id} is not running\n2 machines were left behind; remove: {stop}\n"
    )


def test_status_as_json_reports_that_nothing_is_running(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(cloud.home), "status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"running": False, "machines": []}


def test_a_daemon_that_does_not_answer_is_an_error_with_a_way_out(
    cloud: Cloud, daemon: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(LocalCloudError) as refused:
        cloud.status()
    assert str(refused.value).startswith(f"the local cloud's daemon {daemon.pid} does not respond")
    assert str(refused.value).endswith(f"or end it: {cloud.stop_command}")


def test_stop_removes_what_a_dead_daemon_left_and_may_be_repeated(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(cloud, pid=os.getpid())
    monkeypatch.setattr(Leftovers, "names", ("machine i-1",))
    assert main(["--home", str(cloud.home), "stop"]) == 0
    assert capsys.readouterr().err == "removed: machine i-1\n"
    assert main(["--home", str(cloud.home), "stop"]) == 0
    assert capsys.readouterr().err == ""
    assert [file.name for file in cloud.home.iterdir()] == ["lock"]


def test_stop_ends_the_daemon(cloud: Cloud, daemon: subprocess.Popen[bytes]) -> None:
    output: list[str] = []
    cloud.stop(output.append)
    assert daemon.wait() == -15
    assert (cloud.endpoint(), output) == (None, [])


def test_the_command_that_stops_it_names_its_home(cloud: Cloud) -> None:
    assert cloud.stop_command == f".local/venv/bin/python -m localcloud --home {cloud.home} stop"
    default = Cloud(Places().cloud)
    assert default.stop_command == ".local/venv/bin/python -m localcloud stop"


def test_a_daemon_of_another_account_is_a_message(
    cloud: Cloud, daemon: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(LocalCloudError) as refused:
        cloud.stop(print)
    monkeypatch.undo()
    assert str(refused.value) == (
        f"the local cloud's daemon (process {daemon.pid}) belongs to another account\n"
        "    run this as the account that started it, such as root"
    )


def test_start_gives_the_daemon_that_runs_already(
    cloud: Cloud, daemon: subprocess.Popen[bytes]
) -> None:
    assert start(cloud)["pid"] == daemon.pid
    assert daemon.poll() is None


def test_start_with_another_k3s_reports_which_one_is_running(
    cloud: Cloud, daemon: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(LocalCloudError) as refused:
        start(cloud, version="v2")
    assert str(refused.value) == (
        f"the local cloud runs with k3s v1 ({sys.executable}), not v2 ({sys.executable})\n"
        f"    stop it first: {cloud.stop_command}"
    )


def test_start_without_a_k3s_reports_where_to_get_one(cloud: Cloud) -> None:
    with pytest.raises(LocalCloudError) as refused:
        start(cloud, binary="/nowhere/k3s")
    assert str(refused.value) == (
        "there is no k3s at /nowhere/k3s\n    `.local/venv/bin/python -m toolchain k3s` gets one"
    )


def test_a_port_that_somebody_has_is_named() -> None:
    listener = Hooks(
        region="us-east-1",
        check=lambda action, arguments: None,
        on_change=lambda action, arguments: None,
        status=dict,
        interrupt=lambda instance_id, seconds: {},
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError) as refused:
            Api(port, listener)
    assert str(refused.value) == (
        f"port {port} on 127.0.0.1 is in use by another program\n"
        "    choose another with --port, or leave it out for a free one"
    )


def test_there_is_no_log_before_the_first_start(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(cloud.home), "logs"]) == 1
    assert "the cloud was never started" in capsys.readouterr().err
