"""The program itself, up to the first resource, and with all of them."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import config, settings

from cluster import config as configuration
from cluster import outputs, record, record_json
from tests.cluster import ec2, output_schema
from tests.components.recording import Engine, Monitor, secrecy

PROGRAM = Path(__file__).parent.parent.parent / "__main__.py"
OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}


@pytest.fixture(autouse=True)
def _no_configuration_is_left() -> Iterator[None]:
    before = config.CONFIG.get(), list(config._SECRET_KEYS.get())
    settings.configure(settings.Settings(project="k3s-aws", stack="dev"))
    yield
    config.set_all_config(*before)


@pytest.mark.parametrize("project", ["k3s-aws", "shop"])
def test_a_secret_inside_of_the_cluster_ends_the_preview(project: str) -> None:
    """As `pulumi config set --secret --path k3s-aws:cluster.charts[0].values.password` has it."""
    settings.configure(settings.Settings(project=project, stack="dev"))
    chart = {"name": "a", "chart": "oci://example.com/a", "values": {"text": "hunter22secret"}}
    content = json.dumps({"network": OPEN, "charts": [chart]})
    config.set_all_config({f"{project}:cluster": content}, [f"{project}:cluster"])
    with pytest.raises(pulumi.RunError, match="contains a value that is marked as a") as rejection:
        runpy.run_path(str(PROGRAM))
    assert "hunter22secret" not in str(rejection.value)


def test_a_configuration_that_is_not_set_ends_the_preview() -> None:
    config.set_all_config({}, [])
    with pytest.raises(pulumi.RunError, match="cluster: is not set"):
        runpy.run_path(str(PROGRAM))


class Stack(Engine):
    """The engine, with the outputs of the stack's last update."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        super().__init__()
        self.last_outputs = outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        if args.token == "pulumi:pulumi:readStackOutputs":
            return {"outputs": self.last_outputs}, []
        return super().call(args)


@pytest.fixture
def monitor_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Monitor]:
    """Prepares a run of the program on a stack with these outputs."""

    def prepare(outputs: Mapping[str, Any], *, preview: bool, **keys: Any) -> Monitor:
        engine = Stack(outputs)
        monitor = Monitor(engine)
        pulumi.runtime.set_mocks(
            engine, project="k3s-aws", stack="dev", preview=preview, monitor=monitor
        )
        config.set_all_config({"k3s-aws:cluster": json.dumps({"network": OPEN, **keys})}, [])
        return monitor

    # The mocked engine has no version.
    monkeypatch.setattr(pulumi, "require_pulumi_version", lambda _: None)
    return prepare


def last_update(**keys: Any) -> dict[str, Any]:
    cluster = ec2.resolve(configuration.load({"network": OPEN, **keys}, stack="dev"))
    return {record.OUTPUT: record_json.render(record.of(cluster))}


@pytest.mark.parametrize("preview", [True, False])
def test_everything_that_is_rejected_ends_preview_and_up_before_anything_is_registered(
    preview: bool, monitor_of: Callable[..., Monitor]
) -> None:
    before = last_update(
        k3s={"version": "v1.37.1+k3s1"}, servers={"rootVolumeGib": 40}, rotation={"loginKey": 2}
    )
    monitor = monitor_of(before, preview=preview, k3s={"version": "v1.36.4+k3s1"})
    with pytest.raises(pulumi.RunError) as rejection:
        runpy.run_path(str(PROGRAM))
    assert str(rejection.value).startswith("the change of the running cluster has 3 problems\n")
    assert [each.type for each in monitor.recorded if not each.type.startswith("pulumi:")] == []


