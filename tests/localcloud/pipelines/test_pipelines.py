"""The pipeline files, executed: each platform's engine runs their jobs against a local cloud."""

from __future__ import annotations

import re

import pytest

from tests.localcloud.pipelines import engines
from tests.localcloud.pipelines.account import Account
from tests.localcloud.pipelines.checkout import PASSPHRASE, REPOSITORY, Fork
from tests.localcloud.pipelines.engines import Pipelines
from tests.localcloud.pipelines.job import Job
from tests.localcloud.waiting import until
from tests.review import fake_platforms

pytestmark = pytest.mark.localcloud

# What `kubectl get node` prints of one; colours and prefixes of an engine may stand before it.
NODE_IS_READY = re.compile(r"-servers-\w+ +Ready ")


def is_green(job: Job) -> str:
    """The log of a job that has succeeded, in which no secret is."""
    log = job.succeeds()
    assert PASSPHRASE not in log
    assert fake_platforms.TOKEN not in log
    assert "client-key-data" not in log
    assert "PRIVATE KEY" not in log
    return log


def test_two_pull_requests_have_clusters_of_their_own_until_each_is_closed(
    account: Account, pipelines: Pipelines, team: Fork
) -> None:
    folders = {
        7: team.checkout("seven"),
        8: team.checkout("eight"),
    }

    def run(number: int, action: str) -> Job:
        event = engines.pull_request(team, number, action)
        return pipelines.github(folders[number], "cluster", event, on="pull_request")

    for number, job in [(number, run(number, "opened")) for number in folders]:
        log = is_green(job)
        assert NODE_IS_READY.search(log), log
        assert f"uploaded pr-{number}.svg" in log
    assert account.temporary_stacks() == {"pr-7", "pr-8"}
    assert len(account.instances) == 2
    is_green(run(7, "closed"))
    assert account.temporary_stacks() == {"pr-8"}
    assert len(account.instances) == 1
    is_green(run(8, "closed"))
    account.require_nothing_left(team)


def test_the_next_run_of_a_stack_recovers_from_a_job_that_was_killed(
    account: Account, pipelines: Pipelines, team: Fork
) -> None:
    folder, variables = team.checkout("nine"), engines.merge_request(team, 9)

    def run(job: str, log: str) -> Job:
        return pipelines.gitlab(folder, job, variables, f"nine-{log}.log")

    killed = run("cluster", "killed")
    until(lambda: account.instances or killed.ended, "no instance", deadline_seconds=300)
    assert not killed.ended, killed.log
    killed.kill()
    assert account.locks() != []
    recovered = run("cluster", "recovered")
    assert NODE_IS_READY.search(is_green(recovered)), recovered.log
    assert "interrupted creations" in recovered.log
    assert len(account.instances) == 1
    is_green(run("cluster:destroy", "closed"))
    account.require_nothing_left(team)


def test_a_build_whose_tests_fail_is_red_and_its_cluster_destroyed(
    account: Account, pipelines: Pipelines, team: Fork
) -> None:
    bad, good = team.checkout("bad"), team.checkout("good")
    with (bad / "ci/jobs/test.sh").open("a") as tests:
        tests.write("kubectl get deployment a-service-that-nobody-deployed\n")
    failing = pipelines.travis(bad, "cluster", {"TRAVIS_BUILD_NUMBER": "41"}, "bad.log")
    green = pipelines.travis(good, "cluster", {"TRAVIS_BUILD_NUMBER": "42"}, "good.log")
    assert "a-service-that-nobody-deployed" in failing.fails()
    for log in (failing.log, is_green(green)):
        assert NODE_IS_READY.search(log), log
    account.require_nothing_left(team)


