"""What an interrupted creation may have left in SSM, IAM and S3, where a name identifies it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from recovery.leftover import Client, Inputs, Leftover, has_tags


def parameters(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ssm, name = client("ssm"), inputs["name"]
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    # A page may be empty and have another one after it.
    described = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
    for _ in (each for page in described for each in page["Parameters"]):
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        if has_tags(inputs, tags):
            yield Leftover("SSM parameter", name, partial(ssm.delete_parameter, Name=name))


def profiles(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    iam, name = client("iam"), inputs["name"]
    try:
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    except iam.exceptions.NoSuchEntityException:
        return
    roles = [role["RoleName"] for role in profile["Roles"]]
    # Created with its tags first, and given its role in a second call.
    if has_tags(inputs, profile.get("Tags", [])) and set(roles) <= {inputs.get("role")}:
        yield Leftover("instance profile", name, partial(delete_profile, iam, name, roles))


def delete_profile(iam: Any, name: str, roles: Sequence[str]) -> None:
    for role in roles:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=name)


def policies(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    iam, role, name = client("iam"), inputs["role"], inputs["name"]
    try:
        iam.get_role_policy(RoleName=role, PolicyName=name)
    except iam.exceptions.NoSuchEntityException:  # nor has it where there is no such role
        return
    remove = partial(iam.delete_role_policy, RoleName=role, PolicyName=name)
    # The provider's format of the id.
    yield Leftover("role policy", f"{role}:{name}", remove)


def roles(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    iam, name = client("iam"), inputs["name"]
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        return
    if has_tags(inputs, role.get("Tags", [])):
        yield Leftover("role", name, partial(iam.delete_role, RoleName=name))


def buckets(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    s3, name = client("s3"), inputs["bucket"]
    if name in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        # Created first and tagged in a second call; the name ends in the random digits of ours.
        tags = bucket_tags(s3, name)
        if not tags or has_tags(inputs, tags):
            # Nothing is in it yet: its objects come after it is in the state.
            yield Leftover("bucket", name, partial(s3.delete_bucket, Bucket=name))


def bucket_tags(s3: Any, name: str) -> Sequence[Mapping[str, str]]:
    try:
        tags: Sequence[Mapping[str, str]] = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return []
    return tags
