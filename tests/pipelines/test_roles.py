"""What the policies of ci/aws allow, and whom the roles trust."""

from __future__ import annotations

import itertools
import json
import operator
import re
import subprocess
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from cluster import backup, bucket, restore
from cluster.spec import Manifest
from cluster.stored_programs import BACKUP, RESTORE
from localcloud.instance.conditions import like
from localcloud.instance.policies import denial
from tests.pipelines import workflows
from tests.pipelines.workflows import ROOT

PAGE = (ROOT / "docs/pipelines.md").read_text()
FOLDERS = ["prod", "programs", "k3s", "manifests"]
GITHUB = "token.actions.githubusercontent.com"
# Actions on objects, not on buckets.
OBJECTS = re.compile(r"s3:GetObject")
MAIN = "refs/heads/main"
# A pull request's run, a branch's, a tag's, and a branch with a name like it.
OTHERS = ("refs/pull/7/merge", "refs/heads/topic", "refs/tags/main", "refs/heads/main2")


def statements(file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / file).read_text())["Statement"]
    return found


def test_previews_may_do_what_an_operator_may_read_and_nothing_else() -> None:
    reading = re.compile(r"\w+:(Get|List|Describe)")
    read = []
    for each in statements("docs/operator-policy.json"):
        named = each["Action"]
        actions = [x for x in ([named] if isinstance(named, str) else named) if reading.match(x)]
        whole = [x for x in actions if not OBJECTS.match(x)]
        read += [{**each, "Action": whole}] if whole else []
        if objects := [x for x in actions if OBJECTS.match(x)]:
            read += [{"Sid": "ObjectsOfTheStack", "Effect": "Allow", "Action": objects}]
    preview = statements("ci/aws/preview-policy.json")
    for each in preview:
        if each["Sid"] == "ObjectsOfTheStack":
            assert "*" not in each.pop("Resource")
    assert preview == read
    allowed = {x for each in statements("ci/aws/state-read-policy.json") for x in each["Action"]}
    assert allowed <= {x for each in statements("ci/aws/state-policy.json") for x in each["Action"]}
    assert not [each for each in allowed if re.search(r":(Put|Delete|Encrypt|Generate)", each)]


@pytest.mark.parametrize("action", ["GetObject", "GetObjectTagging", "GetObjectAttributes"])
def test_previews_read_the_programs_objects_and_no_snapshot(action: str) -> None:
    def refused(place: str) -> bool:
        policy = statements("ci/aws/preview-policy.json")
        return denial(policy, f"s3:{action}", f"arn:aws:s3:::{place}") is not None

    release: Any = SimpleNamespace(k3s=SimpleNamespace(sha256={"arm64": "0" * 64}))
    k3s = bucket.k3s_key(release, "arm64")
    manifest = bucket.manifest_key(Manifest(name="a.yaml", content="kind: List"))
    for key in (k3s, manifest, RESTORE.key):
        assert not refused(f"prod-files-1a2b3c4/{key}")
    assert not refused(f"prod-backups-1a2b3c4/{BACKUP.key}")
    # Whatever the names of the stack and of the cluster are.
    for stack, name in itertools.product(["prod", "web-files-1", "web-backups-1"], FOLDERS):
        for end in (restore.DATA, restore.DESCRIPTION, restore.CREDENTIALS):
            snapshot = f"{backup.SNAPSHOTS}/{name}/20261124T030000Z-{name}-servers-1a2b3c4d{end}"
            assert refused(f"{stack}-backups-1a2b3c4/{snapshot}")
    assert refused("k3s-aws-state-environments-123456789012/.pulumi/stacks/k3s-aws/prod.json")
    assert refused("a-bucket-of-somebody-else/k3s/a/key")


@pytest.mark.parametrize("platform", ["github", "gitlab"])
def test_a_role_trusts_one_repository_and_one_audience(platform: str) -> None:
    (statement,) = statements(f"ci/aws/trust-{platform}.json")
    conditions = {key: value for each in statement["Condition"].values()
                  for key, value in each.items()}  # fmt: skip
    provider = statement["Principal"]["Federated"].partition("oidc-provider/")[2]
    assert conditions[f"{provider}:aud"] == "sts.amazonaws.com"
    assert re.match(r"(repo|project_path):REPOSITORY:", conditions[f"{provider}:sub"])
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"


def trust_of_github(environment: str) -> dict[str, Any]:
    """The trust of an environment's role, made by the line of the page that makes it."""
    refs = dict(re.findall(r"ENVIRONMENT=([\w-]+) REF='?([^\s`']+)", PAGE))
    lines = re.findall(r"^sed .*ci/aws/trust-github\.json(?= > trust\.json$)", PAGE, re.M)
    (line,) = [each for each in lines if ("#preview#" in each) == (environment == "preview")]
    made = subprocess.run(
        ["bash", "-euc", line],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "ACCOUNT": "123456789012", "REPOSITORY": "o@1/r@2",
             "ENVIRONMENT": environment, "REF": refs.get(environment, "")},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    (statement,) = json.loads(made.stdout)["Statement"]
    return dict(statement["Condition"])


def admits(condition: Mapping[str, Mapping[str, str]], claims: Mapping[str, str]) -> bool:
    """IAM's evaluation of the operators that the trust has; a key that is missing meets none."""
    compare: dict[str, Callable[[str, str], bool | None]] = {
        "StringEquals": operator.eq,
        "StringLike": lambda pattern, text: like(pattern, text, {}),
    }
    return all(
        compare[name](value, claims[key])
        for name, keys in condition.items()
        for key, value in keys.items()
    )


@pytest.mark.parametrize("environment", ["pull-request", "preview", "dev", "staging", "prod"])
def test_a_branch_that_names_an_environment_of_main_gets_no_role_of_it(environment: str) -> None:
    condition = trust_of_github(environment)
    for_branches = environment in ("pull-request", "preview")

    def run(ref: str, named: str = environment, repository: str = "o@1/r@2") -> bool:
        sub = f"repo:{repository}:environment:{named}"
        claims = {"aud": "sts.amazonaws.com", "sub": sub, "ref": ref}
        return admits(condition, {f"{GITHUB}:{key}": value for key, value in claims.items()})

    assert run(MAIN)
    assert [run(ref) for ref in OTHERS] == [for_branches] * len(OTHERS)
    assert not run(MAIN, named="other")
    assert not run(MAIN, repository="o@1/r@3")


def test_each_environment_is_in_the_table_of_those_who_get_its_role() -> None:
    rows = re.findall(r"^\| (`[^|]*) \| whoever may (push a branch|change `main`) \|", PAGE, re.M)
    named = {name: who for names, who in rows for name in re.findall(r"`([\w-]+)`", names)}
    used = {str(job["environment"]): workflow for workflow, _, job in workflows.github_jobs()}
    assert named.keys() == {*used, "temporary"}
    for name, who in named.items():
        assert (who == "change `main`") == (used.get(name) == "deploy"), name
