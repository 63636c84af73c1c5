"""The Docker Engine is used, started or explained; and ended only by who started it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.toolchain.conftest import Machine
from toolchain import docker_engine
from toolchain.errors import ToolchainError

# `up` is the fake engine's socket, `containers` what runs in it.
DOCKER = """
cd {folder}
[ -e up ] || {{ echo "Cannot connect to the Docker daemon" >&2; exit 1; }}
[ "$1" = info ] && echo 27.5.1
[ "$1" = ps ] && [ -e containers ] && /bin/cat containers
exit 0
"""
DOCKERD = """
cd {folder}
trap '/bin/rm -f up; exit 0' TERM
: > up
while :; do /bin/sleep 0.05; done
"""


@pytest.fixture
def docker(machine: Machine) -> Iterator[Machine]:
    """A machine with Docker installed and not running; what a test starts ends with it."""
    machine.has("docker", DOCKER.format(folder=machine.folder))
    machine.has("dockerd", DOCKERD.format(folder=machine.folder))
    yield machine
    (machine.folder / "containers").unlink(missing_ok=True)
    stop(machine)


def start(machine: Machine) -> str:
    return docker_engine.start(machine.places, machine.host, machine.say)


def stop(machine: Machine) -> str:
    return docker_engine.stop(machine.places, machine.say)


def test_an_engine_that_responds_is_used_and_never_ended(docker: Machine) -> None:
    (docker.folder / "up").touch()
    assert start(docker) == "Docker 27.5.1, already running"
    assert stop(docker) == "Docker was not started by this checkout and keeps running"
    assert (docker.folder / "up").exists()


def test_an_engine_we_started_is_ended_by_us(docker: Machine) -> None:
    log = docker.places.docker / "dockerd.log"
    assert start(docker) == f"Docker 27.5.1, started (log: {log})"
    assert start(docker) == "Docker 27.5.1, started here earlier"
    assert stop(docker) == "Docker stopped"
    assert not (docker.folder / "up").exists()


def test_an_engine_with_containers_of_others_keeps_running(docker: Machine) -> None:
    start(docker)
    (docker.folder / "containers").write_text("0a1b2c\n3d4e5f\n")
    assert stop(docker) == "Docker keeps running: 2 containers of others run in it"
    assert docker_engine.started_here(docker.places)


def test_ending_it_twice_is_no_error(docker: Machine) -> None:
    start(docker)
    stop(docker)
    assert stop(docker) == "Docker was not started by this checkout and keeps running"


def test_a_record_of_a_process_that_has_gone_counts_for_nothing(docker: Machine) -> None:
    docker.places.docker.mkdir(parents=True)
    record = docker.places.docker / "started.json"
    # A process with this number lives, but did not begin then: the number was used again.
    record.write_text('{"way": "dockerd", "pid": 1, "began": "7"}')
    assert not docker_engine.started_here(docker.places)


def test_an_engine_that_ends_at_once_shows_its_last_words(docker: Machine) -> None:
    docker.has("dockerd", "echo 'failed to start daemon: no iptables'; exit 1")
    with pytest.raises(ToolchainError) as caught:
        start(docker)
    assert str(caught.value) == (
        "starting dockerd failed\n    | failed to start daemon: no iptables\n"
        f"    see {docker.places.docker}/dockerd.log"
    )
    assert not docker_engine.started_here(docker.places)


def test_an_engine_that_never_responds_is_ended(
    docker: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "START_SECONDS", 1.0)
    docker.has("dockerd", "echo 'waiting for containerd'; exec /bin/sleep 60")
    with pytest.raises(ToolchainError, match=r"no answer within 1 s\) failed\n    \| waiting"):
        start(docker)
    assert not docker_engine.started_here(docker.places)


def test_systemd_starts_its_own_unit(docker: Machine) -> None:
    docker.is_now(systemd=True)
    docker.has("systemctl", f'[ "$1" = start ] && : > {docker.folder}/up; exit 0')
    assert start(docker) == "Docker 27.5.1, started by systemd"
    stop(docker)
    assert "systemctl start docker.service" in docker.calls
    assert "systemctl stop docker.socket docker.service" in docker.calls


@pytest.mark.parametrize(
    ("message", "way_out"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket",
            "run as root, or let your account use Docker: sudo usermod -aG docker $USER, "
            "then log in again",
        ),
        (
            "Cannot connect to the Docker daemon",
            "start it as root: `service docker start`, or run this as root",
        ),
    ],
)
def test_another_account_than_root_gets_the_way_out(
    docker: Machine, message: str, way_out: str
) -> None:
    docker.is_now(root=False)
    docker.has("docker", f"echo '{message}' >&2; exit 1")
    with pytest.raises(ToolchainError) as caught:
        start(docker)
    assert str(caught.value) == f"Docker does not respond: {message}\n    {way_out}"


def test_a_machine_without_docker_gets_the_command_that_installs_it(machine: Machine) -> None:
    with pytest.raises(ToolchainError) as caught:
        start(machine)
    assert str(caught.value) == (
        "Docker does not respond: docker is not installed\n"
        "    install Docker Engine (on Debian: apt-get install docker.io) and start it"
    )
