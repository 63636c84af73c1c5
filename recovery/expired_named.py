"""
The expired resources in IAM, SSM and S3.

A list of theirs has no tags, so that a name decides which are asked for them; the tags prove it.
IAM is of the whole account: what expired there is found in every region.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recovery import named_searches
from recovery.expired import Expired, Scope, done, text_of
from recovery.leftover import Client

PARAMETERS = "/k3s-aws"
SNAPSHOTS = "snapshots/"
KEPT = "has snapshots, kept; --delete-snapshots removes it"
# Pulumi ends the names that the program leaves to it in random digits.
_ROLE = re.compile(r".+-(server|agent)(-\d+)?-[0-9a-f]{7}")
_BUCKET = re.compile(r".+-(files|backups)-[0-9a-f]{7}")


def parameters(client: Client, scope: Scope) -> Iterator[Expired]:
    ssm = client("ssm")
    wanted = [{"Key": "Path", "Option": "Recursive", "Values": [PARAMETERS]}]
    listed = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=wanted)
    for each in (one for page in listed for one in page["Parameters"]):
        name = each["Name"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        if owner := scope.owner(name, tags):
            yield Expired(
                what="SSM parameter",
                id=name,
                owner=owner,
                remove=done(ssm.delete_parameter, Name=name),
                since=text_of(each.get("LastModifiedDate")),
            )


def profiles(client: Client, scope: Scope) -> Iterator[Expired]:
    iam = client("iam")
    for each in _listed(iam, "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"):
        name = each["InstanceProfileName"]
        found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        if owner := scope.owner(name, found.get("Tags")):

            def remove(name: str = name) -> bool:
                found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
                roles = [role["RoleName"] for role in found["Roles"]]
                named_searches.delete_profile(iam, name, roles)
                return True

            since = text_of(each.get("CreateDate"))
            yield Expired(what="instance profile", id=name, owner=owner, remove=remove, since=since)


def roles(client: Client, scope: Scope) -> Iterator[Expired]:
    iam = client("iam")
    for each in _listed(iam, "list_roles", "Roles", "RoleName"):
        name = each["RoleName"]
        if owner := scope.owner(name, iam.list_role_tags(RoleName=name)["Tags"]):

            def remove(name: str = name) -> bool:
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                    iam.delete_role_policy(RoleName=name, PolicyName=policy)
                iam.delete_role(RoleName=name)
                return True

            since = text_of(each.get("CreateDate"))
            yield Expired(what="role", id=name, owner=owner, remove=remove, since=since)


def _listed(iam: Any, operation: str, key: str, named: str) -> Iterator[Mapping[str, Any]]:
    for page in iam.get_paginator(operation).paginate():
        yield from (each for each in page[key] if _ROLE.fullmatch(each[named]))


def buckets(client: Client, scope: Scope, *, snapshots: bool) -> Iterator[Expired]:
    """Those of the region; one with snapshots of the datastore is kept unless `snapshots`."""
    s3 = client("s3")
    for each in s3.list_buckets()["Buckets"]:
        name = each["Name"]
        if not _BUCKET.fullmatch(name) or _region(s3, name) != scope.region:
            continue
        owner = scope.owner(name, named_searches.bucket_tags(s3, name))
        if owner is not None:
            kept = not snapshots and _has_snapshots(s3, name)
            yield Expired(
                what="bucket",
                id=name,
                owner=owner,
                remove=_removal(s3, name),
                since=text_of(each.get("CreationDate")),
                kept=KEPT if kept else "",
            )


def _region(s3: Any, name: str) -> str | None:
    """The bucket's region; None of another account's, whose name alone is like ours."""
    try:
        found = s3.get_bucket_location(Bucket=name)["LocationConstraint"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "NoSuchBucket"):
            raise
        return None
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    return str({None: "us-east-1", "EU": "eu-west-1"}.get(found, found))


def _has_snapshots(s3: Any, name: str) -> bool:
    found = s3.list_object_versions(Bucket=name, Prefix=SNAPSHOTS, MaxKeys=1)
    return bool(found.get("Versions") or found.get("DeleteMarkers"))


def _removal(s3: Any, name: str) -> Callable[[], bool]:
    def remove() -> bool:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            # Without versions they have one, `null`; a page has as many as a call takes.
            stored = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
            if stored:
                s3.delete_objects(Bucket=name, Delete={"Objects": stored, "Quiet": True})
        for each in s3.list_multipart_uploads(Bucket=name).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=name, Key=each["Key"], UploadId=each["UploadId"])
        s3.delete_bucket(Bucket=name)
        return True

    return remove
