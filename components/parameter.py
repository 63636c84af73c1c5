"""The SSM parameters through which machines get their secrets."""

from __future__ import annotations

import asyncio
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
SECONDS_BEFORE_THE_SAME_NAME = 30
"""
How long after its deletion a parameter may be created again.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
"""


@dataclass(frozen=True, kw_only=True)
class SecretParameters:
    """How all parameters of a cluster are made: the KMS key, unless it is the account's; tags."""

    key_arn: str | None
    tags: Mapping[str, pulumi.Input[str]]
    replacement: pulumi.ResourceOptions

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
            opts=pulumi.ResourceOptions.merge(opts, self.replacement),
        )


def replacement(
    cluster_name: str, key_arn: str | None, existing_machines: pulumi.Output[dict[str, int]]
) -> pulumi.ResourceOptions:
    """
    How another value gets into a parameter: into a new one of the same name, under a key of one's
    own. Under the account's key it is written over the old one.

    The provider names the key only where the key changes, and AWS writes a value that comes without
    a key under the account's own, which all decrypt who may read. The name has to stay, since it is
    in the user data that a lost machine is created with again.
    """
    if key_arn is None:
        return pulumi.ResourceOptions()

    async def wait(_: pulumi.ResourceHookArgs) -> None:
        await wait_for_the_name(await existing_machines.future() or {})

    hook = pulumi.ResourceHook(f"{cluster_name}-same-name", wait)
    return pulumi.ResourceOptions(
        replace_on_changes=["value"],
        delete_before_replace=True,
        hooks=pulumi.ResourceHookBinding(before_create=[hook]),
    )


async def wait_for_the_name(existing_machines: Mapping[str, int]) -> None:
    """Waits as long as AWS asks for, where a parameter of this name may just have been deleted."""
    # The engine does not say whether it has deleted one; without machines there was none.
    if any(existing_machines.values()):
        await asyncio.sleep(SECONDS_BEFORE_THE_SAME_NAME)
