"""
The expired resources in IAM, SSM and S3.

A list of theirs has no tags, so that a name decides which are asked for them; the tags prove it.
IAM is of the whole account: what expired there is found in every region.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from recovery import named_searches, refusals
from recovery.expired import Expired, Owner, OwnerChangedError, Scope, text_of
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
        whose = {"ResourceType": "Parameter", "ResourceId": name}
        found = refusals.read(scope, name, ssm.list_tags_for_resource, **whose)
        if owner := scope.owner(name, found["TagList"] if found else None):
            yield Expired(
                what="SSM parameter",
                id=name,
                owner=owner,
                remove=_deletion(ssm, scope, name, owner),
                since=text_of(each.get("LastModifiedDate")),
            )


def _deletion(ssm: Any, scope: Scope, name: str, owner: Owner) -> Callable[[], bool]:
    def remove() -> bool:
        # Another cluster of the stack has the same names, and may have been made meanwhile.
        found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
        if scope.owner(name, found["TagList"]) != owner:
            raise OwnerChangedError
        ssm.delete_parameter(Name=name)
        return True

    return remove


def profiles(client: Client, scope: Scope) -> Iterator[Expired]:
    iam = client("iam")
    for each in _listed(iam, "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"):
        name = each["InstanceProfileName"]
        found = refusals.read(scope, name, iam.get_instance_profile, InstanceProfileName=name)
        if owner := scope.owner(name, found["InstanceProfile"].get("Tags") if found else None):

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
        found = refusals.read(scope, name, iam.list_role_tags, RoleName=name)
        if owner := scope.owner(name, found["Tags"] if found else None):

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
        if not _BUCKET.fullmatch(name) or _region(s3, scope, name) != scope.region:
            continue
        found = refusals.read(scope, name, s3.get_bucket_tagging, Bucket=name)
        owner = scope.owner(name, found["TagSet"] if found else None)
        if owner is None:
            continue
        stored = _snapshots(s3, scope, name)
        if stored is not None:
            kept = not snapshots and (stored.get("Versions") or stored.get("DeleteMarkers"))
            yield Expired(
                what="bucket",
                id=name,
                owner=owner,
                remove=_removal(s3, name),
                since=text_of(each.get("CreationDate")),
                kept=KEPT if kept else "",
            )


def _region(s3: Any, scope: Scope, name: str) -> str | None:
    """The bucket's region; None where it is gone or may not be read."""
    answer = refusals.read(scope, name, s3.get_bucket_location, Bucket=name)
    if answer is None:
        return None
    found = answer.get("LocationConstraint")
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    return str({None: "us-east-1", "EU": "eu-west-1"}.get(found, found))


def _snapshots(s3: Any, scope: Scope, name: str) -> Mapping[str, Any] | None:
    """A page with the first of them; None where the bucket is gone or may not be read."""
    listing = {"Bucket": name, "Prefix": SNAPSHOTS, "MaxKeys": 1}
    return refusals.read(scope, name, s3.list_object_versions, **listing)


def _removal(s3: Any, name: str) -> Callable[[], bool]:
    def remove() -> bool:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            # Without versions they have one, `null`; a page has as many as a call takes.
            stored = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
            if stored:
                wanted = {"Objects": stored, "Quiet": True}
                _require_deleted(s3.delete_objects(Bucket=name, Delete=wanted))
        for each in s3.list_multipart_uploads(Bucket=name).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=name, Key=each["Key"], UploadId=each["UploadId"])
        s3.delete_bucket(Bucket=name)
        return True

    return remove


def _require_deleted(answer: Mapping[str, Any]) -> None:
    """Raises ClientError where S3 kept an object: it says so in the body of a success."""
    if errors := answer.get("Errors"):
        first = errors[0]
        message = f"{len(errors)} objects are not deleted, {first.get('Message')}"
        error = {"Error": {"Code": first.get("Code", ""), "Message": message}}
        raise ClientError(error, "DeleteObjects")  # type: ignore[arg-type]
