"""Security group rules as the packet filter of a machine."""

from __future__ import annotations

from localcloud.machines.ingress import Ingress, render

API = Ingress("tcp", 6443, 6443, "10.64.0.1/32")


def inputs(*rules: Ingress) -> list[str]:
    return [line for line in render(rules).splitlines() if line.startswith("-A INPUT")]


def test_a_machine_without_rules_lets_in_replies_and_itself_only() -> None:
    assert render([]) == (
        "*filter\n"
        ":INPUT DROP [0:0]\n"
        ":FORWARD ACCEPT [0:0]\n"
        ":OUTPUT ACCEPT [0:0]\n"
        "-A INPUT -i lo -j ACCEPT\n"
        "-A INPUT -i eth0 -d 169.254.0.0/16 -j DROP\n"
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "-A INPUT ! -i eth0 -j ACCEPT\n"
        "-A OUTPUT -s 169.254.169.254/32 ! -o lo -m ttl --ttl-lt 2 -j DROP\n"
        "COMMIT\n"
    )


def test_the_metadata_address_is_closed_before_any_rule_opens_something() -> None:
    everything = Ingress("-1", None, None, "0.0.0.0/0")
    lines = inputs(everything)
    closed = lines.index("-A INPUT -i eth0 -d 169.254.0.0/16 -j DROP")
    assert closed < lines.index("-A INPUT -s 0.0.0.0/0 -j ACCEPT")


def test_each_protocol_has_its_form() -> None:
    assert inputs(
        API,
        Ingress("udp", 8472, 8473, "10.64.0.9/32"),
        Ingress("icmp", -1, -1, "10.64.0.0/20"),
        Ingress("-1", None, None, "10.64.0.7/32"),
    )[4:] == [
        "-A INPUT -s 10.64.0.7/32 -j ACCEPT",
        "-A INPUT -s 10.64.0.0/20 -p icmp -j ACCEPT",
        "-A INPUT -s 10.64.0.1/32 -p tcp --dport 6443:6443 -j ACCEPT",
        "-A INPUT -s 10.64.0.9/32 -p udp --dport 8472:8473 -j ACCEPT",
    ]


def test_a_rule_of_two_groups_stands_once() -> None:
    assert len(inputs(API, API)) == len(inputs(API))
