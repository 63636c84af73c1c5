"""IAM policy documents, as mappings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

MACHINES_OF_A_ROLE = 300
"""
How many machines share a role: the policies of one have room for 10,240 characters together, and
each machine that has joined takes 24 of them.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

_READ = ("ssm:GetParameter", "ssm:GetParameters")


def trust_policy() -> dict[str, Any]:
    """EC2 instances may take the role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def read(
    parameters: Sequence[str], objects: Sequence[str] = (), key_arn: str | None = None
) -> dict[str, Any]:
    """
    Reading exactly these SSM parameters and S3 objects, all by ARN, and nothing else.

    `key_arn` is the KMS key of the parameters. The account's own, `aws/ssm`, needs no statement: it
    admits whoever may read them.
    """
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": list(_READ), "Resource": sorted(parameters)}
    ]
    if key_arn:
        # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
        # SSM asks KMS on the role's behalf, and nothing promises that what a policy variable says
        # of the instance is known there. Which parameter it may be is said above.
        patterns = sorted(re.sub(r"\$\{[^}]*\}", "*", each) for each in parameters)
        context = {"kms:EncryptionContext:PARAMETER_ARN": patterns}
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
    return {"Version": "2012-10-17", "Statement": statements}


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
