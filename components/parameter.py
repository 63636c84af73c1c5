"""The SSM parameters through which machines get their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from cluster.spec import TAG_PREFIX
from components import plugin

ACCOUNTS_KEY = "alias/aws/ssm"
"""The KMS key of Parameter Store that every account has."""

MARK_TAG = f"{TAG_PREFIX}authority"
MARK_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class SecretParameters:
    """How all parameters of a cluster are made: the KMS key, unless it is the account's; tags."""

    key_arn: str | None
    tags: Mapping[str, pulumi.Input[str]]

    def of(self, authority: plugin.CertificateAuthority) -> SecretParameters:
        """
        The same with a tag that no other cluster has: the first digits of the authority's hash.

        The names of parameters are chosen, so that of two stacks with the same names the tag alone
        shows whose a parameter is.
        """
        mark = authority.caHash.apply(lambda digits: digits[:MARK_DIGITS])
        return replace(self, tags={**self.tags, MARK_TAG: mark})

    def create(
        self,
        resource_name: str,
        name: pulumi.Input[str],
        value: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> aws.ssm.Parameter:
        """A SecureString; pulumi_aws makes its value secret in state, whatever it was before."""
        return aws.ssm.Parameter(
            resource_name,
            name=name,
            type="SecureString",
            value=value,
            # By name: leaving it out would keep the key of before.
            key_id=self.key_arn or ACCOUNTS_KEY,
            tags=dict(self.tags),
            opts=opts,
        )
