"""IAM policy documents, as mappings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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


def read(parameters: Sequence[str], objects: Sequence[str] = ()) -> dict[str, Any]:
    """
    Reading exactly these SSM parameters and S3 objects, all by ARN, and nothing else.

    Decryption needs no statement: the key of the account, `aws/ssm`, admits whoever may read.
    """
    statements = [
        {
            "Effect": "Allow",
            "Action": ["ssm:GetParameter", "ssm:GetParameters"],
            "Resource": sorted(parameters),
        }
    ]
    if objects:
        statements.append(
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": sorted(objects)}
        )
    return {"Version": "2012-10-17", "Statement": statements}
