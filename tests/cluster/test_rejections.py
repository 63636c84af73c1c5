"""Changes that are rejected, or allowed with a warning."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cluster.changes import Plan, plan_changes
from cluster.errors import Kind
from cluster.record import Record
from tests.cluster.records import recorded

SUBNET_A, SUBNET_B = "subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"
SUBNET_OF_ANOTHER_VPC = "subnet-0cccccccccccccccc"
ARM = "ab" * 32
OLD_RELEASE = {"version": "v1.35.1+own1", "sha256": {"arm64": ARM}}


def plan(before: dict[str, Any], after: dict[str, Any]) -> Plan:
    return plan_changes(recorded(**before), recorded(**after))


def kinds(plan: Plan) -> list[tuple[Kind, str]]:
    return [(each.kind, each.path) for each in plan.rejections]


NETWORK = "cluster.network"
ZONES = f"{NETWORK}.availabilityZones"


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({}, {"network": {"clusterCidr": "10.44.0.0/16"}}, [f"{NETWORK}.clusterCidr"]),
        ({}, {"network": {"serviceCidr": "10.45.0.0/16"}}, [f"{NETWORK}.serviceCidr"]),
        ({}, {"k3s": {"secretsEncryption": False}}, ["cluster.k3s.secretsEncryption"]),
        ({}, {"name": "other"}, ["cluster.name"]),
        ({}, {"network": {"availabilityZones": ["eu-central-1b"]}}, [ZONES]),
        (
            {"network": {"subnetIds": [SUBNET_A]}},
            {"network": {"subnetIds": [SUBNET_B]}},
            [f"{NETWORK}.subnetIds"],
        ),
        # None of these needs another datastore.
        ({}, {"image": {"generation": 2}}, []),
        ({}, {"servers": {"instanceType": "t3.small"}}, []),
        ({}, {"network": {"vpcCidr": "10.65.0.0/16"}}, []),
        ({}, {"network": {"subnetIds": [SUBNET_A]}}, []),
        ({}, {"k3s": {"flannelBackend": "host-gw"}}, []),
        ({}, {"network": {"availabilityZones": ["eu-central-1a", "eu-central-1b"]}}, []),
        ({}, {"pools": [{"name": "builders"}]}, []),
    ],
)
def test_what_loses_the_datastore_of_one_server_is_rejected_unless_it_is_allowed(
    before: dict[str, Any], after: dict[str, Any], paths: list[str]
) -> None:
    rejected = plan(before, after)
    assert kinds(rejected) == [(Kind.DATA_LOSS, path) for path in paths]
    for each in rejected.rejections:
        assert "lost" in each.what
        assert "set cluster.allowDataLoss to true for this update, and remove it" in each.fix
    allowed = plan(before, {**after, "allowDataLoss": True})
    assert allowed.rejections == ()
    losses = [each for each in allowed.consequences if each.kind == Kind.DATA_LOSS]
    assert [each.path for each in losses] == paths
    assert {each.fix.partition(",")[0] for each in losses} <= {"back up first what has to stay"}


def test_a_server_whose_datastore_is_on_its_root_volume_is_not_replaced() -> None:
    before = recorded(data_volume_gib=None)
    after = recorded(data_volume_gib=None, image={"generation": 2})
    assert [str(each) for each in plan_changes(before, after).rejections] == [
        'cluster.servers.image.generation: replaces "demo-servers-0", whose root volume has the '
        "datastore: all Kubernetes objects would be lost\n"
        "    take the change back; or back up what has to stay, set cluster.allowDataLoss to true "
        "for this update, and remove it afterwards"
    ]


def test_another_region_and_another_account_are_other_clusters() -> None:
    before = recorded()
    after = dataclasses.replace(before, region="eu-west-1", account_id="210987654321")
    assert kinds(plan_changes(before, after)) == [
        (Kind.DATA_LOSS, "aws:region"),
        (Kind.DATA_LOSS, "the AWS account"),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_other_data_may_be_of_an_older_release_and_on_a_smaller_volume(count: int) -> None:
    before = recorded(count=count, data_volume_gib=20, k3s={"version": "v1.37.1+k3s1"})
    after = recorded(name="other", allowDataLoss=True)
    assert plan_changes(before, after).rejections == ()


def test_what_allows_data_loss_is_to_be_removed_when_nothing_is_lost() -> None:
    assert [str(each) for each in plan({}, {"allowDataLoss": True}).consequences] == [
        "cluster.allowDataLoss: is true, and this update loses no data\n    remove it"
    ]


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({}, {"network": {"serviceCidr": "10.45.0.0/16"}}, [f"{NETWORK}.serviceCidr"]),
        ({}, {"k3s": {"secretsEncryption": False}}, ["cluster.k3s.secretsEncryption"]),
        ({}, {"k3s": {"flannelBackend": "host-gw"}}, ["cluster.k3s.flannelBackend"]),
        ({}, {"network": {"vpcCidr": "10.65.0.0/16"}}, [f"{NETWORK}.vpcCidr"]),
        (
            {"network": {"subnetIds": [SUBNET_A]}},
            {"network": {"subnetIds": [SUBNET_OF_ANOTHER_VPC]}},
            [f"{NETWORK}.subnetIds"],
        ),
        # Replaced one by one, each joins the others.
        ({}, {"image": {"generation": 2}}, []),
        ({}, {"servers": {"instanceType": "t3.small"}}, []),
        (
            {"network": {"subnetIds": [SUBNET_A]}},
            {"network": {"subnetIds": [SUBNET_B, SUBNET_A]}},
            [],
        ),
        # The addresses where it would look for the others have no machines yet.
        (
            {"network": {"subnetIds": [SUBNET_A]}},
            {"network": {"subnetIds": [SUBNET_B]}},
            [f"{NETWORK}.subnetIds"],
        ),
    ],
)
@pytest.mark.parametrize("allowed", [False, True])
def test_several_servers_do_not_change_what_a_replaced_one_could_not_join_with(
    before: dict[str, Any], after: dict[str, Any], paths: list[str], allowed: bool
) -> None:
    found = plan_changes(
        recorded(count=3, **before), recorded(count=3, allowDataLoss=allowed, **after)
    )
    assert kinds(found) == [(Kind.QUORUM, path) for path in paths]


def test_another_name_makes_another_cluster_of_several_servers() -> None:
    found = plan_changes(recorded(count=3), recorded(count=3, name="other"))
    assert kinds(found) == [(Kind.DATA_LOSS, "cluster.name")]


@pytest.mark.parametrize(
    ("before", "after", "rejected"),
    [(3, 1, True), (5, 1, True), (1, 3, False), (3, 5, False), (5, 3, False), (1, 1, False)],
)
def test_servers_become_fewer_only_while_a_majority_can_be_kept(
    before: int, after: int, rejected: bool
) -> None:
    found = plan_changes(recorded(count=before), recorded(count=after, allowDataLoss=True))
    expected = [(Kind.QUORUM, "cluster.servers.count")] if rejected else []
    assert kinds(found) == expected


THREE: dict[str, Any] = {"count": 3}
OTHER_IMAGE = {"image": {"generation": 2}}


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        (
            THREE,
            {
                **OTHER_IMAGE,
                "k3s": {"components": {"servicelb": False, "traefik": False}},
                **THREE,
                "servers": {"k3s": {"supervisor-metrics": True}},
            },
            ["cluster.k3s.components.servicelb", "cluster.servers.k3s"],
        ),
        (
            THREE,
            {**THREE, **OTHER_IMAGE, "k3s": {"server": {"embedded-registry": True}}},
            ["cluster.k3s.server"],
        ),
        # In place, one server after the other, and new ones afterwards.
        (THREE, {"count": 5, "k3s": {"components": {"servicelb": False}}}, []),
        # They are not what k3s compares.
        (THREE, {**THREE, **OTHER_IMAGE, "k3s": {"components": {"traefik": False}}}, []),
        # Agents alone are replaced.
        (
            {**THREE, "pools": [{"name": "agents"}]},
            {
                **THREE,
                "pools": [{"name": "agents", "image": {"generation": 2}}],
                "k3s": {"components": {"servicelb": False}},
            },
            [],
        ),
        # One server continues with its data.
        ({}, {**OTHER_IMAGE, "k3s": {"components": {"servicelb": False}}}, []),
    ],
)
def test_what_all_servers_share_does_not_change_while_one_joins_the_others(
    before: dict[str, Any], after: dict[str, Any], paths: list[str]
) -> None:
    found = plan(before, after)
    assert kinds(found) == [(Kind.CONFLICT, path) for path in paths]


def test_a_smaller_data_volume_is_rejected_even_if_the_server_is_replaced() -> None:
    before = recorded(data_volume_gib=20)
    after = recorded(data_volume_gib=10, image={"generation": 2})
    assert kinds(plan_changes(before, after)) == [
        (Kind.SHRUNK_VOLUME, "cluster.servers.dataVolumeGib")
    ]


def test_a_machine_that_is_replaced_anyway_may_have_a_smaller_root_volume() -> None:
    found = plan({"servers": {"rootVolumeGib": 40}}, {"image": {"generation": 2}})
    assert found.rejections == ()


def test_a_replaced_server_keeps_its_data_and_so_the_release() -> None:
    found = plan({"k3s": {"version": "v1.37.1+k3s1"}}, {"image": {"generation": 2}})
    assert kinds(found) == [(Kind.DOWNGRADE, "cluster.k3s.version")]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("v1.36.4+k3s1", "v1.36.3+k3s1", Kind.DOWNGRADE),
        ("v1.36.4+k3s1", "v1.35.9+k3s1", Kind.DOWNGRADE),
        ("v2.0.0+k3s1", "v1.36.4+k3s1", Kind.DOWNGRADE),
        ("v1.36.4+k3s1", "v1.38.0+k3s1", Kind.SKIPPED_MINOR),
        ("v1.36.4+k3s1", "v2.0.0+k3s1", Kind.SKIPPED_MINOR),
        ("v1.36.4+k3s1", "v1.37.0+k3s1", None),
        ("v1.36.4+k3s1", "v1.36.5+k3s1", None),
        ("v1.36.4+k3s1", "v1.36.4+k3s2", None),
        ("not a release", "v1.36.4+k3s1", None),
    ],
)
def test_a_release_follows_the_one_before_it(old: str, new: str, kind: Kind | None) -> None:
    found = plan_changes(of_release(old), of_release(new))
    assert kinds(found) == ([(kind, "cluster.k3s.version")] if kind else [])


def of_release(version: str) -> Record:
    made = recorded()
    return dataclasses.replace(made, node_keys={**made.node_keys, "cluster.k3s.version": version})


CI = {"name": "ci", "role": "viewer"}


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        (
            {"rotation": {"joinTokens": 3, "loginKey": 2, "hostKeys": 2}},
            {"rotation": {"joinTokens": 2, "loginKey": 2}},
            ["cluster.rotation.joinTokens", "cluster.rotation.hostKeys"],
        ),
        (
            {"identities": [{**CI, "generation": 3}]},
            {"identities": [{"name": "other", "role": "viewer"}, {**CI, "generation": 2}]},
            ["cluster.identities[1].generation"],
        ),
        (
            {"image": {"generation": 3}},
            {"image": {"generation": 2}},
            ["cluster.servers.image.generation", "cluster.pools[0].image.generation"],
        ),
        # Another image counts from 1 again, and so does an identity that was removed.
        ({"image": {"generation": 3}}, {"image": {"os": "ubuntu-24.04"}}, []),
        ({"identities": [{**CI, "generation": 3}]}, {"identities": []}, []),
        ({"rotation": {"joinTokens": 2}}, {"rotation": {"joinTokens": 3}}, []),
    ],
)
def test_a_number_that_asks_for_something_once_more_is_not_lowered(
    before: dict[str, Any], after: dict[str, Any], paths: list[str]
) -> None:
    found = plan(before, after)
    assert kinds(found) == [(Kind.LOWERED_NUMBER, path) for path in paths]


def test_another_flannel_backend_is_a_warning_for_one_server() -> None:
    (warning,) = plan({}, {"k3s": {"flannelBackend": "host-gw"}}).consequences
    assert (warning.path, warning.kind) == ("cluster.k3s.flannelBackend", Kind.WARNING)


def test_everything_that_is_rejected_is_found_at_once() -> None:
    before = recorded(
        count=3, k3s=OLD_RELEASE, servers={"rootVolumeGib": 40}, rotation={"loginKey": 2}
    )
    after = recorded(k3s={"version": "v1.37.1+k3s1"}, network={"sshAllowedCidrs": []})
    assert {each.kind for each in plan_changes(before, after).rejections} == {
        Kind.QUORUM,
        Kind.SKIPPED_MINOR,
        Kind.SHRUNK_VOLUME,
        Kind.LOWERED_NUMBER,
        Kind.SSH_DISABLED,
    }


def test_a_server_is_not_replaced_while_its_join_token_changes() -> None:
    rotated = {"rotation": {"joinTokens": 2}}
    rejected = plan({}, {"image": {"generation": 2}, **rotated})
    assert [(each.kind, str(each)) for each in rejected.rejections] == [
        (
            Kind.CONFLICT,
            "cluster.rotation.joinTokens: must not change together with what replaces "
            '"demo-servers-0", whose next machine could not open the datastore\n'
            "    rotate in one update, and replace in the next",
        )
    ]
    pool = {"name": "a", "image": {"generation": 2}}
    allowed: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, rotated),
        ({}, {"image": {"generation": 2}}),
        ({"pools": [{"name": "a"}]}, {"pools": [pool], **rotated}),
        # Its datastore is a new one.
        ({}, {"k3s": {"secretsEncryption": False}, "allowDataLoss": True, **rotated}),
    ]
    assert [plan(*each).rejections for each in allowed] == [()] * len(allowed)
