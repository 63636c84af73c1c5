"""What may stand in a pipeline file, and that each of its jobs is executed by a test."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster import config
from tests.pipelines import executed, workflows
from tests.pipelines.workflows import ROOT

JOBS = [pytest.param(job, id=f"{workflow}-{name}") for workflow, name, job in
        workflows.github_jobs()]  # fmt: skip
FILES = [*workflows.GITHUB, workflows.ACTION, workflows.GITLAB, workflows.TRAVIS]
SCRIPTS = sorted((ROOT / "ci/jobs").glob("*.sh"))
# https://docs.github.com/en/code-security/dependabot/troubleshooting-dependabot/troubleshooting-dependabot-on-github-actions
NOT_DEPENDABOT = "github.actor != 'dependabot[bot]'"
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
# https://docs.github.com/en/actions/reference/security/secure-use: what others write.
WRITTEN_BY_OTHERS = re.compile(
    r"github\.(event|head_ref|ref_name|actor)|CI_(COMMIT|MERGE_REQUEST)_(TITLE|DESCRIPTION|MESSAGE|"
    r"REF_NAME|BRANCH|SOURCE_BRANCH)|TRAVIS_(BRANCH|COMMIT_MESSAGE|PULL_REQUEST_BRANCH)"
)


def test_every_job_is_executed_by_a_test_or_listed_with_the_reason() -> None:
    assert executed.EXECUTED.keys() | executed.NOT_EXECUTED.keys() == workflows.all_jobs()
    assert not executed.EXECUTED.keys() & executed.NOT_EXECUTED.keys()


@pytest.mark.parametrize("job", executed.EXECUTED)
def test_the_test_that_executes_a_job_exists_and_names_it(job: str) -> None:
    file, test = executed.EXECUTED[job]
    found = [
        each for each in ast.parse((ROOT / file).read_text()).body
        if isinstance(each, ast.FunctionDef) and each.name == test
    ]  # fmt: skip
    assert len(found) == 1
    words = {each.value for each in ast.walk(found[0]) if isinstance(each, ast.Constant)}
    *_, name = job.split("/")
    # Of GitHub an event of a workflow is run, which is every job of it that is not skipped.
    assert words & {name, *job.split("/")[1:-1]}


def test_a_job_without_an_engine_calls_a_script_that_a_job_with_one_calls() -> None:
    commands = dict(_commands())
    run = {word for job in executed.EXECUTED for word in commands[job]}
    for job in executed.NOT_EXECUTED:
        assert commands[job] <= run, job


def _commands() -> Iterator[tuple[str, set[str]]]:
    """The scripts of ci/jobs that each job calls."""
    named = re.compile(r"ci/jobs/[\w.]+")
    for workflow, name, job in workflows.github_jobs():
        yield f"github/{workflow}/{name}", set(named.findall(str(job["steps"])))
    gitlab = workflows.content(workflows.GITLAB)
    for name, job in gitlab.items():
        yield f"gitlab/{name}", set(named.findall(str(job.get("script"))))
    for job in workflows.content(workflows.TRAVIS)["jobs"]["include"]:
        yield f"travis/{job['name']}", set(named.findall(str(job["script"])))


@pytest.mark.parametrize("step", list(workflows.steps()))
def test_nothing_is_put_into_a_script_by_an_expression(step: dict[str, str]) -> None:
    # Also not what is harmless today: an environment variable does as well.
    assert EXPRESSION.findall(step.get("run", "")) == []


def test_no_text_of_a_pull_request_reaches_a_script() -> None:
    allowed = {
        "github.event.pull_request.number",
        "github.event.action",
        "github.actor",
        "github.event.pull_request.head.repo.full_name",
    }
    for file in (*FILES, *SCRIPTS):
        for line in file.read_text().splitlines():
            for found in re.findall(r"[\w.]+", line):
                assert not WRITTEN_BY_OTHERS.match(found) or found in (
                    allowed | {"CI_COMMIT_BRANCH"}
                ), f"{file.name}: {line}"
    # And the branch is compared by a rule only.
    for line in workflows.GITLAB.read_text().splitlines():
        assert "CI_COMMIT_BRANCH" not in line or "- if: $CI_PIPELINE_SOURCE =" in line
    for file in FILES:
        for line in file.read_text().splitlines():
            assert "github.actor" not in line or line.strip() == f"{NOT_DEPENDABOT} &&"


@pytest.mark.parametrize(
    "name",
    ["pr-1; touch x", "pr-1\ntouch x", "$(touch x)", "../prod", "-h", "", "pr-1 x", "pr-0", "prod",
     "pr-12345678901", "PR-1", "pr-1/../../x"],
)  # fmt: skip
@pytest.mark.parametrize("action", ["up", "destroy"])
def test_a_temporary_stack_has_a_number_and_nothing_else(
    name: str, action: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [ROOT / "ci/jobs/temporary.sh", action, name],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is not" in done.stderr
    assert not list(tmp_path.iterdir())
    assert not (ROOT / "x").exists()


@pytest.mark.parametrize("file", workflows.GITHUB, ids=lambda file: file.stem)
def test_a_workflow_begins_without_permissions_and_on_no_dangerous_event(file: Path) -> None:
    content = workflows.content(file)
    assert content["permissions"] == {}
    events = content["on"]
    assert set(events) <= {"pull_request", "push", "workflow_dispatch", "schedule"}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_asks_for_little_and_has_an_end(job: dict[str, object]) -> None:
    permissions = dict(job["permissions"])  # type: ignore[call-overload]
    assert permissions.pop("contents") == "read"
    assert permissions.pop("id-token") == "write"
    assert permissions in ({}, {"pull-requests": "write"})
    assert int(str(job["timeout-minutes"])) <= 60
    assert job["environment"]


def test_a_job_of_gitlab_has_an_environment_and_so_its_variables() -> None:
    for name, job in workflows.content(workflows.GITLAB).items():
        if not name.startswith(".") and name not in workflows.GITLAB_GLOBAL:
            assert job["environment"], name
    for job in ("preview", "drift", "reap"):
        # No deployment, and no role of a protected environment.
        environment = workflows.content(workflows.GITLAB)[job]["environment"]
        assert environment["action"] == "access"


def test_what_deploys_runs_for_main_alone_and_can_be_started_by_hand() -> None:
    deploy = workflows.content(ROOT / "ci/github/deploy.yml")
    stacks = list(deploy["jobs"])
    assert deploy["on"]["push"] == {"branches": ["main"]}
    assert deploy["on"]["workflow_dispatch"]["inputs"]["recover"]["options"] == ["none", *stacks]
    for name, job in deploy["jobs"].items():
        assert job["if"] == "github.ref == 'refs/heads/main'", name
    gitlab = workflows.content(workflows.GITLAB)
    branch = "$CI_PIPELINE_SOURCE =~ /^(push|web)$/ && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    for name in stacks:
        job = gitlab[f"deploy:{name}"]
        (rule,) = job.get("rules", gitlab[job["extends"]].get("rules"))
        by_hand = {} if name == "dev" else {"when": "manual"}
        assert rule == {"if": branch, **by_hand}, name


def test_a_job_of_a_pull_request_runs_for_branches_of_the_repository_only() -> None:
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    for file in workflows.GITHUB:
        content = workflows.content(file)
        if "pull_request" in content["on"]:
            for job in content["jobs"].values():
                assert job["if"].endswith(own)
    source = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID"
    text = " ".join(workflows.GITLAB.read_text().split())
    assert text.count("merge_request_event") == text.count(source) > 0
    assert workflows.content(workflows.TRAVIS)["if"] == "type != pull_request"


def test_a_job_that_needs_secrets_does_not_run_for_dependabot_which_gets_none() -> None:
    asked = {f"{workflow}/{name}" for workflow, name, job in workflows.github_jobs()
             if NOT_DEPENDABOT in job.get("if", "")}  # fmt: skip
    # A cluster that somebody's push has made is destroyed, whoever closes the pull request.
    assert asked == {"preview/preview", "cluster/create"}


def test_jobs_that_change_a_stack_wait_for_each_other() -> None:
    for workflow, name, job in workflows.github_jobs():
        whole = workflows.content(ROOT / f"ci/github/{workflow}.yml")
        group = job.get("concurrency", whole.get("concurrency"))
        if name != "drift":
            changes = workflow != "preview"
            assert group["cancel-in-progress"] == ("false" if changes else "true"), name
    for name, job in workflows.content(workflows.GITLAB).items():
        writes = re.search(r"(up|reap|temporary)\.sh", str(job.get("script")))
        assert ("resource_group" in job) == bool(writes), name


def test_on_gitlab_a_new_commit_cancels_the_older_preview_while_a_cluster_is_made() -> None:
    gitlab = workflows.content(workflows.GITLAB)
    # Its default cancels nothing as soon as a job has started that may not be interrupted.
    assert gitlab["workflow"] == {"auto_cancel": {"on_new_commit": "interruptible"}}
    interrupted = [name for name, job in gitlab.items() if job.get("interruptible") == "true"]
    assert interrupted == ["preview"]
    assert gitlab[".k3s-aws"]["interruptible"] == "false"


def test_actions_are_pinned_by_commit_with_their_version_beside_it() -> None:
    used = workflows.actions_used()
    assert len(used) == 4
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)
    for file in [*workflows.GITHUB, workflows.ACTION]:
        for line in file.read_text().splitlines():
            if "uses:" in line and "./" not in line:
                assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def _cache_of_github() -> dict[str, str]:
    steps = workflows.content(workflows.ACTION)["runs"]["steps"]
    (found,) = (each["with"] for each in steps if each.get("uses", "").startswith("actions/cache@"))
    return dict(found)


def test_no_cache_holds_packages_of_another_python() -> None:
    used = EXPRESSION.findall(_cache_of_github()["key"])
    assert " steps.python.outputs.version " in used
    assert re.fullmatch(rb"version=Python-3\.\d+\.\d+\S*\n", _part_of_the_key())


def _part_of_the_key(**variables: str) -> bytes:
    """What the first step of the action writes for the key of the cache."""
    first = workflows.content(workflows.ACTION)["runs"]["steps"][0]
    assert first["id"] == "python"
    with tempfile.NamedTemporaryFile() as output:
        subprocess.run(
            ["bash", "-euc", first["run"]],
            env={**os.environ, "GITHUB_OUTPUT": output.name, **variables},
            check=True,
        )
        return Path(output.name).read_bytes()


def test_a_cache_without_the_policy_pack_is_not_taken_by_a_job_that_asks_it() -> None:
    # The context `vars` is none of a composite action's: the job's environment has it.
    without, asked = _part_of_the_key(POLICY_PACK=""), _part_of_the_key(POLICY_PACK="policy/run")
    assert asked == without.rstrip() + b"-policies\n"
    assert "'policy/requirements.txt'" in _cache_of_github()["key"]


def test_the_key_of_gitlabs_cache_has_no_slash() -> None:
    # Without a prefix GitLab puts the files' names there, up to their first dot.
    key = workflows.content(workflows.GITLAB)[".k3s-aws"]["cache"]["key"]
    assert re.fullmatch(r"[\w-]+", key["prefix"])
    # More are an error: lib/gitlab/ci/config/entry/files.rb of GitLab.
    assert len(key["files"]) <= 2


def test_no_cache_holds_a_credential() -> None:
    paths = {
        "github": _cache_of_github()["path"].split(),
        "gitlab": workflows.content(workflows.GITLAB)[".k3s-aws"]["cache"]["paths"],
        "travis": workflows.content(workflows.TRAVIS)["cache"]["directories"],
    }
    assert paths["github"] == paths["gitlab"] == paths["travis"]
    for secret in (".local/identity", ".local/kubeconfigs", ".local/pulumi-home"):
        assert not [each for each in paths["github"] if (secret + "/").startswith(each + "/")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_pipeline_stores_a_key(file: Path) -> None:
    assert "secrets.AWS" not in file.read_text()


def test_the_configuration_of_temporary_clusters_is_valid_and_has_an_end() -> None:
    content = yaml.safe_load((ROOT / "ci/temporary.yaml").read_text())
    assert config.load(content["config"]["k3s-aws:cluster"], stack="pr-12").ttl_seconds == 4 * 3600


def test_gitlab_ends_an_environment_when_the_ttl_of_its_cluster_is_over() -> None:
    environment = workflows.content(workflows.GITLAB)["cluster"]["environment"]
    content = yaml.safe_load((ROOT / "ci/temporary.yaml").read_text())["config"]
    ttl = config.load(content["k3s-aws:cluster"], stack="pr-12").ttl_seconds
    hours = environment["auto_stop_in"].removesuffix(" hours")
    assert ttl == int(hours) * 3600


def test_temporary_clusters_are_in_the_region_that_the_page_sets_up(tmp_path: Path) -> None:
    (line,) = re.findall(
        r"^.*ci/temporary\.yaml.*$", (ROOT / "docs/pipelines.md").read_text(), re.M
    )
    (tmp_path / "ci").symlink_to(ROOT / "ci")
    environment = {"PATH": "/usr/bin:/bin", "AWS_REGION": "ap-southeast-2"}
    subprocess.run(["bash", "-euc", line], cwd=tmp_path, env=environment, check=True)
    text = (tmp_path / "Pulumi.temporary.yaml").read_text()
    kept = yaml.safe_load((ROOT / "ci/temporary.yaml").read_text())["config"]
    assert yaml.safe_load(text)["config"] == {**kept, "aws:region": "ap-southeast-2"}
