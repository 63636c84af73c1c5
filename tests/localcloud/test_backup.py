"""Snapshots of a running cluster, from its server to the bucket and back to the operator."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.localcloud import api_client
from tests.localcloud.running_cluster import Machine, machines_of
from tests.localcloud.stacks import CLUSTER, ROOT, Stack, local_cloud
from tests.localcloud.waiting import until

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
DB = "/var/lib/rancher/k3s/server/db"
SERVICE = "k3s-aws-backup.service"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("backup")) as made:
        stack = made.create("backup")
        content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
        stack.configure(
            network={**content["network"], "vpcCidr": "10.73.0.0/16"},
            pools=[],
            backup={"everyHours": 6, "keepAfterDestroy": True},
        )
        stack.pulumi(*UP)
        yield stack


def test_snapshots_are_complete_private_and_can_be_put_back(stack: Stack, tmp_path: Path) -> None:
    _a_snapshot_has_what_was_acknowledged_before_it(stack, tmp_path)
    _the_timer_waits_for_its_next_hour(stack)
    _a_server_may_neither_read_nor_delete_a_snapshot(stack)
    _the_documented_way_puts_a_snapshot_back(stack)
    _the_bucket_stays_when_the_stack_goes(stack)


def snapshots(stack: Stack) -> list[dict[str, Any]]:
    """What the documented command lists."""
    done = subprocess.run(
        [sys.executable, "-m", "recovery", "--stack", stack.name, "snapshots", "--json"],
        cwd=ROOT,
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def objects(stack: Stack) -> tuple[str, set[str]]:
    folder = stack.pulumi("stack", "output", "snapshots").strip()
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    found = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
    return bucket, {each["Key"] for each in found}


def _a_snapshot_has_what_was_acknowledged_before_it(stack: Stack, tmp_path: Path) -> None:
    (server,) = machines_of(stack)
    with api_client.counting(stack.kubeconfig("adminKubeconfig"), "a snapshot") as seen:
        stack.kubectl("create", "configmap", "before")
        server.run("systemctl", "start", SERVICE)
    # Nobody had to wait for it.
    assert (seen.failed_writes, seen.failed_reads, seen.lost) == (0, 0, set())
    (listed,) = snapshots(stack)
    assert listed["problem"] == ""
    assert (listed["node"], listed["datastore"]) == (server.name, "sqlite")
    bucket, _, key = listed["url"].removeprefix("s3://").partition("/")
    body = stack.client("s3").get_object(Bucket=bucket, Key=f"{key}.gz")["Body"].read()
    assert len(body) == listed["bytes"]
    file = tmp_path / "state.db"
    file.write_bytes(gzip.decompress(body))
    with closing(sqlite3.connect(file)) as found:
        names = {name for (name,) in found.execute("select name from kine")}
    assert "/registry/configmaps/default/before" in names


def _the_timer_waits_for_its_next_hour(stack: Stack) -> None:
    (server,) = machines_of(stack)
    assert server.run("systemctl", "is-enabled", "k3s-aws-backup.timer").strip() == "enabled"
    timers = server.run("systemctl", "list-timers", "--all", "--no-pager", "k3s-aws-backup.timer")
    assert SERVICE in timers


def _a_server_may_neither_read_nor_delete_a_snapshot(stack: Stack) -> None:
    (server,) = machines_of(stack)
    bucket, keys = objects(stack)
    key = next(each for each in keys if each.endswith(".gz"))
    assert status_of(server, bucket, key, "GET") == 403
    assert status_of(server, bucket, key, "DELETE") == 403
    assert objects(stack) == (bucket, keys)


def status_of(server: Machine, bucket: str, key: str, method: str) -> int:
    """What S3 responds to a request that the server signs with its role."""
    script = f"""
import sys
sys.path.insert(0, "/opt/k3s-aws")
from boot.environment import Environment
from boot.http_client import fetch
from boot.machine import identify
from boot.report import Report
environment = Environment()
machine = identify(environment, environment.clock.monotonic(), Report(environment))
print(fetch(*machine.aws.locate("s3://{bucket}/{key}", {{}}, "{method}"), method="{method}")[0])
"""
    return int(server.run("python3", "-", stdin=script))


def _the_documented_way_puts_a_snapshot_back(stack: Stack) -> None:
    (server,) = machines_of(stack)
    (listed,) = snapshots(stack)
    bucket, _, key = listed["url"].removeprefix("s3://").partition("/")
    packed = stack.client("s3").get_object(Bucket=bucket, Key=f"{key}.gz")["Body"].read()
    stack.kubectl("create", "configmap", "after")
    put_back = f"""
systemctl stop k3s
cd {DB}
rm -f state.db-wal state.db-shm
base64 -d | gunzip > state.db
systemctl start k3s
"""
    server.run("sh", "-euc", put_back, stdin=base64.b64encode(packed).decode())
    until(lambda: "before" in configmaps(stack), "the snapshot is not there")
    assert "after" not in configmaps(stack)
    # The authority and the tokens are the same: nothing has to be changed for it.
    stack.pulumi("preview", "--expect-no-changes")


def configmaps(stack: Stack) -> str:
    """Their names; nothing while the API does not respond."""
    try:
        return stack.kubectl("get", "configmaps", "-o", "name")
    except AssertionError:
        return ""


def _the_bucket_stays_when_the_stack_goes(stack: Stack) -> None:
    bucket, keys = objects(stack)
    stack.pulumi("destroy", "--yes")
    found = stack.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert {each["Key"] for each in found} >= keys
