"""The commands of a start by hand."""

from __future__ import annotations

from bench import by_hand
from bench.shape import ONE_SERVER, THREE_SERVERS

JOIN = "--server https://10.48.0.10:6443 --token t"


def test_one_server_has_sqlite_and_its_agents_join_as_soon_as_it_listens() -> None:
    server, *agents = by_hand.commands(ONE_SERVER, "t")
    assert server == "k3s server --token t"
    assert agents == [f"{by_hand.LISTENS}; k3s agent {JOIN}"] * 2


def test_of_three_servers_the_first_creates_etcd_and_the_others_join_until_they_run() -> None:
    first, *others = by_hand.commands(THREE_SERVERS, "t")
    assert first == "k3s server --token t --cluster-init"
    assert others[:2] == [f"{by_hand.LISTENS}; until k3s server {JOIN}; do sleep 5; done"] * 2
    assert others[2:] == [f"{by_hand.LISTENS}; k3s agent {JOIN}"] * 3
