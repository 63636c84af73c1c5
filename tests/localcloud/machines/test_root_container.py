"""What needs root is done through Docker by an account that is not root."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcloud.errors import MachineError, MachineImageError
from localcloud.instance.authority import Authority
from localcloud.machines import (
    Ingress,
    Machines,
    MachineSpec,
    commands,
    ensure_image,
    image,
    messages,
    root_container,
    root_process,
    sockets,
)
from localcloud.machines.root_container import RootContainer, Started
from localcloud.machines.volumes import by_id

SUBNET = "10.48.0.0/24"
METADATA = ("169.254.169.254", 80)


@pytest.fixture
def _not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "is_root", lambda: False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """The far ends of the containers that were started: the same process, as a thread."""
    ends: list[socket.socket] = []
    servers: list[threading.Thread] = []

    def connect() -> Started:
        ours, theirs = socket.socketpair()
        ends.append(theirs)
        servers.append(threading.Thread(target=root_process.serve, args=[theirs], daemon=True))
        servers[-1].start()
        return Started(ours, None)

    monkeypatch.setattr(root_container, "connect", connect)
    container = RootContainer()
    monkeypatch.setattr(root_container, "_container", container)
    yield ends
    container.close()
    for server, end in zip(servers, ends, strict=True):
        # It ends with the connection, and must not lose its end of it before.
        server.join()
        end.close()


@pytest.mark.usefixtures("_not_root")
def test_a_command_is_run_by_the_container_and_answered_as_by_root(
    started: list[socket.socket],
) -> None:
    assert commands.run(["tr", "a-z", "A-Z"], stdin="rules\n" * 20_000) == "RULES\n" * 20_000
    with pytest.raises(MachineError) as refused:
        commands.run(["sh", "-c", "echo the reason >&2; exit 3"])
    assert str(refused.value) == '"sh -c echo the reason >&2; exit 3" failed: the reason'
    with pytest.raises(MachineError, match=r"did not end within 0 s"):
        commands.run(["sleep", "30"], seconds=0.1)
    assert len(started) == 1


def test_root_itself_needs_no_container(
    started: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "is_root", lambda: True)
    assert commands.run(["echo", "done"]) == "done\n"
    assert started == []


@pytest.mark.usefixtures("_not_root", "started")
def test_a_socket_that_the_container_opened_is_served_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def in_its_namespace(pid: int, address: str, port: int) -> socket.socket:
        assert (pid, port) == (4711, 80)
        return socket.create_server((address, 0))

    monkeypatch.setattr(sockets, "inside", lambda *_: "127.0.0.1")
    monkeypatch.setattr(sockets, "_listen_in", in_its_namespace)
    with sockets.listen(4711, "127.0.0.1", 80) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as client, listener.accept()[0] as served:
            served.sendall(b"hello")
            assert client.recv(5) == b"hello"
    # No descriptor of it stays open on the other side, once that has taken the next request.
    commands.run(["true"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


@pytest.mark.usefixtures("_not_root", "started")
def test_a_socket_that_cannot_be_opened_is_the_same_message_as_roots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "inside", lambda *_: "127.0.0.1")
    monkeypatch.setattr(sockets, "_listen_in", lambda *_: OSError("Address already in use"))
    with pytest.raises(MachineError) as refused:
        sockets.listen(4711, "127.0.0.1", 80)
    assert str(refused.value) == (
        "no socket on 127.0.0.1:80 in the namespace of 4711: Address already in use"
    )


@pytest.mark.usefixtures("_not_root")
def test_a_setting_of_the_kernel_is_written_by_the_container(
    started: list[socket.socket], tmp_path: Path
) -> None:
    setting = tmp_path / "route localnet"
    commands.write(setting, "1")
    assert setting.read_text() == "1"
    assert len(started) == 1


@pytest.mark.usefixtures("_not_root")
def test_after_its_end_the_next_call_starts_another_one(started: list[socket.socket]) -> None:
    commands.run(["true"])
    started[0].shutdown(socket.SHUT_RDWR)
    with pytest.raises(MachineError, match="the container with root's rights failed"):
        commands.run(["true"])
    assert commands.run(["echo", "again"]) == "again\n"
    assert len(started) == 2


def test_the_process_in_it_ends_with_the_one_that_asked_for_it() -> None:
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=root_process.serve, args=[theirs])
    serving.start()
    ours.close()
    serving.join(60)
    assert not serving.is_alive()
    theirs.close()


@pytest.mark.usefixtures("_not_root")
def test_a_command_on_files_sees_those_of_the_process_that_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(commands, "run", asked.append)
    commands.run_here(["losetup", "--list"])
    monkeypatch.setattr(commands, "is_root", lambda: True)
    commands.run_here(["losetup", "--list"])
    entering = ["nsenter", "-t", str(os.getpid()), "-m", "--"]
    assert asked == [[*entering, "losetup", "--list"], ["losetup", "--list"]]


def test_a_message_may_come_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    body = b'{"do": "run"}'
    whole = len(body).to_bytes(4, "big") + body

    def send() -> None:
        for byte in whole:
            ours.send(bytes([byte]))

    sending = threading.Thread(target=send)
    sending.start()
    assert messages.receive(theirs) == ({"do": "run"}, [])
    sending.join()
    ours.close()
    with pytest.raises(ConnectionResetError):
        messages.receive(theirs)
    theirs.close()


def test_the_container_is_given_what_the_work_needs_and_not_the_whole_host() -> None:
    words = root_container.command(Path("/tmp/x/socket"))
    joined = " ".join(words)
    assert "--privileged" not in words
    assert "--network host --pid host" in joined
    assert {"--cap-add=NET_ADMIN", "--cap-add=SYS_ADMIN"} <= set(words)
    # Of the host's devices, loop devices alone.
    rules = {each for each in words if each.startswith("--device-cgroup-rule=")}
    assert rules == {"--device-cgroup-rule=b 7:* rmw", "--device-cgroup-rule=c 10:237 rmw"}
    seen = [word.removeprefix("--volume=") for word in words if word.startswith("--volume=")]
    writable = [each for each in seen if not each.endswith(":ro")]
    temporary = tempfile.gettempdir()
    assert set(writable) <= {f"{temporary}:{temporary}", "/run/xtables.lock:/run/xtables.lock"}
    # Not the machines' own files, nor the sockets of this host's services.
    assert not any(each.startswith(("/:", "/var:", "/run:")) for each in seen)
    assert words[-4:] == [
        sys.executable, "-m", "localcloud.machines.root_process", "/tmp/x/socket"
    ]  # fmt: skip


def test_the_systems_folders_are_the_hosts_own_or_links_as_there(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").symlink_to("usr/bin")
    seen = root_container.volumes(tmp_path)
    assert seen[:2] == [f"{tmp_path}/{name}:{tmp_path}/{name}:ro" for name in ("etc", "usr")]
    assert not any(str(tmp_path / "home") in each for each in seen)
    with tarfile.open(fileobj=io.BytesIO(root_container.content(tmp_path))) as archive:
        assert [(each.name, each.linkname) for each in archive] == [("bin", "usr/bin")]


def test_where_docker_starts_no_such_container_its_error_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n[ $1 = image ] && exit\n"
        "echo 'docker: cannot share the host network in a user namespace' >&2\n"
        "echo \"Run 'docker run --help' for more information\" >&2\nexit 125\n"
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(MachineError) as refused:
        root_container.connect()
    assert str(refused.value) == (
        "no container with root's rights can be started: docker: cannot share the host network "
        "in a user namespace\n    the local cloud sets up the network of its machines: run it as "
        "root, or use a Docker Engine that starts such containers on this machine"
    )


@pytest.mark.usefixtures("_not_root", "started")
def test_the_image_is_made_of_debians_packages_by_the_container(
    started: list[socket.socket], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "mmdebstrap"
    tool.write_text("#!/bin/sh\necho 'E: no mirror' >&2; exit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(MachineImageError, match="failed: E: no mirror"):
        image._as_root(["mmdebstrap", "--quiet", "bookworm", "base.tar"], seconds=10)
    assert len(started) == 1


@pytest.mark.localcloud
@pytest.mark.usefixtures("_not_root")
def test_a_machine_lives_without_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    container = RootContainer()
    monkeypatch.setattr(root_container, "_container", container)
    machines = Machines("0badc0de", ensure_image(print), home=tmp_path)
    machines.remove_everything()
    spec = MachineSpec(
        instance_id="without-root",
        hostname="without-root",
        private_ip="10.48.0.10",
        mac="02:00:00:00:60:10",
        network="without-root",
        subnet_cidr=SUBNET,
        vpc_cidr=SUBNET,
        names={},
        ca_certificate=Authority(datetime.now(UTC)).certificate,
    )
    try:
        machines.create(spec)
        machines.start("without-root")
        with machines.listen("without-root", *METADATA):
            machines.admit("without-root", [Ingress("tcp", 22, 22, "10.48.0.1/32")])
            machines.publish({"127.48.0.1": "10.48.0.10"})
            pid = machines.running()["without-root"]
            listening = commands.inside(pid, ["ss", "-ltn"])
            assert "169.254.169.254:80" in listening
            assert "--dport 22" in commands.inside(pid, ["iptables-save"])
            machines.volumes.attach("without-root", "vol-0", 1)
            size = ["blockdev", "--getsize64", by_id("vol-0")]
            assert machines.execute("without-root", size) == f"{1 << 30}\n"
    finally:
        removed = machines.remove_everything()
    assert {"machine without-root", "volume vol-0"} <= set(removed)
    assert "chain K3SAWS-0badc0de" in removed
    assert machines.remove_everything() == []
    container.close()
    listed = ["docker", "ps", "--all", "--quiet", "--filter", f"ancestor={root_container.image()}"]
    assert subprocess.run(listed, capture_output=True, check=True).stdout == b""
