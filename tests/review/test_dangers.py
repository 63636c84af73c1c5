"""What a reviewer has to see first is found, and what is harmless is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from review import cluster_change, dangers
from review.preview import Preview
from review.property_values import UNKNOWN
from tests.golden import comments
from tests.review import logs, page

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
VOLUME = "aws:ebs/volume:Volume"
IDENTITY = "k3s:index:Identity"
INSTANCE = "aws:ec2/instance:Instance"
DEPLOYER = {
    "name": "deployer", "clusterRole": "edit", "namespaces": ["shop"], "clusterReads": ["nodes"],
    "podSecurity": "baseline", "expiryDays": 30,
}  # fmt: skip


def sentences(preview: Preview) -> list[str]:
    """The dangers as a reader sees them."""
    found = dangers.of(preview, cluster_change.of(preview), comments.NOW)
    return [_text(each.text) for each in found]


def _text(html: str) -> str:
    read = page.read(f"<p>{html}</p>")
    codes = iter(read.codes)
    words = [
        next(codes) if part == "<code []>" else "" if part[:1] == "<" else part
        for part in read.structure
    ]
    return " ".join(filter(None, words))


def rule(op: str, cidr: str, port: int = 6443, old: str | None = None, group: str = "sg-1") -> Any:
    def inputs(source: str) -> dict[str, Any]:
        ports = {"ipProtocol": "tcp", "fromPort": port, "toPort": port}
        return {"cidrIpv4": source, "securityGroupId": group, **ports}

    before = inputs(old or cidr) if op != "create" else None
    return logs.step(op, RULE, cidr, before, inputs(cidr) if op != "delete" else None)


def test_a_preview_without_a_change_has_none() -> None:
    assert sentences(logs.preview()) == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([rule("create", "0.0.0.0/0")], ["opens the API to 0.0.0.0/0 (everyone)"]),
        ([rule("create", "10.0.0.0/8", 22)], ["opens SSH to 10.0.0.0/8"]),
        ([rule("create", "10.0.0.0/8", 80)], ["opens tcp port 80 to 10.0.0.0/8"]),
        ([rule("update", "10.0.0.0/8", old="10.0.0.0/16")], ["opens the API to 10.0.0.0/8"]),
        # What is inside of an open range, or closed, opens nothing.
        ([rule("update", "10.0.0.0/16", old="10.0.0.0/8")], []),
        ([rule("same", "10.0.0.0/8"), rule("create", "10.1.0.0/16")], []),
        ([rule("delete", "10.0.0.0/8")], []),
        # The same range for another port is another opening.
        ([rule("same", "10.0.0.0/8", 22), rule("create", "10.1.0.0/16")],
         ["opens the API to 10.1.0.0/16"]),
        # So is another group, unless it is not known yet which one it is.
        ([rule("same", "10.0.0.0/8"), rule("create", "10.0.0.0/8", group="sg-2")],
         ["opens the API to 10.0.0.0/8"]),
        ([rule("same", "10.0.0.0/8"), rule("create", "10.0.0.0/8", group=UNKNOWN)], []),
        # A rule with another name for the same is none.
        ([rule("delete", "10.0.0.0/8"), rule("create", "10.0.0.0/8")], []),
    ],
)  # fmt: skip
def test_what_opens_more_is_found_by_the_rules_before_and_after(
    steps: Sequence[Any], expected: list[str]
) -> None:
    # Two steps of the same name are one resource, so each has its own.
    named = [_named(each, f"rule-{index}") for index, each in enumerate(steps)]
    assert sentences(logs.preview(*named)) == expected


def _named(event: Any, name: str) -> Any:
    data = event["resOutputsEvent"]["metadata"]
    return {"resOutputsEvent": {"metadata": {**data, "urn": f"{logs.URN}{RULE}::{name}"}}}


def test_a_source_that_is_no_range_is_opened_all_the_same() -> None:
    assert sentences(logs.preview(rule("create", "pl-`@x`"))) == ["opens the API to pl-`@x`"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"clusterRole": "admin"}, "may do more: its role was edit and becomes admin"),
        ({"clusterRole": "own"}, "may do more: its role was edit and becomes own"),
        ({"clusterRole": "view"}, None),
        ({"namespaces": ["shop", "x"]}, "may act in more namespaces: x"),
        ({"namespaces": []}, "may act in every namespace"),
        ({"clusterReads": ["nodes", "secrets"]}, "reads more of the cluster: secrets"),
        ({"podSecurity": "privileged"},
         "Pod Security is relaxed: it was baseline and becomes privileged"),
        ({"podSecurity": "restricted"}, None),
        ({"expiryDays": 90},
         "its kubeconfig is valid for longer, in days: it was 30 and becomes 90"),
        ({"expiryDays": 1}, None),
    ],
)  # fmt: skip
def test_an_identity_that_may_do_more_is_found(
    changes: dict[str, Any], expected: str | None
) -> None:
    step = logs.step("update", IDENTITY, "shop-deployer", DEPLOYER, {**DEPLOYER, **changes})
    found = [f"identity deployer : {expected}"] if expected else []
    assert sentences(logs.preview(step)) == found


def test_a_new_identity_is_found() -> None:
    step = logs.step("create", IDENTITY, "shop-deployer", None, DEPLOYER)
    assert sentences(logs.preview(step)) == ["a new identity, deployer : edit in shop"]


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("delete", ["deletes data volume shop-servers-0-data , which has the datastore"]),
        ("replace", ["puts empty ones in the place of data volume shop-servers-0-data , which has "
                     "the datastore"]),
        ("update", []),
    ],
)  # fmt: skip
def test_a_data_volume_that_goes_is_found(op: str, expected: list[str]) -> None:
    new: dict[str, Any] | None = None if op == "delete" else {}
    step = logs.step(op, VOLUME, "shop-servers-0-data", {}, new)
    assert sentences(logs.preview(step)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (4, 2, ["the cluster ends earlier: at 2026-12-01T02:00+00:00 , not at "
                "2026-12-01T04:00+00:00"]),
        (2, 4, []),
        (None, 4, ["the cluster, which had no end, ends at 2026-12-01T04:00+00:00"]),
        (4, None, []),
        (4, -1, ["the cluster has expired at 2026-11-30T23:00+00:00 : its machines end "
                 "themselves"]),
    ],
)  # fmt: skip
def test_an_earlier_end_is_found_by_the_tags(
    old: int | None, new: int | None, expected: list[str]
) -> None:
    def tags(hours: int | None) -> dict[str, Any]:
        moment = comments.NOW + timedelta(hours=hours or 0)
        return {"tags": {} if hours is None else {"k3s-aws:expires": moment.isoformat()}}

    step = logs.step("update", "aws:ec2/vpc:Vpc", "shop-vpc", tags(old), tags(new))
    assert sentences(logs.preview(step)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (14_400, 7_200, ["cluster.ttl : shortened from 4:00:00 to 2:00:00"]),
        (None, 7_200, ["cluster.ttl : it had no end, and lives for 2:00:00"]),
        (7_200, 14_400, []),
        (7_200, None, []),
        (7_200, 10**30, []),
    ],
)
def test_a_shorter_life_is_found_by_the_records(
    old: int | None, new: int | None, expected: list[str]
) -> None:
    def of(seconds: int | None) -> dict[str, Any]:
        return logs.record() if seconds is None else logs.with_keys("nodeKeys", ttl=seconds)

    assert sentences(_of(of(old), of(new))) == expected


@pytest.mark.parametrize(
    ("where", "keys", "expected"),
    [
        ("otherKeys", {"allowDataLoss": True}, "cluster.allowDataLoss : this update may lose"),
        ("otherKeys", {"adminKubeconfig": True}, "cluster.adminKubeconfig : the administrator's"),
        (
            "nodeKeys",
            {"network_publicAddresses": True},
            "cluster.network.publicAddresses : the mac",
        ),
    ],
)
def test_a_key_that_protects_less_is_found(where: str, keys: dict[str, Any], expected: str) -> None:
    found = sentences(logs.preview(after=logs.with_keys(where, **keys)))
    assert any(each.startswith(expected) for each in found), found


def test_secrets_in_plain_text_are_found() -> None:
    before = logs.with_keys("nodeKeys", k3s_secretsEncryption=True)
    after = logs.with_keys("nodeKeys", k3s_secretsEncryption=False)
    assert any("stored in plain text" in each for each in sentences(_of(before, after)))
    assert not any("stored in plain text" in each for each in sentences(_of(after, after)))


def _of(before: Any, after: Any) -> Preview:
    return logs.preview(before=before, after=after)


def test_servers_that_are_replaced_keep_the_quorum_and_the_only_one_does_not() -> None:
    def pools(count: int, image: str) -> dict[str, Any]:
        found = logs.record()
        found["pools"][0] |= {"count": count}
        found["pools"][0]["keys"]["cluster.servers.image.id"] = image
        return found

    three = sentences(_of(pools(3, "ami-1"), pools(3, "ami-2")))
    assert any("2 of 3 servers hold the quorum meanwhile" in each for each in three)
    one = sentences(_of(pools(1, "ami-1"), pools(1, "ami-2")))
    assert any("the API is away until it is back" in each for each in one)
    fewer = sentences(_of(pools(3, "ami-1"), pools(1, "ami-1")))
    assert any("must not go from 3 to 1" in each for each in fewer)


def test_spot_is_found_for_a_pool_that_was_not() -> None:
    after = logs.record()
    after["pools"][1]["keys"]["cluster.pools[].spot"] = True
    assert any("become spot instances" in each for each in sentences(_of(logs.record(), after)))
    assert not any("become spot" in each for each in sentences(_of(after, after)))


def test_a_node_that_the_engine_replaces_without_a_key_is_found() -> None:
    step = logs.step("replace", INSTANCE, "shop-agents-1", {}, {})
    (found,) = sentences(logs.preview(step))
    assert found.startswith(
        "replaces shop-agents-1 , for which the configuration is not the reason"
    )


def test_the_worst_is_first() -> None:
    steps = [
        logs.step("replace", INSTANCE, "shop-agents-1", {}, {}),
        rule("create", "0.0.0.0/0"),
        logs.step("delete", VOLUME, "shop-servers-0-data", {}, None),
    ]
    found = [each.split()[0] for each in sentences(logs.preview(*steps))]
    assert found == ["deletes", "opens", "replaces"]