def test_a_pull_request_of_a_fork_or_of_dependabot_runs_nothing(
    account: Account, pipelines: Pipelines, team: Fork
) -> None:
    folder = team.checkout("stranger")
    event = engines.pull_request(team, 10, "opened", head="stranger/fork")
    own = engines.pull_request(team, 10, "synchronize")
    for workflow in ("cluster", "preview"):
        job = pipelines.github(folder, workflow, event, on="pull_request")
        assert "Run Main" not in job.succeeds(), job.log
        actor = ("--actor", "dependabot[bot]")
        job = pipelines.github(folder, workflow, own, *actor, on="pull_request")
        assert "Run Main" not in job.succeeds(), job.log
    listed = pipelines.gitlab(
        folder, "--list-csv", engines.merge_request(team, 10, source_project=2), "stranger.log"
    ).succeeds()
    assert "cluster" not in listed, listed
    assert account.temporary_stacks() == set()


def test_a_pull_request_gets_a_comment_with_what_it_would_do(
    pipelines: Pipelines, team: Fork
) -> None:
    folder = team.checkout("reviewed")
    event = engines.pull_request(team, 7, "opened")
    bot = fake_platforms.Account("github-actions", 1, is_bot=True)
    with fake_platforms.running("github", bot) as platform:
        words = ("--env", f"GITHUB_API_URL={platform.url}")
        is_green(pipelines.github(folder, "preview", event, *words, on="pull_request"))
    (comment,) = platform.comments
    for stack in ("dev", "staging", "prod"):
        assert stack in comment["body"]


def test_a_merge_request_gets_a_comment_with_what_it_would_do(
    pipelines: Pipelines, team: Fork
) -> None:
    folder = team.checkout("merged")
    with fake_platforms.running("gitlab", fake_platforms.Account("project_1_bot", 1)) as platform:
        place = {"CI_API_V4_URL": platform.url, "CI_PROJECT_ID": "42"}
        variables = {**engines.merge_request(team, 7), **place}
        is_green(pipelines.gitlab(folder, "preview", variables, "merged.log"))
    assert "prod" in platform.comments[0]["body"]


def test_main_is_deployed_and_the_night_finds_its_drift(
    account: Account, pipelines: Pipelines, team: Fork
) -> None:
    folder = team.checkout("main")
    event = {"ref": "refs/heads/main", "repository": {"full_name": REPOSITORY}}

    def nightly(action: str) -> Job:
        words = ("--job", "drift", "--matrix", "stack:dev")
        return pipelines.github(folder, "nightly", {"action": action}, *words, on="schedule")

    is_green(pipelines.github(folder, "deploy", event, "--job", "dev", on="push"))
    is_green(nightly("first"))
    (instance,) = account.instances
    tag = {"Key": "Name", "Value": "renamed by hand"}
    account.client("ec2").create_tags(Resources=[instance], Tags=[tag])
    assert "renamed by hand" in nightly("second").fails()


def test_clusters_whose_ttl_is_over_are_destroyed(
    account: Account, pipelines: Pipelines, team: Fork
) -> None:
    ec2 = account.client("ec2")

    def left_over(stack: str) -> str:
        tags = {"expires": "2020-01-01T00:00:00Z", "stack": stack, "cluster": stack}
        pairs = [{"Key": f"k3s-aws:{name}", "Value": value} for name, value in tags.items()]
        tagged = [{"ResourceType": "volume", "Tags": pairs}]
        volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=tagged)
        return str(volume["VolumeId"])

    def volumes() -> list[str]:
        return [each["VolumeId"] for each in ec2.describe_volumes()["Volumes"]]

    folder = team.checkout("night")
    schedule = {"CI_PIPELINE_SOURCE": "schedule"}
    night = {"TRAVIS_EVENT_TYPE": "cron"}
    volume = left_over("pr-1")
    job = pipelines.github(folder, "nightly", {}, "--job", "reap", on="schedule")
    assert volume in is_green(job)
    assert volume not in volumes()
    volume = left_over("pr-2")
    assert volume in is_green(pipelines.gitlab(folder, "reap", schedule, "night-gitlab.log"))
    assert volume not in volumes()
    volume = left_over("build-3")
    assert volume in is_green(pipelines.travis(folder, "reap", night, "night-travis.log"))
    assert volume not in volumes()
