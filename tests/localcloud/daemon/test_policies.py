"""IAM's evaluation, as far as a machine's own calls need it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import policies
from localcloud.instance.policies import denial

HOME = "arn:aws:ssm:us-east-1:123456789012:parameter/k3s-aws/demo"
TOKEN = f"{HOME}/server/token"
READ: dict[str, Any] = {
    "Effect": "Allow",
    "Action": "ssm:GetParameter*",
    "Resource": TOKEN[:-5] + "*",
}
DENY: dict[str, Any] = {**READ, "Effect": "Deny", "Resource": "*"}
INSTANCE = "arn:aws:ec2:us-east-1:123456789012:instance/i-0aaaaaaaaaaaaaaaa"
OTHER = INSTANCE.replace("a" * 16, "b" * 16)
CONTEXT = {
    "ec2:sourceinstancearn": INSTANCE,
    "aws:ec2instancesourceprivateipv4": "10.64.0.10",
    "aws:ec2instancesourcevpc": "vpc-1",
    "aws:principalarn": "arn:aws:iam::123456789012:role/agent",
}


def allowed(statements: list[dict[str, Any]], action: str, *more: Any) -> bool:
    return denial(statements, action, *more) is None


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


def test_a_denial_reports_whether_a_deny_or_silence_denies() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    found = [denial(each, "ssm:GetParameters", TOKEN) for each in ([], [READ, DENY], [READ])]
    assert found == [
        "because no identity-based policy allows the ssm:GetParameters action",
        "with an explicit deny in an identity-based policy",
        None,
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"ec2:SourceInstanceARN": INSTANCE}}, True),
        ({"StringEquals": {"EC2:sourceinstancearn": INSTANCE}}, True),
        ({"StringEquals": {"ec2:SourceInstanceARN": INSTANCE.upper()}}, False),
        ({"StringEquals": {"ec2:SourceInstanceARN": INSTANCE[:-1] + "*"}}, False),
        ({"StringEquals": {"ec2:SourceInstanceARN": [OTHER, INSTANCE]}}, True),
        ({"StringEquals": {"ec2:SourceInstanceARN": []}}, False),
        ({"StringNotEquals": {"ec2:SourceInstanceARN": [OTHER, INSTANCE]}}, False),
        ({"StringNotEquals": {"ec2:SourceInstanceARN": OTHER}}, True),
        ({"StringLike": {"aws:EC2InstanceSourcePrivateIPv4": "10.64.*.1?"}}, True),
        ({"StringLike": {"aws:EC2InstanceSourcePrivateIPv4": "10.64.0.1"}}, False),
        ({"StringNotLike": {"aws:EC2InstanceSourcePrivateIPv4": "10.64.*"}}, False),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/agent"}}, True),
        ({"ArnLike": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/i-0aaa*"}}, True),
        # Each of the six parts by itself: * does not reach over a colon.
        ({"ArnLike": {"ec2:SourceInstanceARN": "arn:aws:*:instance/i-0*:*:*"}}, False),
        ({"StringLike": {"ec2:SourceInstanceARN": "arn:aws:*:instance/*"}}, True),
        ({"ArnNotLike": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/i-0aaa*"}}, False),
        ({"ArnNotEquals": {"ec2:SourceInstanceARN": OTHER}}, True),
        ({"IpAddress": {"aws:EC2InstanceSourcePrivateIPv4": "10.64.0.0/20"}}, True),
        ({"NotIpAddress": {"aws:EC2InstanceSourcePrivateIPv4": "10.64.0.0/20"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:EC2InstanceSourceVPC": "vpc-1"}}, True),
        ({"Null": {"ec2:SourceInstanceARN": "true"}}, False),
        ({"Null": {"ec2:SourceInstanceARN": "false"}}, True),
        (
            {
                "StringEquals": {"aws:EC2InstanceSourceVPC": "vpc-1"},
                "StringNotEquals": {"ec2:SourceInstanceARN": INSTANCE},
            },
            False,
        ),
        (
            {
                "StringEquals": {
                    "aws:EC2InstanceSourceVPC": "vpc-1",
                    "aws:EC2InstanceSourcePrivateIPv4": "10.64.0.10",
                }
            },
            True,
        ),
    ],
)
def test_a_condition_is_met_by_one_value_of_each_of_its_keys(
    condition: dict[str, Any], expected: bool
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"""
    assert allowed([{**READ, "Condition": condition}], "ssm:GetParameter", TOKEN, CONTEXT) is (
        expected
    )
    denying = [READ, {**DENY, "Condition": condition}]
    assert allowed(denying, "ssm:GetParameter", TOKEN, CONTEXT) is not expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnLike", False),
        ("IpAddress", False),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotLike", True),
        ("StringEqualsIfExists", True),
        ("ArnNotLikeIfExists", True),
    ],
)
def test_a_missing_key_is_equal_to_nothing(operator: str, expected: bool) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    statement = {**READ, "Condition": {operator: {"kms:ViaService": "x"}}}
    assert allowed([statement], "ssm:GetParameter", TOKEN, CONTEXT) is expected
    denying = [READ, {**DENY, "Condition": {operator: {"kms:ViaService": "x"}}}]
    assert allowed(denying, "ssm:GetParameter", TOKEN, CONTEXT) is not expected


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"aws:SecureTransport": "true"}},
        {"StringEquals": {"aws:SourceIp": "10.64.0.10"}},
        {"StringNotEquals": {"aws:SourceIp": "10.64.0.10"}},
        {"ForAllValues:StringEquals": {"aws:EC2InstanceSourceVPC": "vpc-1"}},
        {"ArnLike": {"ec2:SourceInstanceARN": "*"}},
        {"StringEquals": {"aws:EC2InstanceSourceVPC": "${aws:SourceVpc}"}},
        {"StringEquals": {"aws:EC2InstanceSourceVPC": "${aws:EC2InstanceSourceVPC, x}"}},
        {"IpAddress": {"aws:EC2InstanceSourcePrivateIPv4": "${aws:VpcSourceIp}"}},
    ],
)
def test_a_condition_that_is_not_understood_allows_nothing_and_denies(
    condition: dict[str, Any],
) -> None:
    for statements in (
        [{**READ, "Condition": condition}],
        [READ, {**DENY, "Condition": condition}],
    ):
        assert not allowed(statements, "ssm:GetParameter", TOKEN, CONTEXT)


