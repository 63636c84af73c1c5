"""Elastic IPs as rules of the host's nat table, put in place and taken away again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from localcloud.errors import MachineError
from localcloud.machines import elastic_ips

CLOUD = "0badcafe"
NAT = ["iptables", "--wait", "-t", "nat"]
CHAINS = ["K3SAWS-0badcafe", "K3SAWS-0badcafe-SRC"]
JUMPS = [["OUTPUT", "-j", CHAINS[0]], ["POSTROUTING", "-j", CHAINS[1]]]


class Host:
    """The nat table of a host: its chains, its jumps, and what was restored into it."""

    def __init__(self) -> None:
        self.chains: set[str] = set()
        self.jumps: list[list[str]] = []
        self.restored: list[str] = []

    def run(self, words: Sequence[str], *, stdin: str = "") -> str:
        if words[0] == "iptables-restore":
            assert "--noflush" in words, "it would take away the rules of everybody else"
            self.restored.append(stdin)
            self.chains |= {line[1:].split()[0] for line in stdin.splitlines() if line[0] == ":"}
            return ""
        assert list(words[:4]) == NAT
        what, rest = words[4], list(words[5:])
        if what == "-I":
            self.jumps.append(rest)
        elif what == "-D":
            self.jumps.remove(rest)
        elif what == "-C":
            self._require(rest in self.jumps)
        elif what == "-X":
            self._require(not any(jump[-1] == rest[0] for jump in self.jumps))
            self.chains.remove(rest[0])
        else:
            self._require(rest[-1] in self.chains)
        return ""

    def _require(self, holds: bool) -> None:
        if not holds:
            raise MachineError("iptables: No chain/target/match by that name.")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(elastic_ips, "run", made.run)
    return made


def test_each_address_leads_to_its_machine_and_comes_back_from_the_gateway(host: Host) -> None:
    elastic_ips.publish(CLOUD, {"127.9.0.2": "10.64.0.11", "127.9.0.1": "10.64.0.10"})
    assert host.restored == [
        "*nat\n"
        ":K3SAWS-0badcafe - [0:0]\n"
        ":K3SAWS-0badcafe-SRC - [0:0]\n"
        "-A K3SAWS-0badcafe -d 127.9.0.1/32 -p tcp -j DNAT --to-destination 10.64.0.10\n"
        "-A K3SAWS-0badcafe-SRC -s 127.0.0.0/8 -d 10.64.0.10/32 -j MASQUERADE\n"
        "-A K3SAWS-0badcafe -d 127.9.0.2/32 -p tcp -j DNAT --to-destination 10.64.0.11\n"
        "-A K3SAWS-0badcafe-SRC -s 127.0.0.0/8 -d 10.64.0.11/32 -j MASQUERADE\n"
        "COMMIT\n"
    ]


def test_without_addresses_the_chains_are_emptied(host: Host) -> None:
    elastic_ips.publish(CLOUD, {})
    assert host.restored == [
        "*nat\n:K3SAWS-0badcafe - [0:0]\n:K3SAWS-0badcafe-SRC - [0:0]\nCOMMIT\n"
    ]


def test_the_hosts_own_chains_lead_there_once_however_often_it_is_published(host: Host) -> None:
    elastic_ips.publish(CLOUD, {"127.9.0.1": "10.64.0.10"})
    elastic_ips.publish(CLOUD, {})
    assert host.jumps == JUMPS


def test_withdrawing_takes_away_jumps_and_chains_and_names_them(host: Host) -> None:
    elastic_ips.publish(CLOUD, {"127.9.0.1": "10.64.0.10"})
    # Put there twice by a daemon that was killed in between.
    host.jumps.append(JUMPS[0])
    assert elastic_ips.withdraw(CLOUD) == [f"chain {name}" for name in CHAINS]
    assert (host.chains, host.jumps) == (set(), [])


def test_withdrawing_twice_is_fine(host: Host) -> None:
    elastic_ips.publish(CLOUD, {})
    elastic_ips.withdraw(CLOUD)
    assert elastic_ips.withdraw(CLOUD) == []


def test_the_chains_of_another_cloud_stay(host: Host) -> None:
    elastic_ips.publish("feedf00d", {"127.9.0.1": "10.64.0.10"})
    elastic_ips.publish(CLOUD, {})
    elastic_ips.withdraw(CLOUD)
    assert host.chains == {"K3SAWS-feedf00d", "K3SAWS-feedf00d-SRC"}
    assert len(host.jumps) == 2


def test_a_bridge_that_cannot_be_set_up_is_reported_with_the_fix() -> None:
    with pytest.raises(MachineError) as refused:
        elastic_ips.route_loopback("no-such-bridge")
    assert str(refused.value) == (
        "/proc/sys/net/ipv4/conf/no-such-bridge/route_localnet cannot be set: "
        "No such file or directory\n    is this Linux?"
    )