def test_what_is_lost_with_permission_is_a_warning_and_the_record_is_an_output(
    monitor_of: Callable[..., Monitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    outputs: dict[str, Any] = {}
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi, "export", outputs.__setitem__)
    keys = {"allowDataLoss": True, "k3s": {"secretsEncryption": False}}
    monitor = monitor_of(last_update(), preview=True, **keys)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        runpy.run_path(str(PROGRAM))

    run()
    assert any("all Kubernetes objects of the cluster would be lost" in each for each in warnings)
    assert monitor.recorded
    assert outputs[record.OUTPUT] == last_update(**keys)[record.OUTPUT]


@pytest.mark.parametrize(("ttl", "warned"), [({"ttl": "8h"}, False), ({}, True)])
def test_a_cluster_whose_prolongation_failed_at_one_node_can_still_be_updated(
    ttl: dict[str, str],
    warned: bool,
    monitor_of: Callable[..., Monitor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi, "export", lambda *_: None)
    outputs = {**last_update(ttl="4h"), "expiresAt": "2020-01-01T00:00:00Z"}
    monitor = monitor_of(outputs, preview=True, **ttl)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        runpy.run_path(str(PROGRAM))

    run()
    assert monitor.recorded
    assert any("had an end at 2020-01-01T00:00:00Z" in each for each in warnings) is warned


@pytest.mark.parametrize("preview", [True, False])
def test_every_run_ends_with_what_the_cluster_costs(
    preview: bool, monitor_of: Callable[..., Monitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    outputs: dict[str, Any] = {}
    monkeypatch.setattr(pulumi.log, "info", lines.append)
    monkeypatch.setattr(pulumi, "export", outputs.__setitem__)
    monitor_of({}, preview=preview)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        runpy.run_path(str(PROGRAM))

    run()
    (line,) = [each for each in lines if "a month" in each]
    assert line.startswith("about ")
    assert outputs["cost"]["unknown"] == []
    assert outputs["cost"]["monthly"] == pytest.approx(730 * outputs["cost"]["hourly"], abs=0.05)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_server_of_an_older_release_is_replaced_only_with_permission(
    allowed: bool, monitor_of: Callable[..., Monitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi, "export", lambda *_: None)
    nodes = [{"name": "dev-servers-1a2b3c4d", "pool": "servers", "architecture": "arm64"}]
    pools = [{"name": "agents"}]
    monitor = monitor_of({"nodes": nodes}, preview=True, pools=pools, allowDataLoss=allowed)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        runpy.run_path(str(PROGRAM))

    run()
    templates = [each for each in monitor.recorded if each.type == "k3s:index:MachineTemplate"]
    kept = {each.name: each.inputs.get("hasDatastore") for each in templates}
    assert kept == {"dev-servers-0": None if allowed else True, "dev-agents-0": None}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, {"kubeconfig", "kubeconfig-deployer"}),
        ({"adminKubeconfig": True}, {"kubeconfig", "kubeconfig-deployer", "adminKubeconfig"}),
        ({"backup": {}}, {"kubeconfig", "kubeconfig-deployer", "snapshots"}),
        ({"ttl": "4h"}, {"kubeconfig", "kubeconfig-deployer", "expiresAt"}),
        (
            {"identities": [{"name": "b", "role": "viewer"}, {"name": "a", "role": "viewer"}]},
            {"kubeconfig", "kubeconfig-a", "kubeconfig-b"},
        ),
    ],
)
def test_the_outputs_are_as_they_are_declared(
    keys: dict[str, Any],
    expected: set[str],
    monitor_of: Callable[..., Monitor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    monitor_of({}, preview=False, **keys)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[Any]:
        runpy.run_path(str(PROGRAM))
        values = {name: pulumi.Output.from_input(each) for name, each in exported.items()}
        secret = {name: secrecy(each) for name, each in values.items()}
        return pulumi.Output.all(values=values, secret=secret).apply(seen.update)

    run()
    always = {each.name for each in outputs.OUTPUTS if each.when == outputs.ALWAYS}
    assert set(seen["values"]) == always | expected
    assert output_schema.faults(seen["values"]) == []
    # What is not secret is not marked either: `ci outputs` would have nothing but [secret].
    assert seen["secret"] == {name: outputs.declared(name).secret for name in seen["values"]}
