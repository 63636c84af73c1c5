"""Snapshots of a running cluster, from its server to the bucket and back to the operator."""

from __future__ import annotations

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
from tests.localcloud.running_cluster import Machine, machines_of, ready_nodes
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
        stack.configure(
            pools=[],
            backup={"everyHours": 6, "keepAfterDestroy": True},
        )
        stack.pulumi(*UP)
        yield stack


def test_snapshots_are_complete_private_and_can_be_restored(stack: Stack, tmp_path: Path) -> None:
    _a_snapshot_has_what_was_acknowledged_before_it(stack, tmp_path)
    _the_timer_waits_for_its_next_hour(stack)
    _a_server_may_neither_read_nor_delete_a_snapshot(stack)
    _the_running_cluster_becomes_the_one_of_the_snapshot(stack)
    url = snapshots(stack)[-1]["url"]
    _the_bucket_stays_when_the_stack_goes(stack)
    _a_new_cluster_of_three_servers_is_made_from_it(stack, url)


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


def _the_running_cluster_becomes_the_one_of_the_snapshot(stack: Stack) -> None:
    (before,) = machines_of(stack)
    kubeconfig = stack.kubeconfig("adminKubeconfig")
    (listed,) = snapshots(stack)
    stack.kubectl("create", "configmap", "after")
    stack.configure(restoreFrom=listed["url"])
    refused = stack.pulumi("preview", fails=True)
    assert "all that was written since would be lost" in refused
    stack.configure(allowDataLoss=True)
    stack.pulumi(*UP)
    (after,) = machines_of(stack)
    assert before.instance_id != after.instance_id
    assert_restored(stack)
    # The authority is the same, and so is everything that it has signed.
    assert stack.kubectl_as(kubeconfig, "get", "nodes").returncode == 0
    stack.pulumi("preview", "--expect-no-changes")
    # The snapshot may be gone when the key is.
    stack.configure(restoreFrom=None, allowDataLoss=None)
    stack.pulumi(*UP)
    assert machines_of(stack)[0].instance_id == after.instance_id
    assert_restored(stack)


def _a_new_cluster_of_three_servers_is_made_from_it(stack: Stack, url: str) -> None:
    """From a snapshot of SQLite, which becomes etcd, and then from one of etcd."""
    servers = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["servers"]
    stack.configure(servers={**servers, "count": 3}, restoreFrom=url)
    stack.pulumi(*UP)
    assert_restored(stack)
    first = min(machines_of(stack), key=lambda each: each.name)
    first.run("systemctl", "start", SERVICE)
    (listed,) = snapshots(stack)
    assert (listed["datastore"], listed["problem"]) == ("etcd", "")
    stack.pulumi("destroy", "--yes")
    stack.configure(restoreFrom=listed["url"], servers=servers)
    refused = stack.pulumi("preview", fails=True)
    assert "must be 3 or 5, since the snapshot is one of etcd" in refused
    stack.configure(servers={**servers, "count": 3})
    stack.pulumi(*UP)
    assert_restored(stack)
    stack.pulumi("destroy", "--yes")


def assert_restored(stack: Stack) -> None:
    """The objects of the snapshot, and the nodes of this cluster and no others, all Ready."""
    assert "/before" in configmaps(stack)
    assert "/after" not in configmaps(stack)
    expected = {each["name"]: True for each in stack.nodes()}
    # k3s lets Nodes of servers go when the lease of their controller has ended.
    until(
        lambda: ready_nodes(stack) == expected, "other nodes than instances", deadline_seconds=180
    )


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
