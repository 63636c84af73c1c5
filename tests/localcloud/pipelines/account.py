"""What the account of the local cloud holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from localcloud.workbench.workbench import Workbench
from tests.localcloud.pipelines.checkout import BUCKET, Fork

ALIVE = ["pending", "running", "stopping", "stopped"]


@dataclass(frozen=True)
class Account:
    """The account, and the cloud that has it."""

    workbench: Workbench

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.workbench.running["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @property
    def instances(self) -> list[str]:
        """Those that are not terminated."""
        filters = [{"Name": "instance-state-name", "Values": ALIVE}]
        found = self.client("ec2").describe_instances(Filters=filters)["Reservations"]
        return [each["InstanceId"] for group in found for each in group["Instances"]]

    def temporary_stacks(self) -> set[str]:
        """The stacks of pull requests and builds that the state has."""
        files = [Path(key) for key in self._keys(".pulumi/stacks/")]
        names = {file.stem for file in files if file.suffix == ".json"}
        return {name for name in names if name.startswith(("pr-", "build-"))}

    def locks(self) -> list[str]:
        """Those of updates that run, or were killed."""
        return self._keys(".pulumi/locks/")

    def _keys(self, prefix: str) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]

    def _parameters(self) -> list[str]:
        """Without those that AWS itself has."""
        pages = self.client("ssm").get_paginator("describe_parameters").paginate()
        names = [each["Name"] for page in pages for each in page["Parameters"]]
        return [name for name in names if name.startswith("/k3s-aws/")]

    def require_nothing_left(self, team: Fork) -> None:
        """In AWS, in the state, and on the runner what a text of a pull request would have run."""
        assert self.instances == []
        assert self.temporary_stacks() == set()
        networks = self.client("ec2").describe_vpcs()["Vpcs"]
        assert [each for each in networks if not each["IsDefault"]] == []
        assert self._parameters() == []
        assert not team.trace.exists()
