"""IAM policy documents, as mappings."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

MACHINES_OF_A_ROLE = 20
"""
How many machines share a role: the policies of one have room for 10,240 characters together, and
each machine has a statement of its own.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

# EC2 in trust policies where it has another name:
# https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html
_EC2 = {"aws-cn": "ec2.amazonaws.com.cn"}

_READ = ("ssm:GetParameter", "ssm:GetParameters")


def trust_policy(partition: str) -> dict[str, Any]:
    """EC2 instances may take the role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": _EC2.get(partition, "ec2.amazonaws.com")},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def read(
    shared: Sequence[str],
    own: Mapping[str, str],
    objects: Sequence[str] = (),
    key_arn: str | None = None,
    written: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """
    Reading exactly these SSM parameters and S3 objects, all by ARN, and nothing else; and what the
    statements of `write` allow.

    `own` are the parameters that one machine alone may read, by its private address. `key_arn` is
    the KMS key of the parameters. The account's own, `aws/ssm`, needs no statement: it admits
    whoever may read them.
    """
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": list(_READ), "Resource": sorted(shared)},
        *(_read_from(address, arn) for address, arn in sorted(own.items())),
    ]
    if key_arn:
        # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
        # SSM asks KMS on the role's behalf, and nothing promises that the machine's address is
        # known there. Which parameter it may be is decided above, and the policy has no room for
        # each: it is what the role's parameters have in common.
        common = posixpath.commonpath(map(posixpath.dirname, [*shared, *own.values()]))
        context = {"kms:EncryptionContext:PARAMETER_ARN": [f"{common}/*"]}
        statements.append(
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt"],
                "Resource": [key_arn],
                "Condition": {"StringLike": context},
            }
        )
    if objects:
        statements.append(
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": sorted(objects)}
        )
    return {"Version": "2012-10-17", "Statement": [*statements, *written]}


def write(objects: Sequence[str], key_arn: str | None) -> list[dict[str, Any]]:
    """
    Statements for writing exactly these S3 objects, all by ARN, without reading or deleting them.

    `key_arn` is the KMS key that their bucket encrypts with, if it is not S3's own.
    """
    if not objects:
        return []
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": sorted(objects)}
    ]
    if key_arn:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        statements.append(
            {
                "Effect": "Allow",
                # The bucket encrypts the programs that servers read with it, too.
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": [key_arn],
            }
        )
    return statements


def _read_from(address: str, parameter: str) -> dict[str, Any]:
    """
    One parameter, for the machine at this address: the key is of the type IP address, and in every
    request that is signed with the credentials of an instance's role.

    As a policy variable in `Resource` it would be one statement for all machines. AWS documents
    both, but no public policy has the two together, and every boot depends on it.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    return {
        "Effect": "Allow",
        "Action": "ssm:GetParameters",
        "Resource": parameter,
        "Condition": {"IpAddress": {"aws:EC2InstanceSourcePrivateIPv4": f"{address}/32"}},
    }


def deny_parameters(parameters: str, instance_ids: Sequence[str]) -> dict[str, Any]:
    """
    Denies reading parameters to these instances, which have joined.

    The credentials of an instance's role carry the instance, so this holds wherever they are used:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
    """
    instances = [f"*/{each}" for each in sorted(instance_ids)]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": ["ssm:GetParameter*"],
                "Resource": [parameters],
                "Condition": {"StringLike": {"ec2:SourceInstanceARN": instances}},
            }
        ],
    }
