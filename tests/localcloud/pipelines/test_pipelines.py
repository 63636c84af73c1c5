"""The pipeline files, executed: each platform's engine runs their jobs against a local cloud."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.localcloud.pipelines import engines
from tests.localcloud.pipelines.checkout import BUCKET, PASSPHRASE, Fork, fork
from tests.localcloud.pipelines.job import Job
from tests.localcloud.stacks import Stacks, local_cloud
from tests.localcloud.waiting import until
from toolchain import engines as toolchain
from toolchain.host import this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

# What `kubectl get node` prints of one; colours and prefixes of an engine may stand before it.
NODE_IS_READY = re.compile(r"-servers-\w+ +Ready ")
ALIVE = ["pending", "running", "stopping", "stopped"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("pipelines")) as made:
        yield made


@pytest.fixture(scope="module")
def tools() -> toolchain.Engines:
    return toolchain.provide(Places(), this_host(), os.environ["PATH"], print)


@pytest.fixture(scope="module")
def team(cloud: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Fork:
    client(cloud, "s3").create_bucket(Bucket=BUCKET)
    folder = tmp_path_factory.mktemp("team")
    return fork(folder, cloud.workbench, ["dev", "staging", "prod"])


def client(cloud: Stacks, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=cloud.workbench.running["endpoint"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def instances(cloud: Stacks) -> list[str]:
    """The instances that exist."""
    filters = [{"Name": "instance-state-name", "Values": ALIVE}]
    found = client(cloud, "ec2").describe_instances(Filters=filters)["Reservations"]
    return [each["InstanceId"] for group in found for each in group["Instances"]]


def stacks(cloud: Stacks) -> set[str]:
    """The temporary stacks that the state has."""
    found = client(cloud, "s3").list_objects_v2(Bucket=BUCKET, Prefix=".pulumi/stacks/")
    files = [Path(each["Key"]) for each in found.get("Contents", [])]
    names = {file.stem for file in files if file.suffix == ".json"}
    return names - {"temporary", "dev", "staging", "prod"}


def leaves_nothing(cloud: Stacks, team: Fork) -> None:
    """In AWS, in the state, and on the runner what a text of a pull request would have run."""
    assert instances(cloud) == []
    assert stacks(cloud) == set()
    ec2 = client(cloud, "ec2")
    assert [each for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]] == []
    assert client(cloud, "ssm").describe_parameters()["Parameters"] == []
    assert not team.trace.exists()


def locks(cloud: Stacks) -> list[str]:
    found = client(cloud, "s3").list_objects_v2(Bucket=BUCKET, Prefix=".pulumi/locks/")
    return [each["Key"] for each in found.get("Contents", [])]


def holds_no_secret(job: Job) -> None:
    assert PASSPHRASE not in job.log
    assert "client-key-data" not in job.log
    assert "PRIVATE KEY" not in job.log


def test_two_pull_requests_have_clusters_of_their_own_until_each_is_closed(
    cloud: Stacks, tools: toolchain.Engines, team: Fork
) -> None:
    folders = {7: team.checkout("seven", "10.80.0.0/16"), 8: team.checkout("eight", "10.81.0.0/16")}

    def run(number: int, action: str) -> Job:
        event = engines.pull_request(team, number, action)
        return engines.github(tools, team, folders[number], "cluster", event)

    for job in [run(number, "opened") for number in folders]:
        assert NODE_IS_READY.search(job.succeeds()), job.log
        holds_no_secret(job)
    assert stacks(cloud) == {"pr-7", "pr-8"}
    assert len(instances(cloud)) == 2
    run(7, "closed").succeeds()
    assert stacks(cloud) == {"pr-8"}
    assert len(instances(cloud)) == 1
    run(8, "closed").succeeds()
    leaves_nothing(cloud, team)


def test_the_next_run_of_a_stack_recovers_from_a_job_that_was_killed(
    cloud: Stacks, tools: toolchain.Engines, team: Fork
) -> None:
    folder, variables = team.checkout("nine", "10.82.0.0/16"), engines.merge_request(team, 9)

    def run(job: str, log: str) -> Job:
        return engines.gitlab(tools, team, folder, job, variables, f"nine-{log}.log")

    killed = run("cluster", "killed")
    until(lambda: instances(cloud) or killed.ended, "no instance was created", deadline_seconds=300)
    assert not killed.ended, killed.log
    killed.kill()
    assert locks(cloud) != []
    recovered = run("cluster", "recovered")
    assert NODE_IS_READY.search(recovered.succeeds()), recovered.log
    holds_no_secret(recovered)
    assert "interrupted creations" in recovered.log
    assert len(instances(cloud)) == 1
    run("cluster:destroy", "closed").succeeds()
    leaves_nothing(cloud, team)


def test_a_build_whose_tests_fail_is_red_and_its_cluster_destroyed(
    cloud: Stacks, team: Fork
) -> None:
    folder = team.checkout("travis", "10.83.0.0/16")
    script = folder / "ci/jobs/test.sh"
    passing = script.read_text()
    script.write_text(f"{passing}\nkubectl get deployment a-service-that-nobody-deployed\n")
    build = {"TRAVIS_BUILD_NUMBER": "41", "TRAVIS_EVENT_TYPE": "push"}
    failing = engines.travis_job(team, folder, "cluster", build, "travis-failing.log")
    assert "a-service-that-nobody-deployed" in failing.fails()
    assert NODE_IS_READY.search(failing.log), failing.log
    leaves_nothing(cloud, team)
    script.write_text(passing)
    build["TRAVIS_BUILD_NUMBER"] = "42"
    green = engines.travis_job(team, folder, "cluster", build, "travis-green.log")
    assert NODE_IS_READY.search(green.succeeds()), green.log
    for job in (failing, green):
        holds_no_secret(job)
    leaves_nothing(cloud, team)
