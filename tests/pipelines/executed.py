"""Which test executes each job of a pipeline file, or why none does."""

from __future__ import annotations

from collections.abc import Mapping

PIPELINES = "tests/localcloud/pipelines/test_pipelines.py"

# Job -> the file and the test that has an engine run it.
EXECUTED: Mapping[str, tuple[str, str]] = {
    "github/cluster/create": (
        PIPELINES,
        "test_two_pull_requests_have_clusters_of_their_own_until_each_is_closed",
    ),
    "github/cluster/destroy": (
        PIPELINES,
        "test_two_pull_requests_have_clusters_of_their_own_until_each_is_closed",
    ),
    "gitlab/cluster": (
        PIPELINES,
        "test_the_next_run_of_a_stack_recovers_from_a_job_that_was_killed",
    ),
    "gitlab/cluster:destroy": (
        PIPELINES,
        "test_the_next_run_of_a_stack_recovers_from_a_job_that_was_killed",
    ),
    "travis/cluster": (
        PIPELINES,
        "test_a_build_whose_tests_fail_is_red_and_its_cluster_destroyed",
    ),
    "github/deploy/dev": (PIPELINES, "test_main_is_deployed_and_the_night_finds_its_drift"),
    "github/nightly/drift": (PIPELINES, "test_main_is_deployed_and_the_night_finds_its_drift"),
    "github/preview/preview": (
        PIPELINES,
        "test_a_pull_request_gets_a_comment_with_what_it_would_do",
    ),
    "gitlab/preview": (PIPELINES, "test_a_merge_request_gets_a_comment_with_what_it_would_do"),
    "github/nightly/reap": (PIPELINES, "test_clusters_whose_ttl_is_over_are_destroyed"),
    "gitlab/reap": (PIPELINES, "test_clusters_whose_ttl_is_over_are_destroyed"),
    "travis/reap": (PIPELINES, "test_clusters_whose_ttl_is_over_are_destroyed"),
}

# Job -> why no engine runs it.
NOT_EXECUTED: Mapping[str, str] = {
    "github/deploy/staging": "the script of github/deploy/dev, after an approval",
    "github/deploy/prod": "the script of github/deploy/dev, after an approval",
    "gitlab/deploy:dev": "the script of github/deploy/dev",
    "gitlab/deploy:staging": "the script of github/deploy/dev, started by hand",
    "gitlab/deploy:prod": "the script of github/deploy/dev, started by hand",
    "gitlab/drift": "the script of github/nightly/drift",
}
