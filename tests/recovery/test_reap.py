"""What expired is removed by its tags alone; nothing else is touched."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws_api.server import STATUS_PATH
from recovery import expired_ec2, reap
from recovery.__main__ import main
from recovery.errors import RecoveryError
from recovery.expired import Expired, Scope
from tests.localcloud.daemon.conftest import cloud
from tests.localcloud.daemon.local_cloud import LocalCloud
from tests.localcloud.operator_policy import denied
from tests.recovery.tagged_cluster import TaggedCluster

__all__ = ["cloud"]

pytestmark = pytest.mark.slow

ACCOUNT = "123456789012"
NOW = datetime(2026, 11, 29, 22, 0, 1, tzinfo=UTC)
OVER, LATER = "2026-11-29T22:00:00Z", "2026-11-29T22:00:02Z"
CLUSTER = {"k3s-aws:cluster": "demo", "k3s-aws:stack": "dev"}
EXPIRED = {**CLUSTER, "k3s-aws:expires": OVER}
LONG_OVER = {**CLUSTER, "k3s-aws:expires": "2020-01-01T00:00:00Z"}


class Clock:
    """A clock on which a pause is half a minute: the machines follow the API within a tenth."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        time.sleep(0.1)
        self.now += 15 * seconds


def scope(**changes: Any) -> Scope:
    return Scope(**{"account": ACCOUNT, "region": "us-east-1", "now": NOW, **changes})


def run(cloud: LocalCloud, lines: list[str] | None = None, **changes: Any) -> list[Expired]:
    """Reaps; `changes` are of what is wanted, and the scope's."""
    given = {key: changes.pop(key) for key in ("account", "region", "now") if key in changes}
    stack = changes.get("stack")
    wanted = reap.Wanted(**changes)
    report = (lines if lines is not None else []).append
    return reap.within(cloud.client, scope(**given, stack=stack), wanted, report, Clock())


def ids(found: list[Expired]) -> set[str]:
    return {each.id for each in found}


def test_a_dry_run_lists_everything_and_changes_nothing(cloud: LocalCloud) -> None:
    mine = TaggedCluster(cloud, "demo", EXPIRED).create()
    lines: list[str] = []
    found = run(cloud, lines)
    # The root volume has no tags of its own here.
    assert ids(found) == set(mine.made.values())
    assert lines[0] == f"stack dev, cluster demo, expired at {OVER}, 0 min ago"
    assert lines[-1] == "nothing was removed: --yes removes it"
    assert ids(run(cloud)) == ids(found)


def test_an_operators_permissions_are_enough(cloud: LocalCloud) -> None:
    """Those of S3 and Route 53, which are not recorded: aws_plugin/test_operator_policy.py."""
    TaggedCluster(cloud, "demo", EXPIRED).create()
    assert run(cloud, remove=True) == []
    address = f"{cloud.endpoint}{STATUS_PATH}"
    with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310 - loopback
        calls = json.load(page)["calls"]
    assert {"ec2:TerminateInstances", "iam:ListRoles", "ssm:DescribeParameters"} <= {*calls}
    assert denied(calls) == []


def test_everything_is_removed_and_a_second_run_finds_nothing(cloud: LocalCloud) -> None:
    zone = cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="reap")[
        "HostedZone"
    ]["Id"]
    zone = zone.rsplit("/", 1)[1]
    TaggedCluster(cloud, "demo", EXPIRED, zone=zone).create()
    lines: list[str] = []
    assert run(cloud, lines, remove=True) == []
    assert "pulumi destroy --stack dev" in lines[-1]
    assert any(each.startswith(f"removed record api.example.com in {zone}") for each in lines)
    assert run(cloud) == []
    names = [
        each["Type"]
        for each in cloud.client("route53").list_resource_record_sets(HostedZoneId=zone)[
            "ResourceRecordSets"
        ]
    ]
    assert "A" not in names
    assert run(cloud, lines, remove=True) == []
    assert lines[-1] == "nothing has expired"


