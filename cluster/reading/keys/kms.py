"""The form of a KMS key's ARN."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.reading.declarations import String


def key(description: str, default_text: str) -> String:
    """A configuration key that takes the ARN of a KMS key."""
    return String(
        description,
        Effect.NONE,
        default_text=default_text,
        example="arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
        noun="ARN of a KMS key",
        # A policy names keys by their own ARN; it does not follow an alias.
        hint="write the ARN of the key itself, not of an alias, such as {}",
        pattern=r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/"
        r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    )
