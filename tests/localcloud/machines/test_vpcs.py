"""The subnets of a VPC are joined by rules of the host, and nothing of them stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from localcloud.errors import MachineError
from localcloud.machines import vpcs

CLOUD = "0badcafe"
CHAIN = "K3SAWS-0badcafe-VPC"
WITHIN = ["-s", "10.64.0.0/16", "-d", "10.64.0.0/16", "-j", "ACCEPT"]


class Host:
    """Two tables of a host: chains, and the rules in them."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, list[list[str]]]] = {
            "filter": {"DOCKER-USER": []},
            "nat": {"POSTROUTING": []},
        }

    def run(self, words: Sequence[str]) -> str:
        assert list(words[:3]) == ["iptables", "--wait", "-t"]
        chains, what = self.tables[words[3]], words[4]
        name, rule = (words[6], []) if what == "-n" else (words[5], list(words[6:]))
        if what == "-N":
            chains[name] = []
            return ""
        if name not in chains or (what in ("-C", "-D") and rule not in chains[name]):
            raise MachineError("iptables: No chain/target/match by that name.")
        if what == "-I":
            chains[name].insert(0, rule)
        elif what == "-A":
            chains[name].append(rule)
        elif what == "-D":
            chains[name].remove(rule)
        elif what == "-F":
            chains[name].clear()
        elif what == "-X":
            del chains[name]
        return ""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(vpcs, "run", made.run)
    return made


def test_packets_within_a_vpc_pass_before_docker_drops_or_hides_them(host: Host) -> None:
    vpcs.join(CLOUD, "10.64.0.0/16")
    assert host.tables == {
        "filter": {"DOCKER-USER": [["-j", CHAIN]], CHAIN: [WITHIN]},
        "nat": {"POSTROUTING": [["-j", CHAIN]], CHAIN: [WITHIN]},
    }


def test_joining_twice_is_joining_once(host: Host) -> None:
    vpcs.join(CLOUD, "10.64.0.0/16")
    vpcs.join(CLOUD, "10.64.0.0/16")
    assert host.tables["nat"][CHAIN] == [WITHIN]
    assert host.tables["filter"]["DOCKER-USER"] == [["-j", CHAIN]]


def test_another_network_of_docker_hides_no_subnet_that_is_joined_after_it(host: Host) -> None:
    vpcs.join(CLOUD, "10.64.0.0/16")
    hidden = ["-s", "10.64.16.0/20", "-j", "MASQUERADE"]
    host.tables["nat"]["POSTROUTING"].insert(0, hidden)
    vpcs.join(CLOUD, "10.64.0.0/16")
    assert host.tables["nat"]["POSTROUTING"] == [["-j", CHAIN], hidden]


def test_nothing_stays_behind_also_the_second_time(host: Host) -> None:
    vpcs.join(CLOUD, "10.64.0.0/16")
    vpcs.join("0ther000", "10.80.0.0/16")
    assert vpcs.withdraw(CLOUD) == [f"chain {CHAIN} of filter", f"chain {CHAIN} of nat"]
    assert vpcs.withdraw(CLOUD) == []
    assert host.tables["filter"]["DOCKER-USER"] == [["-j", "K3SAWS-0ther000-VPC"]]