@pytest.mark.parametrize(
    "tags",
    [
        CLUSTER,
        {**CLUSTER, "k3s-aws:expires": LATER},
        {**CLUSTER, "k3s-aws:expires": "yesterday"},
        {**CLUSTER, "k3s-aws:expires": "2026-11-29"},
        {**CLUSTER, "expires": OVER},
        {"k3s-aws:stack": "dev", "k3s-aws:expires": OVER},
        {"k3s-aws:cluster": "demo", "k3s-aws:expires": OVER},
    ],
)
def test_what_has_not_expired_or_is_not_ours_is_not_touched(
    cloud: LocalCloud, tags: dict[str, str]
) -> None:
    other = TaggedCluster(cloud, "other", tags).create()
    assert run(cloud, remove=True) == []
    assert cloud.state(other.made["instance"]) == "running"
    # Each of them is still there, and would be found with the tags of an expired cluster.
    retag(cloud, other)
    assert ids(run(cloud)) == set(other.made.values())


def test_a_cluster_without_an_end_stays_beside_one_that_is_removed(cloud: LocalCloud) -> None:
    other = TaggedCluster(cloud, "other", CLUSTER, cidr="10.80.0.0/16").create()
    TaggedCluster(cloud, "demo", EXPIRED).create()
    assert run(cloud, remove=True) == []
    retag(cloud, other)
    assert ids(run(cloud)) == set(other.made.values())


def retag(cloud: LocalCloud, cluster: TaggedCluster) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in EXPIRED.items()]
    made = cluster.made
    in_ec2 = [
        each
        for each in made.values()
        if each.split("-")[0]
        in ("i", "vpc", "subnet", "igw", "rtb", "sg", "eni", "eipalloc", "vol")
    ]
    cloud.ec2.create_tags(Resources=in_ec2, Tags=pairs)
    cloud.client("iam").tag_role(RoleName=made["role"], Tags=pairs)
    cloud.client("iam").tag_instance_profile(
        InstanceProfileName=made["instance profile"], Tags=pairs
    )
    cloud.client("ssm").add_tags_to_resource(
        ResourceType="Parameter", ResourceId=made["SSM parameter"], Tags=pairs
    )
    cloud.client("s3").put_bucket_tagging(Bucket=made["bucket"], Tagging={"TagSet": pairs})
    cloud.client("elbv2").add_tags(
        ResourceArns=[made["load balancer"], made["target group"]], Tags=pairs
    )


def test_what_has_the_tag_and_no_valid_time_is_named(cloud: LocalCloud) -> None:
    cloud.ec2.create_vpc(
        CidrBlock="10.79.0.0/16",
        TagSpecifications=[
            {
                "ResourceType": "vpc",
                "Tags": [
                    {"Key": key, "Value": value}
                    for key, value in {**CLUSTER, "k3s-aws:expires": "soon"}.items()
                ],
            }
        ],
    )
    lines: list[str] = []
    assert run(cloud, lines, remove=True) == []
    assert "has no valid tags of an expired cluster, 'soon'" in lines[0]


def test_another_stack_is_left_where_one_is_named(cloud: LocalCloud) -> None:
    TaggedCluster(cloud, "demo", EXPIRED).create()
    other = {**EXPIRED, "k3s-aws:stack": "pr-7"}
    second = TaggedCluster(cloud, "other", other, cidr="10.80.0.0/16").create()
    run(cloud, stack="dev", remove=True)
    assert ids(run(cloud)) == set(second.made.values())


def test_what_another_account_shares_is_not_touched(cloud: LocalCloud) -> None:
    TaggedCluster(cloud, "demo", EXPIRED).create()
    found = run(cloud, account="999999999999")
    owned = {"vpc", "subnet", "i", "eni", "sg", "rtb", "igw"}
    assert not {each.id.split("-")[0] for each in found} & owned
    assert not [each for each in found if each.id.startswith("arn:")]


