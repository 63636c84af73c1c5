"""
The operator's permissions: every call that the program's resources and lookups need, and no more
of Parameter Store than the cluster's own.

provider_calls.txt are the calls of hashicorp/aws 5.100.0 against moto, as IAM names them: each type
of components/ created, changed and deleted once, and each lookup made. Those of load balancers and
of Route 53 are from its source: internal/service/elbv2 and internal/service/route53 of v6.0.0.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest

from localcloud.aws_plugin.lookups import LOOKUPS, REGIONAL
from localcloud.aws_plugin.resources import KINDS
from localcloud.instance.policies import denial
from recovery import (
    ec2_searches,
    endpoint_searches,
    expired_ec2,
    expired_endpoints,
    expired_named,
    named_searches,
)
from tests.localcloud.operator_policy import PARAMETER, POLICY, denied

PROVIDER_CALLS = (Path(__file__).parent / "provider_calls.txt").read_text().split()
# Calls of the stand-in whose permissions have other names:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
S3 = {
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "DeleteObjects": "DeleteObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
}
RECOVERY = (
    *(ec2_searches, endpoint_searches, named_searches),
    *(expired_ec2, expired_endpoints, expired_named),
)
SERVICES = {"elbv2": "elasticloadbalancing"}
CALL = re.compile(r"(?<!aws\.)\b(ec2|elbv2|iam|route53|ssm|s3)(?:\"\))?\.([a-z]+(?:_[a-z0-9]+)+)")


def calls_in(source: str) -> set[str]:
    """The calls of boto3's clients in the text of a module, as IAM names them."""
    found = set()
    for service, method in CALL.findall(source):
        name = "".join(word.capitalize() for word in method.split("_"))
        name = S3.get(name, name) if service == "s3" else name
        found.add(f"{SERVICES.get(service, service)}:{name}")
    return found


def test_every_call_of_the_provider_is_allowed() -> None:
    assert len(PROVIDER_CALLS) > 80
    assert denied(PROVIDER_CALLS) == []


def test_every_call_of_the_stand_in_and_of_recovery_is_allowed() -> None:
    modules = {
        *(inspect.getmodule(type(kind)) for kind in KINDS.values()),
        *(inspect.getmodule(each) for each in (*REGIONAL.values(), *LOOKUPS.values())),
    }
    sources = [inspect.getsource(each) for each in (*filter(None, modules), *RECOVERY)]
    found = set().union(*map(calls_in, sources))
    # Of boto3, not of a service.
    found = {each for each in found if not each.endswith((":GetPaginator", ":GetWaiter"))}
    assert len(found) > 40
    assert denied(found) == []


def test_what_elastic_load_balancing_reads_for_the_caller_is_allowed() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html"""
    read = "AccountAttributes Addresses Instances InternetGateways SecurityGroups Subnets Vpcs"
    assert denied(f"ec2:Describe{each}" for each in read.split()) == []


def test_what_a_failed_node_needs_is_allowed() -> None:
    assert denied(["ec2:GetConsoleOutput"]) == []


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("ssm:GetParameter", PARAMETER, True),
        ("ssm:PutParameter", PARAMETER.replace("k3s-aws", "other"), False),
        ("ssm:GetParameter", PARAMETER.replace("k3s-aws", "other"), False),
        ("ssm:GetParameter", "arn:aws:ssm:eu-central-1::parameter/aws/service/debian/x", True),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/r", False),
        ("iam:AttachRolePolicy", "*", False),
        ("iam:CreateUser", "*", False),
    ],
)
def test_it_allows_no_more_of_parameters_and_roles(
    action: str, resource: str, allowed: bool
) -> None:
    """PassRole has a condition, which counts as not met here."""
    statements = json.loads(POLICY.read_text())["Statement"]
    assert (denial(statements, action, resource) is None) is allowed


def test_it_fits_into_a_managed_policy() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    assert len("".join(POLICY.read_text().split())) <= 6144
