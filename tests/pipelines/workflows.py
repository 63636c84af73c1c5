"""The pipeline files as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = sorted((ROOT / "ci/github").glob("*.yml"))
ACTION = ROOT / "ci/github/prepare/action.yml"
GITLAB = ROOT / "ci/gitlab/k3s-aws.gitlab-ci.yml"
TRAVIS = ROOT / "ci/travis/travis.yml"
# Keys of GitLab's file that are no jobs.
GITLAB_GLOBAL = {"default", "include", "stages", "variables", "workflow", "spec"}


def content(file: Path) -> dict[str, Any]:
    """Without YAML 1.1's reading of `on` as true."""
    found: dict[str, Any] = yaml.load(file.read_text(), yaml.CBaseLoader)  # noqa: S506
    return found


def github_jobs() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Workflow, name and content of each job."""
    for file in GITHUB:
        for name, job in content(file)["jobs"].items():
            yield file.stem, name, job


def steps() -> Iterator[Mapping[str, Any]]:
    """Every step of every workflow and of the action that they share."""
    for _, _, job in github_jobs():
        yield from job["steps"]
    yield from content(ACTION)["runs"]["steps"]


def actions_used() -> list[str]:
    """`owner/name@version` of every action that is fetched."""
    used = {each["uses"] for each in steps() if "uses" in each}
    return sorted(each for each in used if not each.startswith("./"))


def all_jobs() -> set[str]:
    """`platform/job` of every job, hidden ones of GitLab left out."""
    gitlab = [each for each in content(GITLAB) if not each.startswith(".")]
    return {
        *(f"github/{workflow}/{name}" for workflow, name, _ in github_jobs()),
        *(f"gitlab/{name}" for name in gitlab if name not in GITLAB_GLOBAL),
        *(f"travis/{each['name']}" for each in content(TRAVIS)["jobs"]["include"]),
    }
