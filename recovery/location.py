"""Where a stack's resources are: an account and a region of AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.errors import RecoveryError

# The program records them with its component, before it creates anything.
CLUSTER_TYPE = "k3s:aws:K3sCluster"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_ARN = re.compile(r"arn:[\w-]+:[\w-]*:([\w-]*):(\d{12}):")


@dataclass(frozen=True)
class Location:
    """The account's id and the region that the credentials and the configuration lead to."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"account {self.account}, region {self.region}"


@dataclass(frozen=True)
class Recorded:
    """The accounts and regions that a state names; none where it has nothing of AWS yet."""

    accounts: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()

    def require(self, actual: Location) -> None:
        """Raises RecoveryError for another account or region: nothing would be found there."""
        for what, recorded, found in (
            ("account", self.accounts, actual.account),
            ("region", self.regions, actual.region),
        ):
            if recorded and found not in recorded:
                raise RecoveryError(
                    f"the resources of the stack are in {what} {', '.join(sorted(recorded))}, the "
                    f"credentials and the configuration lead to {actual}\n"
                    "    use those with which pulumi up ran (AWS_PROFILE, AWS_REGION, aws:*)"
                )


def recorded(resources: Sequence[Mapping[str, Any]]) -> Recorded:
    """What the resources of a state's deployment name."""
    pairs = [pair for each in resources for pair in _locations(each)]
    return Recorded(
        accounts=frozenset(account for account, _ in pairs if account),
        regions=frozenset(region for _, region in pairs if region),
    )


def _locations(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The account and the region of one resource; empty where it does not name one."""
    kind = str(resource.get("type", ""))
    if kind == CLUSTER_TYPE:
        inputs = resource.get("inputs") or {}
        yield str(inputs.get("accountId") or ""), str(inputs.get("region") or "")
    elif kind.startswith("aws:"):
        # Its own, and no other one: a key may be in another account.
        arn = (resource.get("outputs") or {}).get("arn")
        if isinstance(arn, str) and (found := _ARN.match(arn)):
            yield found[2], found[1]
