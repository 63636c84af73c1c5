"""The AWS account of a stack, reached as the stack's own provider reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.config import Config

from recovery.leftover import Client
from recovery.location import Location

# The defaults of botocore are five attempts of a minute each.
_LIMITS = Config(connect_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})


def clients(config: Mapping[str, Any], environment: Mapping[str, str]) -> Client:
    """
    Makes the AWS client of a service, from the stack's `aws:` configuration.

    What it leaves open (credentials, profile, region) comes from the environment, as in the
    provider. Raises botocore's errors.
    """
    endpoints = _endpoints(config)
    session = boto3.Session(
        profile_name=config.get("profile"),
        # boto3 alone would read AWS_DEFAULT_REGION only.
        region_name=config.get("region") or environment.get("AWS_REGION"),
        aws_access_key_id=config.get("accessKey"),
        aws_secret_access_key=config.get("secretKey"),
        aws_session_token=config.get("token"),
    )
    for role in _roles(config):
        session = _assumed(session, role, endpoints.get("sts"))

    def client(service: str) -> Any:
        return session.client(  # type: ignore[call-overload]
            service, endpoint_url=endpoints.get(service), config=_LIMITS
        )

    return client


def location(client: Client) -> Location:
    """Where the clients lead to. Raises botocore's errors."""
    sts = client("sts")
    return Location(sts.get_caller_identity()["Account"], client("ec2").meta.region_name)


def now(client: Client) -> datetime:
    """The time by the clock of AWS, whatever that of this machine is. Raises botocore's errors."""
    response = client("sts").get_caller_identity()["ResponseMetadata"]
    return parsedate_to_datetime(response["HTTPHeaders"]["date"]).astimezone(UTC)


def _endpoints(config: Mapping[str, Any]) -> dict[str, str]:
    return {name: url for each in config.get("endpoints") or [] for name, url in each.items()}


def _roles(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    one = config.get("assumeRole")
    return [*([one] if one else []), *(config.get("assumeRoles") or [])]


def _assumed(
    session: boto3.Session, role: Mapping[str, Any], endpoint: str | None
) -> boto3.Session:
    names = {"roleArn": "RoleArn", "externalId": "ExternalId"}
    wanted = {name: role[key] for key, name in names.items() if role.get(key)}
    sts = session.client("sts", endpoint_url=endpoint, config=_LIMITS)
    given = sts.assume_role(RoleSessionName="recovery", **wanted)["Credentials"]
    return boto3.Session(
        region_name=session.region_name,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