def test_what_is_certainly_not_met_decides_beside_what_is_not_understood() -> None:
    condition = {
        "Bool": {"aws:SecureTransport": "true"},
        "StringEquals": {"ec2:SourceInstanceARN": OTHER},
    }
    assert allowed([READ, {**DENY, "Condition": condition}], "ssm:GetParameter", TOKEN, CONTEXT)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("keys/${aws:EC2InstanceSourcePrivateIPv4}", True),
        ("keys/${AWS:ec2instancesourceprivateipv4}", True),
        ("*/${ aws:EC2InstanceSourcePrivateIPv4 }", True),
        ("keys/${aws:EC2InstanceSourcePrivateIPv4}0", False),
        ("keys/${kms:ViaService}", False),
        ("keys/${kms:ViaService, '10.64.0.10'}", True),
        ("keys/${aws:EC2InstanceSourcePrivateIPv4, 'x'}", True),
        ("keys/${aws:SourceIp}", False),
        ("keys/${*}", False),
        ("keys/10.64.0.1${?}", False),
    ],
)
def test_a_variable_in_a_resource_stands_for_the_requests_value(
    resource: str, expected: bool
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    statement = {**READ, "Resource": f"{HOME}/{resource}"}
    own = f"{HOME}/keys/10.64.0.10"
    assert allowed([statement], "ssm:GetParameter", own, CONTEXT) is expected


def test_a_variable_is_known_in_what_follows_the_fifth_colon_only() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    early = "arn:aws:ssm:${kms:ViaService, 'us-east-1'}:123456789012:parameter/*"
    assert not allowed([{**READ, "Resource": early}], "ssm:GetParameter", TOKEN, CONTEXT)
    assert not allowed([READ, {**DENY, "Resource": early}], "ssm:GetParameter", TOKEN, CONTEXT)


def test_a_deny_of_a_resource_without_a_value_denies_nothing() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    denying = {**DENY, "Resource": f"{HOME}/${{kms:ViaService}}*"}
    assert allowed([READ, denying], "ssm:GetParameter", TOKEN, CONTEXT)


@pytest.mark.parametrize(
    ("name", "expected"), [("keys/a*", True), ("keys/a?", False), ("keys/ab", False)]
)
def test_what_a_variable_stands_for_is_no_pattern(name: str, expected: bool) -> None:
    statement = {**READ, "Resource": f"{HOME}/keys/${{aws:EC2InstanceSourceVPC}}"}
    context = {"aws:ec2instancesourcevpc": "a*"}
    assert allowed([statement], "ssm:GetParameter", f"{HOME}/{name}", context) is expected


def test_stars_question_marks_and_dollars_can_be_meant() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    statement = {**READ, "Resource": HOME + "/${*}${?}${$}{x}"}
    assert allowed([statement], "ssm:GetParameter", HOME + "/*?${x}", CONTEXT)
    assert not allowed([statement], "ssm:GetParameter", HOME + "/aba{x}", CONTEXT)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("StringEquals", "${ec2:SourceInstanceARN}", True),
        ("ArnEquals", "arn:aws:ec2:*:*:instance/${kms:ViaService, 'i-0aaaaaaaaaaaaaaaa'}", True),
        ("ArnEquals", "${ec2:SourceInstanceARN}", True),
        ("StringNotEquals", "${ec2:SourceInstanceARN}", False),
        ("StringEquals", "${kms:ViaService}", False),
        ("StringLike", "*${kms:ViaService}", False),
        ("StringNotEquals", "${kms:ViaService}", True),
    ],
)
def test_a_condition_without_a_value_is_met_by_negation_only(
    operator: str, value: str, expected: bool
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    statement = {**READ, "Condition": {operator: {"ec2:SourceInstanceARN": value}}}
    assert allowed([statement], "ssm:GetParameter", TOKEN, CONTEXT) is expected


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [("agent/token", True), ("agent/host-keys/10.64.0.10", True), ("server/token", False)],
)
def test_the_programs_policy_decrypts_parameters_of_the_role_only(
    parameter: str, expected: bool
) -> None:
    own = {"10.64.0.10": f"{HOME}/agent/host-keys/10.64.0.10"}
    key = "arn:aws:kms:us-east-1:123456789012:key/own"
    shared = [f"{HOME}/agent/{each}" for each in ("authorized-keys", "token")]
    statements = policies.read(shared, own, key_arn=key)
    context = {"kms:encryptioncontext:parameter_arn": f"{HOME}/{parameter}"}
    assert allowed(statements["Statement"], "kms:Decrypt", key, context) is expected


@pytest.mark.parametrize(("address", "expected"), [("10.64.0.10", True), ("10.64.0.1", False)])
def test_the_programs_policy_lets_a_machine_read_its_own_host_key_only(
    address: str, expected: bool
) -> None:
    own = {each: f"{HOME}/agent/host-keys/{each}" for each in ("10.64.0.10", "10.64.0.1")}
    statements = policies.read([TOKEN], own)["Statement"]
    assert allowed(statements, "ssm:GetParameters", own[address], CONTEXT) is expected
    assert allowed(statements, "ssm:GetParameters", TOKEN, CONTEXT)
    # Of credentials that are not an instance's the key is missing.
    assert not allowed(statements, "ssm:GetParameters", own[address], {})
