"""The lookups of the account and the region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.aws_plugin.resources.kind import names, selected
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values


def get_region(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_region"""
    region = dict.fromkeys(("id", "name", "description"), aws.region)
    return {**region, "endpoint": f"ec2.{aws.region}.amazonaws.com"}


def get_partition(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_partition"""
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def get_caller_identity(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_caller_identity"""
    found = aws.client("sts").get_caller_identity()
    return {"id": found["Account"], **selected(found, names("arn userId", accountId="Account"))}


def get_service_quota(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.servicequotas.get_service_quota"""
    client, quota = (
        aws.client("service-quotas"),
        {
            "ServiceCode": args["serviceCode"],
            "QuotaCode": args["quotaCode"],
        },
    )
    default = client.get_aws_default_service_quota(**quota)["Quota"]
    found = client.get_service_quota(**quota)["Quota"]
    return {
        "id": found["QuotaArn"],
        "defaultValue": default["Value"],
        **selected(found, names("value quotaName quotaCode serviceCode adjustable")),
    }
