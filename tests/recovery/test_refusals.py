"""One resource that AWS refuses ends neither the search nor the removal of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from recovery import expired_ec2, expired_endpoints, expired_named, reap, refusals
from recovery.errors import RecoveryError
from recovery.expired import Expired, Owner, Scope

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 11, 29, 22, 0, 1, tzinfo=UTC)
OVER = "2026-11-29T22:00:00Z"
TAGS = [
    {"Key": key, "Value": value}
    for key, value in {
        "k3s-aws:cluster": "demo",
        "k3s-aws:stack": "dev",
        "k3s-aws:expires": OVER,
    }.items()
]
OWNER = Owner("dev", "demo", NOW.replace(second=0))
ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/{{}}/0123456789abcdef"
ROLE = "demo-server-0a1b2c{}"
BUCKET = "demo-files-0a1b2c{}"
TRUST = {"Arn": f"arn:aws:iam::{ACCOUNT}:role/demo", "Path": "/", "CreateDate": NOW}


class Cloud:
    """Clients whose answers are given; botocore compares them with the shapes of the service."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._stubbers: dict[str, Stubber] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            made = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            self._clients[service] = made
            self._stubbers[service] = Stubber(made)
            self._stubbers[service].activate()
        return self._clients[service]

    def answers(self, service: str, method: str, answer: dict[str, Any], **asked: Any) -> None:
        self.client(service)
        self._stubbers[service].add_response(method, answer, asked or None)

    def refuses(self, service: str, method: str, code: str, **asked: Any) -> None:
        self.client(service)
        self._stubbers[service].add_client_error(
            method, code, "refused", expected_params=asked or None
        )

    def require_all_asked(self) -> None:
        for each in self._stubbers.values():
            each.assert_no_pending_responses()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.require_all_asked()


@pytest.fixture
def scope() -> Scope:
    return Scope(account=ACCOUNT, region=REGION, now=NOW)