def test_snapshots_are_removed_only_on_request(cloud: LocalCloud) -> None:
    mine = TaggedCluster(cloud, "demo", EXPIRED).create(snapshots=True)
    (kept,) = run(cloud, remove=True)
    assert (kept.id, kept.kept.split(",")[0]) == (mine.made["bucket"], "has snapshots")
    assert cloud.client("s3").list_objects_v2(Bucket=kept.id)["KeyCount"] == 1
    assert run(cloud, remove=True, snapshots=True) == []
    assert run(cloud) == []


def test_a_run_that_was_killed_is_continued(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    TaggedCluster(cloud, "demo", EXPIRED).create()
    removed: list[str] = []
    attempt = reap._try

    def killed(each: Expired) -> str | None:
        if len(removed) == 5:
            raise KeyboardInterrupt
        why = attempt(each)
        removed.extend([] if why else [each.id])
        return why

    with monkeypatch.context() as patched:
        patched.setattr(reap, "_try", killed)
        with pytest.raises(KeyboardInterrupt):
            run(cloud, remove=True)
    assert 0 < len(run(cloud)) <= 18
    assert run(cloud, remove=True) == []
    assert run(cloud) == []


def test_an_instance_that_is_shutting_down_is_waited_for(cloud: LocalCloud) -> None:
    mine = TaggedCluster(cloud, "demo", EXPIRED).create()
    cloud.ec2.terminate_instances(InstanceIds=[mine.made["instance"]])
    assert run(cloud, remove=True) == []
    assert cloud.state(mine.made["instance"]) == "terminated"


def test_what_somebody_else_put_into_the_network_is_named_at_the_deadline(
    cloud: LocalCloud,
) -> None:
    mine = TaggedCluster(cloud, "demo", EXPIRED).create()
    somebodys = cloud.interface(mine.made["subnet"])["NetworkInterfaceId"]
    with pytest.raises(RecoveryError) as refused:
        run(cloud, remove=True)
    assert f"subnet {mine.made['subnet']}: DependencyViolation" in str(refused.value)
    cloud.ec2.delete_network_interface(NetworkInterfaceId=somebodys)
    assert run(cloud, remove=True) == []


def test_what_may_not_be_removed_ends_nothing_but_itself(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    TaggedCluster(cloud, "demo", EXPIRED).create()

    def denied() -> bool:
        error = {"Error": {"Code": "UnauthorizedOperation", "Message": "you may not"}}
        raise ClientError(error, "TerminateInstances")  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(expired_ec2, "_termination", lambda *_: denied)
        with pytest.raises(RecoveryError, match="UnauthorizedOperation: you may not"):
            run(cloud, remove=True)
    kinds = {each.what for each in run(cloud)}
    assert "instance (running)" in kinds
    assert not kinds & {"role", "SSM parameter", "bucket", "load balancer"}


@pytest.fixture
def credentials(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.mark.usefixtures("credentials")
def test_the_command_lists_as_json_and_removes_with_yes(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    made = cloud.ec2.create_volume(
        AvailabilityZone="us-east-1a",
        Size=1,
        TagSpecifications=[
            {
                "ResourceType": "volume",
                "Tags": [{"Key": key, "Value": each} for key, each in LONG_OVER.items()],
            }
        ],
    )
    words = ["reap", "--region", "us-east-1", "--stack", "dev"]
    assert main([*words, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["stack"]) == (made["VolumeId"], "dev")
    assert main([*words, "--yes"]) == 0
    assert f"removed volume {made['VolumeId']}" in capsys.readouterr().out
    assert main(words) == 0
    assert "nothing has expired" in capsys.readouterr().out


@pytest.mark.usefixtures("credentials")
def test_the_time_is_that_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    now = datetime.now(UTC)
    assert reap.reap(reap.Wanted(region="us-east-1"), lines.append, Clock()) == []
    time_there = datetime.strptime(lines[0].split()[4], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert lines[0].startswith(f"account {ACCOUNT}, region us-east-1, ")
    assert abs(time_there - now).total_seconds() < 60
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(RecoveryError, match="region"):
        reap.reap(reap.Wanted(), lines.append, Clock())
