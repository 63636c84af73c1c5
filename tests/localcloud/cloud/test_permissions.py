"""IAM's evaluation, as far as a machine's own calls need it."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.cloud.permissions import allowed

TOKEN = "arn:aws:ssm:us-east-1:123456789012:parameter/k3s-aws/demo/server/token"
READ = {"Effect": "Allow", "Action": "ssm:GetParameter*", "Resource": TOKEN[:-5] + "*"}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], False),
        ([READ], True),
        ([{**READ, "Action": ["s3:GetObject", "SSM:getparameters"]}], True),
        ([{**READ, "Action": "ssm:PutParameter"}], False),
        ([{**READ, "Resource": [TOKEN]}], True),
        ([{**READ, "Resource": TOKEN.upper()}], False),
        ([{**READ, "Resource": TOKEN[:-1] + "?"}], True),
        ([{**READ, "Resource": TOKEN[:-1] + "[n]"}], False),
        ([READ, {**READ, "Effect": "Deny", "Resource": "*"}], False),
        ([{**READ, "Effect": "Deny", "Action": "s3:*"}, READ], True),
        ([{**READ, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], False),
    ],
)
def test_a_call_is_allowed_only_by_a_statement_that_names_it(
    statements: list[dict[str, Any]], expected: bool
) -> None:
    assert allowed(statements, "ssm:GetParameters", TOKEN) is expected
