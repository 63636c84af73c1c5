"""Plain resources and nothing else: the least a program with so many of them can cost."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

for index in range(pulumi.Config().require_int("resources")):
    aws.ssm.Parameter(f"plain-{index}", type="String", value=f"value {index}")
