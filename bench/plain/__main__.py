"""Plain resources and nothing else: the least a program with so many of them can cost."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}

# Roles depend on nothing, and AWS creates as many at once as there are.
for index in range(pulumi.Config().require_int("resources")):
    aws.iam.Role(f"plain-{index}", assume_role_policy=json.dumps(TRUST))
