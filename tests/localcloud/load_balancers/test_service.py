"""Connections through a running load balancer, on sockets of this process."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest

from localcloud.load_balancers import checkers
from localcloud.machines import Ingress
from tests.localcloud.load_balancers.conftest import (
    BALANCER,
    CHECK,
    NODES,
    PORT,
    PUBLIC,
    Running,
    target,
    until,
)
from tests.localcloud.load_balancers.loopback_network import LoopbackNetwork

A, B = target("10.1.0.1", "a"), target("10.1.1.1", "b")


def ended(client: socket.socket) -> bool:
    """Whether the connection has been ended by the other side."""
    client.settimeout(10)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def responds(client: socket.socket) -> bool:
    client.sendall(b"on")
    return client.recv(64) == b"on"


def test_it_listens_at_its_public_address_and_at_one_in_each_zone(running: Running) -> None:
    running.serve(A)
    assert set(running.network.listening) == {
        (PUBLIC, PORT),
        *((each, PORT) for each in NODES.values()),
    }
    assert running.network.assigned == set(NODES.values())
    assert running.network.name_behind(NODES["b"], PORT) == str(A.address)


def test_connections_are_passed_on_in_both_directions(running: Running) -> None:
    running.serve(A)
    with running.network.dial(PUBLIC, PORT) as client:
        assert client.recv(64) == b"10.1.0.1"
        content = bytes(range(256)) * 4096
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    assert received == content


def test_nothing_is_lost_where_the_client_reads_slowly(running: Running) -> None:
    running.serve(A)
    running.network.serve(A.id, PORT, "x" * 2_000_000)
    with running.network.dial(PUBLIC, PORT) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.shutdown(socket.SHUT_WR)
        received = 0
        while chunk := client.recv(8192):
            received += len(chunk)
    assert received == 2_000_000


def test_a_target_that_fails_its_checks_gets_no_new_connections(running: Running) -> None:
    running.serve(A, B)
    assert running.names() == {A.id, B.id}
    running.network.fail(A.id, PORT)
    running.becomes(A.id, "unhealthy")
    assert running.names() == {B.id}
    running.network.serve(A.id, PORT, "again")
    running.becomes(A.id, "healthy")
    assert running.names() == {"again", B.id}


def connections(running: Running, opened: ExitStack) -> dict[str, socket.socket]:
    """A connection to each of two targets."""
    clients: dict[str, socket.socket] = {}
    while len(clients) < 2:
        client = opened.enter_context(running.network.dial(PUBLIC, PORT))
        clients[client.recv(64).decode()] = client
    return clients


def test_connections_to_a_target_that_becomes_unhealthy_are_ended(running: Running) -> None:
    running.serve(A, B)
    with ExitStack() as opened:
        clients = connections(running, opened)
        running.network.fail(A.id, PORT)
        assert ended(clients[A.id])
        assert responds(clients[B.id])


def test_they_are_kept_where_no_target_is_healthy(running: Running) -> None:
    running.serve(A)
    with running.network.dial(PUBLIC, PORT) as client:
        client.recv(64)
        running.network.fail(A.id, PORT)
        running.becomes(A.id, "unhealthy")
        assert responds(client)


def test_they_are_kept_where_the_group_keeps_them(running: Running) -> None:
    running.change(ends_connections_of_unhealthy=False)
    running.serve(A, B)
    with ExitStack() as opened:
        clients = connections(running, opened)
        running.network.fail(A.id, PORT)
        running.becomes(A.id, "unhealthy")
        assert responds(clients[A.id])


def test_a_deregistered_target_keeps_its_connections_and_gets_no_new_ones(
    running: Running,
) -> None:
    running.serve(A, B)
    with ExitStack() as opened:
        clients = connections(running, opened)
        running.change(targets=(B,), draining=frozenset({(A.id, PORT)}))
        until(lambda: running.state(A.id) != "healthy")
        assert running.names() == {B.id}
        assert responds(clients[A.id])
        drained = {"draining": frozenset(), "drained": frozenset({(A.id, PORT)})}
        running.change(**drained, ends_connections_of_drained=True)
        assert ended(clients[A.id])
        assert responds(clients[B.id])


def test_a_deleted_load_balancer_ends_everything(running: Running) -> None:
    running.serve(A)
    with running.network.dial(PUBLIC, PORT) as client:
        client.recv(64)
        running.delete()
        assert ended(client)
    until(lambda: not running.network.assigned)
    assert running.network.name_behind(PUBLIC, PORT) is None


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ([], False),
        ([Ingress("tcp", PORT, PORT, "127.0.0.0/8")], True),
        ([Ingress("-1", None, None, "0.0.0.0/0")], True),
        ([Ingress("tcp", 443, 443, "0.0.0.0/0")], False),
        ([Ingress("udp", PORT, PORT, "0.0.0.0/0")], False),
        ([Ingress("tcp", 6000, 7000, "10.0.0.0/8")], False),
    ],
)
def test_its_security_groups_decide_who_may_connect(
    running: Running, rules: list[Ingress], admitted: bool
) -> None:
    running.serve(A)
    running.change_balancer(rules=tuple(rules))
    expected = A.id if admitted else None
    until(lambda: running.network.name_behind(PUBLIC, PORT) == expected)


def test_the_target_sees_the_node_or_the_client(running: Running) -> None:
    """For the outside, of which a machine sees its gateway, there is no source address."""
    running.serve(A)

    def source() -> str | None:
        del running.network.sources[:]
        running.change(check=replace(CHECK, interval_seconds=60.0))
        assert running.network.name_behind(PUBLIC, PORT) == A.id
        return running.network.sources[-1][1]

    assert source() == NODES["a"]
    running.change(preserves_client=True)
    until(lambda: source() is None)
    running.change(targets=(replace(A, admits_balancer=True),))
    until(lambda: source() == NODES["a"])


def test_idle_connections_are_ended(running: Running) -> None:
    running.serve(A)
    with running.network.dial(PUBLIC, PORT) as client:
        client.recv(64)
        (listener,) = BALANCER.listeners
        running.change_balancer(listeners=(replace(listener, idle_seconds=0.05),))
        assert ended(client)


def test_a_check_that_fails_unexpectedly_is_a_failed_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.serve(A)

    async def fail(*_: object) -> bool:
        raise RuntimeError("unable to perform operation")

    monkeypatch.setattr(checkers, "passes", fail)
    running.becomes(A.id, "unhealthy")
    monkeypatch.undo()
    running.becomes(A.id, "healthy")


def test_an_http_check_needs_an_expected_status(running: Running) -> None:
    running.serve(A)
    # The server sends its name, which is no response of HTTP.
    running.change(check=replace(CHECK, protocol="HTTP"))
    running.becomes(A.id, "unhealthy")


def end_while_clients_connect() -> None:
    made = Running(LoopbackNetwork())
    made.service.run()
    until(lambda: made.active)
    made.serve(A)
    served, ended = threading.Semaphore(0), threading.Event()

    def connect() -> None:
        while not ended.is_set():
            made.network.name_behind(PUBLIC, PORT)
            served.release()

    clients = [threading.Thread(target=connect) for _ in range(4)]
    for client in clients:
        client.start()
    for _ in range(20):
        served.acquire()
    made.service.end()
    ended.set()
    for client in clients:
        client.join()
    made.network.close()


def test_no_connection_is_left_open_when_it_ends_while_clients_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = list[str]()
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(repr(found.exc_value)))
    for _ in range(10):
        end_while_clients_connect()
        gc.collect()
    assert left == []
