"""Settings of S3 buckets: public access, when objects expire, and how they are encrypted."""

from __future__ import annotations

from typing import Any

from localcloud.aws_plugin.resources.kind import Inputs, Written, names, properties
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

BLOCKS = names("blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets")


class BucketSetting(Written):
    """One setting of a bucket, under the bucket's name."""

    replaces = properties("bucket")

    def id_of(self, inputs: Inputs) -> str:
        return str(inputs["bucket"])


class BucketPublicAccessBlock(BucketSetting):
    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    inputs = properties(f"bucket {' '.join(BLOCKS)}")

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("s3").get_public_access_block(Bucket=id_)
        block = found["PublicAccessBlockConfiguration"]
        return {"bucket": id_, **{key: block[name] for key, name in BLOCKS.items()}}

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        wanted = {name: bool(new.get(key)) for key, name in BLOCKS.items()}
        aws.client("s3").put_public_access_block(Bucket=id_, PublicAccessBlockConfiguration=wanted)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("s3").delete_public_access_block(Bucket=id_)


class BucketLifecycleConfiguration(BucketSetting):
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    inputs = properties("bucket rules")

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        rules = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=id_)["Rules"]
        return {"bucket": id_, "rules": [_rule(each) for each in rules]}

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        rules = [
            {
                "ID": each["id"],
                "Status": each["status"],
                "Filter": {"Prefix": each["filter"]["prefix"]},
                "Expiration": {"Days": int(each["expiration"]["days"])},
            }
            for each in new["rules"]
        ]
        aws.client("s3").put_bucket_lifecycle_configuration(
            Bucket=id_, LifecycleConfiguration={"Rules": rules}
        )

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("s3").delete_bucket_lifecycle(Bucket=id_)


def _rule(found: Any) -> Values:
    return {
        "id": found["ID"],
        "status": found["Status"],
        "filter": {"prefix": found["Filter"]["Prefix"]},
        "expiration": {"days": found["Expiration"]["Days"]},
    }


class BucketServerSideEncryptionConfiguration(BucketSetting):
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    inputs = properties("bucket rules")

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("s3").get_bucket_encryption(Bucket=id_)
        rules = found["ServerSideEncryptionConfiguration"]["Rules"]
        return {
            "bucket": id_,
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": each["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
                        "kmsMasterKeyId": each["ApplyServerSideEncryptionByDefault"].get(
                            "KMSMasterKeyID"
                        ),
                    },
                    "bucketKeyEnabled": each.get("BucketKeyEnabled", False),
                }
                for each in rules
            ],
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        rules = []
        for each in new["rules"]:
            default = each["applyServerSideEncryptionByDefault"]
            applied = {"SSEAlgorithm": default["sseAlgorithm"]}
            if default.get("kmsMasterKeyId"):
                applied["KMSMasterKeyID"] = default["kmsMasterKeyId"]
            rules.append(
                {
                    "ApplyServerSideEncryptionByDefault": applied,
                    "BucketKeyEnabled": bool(each.get("bucketKeyEnabled")),
                }
            )
        aws.client("s3").put_bucket_encryption(
            Bucket=id_, ServerSideEncryptionConfiguration={"Rules": rules}
        )

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("s3").delete_bucket_encryption(Bucket=id_)
