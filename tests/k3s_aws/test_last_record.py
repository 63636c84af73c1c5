"""What the last update registered is found by the name of the cluster."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.lookups import LookupFailed
from k3s_aws import last_record
from tests.k3s_aws.test_inputs import unknown

URN = "urn:pulumi:dev::shop::{}k3s:aws:K3sCluster::{}"


class Stack(pulumi.runtime.Mocks):
    def __init__(self, resources: dict[str, Any]) -> None:
        self.resources = resources

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return "id", {}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        assert args.token == "pulumi:pulumi:readStackResourceOutputs"
        assert args.args == {"stackName": "org/shop/dev"}
        return {"outputs": self.resources}, []


def use(**resources: dict[str, Any]) -> None:
    found = {
        URN.format(parent.replace("_", "$"), outputs["name"]): {
            "type": "k3s:aws:K3sCluster",
            "outputs": outputs,
        }
        for parent, outputs in resources.items()
    }
    other = {"urn:pulumi:dev::shop::k3s:index:Node::shop": {"type": "k3s:index:Node"}}
    mocks = Stack({**found, **other})
    pulumi.runtime.set_mocks(mocks, project="shop", stack="dev", organization="org")


def test_the_outputs_are_those_of_the_cluster_of_this_name() -> None:
    use(a={"name": "shop", "clusterRecord": 1}, b={"name": "till", "clusterRecord": 2})
    assert last_record.read("till")["clusterRecord"] == 2


def test_before_the_first_update_there_are_none() -> None:
    use()
    assert last_record.read("shop") == {}


def test_two_of_one_name_are_rejected_with_what_to_do() -> None:
    use(a={"name": "shop"}, b={"name": "shop"})
    with pytest.raises(LookupFailed, match="give each a name of its own"):
        last_record.read("shop")


RENAMED: list[pulumi.Input[str | pulumi.Alias]] = [
    pulumi.Alias(name="old"),
    URN.format("", "old"),
    URN.format("my:module:Shop$", "old"),
    pulumi.Output.from_input(URN.format("", "old")),
]


@pytest.mark.parametrize("alias", range(len(RENAMED)))
def test_a_cluster_that_is_renamed_has_the_record_of_its_old_name(alias: int) -> None:
    use(a={"name": "old", "clusterRecord": 1}, b={"name": "till", "clusterRecord": 2})
    opts = pulumi.ResourceOptions(aliases=[RENAMED[alias]])
    assert last_record.read("shop", opts)["clusterRecord"] == 1
    assert last_record.read("shop") == {}
    # After the update it has its own, and another cluster may have the old name.
    use(a={"name": "old", "clusterRecord": 1}, b={"name": "shop", "clusterRecord": 3})
    assert last_record.read("shop", opts)["clusterRecord"] == 3


def test_an_alias_without_a_name_is_another_place_of_the_same() -> None:
    opts = pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)])
    use(a={"name": "shop", "clusterRecord": 1})
    assert last_record.read("shop", opts)["clusterRecord"] == 1
    use()
    assert last_record.read("shop", opts) == {}


def test_an_alias_that_is_not_known_yet_is_rejected() -> None:
    use(a={"name": "old"})
    opts = pulumi.ResourceOptions(aliases=[unknown()])
    with pytest.raises(LookupFailed, match="an alias of the cluster shop is not known"):
        last_record.read("shop", opts)


def test_a_state_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise Exception("no passphrase")

    use()
    monkeypatch.setattr(pulumi.runtime, "invoke", refuse)
    with pytest.raises(LookupFailed, match="the state of the stack org/shop/dev cannot be read"):
        last_record.read("shop")
