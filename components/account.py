"""What the account may have and what it has, for cluster/quotas.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pulumi
import pulumi_aws as aws

from cluster.model import Cluster
from cluster.quotas import Quota
from cluster.spec import TAG_PREFIX

T = TypeVar("T")


class Account:
    """
    The account and region of the provider; `cluster` is whose resources count as its own.

    Who may not ask gets None, and a debug message: nothing depends on these but an earlier error.
    """

    def __init__(self, cluster: Cluster, via: pulumi.InvokeOptions | None = None) -> None:
        self._via = via
        self._account_id = cluster.account_id
        self._own: Mapping[str, str] = {
            key: cluster.tags[key] for key in (f"{TAG_PREFIX}cluster", f"{TAG_PREFIX}stack")
        }

    def quota(self, quota: Quota) -> int | None:
        found = _ask(
            f"the quota {quota.name}",
            lambda: aws.servicequotas.get_service_quota(
                service_code=quota.service, quota_code=quota.code, opts=self._via
            ),
        )
        return None if found is None else int(found.value)

    def addresses(self, *, own: bool) -> int | None:
        found = _ask("its Elastic IPs", lambda: aws.ec2.get_eips(**self._own_or_all(own)))
        return None if found is None else len(found.allocation_ids)

    def vpcs(self, *, own: bool) -> int | None:
        # Those that other accounts share with this one are described too, and count there.
        owned = [aws.ec2.GetVpcsFilterArgs(name="owner-id", values=[self._account_id])]
        found = _ask(
            "its VPCs",
            lambda: aws.ec2.get_vpcs(filters=owned, **self._own_or_all(own)),
        )
        return None if found is None else len(found.ids)

    def load_balancers(self, *, own: bool) -> int | None:
        found = _ask("its load balancers", lambda: aws.lb.get_lbs(**self._own_or_all(own)))
        return None if found is None else sum(":loadbalancer/net/" in each for each in found.arns)

    def _own_or_all(self, own: bool) -> dict[str, Any]:
        return {"tags": self._own if own else None, "opts": self._via}


def _ask(what: str, call: Callable[[], T]) -> T | None:
    try:
        return call()
    except Exception as error:
        # The SDK raises exactly this for what the provider refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        pulumi.log.debug(f"AWS was asked for {what}: {error}")
        return None
