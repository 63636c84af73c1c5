"""K3sCluster in a program of somebody else, up to what it registers, under Pulumi's mocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import settings

from cluster import config, record, record_json
from k3s_aws import K3sCluster, K3sClusterArgs
from tests.cluster import ec2
from tests.components.recording import Engine, Monitor

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
URN = "urn:pulumi:dev::k3s-aws::k3s:aws:K3sCluster::shop"


class Stack(Engine):
    """The engine, with what the last update registered for a cluster."""

    def __init__(self, registered: Mapping[str, Any]) -> None:
        super().__init__()
        self.registered = registered

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        if args.token == "pulumi:pulumi:readStackResourceOutputs":
            found = {URN: {"type": "k3s:aws:K3sCluster", "outputs": self.registered}}
            return {"outputs": found if self.registered else {}}, []
        return super().call(args)


Create = Callable[..., tuple[K3sCluster | None, Monitor]]


@pytest.fixture
def create(monkeypatch: pytest.MonkeyPatch) -> Create:
    """Runs a program with one cluster; the cluster, and what the engine was asked for."""

    def run_program(
        cluster: Any,
        registered: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        name: str = "shop",
        **args: Any,
    ) -> tuple[K3sCluster | None, Monitor]:
        settings.configure(settings.Settings(project="k3s-aws", stack="dev"))
        engine = Stack(registered or {})
        monitor = Monitor(engine)
        pulumi.runtime.set_mocks(
            engine, project="k3s-aws", stack="dev", preview=True, monitor=monitor
        )
        made: list[K3sCluster] = []

        @pulumi.runtime.test  # type: ignore[untyped-decorator]
        def run() -> None:
            # What is made of resources is called here, in the program.
            given = cluster() if callable(cluster) else cluster
            made.append(K3sCluster(name, K3sClusterArgs(cluster=given, **args), opts))

        run()
        return made[0], monitor

    # The mocked engine has no version.
    monkeypatch.setattr(pulumi, "require_pulumi_version", lambda _: None)
    return run_program


def last_update(**keys: Any) -> dict[str, Any]:
    given = {"name": "shop", "network": OPEN, **keys}
    cluster = ec2.resolve(config.load(given, stack="dev"))
    return {record.OUTPUT: record_json.render(record.of(cluster))}


def test_the_cluster_is_called_as_its_resource_and_registers_what_it_is_compared_with(
    create: Create,
) -> None:
    cluster, monitor = create({"network": OPEN})
    assert cluster is not None
    assert {record.OUTPUT: cluster.cluster_record} == last_update()
    assert {"nodes", "bom", record.OUTPUT, "kubeconfigs"} <= cluster._registered().keys()
    (component,) = [each for each in monitor.recorded if each.type == "k3s:aws:K3sCluster"]
    assert component.name == "shop"


def test_a_change_that_cannot_be_made_ends_the_program_before_anything_is_registered(
    create: Create,
) -> None:
    before = last_update(servers={"rootVolumeGib": 40})
    with pytest.raises(pulumi.RunError) as rejection:
        create({"network": OPEN}, before)
    text = str(rejection.value)
    assert text.startswith("shop: the change of the running cluster has 1 problem\n")
    assert "rootVolumeGib" in text


def test_everything_that_is_wrong_ends_the_program_with_one_message(create: Create) -> None:
    with pytest.raises(pulumi.RunError) as rejection:
        create({"servers": {"count": 2}}, login_key="not a key")
    text = str(rejection.value)
    for path in ("loginKey", "cluster.servers.count", "cluster.network.apiAllowedCidrs"):
        assert f"\n{path}: " in text
    assert "not a key" not in text


def test_a_key_and_passwords_that_are_given_in_plain_text_become_secret(create: Create) -> None:
    auth = {"registry.example.com": {"username": "ci", "password": "hunter2-hunter2"}}
    _, monitor = create({"network": OPEN}, registry_auth=auth)
    parameters = [
        each
        for each in monitor.recorded
        if each.type == "aws:ssm/parameter:Parameter" and "registr" in each.name
    ]
    assert parameters
    assert all(each.is_secret("value") for each in parameters)


def test_no_file_is_read_where_no_folder_is_given(create: Create, tmp_path: Any) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    manifests = [{"name": "a", "file": "a.yaml"}]
    with pytest.raises(pulumi.RunError, match="has no folder for files"):
        create({"network": OPEN, "manifests": manifests})
    for folder in (tmp_path, str(tmp_path)):
        cluster, _ = create({"network": OPEN, "manifests": manifests}, files=folder)
        assert cluster is not None


def test_the_cluster_depends_on_what_its_inputs_are_from(create: Create) -> None:
    def of_resources() -> Any:
        address = aws.ec2.Eip("office")
        key = aws.ec2.KeyPair("unused", public_key="ssh-ed25519 a")
        assert key
        ranges = [address.public_ip.apply(lambda _: "203.0.113.7/32")]
        return {"network": {**OPEN, "sshAllowedCidrs": ranges}}

    _, monitor = create(of_resources)
    (component,) = [each for each in monitor.recorded if each.type == "k3s:aws:K3sCluster"]
    assert [urn.rsplit("::", 1)[-1] for urn in component.depends_on] == ["office"]


class Office(pulumi.ComponentResource):
    def __init__(self, *, remote: bool) -> None:
        super().__init__("my:office:Office", "office", {"ranges": None}, remote=remote)


@pytest.mark.parametrize(("remote", "sources"), [(False, []), (True, ["office"])])
def test_a_cluster_may_be_below_the_component_that_its_inputs_are_from(
    create: Create, remote: bool, sources: list[str]
) -> None:
    def with_parent() -> Any:
        office = Office(remote=remote)
        ranges = office.urn.apply(lambda _: ["203.0.113.7/32"])
        K3sCluster(
            "inner",
            K3sClusterArgs(cluster={"network": {**OPEN, "sshAllowedCidrs": ranges}}),
            pulumi.ResourceOptions(parent=office),
        )
        return {"network": OPEN}

    _, monitor = create(with_parent)
    (inner,) = [
        each
        for each in monitor.recorded
        if each.type == "k3s:aws:K3sCluster" and each.name == "inner"
    ]
    assert [urn.rsplit("::", 1)[-1] for urn in inner.depends_on] == sources


def test_two_clusters_of_one_name_are_rejected_in_one_program_only(create: Create) -> None:
    def other() -> Any:
        K3sCluster(
            "shop",
            K3sClusterArgs(cluster={"network": OPEN}),
            pulumi.ResourceOptions(parent=pulumi.ComponentResource("my:shop:Shop", "other")),
        )
        return {"network": OPEN}

    for _ in range(2):
        with pytest.raises(pulumi.RunError, match="give each a name of its own"):
            create(other)


def test_two_resources_with_one_name_of_the_cluster_are_rejected(create: Create) -> None:
    def other() -> Any:
        K3sCluster("a", K3sClusterArgs(cluster={"name": "shop", "network": OPEN}))
        return {"network": OPEN}

    with pytest.raises(pulumi.RunError) as rejection:
        create(other)
    assert str(rejection.value) == (
        "shop: cluster.name: a of the program has a cluster with the name shop in eu-central-1 "
        "too\n    give each cluster a name of its own"
    )


def test_a_renamed_cluster_is_compared_with_what_it_was(create: Create) -> None:
    before = last_update(name="shop", servers={"rootVolumeGib": 40})
    opts = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="shop")])
    with pytest.raises(pulumi.RunError, match="rootVolumeGib"):
        create({"name": "shop", "network": OPEN}, before, opts=opts, name="till")
    with pytest.raises(pulumi.RunError, match=r'cluster\.name: was "shop" and is now "till"'):
        create({"network": OPEN}, last_update(), opts=opts, name="till")