class Clock:
    """A clock on which a pause is a minute."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += 30 * seconds


def remove(each: Expired) -> list[str]:
    """The lines of the report."""
    lines: list[str] = []
    left, _ = reap._remove([each], lines.append, Clock())
    if left:
        raise RecoveryError(left[0][1])
    return lines


@pytest.mark.parametrize(
    ("service", "operation"),
    [("iam", "ListRoleTags"), ("iam", "GetInstanceProfile"), ("elbv2", "DescribeTags")],
)
def test_what_the_service_says_of_a_missing_resource_is_known(service: str, operation: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    shapes: list[Any] = model.operation_model(operation).error_shapes
    codes = [each.error_code for each in shapes]
    missing = [each for each in codes if each.startswith("NoSuch") or "NotFound" in each]
    assert missing
    for code in missing:
        assert refusals.is_of_one_resource(ClientError({"Error": {"Code": code}}, operation))


@pytest.mark.parametrize("code", ["NoSuchEntity", "AccessDenied"])
def test_a_role_that_goes_or_may_not_be_read_does_not_hide_the_others(
    cloud: Cloud, scope: Scope, code: str
) -> None:
    names = [ROLE.format(number) for number in (1, 2)]
    roles = [{**TRUST, "RoleName": each, "RoleId": "A" * 20} for each in names]
    cloud.answers("iam", "list_roles", {"Roles": roles})
    cloud.refuses("iam", "list_role_tags", code, RoleName=names[0])
    cloud.answers("iam", "list_role_tags", {"Tags": TAGS}, RoleName=names[1])
    assert [each.id for each in expired_named.roles(cloud.client, scope)] == names[1:]
    denied = {names[0]: "cannot be read, AccessDenied"}
    assert scope.doubtful == (denied if code == "AccessDenied" else {})


def test_credentials_that_ended_end_the_search(cloud: Cloud, scope: Scope) -> None:
    role = {**TRUST, "RoleName": ROLE.format(1), "RoleId": "A" * 20}
    cloud.answers("iam", "list_roles", {"Roles": [role]})
    cloud.refuses("iam", "list_role_tags", "ExpiredToken")
    with pytest.raises(ClientError, match="ExpiredToken"):
        list(expired_named.roles(cloud.client, scope))


def test_an_instance_profile_that_goes_does_not_hide_the_others(cloud: Cloud, scope: Scope) -> None:
    profiles = [
        {
            **TRUST,
            "InstanceProfileName": ROLE.format(number),
            "InstanceProfileId": "A" * 20,
            "Roles": [],
        }
        for number in (1, 2)
    ]
    cloud.answers("iam", "list_instance_profiles", {"InstanceProfiles": profiles})
    cloud.refuses("iam", "get_instance_profile", "NoSuchEntity")
    found = {"InstanceProfile": {**profiles[1], "Tags": TAGS}}
    cloud.answers("iam", "get_instance_profile", found)
    assert [each.id for each in expired_named.profiles(cloud.client, scope)] == [ROLE.format(2)]


def parameters(cloud: Cloud, *names: str) -> None:
    listed = {"Parameters": [{"Name": each} for each in names]}
    cloud.answers("ssm", "describe_parameters", listed)


def test_a_parameter_that_goes_does_not_hide_the_others(cloud: Cloud, scope: Scope) -> None:
    parameters(cloud, "/k3s-aws/a", "/k3s-aws/b")
    cloud.refuses("ssm", "list_tags_for_resource", "InvalidResourceId")
    cloud.answers("ssm", "list_tags_for_resource", {"TagList": TAGS})
    assert [each.id for each in expired_named.parameters(cloud.client, scope)] == ["/k3s-aws/b"]


def test_a_bucket_that_may_not_be_read_does_not_hide_the_others(cloud: Cloud, scope: Scope) -> None:
    names = [BUCKET.format(number) for number in (1, 2, 3, 4)]
    cloud.answers("s3", "list_buckets", {"Buckets": [{"Name": each} for each in names]})
    cloud.refuses("s3", "get_bucket_location", "AccessDenied", Bucket=names[0])
    for name in names[1:]:
        cloud.answers("s3", "get_bucket_location", {}, Bucket=name)
        if name == names[1]:
            cloud.refuses("s3", "get_bucket_tagging", "NoSuchBucket", Bucket=name)
            continue
        cloud.answers("s3", "get_bucket_tagging", {"TagSet": TAGS}, Bucket=name)
        if name == names[2]:
            cloud.refuses("s3", "list_object_versions", "AccessDenied")
        else:
            cloud.answers("s3", "list_object_versions", {})
    found = expired_named.buckets(cloud.client, scope, snapshots=False)
    assert [(each.id, each.kept) for each in found] == [(names[3], "")]
    assert set(scope.doubtful) == {names[0], names[2]}


def test_load_balancers_are_asked_one_by_one_where_one_goes_meanwhile(
    cloud: Cloud, scope: Scope
) -> None:
    arns = [ARN.format(name) for name in "abc"]
    balancers = [{"LoadBalancerArn": each} for each in arns]
    cloud.answers("elbv2", "describe_load_balancers", {"LoadBalancers": balancers})
    cloud.refuses("elbv2", "describe_tags", "LoadBalancerNotFound", ResourceArns=arns)
    cloud.refuses("elbv2", "describe_tags", "LoadBalancerNotFound", ResourceArns=arns[:1])
    for arn in arns[1:]:
        described = {"TagDescriptions": [{"ResourceArn": arn, "Tags": TAGS}]}
        cloud.answers("elbv2", "describe_tags", described, ResourceArns=[arn])
    assert [each.id for each in expired_endpoints.load_balancers(cloud.client, scope)] == arns[1:]


def expired(what: str, removal: Callable[[], bool]) -> Expired:
    return Expired(what=what, id="x", owner=OWNER, remove=removal)


def test_an_address_is_released_although_its_association_went_meanwhile(
    cloud: Cloud, scope: Scope
) -> None:
    address = {"AllocationId": "eipalloc-1", "Tags": TAGS}
    attached = {**address, "AssociationId": "eipassoc-1"}
    cloud.answers("ec2", "describe_addresses", {"Addresses": [attached]})
    cloud.answers("ec2", "describe_addresses", {"Addresses": [attached]})
    cloud.refuses("ec2", "disassociate_address", "InvalidAssociationID.NotFound")
    cloud.answers("ec2", "describe_addresses", {"Addresses": [address]})
    cloud.answers("ec2", "release_address", {}, AllocationId="eipalloc-1")
    (found,) = expired_ec2.addresses(cloud.client, scope)
    assert remove(found)[-1] == "removed Elastic IP eipalloc-1"


def test_a_route_table_is_deleted_although_its_association_went_meanwhile(
    cloud: Cloud, scope: Scope
) -> None:
    table: dict[str, Any] = {"RouteTableId": "rtb-1", "Associations": [], "Tags": TAGS}
    attached = {**table, "Associations": [{"RouteTableAssociationId": "rtbassoc-1", "Main": False}]}
    for _ in range(2):
        cloud.answers("ec2", "describe_route_tables", {"RouteTables": [attached]})
    cloud.refuses("ec2", "disassociate_route_table", "InvalidAssociationID.NotFound")
    cloud.answers("ec2", "describe_route_tables", {"RouteTables": [table]})
    cloud.answers("ec2", "delete_route_table", {}, RouteTableId="rtb-1")
    (found,) = expired_ec2.tables(cloud.client, scope)
    assert remove(found)[-1] == "removed route table rtb-1"


def test_a_role_is_deleted_although_its_policy_went_meanwhile(cloud: Cloud, scope: Scope) -> None:
    role = {**TRUST, "RoleName": ROLE.format(1), "RoleId": "A" * 20}
    cloud.answers("iam", "list_roles", {"Roles": [role]})
    cloud.answers("iam", "list_role_tags", {"Tags": TAGS})
    cloud.answers("iam", "list_role_policies", {"PolicyNames": ["inline"]})
    cloud.refuses("iam", "delete_role_policy", "NoSuchEntity")
    cloud.answers("iam", "list_role_policies", {"PolicyNames": []})
    cloud.answers("iam", "delete_role", {}, RoleName=ROLE.format(1))
    (found,) = expired_named.roles(cloud.client, scope)
    assert remove(found)[-1] == f"removed role {ROLE.format(1)}"


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("RevokeSecurityGroupIngress", "InvalidSecurityGroupRuleId.NotFound"),
        ("AbortMultipartUpload", "NoSuchUpload"),
        ("RemoveRoleFromInstanceProfile", "NoSuchEntity"),
    ],
)
def test_a_step_that_finds_nothing_is_tried_again(operation: str, code: str) -> None:
    attempts: list[str] = []

    def removal() -> bool:
        attempts.append(operation)
        if len(attempts) == 1:
            raise ClientError({"Error": {"Code": code, "Message": "gone"}}, operation)
        return True

    remove(expired("thing", removal))
    assert len(attempts) == 2


@pytest.mark.parametrize(
    ("operation", "code"),
    [("ReleaseAddress", "InvalidAllocationID.NotFound"), ("DeleteBucket", "NoSuchBucket")],
)
def test_what_is_gone_itself_is_removed(operation: str, code: str) -> None:
    def removal() -> bool:
        raise ClientError({"Error": {"Code": code, "Message": "gone"}}, operation)

    assert remove(expired("thing", removal)) == ["removed thing x"]


@pytest.mark.parametrize(
    "code",
    ["OperationNotPermitted", "ExpiredToken", "ExpiredTokenException", "RequestExpired"],
)
def test_what_no_repetition_helps_is_reported_at_once(code: str) -> None:
    attempts: list[str] = []

    def removal() -> bool:
        attempts.append(code)
        raise ClientError({"Error": {"Code": code, "Message": "never"}}, "TerminateInstances")

    with pytest.raises(RecoveryError, match=f"{code}: never"):
        remove(expired("instance", removal))
    assert len(attempts) == 1


def test_objects_that_s3_keeps_are_reported_at_once(cloud: Cloud, scope: Scope) -> None:
    name = BUCKET.format(1)
    cloud.answers("s3", "list_buckets", {"Buckets": [{"Name": name}]})
    cloud.answers("s3", "get_bucket_location", {})
    cloud.answers("s3", "get_bucket_tagging", {"TagSet": TAGS})
    cloud.answers("s3", "list_object_versions", {})
    (found,) = expired_named.buckets(cloud.client, scope, snapshots=False)
    stored = {"Versions": [{"Key": "k3s", "VersionId": "1"}]}
    cloud.answers("s3", "list_object_versions", stored, Bucket=name)
    kept = {"Errors": [{"Key": "k3s", "Code": "AccessDenied", "Message": "locked"}]}
    cloud.answers("s3", "delete_objects", kept, Bucket=name, Delete=ANY)
    with pytest.raises(RecoveryError, match="AccessDenied: 1 objects are not deleted, locked"):
        remove(found)


@pytest.mark.parametrize(
    "now",
    [
        [],
        [{**each, "Value": each["Value"].replace(OVER, "2999-01-01T00:00:00Z")} for each in TAGS],
        [{**each, "Value": each["Value"].replace("demo", "other")} for each in TAGS],
    ],
)
def test_a_parameter_that_another_cluster_has_by_now_is_left(
    cloud: Cloud, scope: Scope, now: list[dict[str, str]]
) -> None:
    parameters(cloud, "/k3s-aws/dev/token")
    cloud.answers("ssm", "list_tags_for_resource", {"TagList": TAGS})
    (found,) = expired_named.parameters(cloud.client, scope)
    cloud.answers("ssm", "list_tags_for_resource", {"TagList": now})
    (line,) = remove(found)
    assert line == "left alone: SSM parameter /k3s-aws/dev/token is another cluster's by now"


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["203.0.113.7"], ""),
        (
            ["203.0.113.7", "198.51.100.9"],
            "leads to 198.51.100.9, which is not of this cluster; kept",
        ),
        (None, "leads to an alias, which is not of this cluster; kept"),
    ],
)
def test_a_record_that_leads_elsewhere_is_listed_and_kept(
    cloud: Cloud, scope: Scope, values: list[str] | None, kept: str
) -> None:
    tags = [*TAGS, {"Key": "k3s-aws:record", "Value": "Z1/api.example.com"}]
    cloud.answers("ec2", "describe_network_interfaces", {"NetworkInterfaces": []})
    address = {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.7", "Tags": tags}
    cloud.answers("ec2", "describe_addresses", {"Addresses": [address]})
    record: dict[str, Any] = {"Name": "api.example.com.", "Type": "A"}
    if values:
        record["ResourceRecords"] = [{"Value": each} for each in values]
    page = {"ResourceRecordSets": [record], "IsTruncated": False, "MaxItems": "1"}
    cloud.answers("route53", "list_resource_record_sets", page)
    (found,) = expired_endpoints.records(cloud.client, scope)
    assert found.kept == kept
