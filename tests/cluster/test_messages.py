"""The words of problems: what they show of a value, and what they do not."""

from __future__ import annotations

import time

import pytest

from cluster import config
from cluster.errors import ConfigError, Kind, Problem
from cluster.reading import component_values, ports
from cluster.reading.component_arguments import faults
from cluster.reading.faults import quoted, step

RANGES = ["203.0.113.0/24"]
PASSWORD = "hunter22secret"


def message(**content: object) -> str:
    network = {"apiAllowedCidrs": RANGES, "sshAllowedCidrs": RANGES}
    with pytest.raises(ConfigError) as rejection:
        config.load({"name": "demo", "network": network, **content}, stack="dev")
    return str(rejection.value)


@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "\x1b", "\x7f", "\u0085", "\u2028", "\u00a0"])
def test_a_character_that_a_terminal_does_not_show_is_escaped(mark: str) -> None:
    assert mark not in quoted(f"a{mark}b")
    assert mark not in step(f"a{mark}b")
    assert mark not in message(**{f"own{mark}er": "team"})


def test_letters_of_any_language_stay_readable() -> None:
    assert quoted("Größe 大小") == '"Größe 大小"'


@pytest.mark.parametrize("text", ["##[error]x", "##vso[task.x]y", "<{%reset%}>"])
def test_a_problem_and_a_warning_hold_nothing_that_a_runner_executes(text: str) -> None:
    assert text not in str(Problem("cluster.name", f'"{text}"', "choose another", Kind.WARNING))


def test_a_login_without_a_scheme_is_not_quoted() -> None:
    assert PASSWORD not in message(name=f"ci:{PASSWORD}@example.com")
    assert (
        quoted("registry.example.com/a:1.0@sha256:00") == '"registry.example.com/a:1.0@sha256:00"'
    )


def test_a_long_value_is_quoted_in_little_time() -> None:
    started = time.process_time()
    assert len(message(name="x" * 100_000, owner={"x" * 100_000: "@"})) < 1500
    # It took minutes when the time grew with the square of the length.
    assert time.process_time() - started < 2


def test_a_key_of_any_length_has_a_short_path() -> None:
    assert len(step("x" * 5000)) < 300
    assert PASSWORD not in step(f"{'x' * 100}://ci:{PASSWORD}@{'y' * 5000}")


@pytest.mark.parametrize("value", [float("nan"), 10**30, "text", 5])
def test_an_entry_of_a_registry_has_one_problem(value: object) -> None:
    found = message(k3s={"registries": {"mirrors": {"r.example.com": {"endpoint": value}}}})
    assert found.startswith("the configuration has 1 problem\n")


@pytest.mark.parametrize("text", ["9" * 5000, "09", "0110", "１１０", "9223372036854775808"])
def test_an_integer_that_go_reads_as_another_one_or_not_at_all_is_rejected(text: str) -> None:
    assert list(faults("kubelet-arg", [f"max-open-files={text}"], "1.36"))
    assert list(faults("kube-controller-manager-arg", [f"node-cidr-mask-size={text}"], "1.36"))


@pytest.mark.parametrize("text", ["1h2m3s", "1.5h", "500ms", "0", "8760h", "2160h", ".5s", "1µs"])
def test_a_duration_of_go_is_accepted(text: str) -> None:
    assert not list(faults("kubelet-arg", [f"node-status-update-frequency={text}"], "1.36"))


@pytest.mark.parametrize(
    "argument",
    [
        "eviction-hard=memory.available<100Mi,nodefs.available<10%,imagefs.inodesFree<5%",
        "eviction-hard=",
        "eviction-soft=pid.available<1k",
        "kube-reserved=cpu=100m,memory=1.5Gi,ephemeral-storage=1Gi,pid=1000",
        "feature-gates=NodeSwap=true, AllAlpha=False",
        "tls-cipher-suites=TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256",
        "tls-min-version=VersionTLS13",
    ],
)
def test_values_of_components_that_are_right_are_accepted(argument: str) -> None:
    name, _, value = argument.partition("=")
    assert component_values.fault("kubelet", name, value) is None


@pytest.mark.parametrize("text", ["４４３", "0443", "9" * 5000, "1+70000", f"1+{'9' * 5000}"])
def test_ports_in_another_notation_are_not_read(text: str) -> None:
    assert ports.node_port_range(text) is None


def test_a_range_wider_than_any_owner_has_is_warned_of() -> None:
    halves = ["0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8"]
    network = {"apiAllowedCidrs": halves, "sshAllowedCidrs": ["0.0.0.0/0"]}
    found = config.load({"name": "demo", "network": network}, stack="dev").warnings
    assert [f"{each.path}: {each.what}" for each in found] == [
        'cluster.network.apiAllowedCidrs[0]: "0.0.0.0/1" lets 2147483648 addresses connect',
        'cluster.network.apiAllowedCidrs[1]: "128.0.0.0/1" lets 2147483648 addresses connect',
        'cluster.network.sshAllowedCidrs[0]: "0.0.0.0/0" lets everybody on the internet connect',
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"image": {"loginUser": 5}},
        {"image": {"id": "ami-x", "os": "debian-12"}},
        {"pools": [{"name": "agents", "spotMaxPrice": 5}]},
        {"proxy": {"noProxy": 5}},
    ],
)
def test_a_wrong_value_has_no_second_problem_of_what_stands_in_for_it(
    content: dict[str, object],
) -> None:
    assert message(**content).startswith("the configuration has 1 problem\n")
