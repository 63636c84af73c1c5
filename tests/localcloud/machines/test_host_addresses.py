"""The private addresses that this host itself has, under the label of their cloud."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import pytest

from localcloud.errors import MachineError
from localcloud.machines import commands, host_addresses, root_container

CLOUD = "0badcafe"


class Loopback:
    """The loopback interface: each address with its label."""

    def __init__(self) -> None:
        self.addresses = {"127.0.0.1": "lo", "10.9.0.7": "lo:anothers"}

    def run(self, words: Sequence[str]) -> str:
        if words[-2] == "label" and "show" in words:
            # As `ip -o` writes it, without what follows the label.
            return "".join(
                f"1: lo    inet {address}/32 scope global {label}\\       valid_lft forever\n"
                for address, label in self.addresses.items()
                if label == words[-1]
            )
        assert words[:2] == ["ip", "address"]
        address = words[3].removesuffix("/32")
        if words[2] == "del":
            del self.addresses[address]
        else:
            assert words[4:7] == ["dev", "lo", "label"]
            self.addresses[address] = words[7]
        return ""


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Loopback:
    made = Loopback()
    monkeypatch.setattr(host_addresses, "run", made.run)
    return made


def ours(loopback: Loopback) -> set[str]:
    return {each for each, label in loopback.addresses.items() if label == f"lo:{CLOUD}"}


def test_the_host_has_exactly_the_assigned_addresses(loopback: Loopback) -> None:
    for wanted in ({"10.64.0.9"}, {"10.64.0.9", "10.64.16.9"}, {"10.64.16.9"}):
        host_addresses.assign(CLOUD, wanted)
        assert ours(loopback) == wanted


def test_what_a_cloud_leaves_is_withdrawn_and_nothing_else(loopback: Loopback) -> None:
    before = dict(loopback.addresses)
    host_addresses.assign(CLOUD, ["10.64.16.9", "10.64.0.9"])
    assert host_addresses.withdraw(CLOUD) == ["address 10.64.0.9", "address 10.64.16.9"]
    assert host_addresses.withdraw(CLOUD) == []
    assert loopback.addresses == before


def test_a_label_is_no_longer_than_the_kernel_allows() -> None:
    assert len(host_addresses.label(CLOUD)) < 16


def test_a_port_in_use_is_an_error_with_its_place() -> None:
    with (
        host_addresses.listen("127.0.0.1", 0) as first,
        pytest.raises(MachineError, match=r"no socket on 127\.0\.0\.1:\d+: .*in use"),
    ):
        host_addresses.listen("127.0.0.1", first.getsockname()[1])


def test_a_low_port_is_opened_by_the_container_with_roots_rights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Container:
        def listen(self, pid: int, address: str, port: int) -> socket.socket:
            asked.append((pid, address, port))
            return socket.socket()

    def refuse(address: tuple[str, int], backlog: int) -> socket.socket:
        raise PermissionError

    monkeypatch.setattr(socket, "create_server", refuse)
    monkeypatch.setattr(commands, "is_root", lambda: False)
    monkeypatch.setattr(root_container, "get", Container)
    host_addresses.listen("127.7.7.7", 443).close()
    assert asked == [(os.getpid(), "127.7.7.7", 443)]
