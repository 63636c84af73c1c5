"""How each engine is started: act for GitHub, gitlab-ci-local, and a reader of Travis's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.localcloud.pipelines import checkout, travis
from tests.localcloud.pipelines.checkout import Fork
from tests.localcloud.pipelines.job import Job, start
from tests.pipelines import workflows
from toolchain.engines import Engines

ACTIONS = Path(__file__).parent / "actions"
# Those that this engine warns about when they are given.
PREDEFINED = {"CI_PIPELINE_SOURCE", "CI_API_V4_URL", "CI_PROJECT_ID", "CI_PROJECT_URL"}
# The seam: act takes these folders instead of fetching the actions, whatever their version.
STANDINS = {
    "actions/cache": "cache",
    "actions/upload-artifact": "upload-artifact",
    "aws-actions/configure-aws-credentials": "configure-aws-credentials",
}


def hostile(trace: Path) -> str:
    """A title, body or branch of somebody else, that leaves a file wherever a shell reads it."""
    return f'x"; touch${{IFS}}{trace}; $(touch${{IFS}}{trace}) `touch${{IFS}}{trace}`'


def pull_request(
    fork: Fork, number: int, action: str, *, head: str = checkout.REPOSITORY
) -> dict[str, Any]:
    """GitHub's event, as far as the workflows read it."""
    text = hostile(fork.trace)
    return {
        "action": action,
        "number": number,
        "pull_request": {
            "number": number,
            "title": text,
            "body": text,
            "head": {"ref": text, "repo": {"full_name": head}},
            "base": {"ref": "main", "repo": {"full_name": checkout.REPOSITORY}},
        },
        "repository": {"full_name": checkout.REPOSITORY, "default_branch": "main"},
    }


def merge_request(fork: Fork, number: int, *, source_project: int = 1) -> dict[str, str]:
    """GitLab's variables of a pipeline for a merge request, as far as the file reads them."""
    text = hostile(fork.trace)
    return {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": str(number),
        "CI_MERGE_REQUEST_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(source_project),
        "CI_MERGE_REQUEST_TITLE": text,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": text,
    }


@dataclass(frozen=True)
class Pipelines:
    """The fork's pipelines, each run by its engine; `folder` is a checkout of the fork."""

    engines: Engines
    fork: Fork

    def github(
        self, folder: Path, workflow: str, event: Mapping[str, Any], *words: str, on: str
    ) -> Job:
        """One workflow, by act in host mode; `on` is the event's name, `words` more options."""
        place = folder.with_name(f"{folder.name}-{workflow}-{event.get('action', on)}")
        place.mkdir()
        (place / "event.json").write_text(json.dumps(event))
        write_variables(place / "variables", self.fork.variables)
        write_variables(place / "secrets", self.fork.secrets)
        command = [
            *self.engines.act, on,
            "--workflows", f".github/workflows/{workflow}.yml",
            "--eventpath", str(place / "event.json"),
            "--platform", "ubuntu-latest=-self-hosted",
            "--secret-file", str(place / "secrets"),
            "--var-file", str(place / "variables"),
            "--action-cache-path", str(place / "runner"),
            "--action-offline-mode", "--pull=false", "--no-cache-server",
            *words,
        ]  # fmt: skip
        for used in workflows.actions_used():
            if standin := STANDINS.get(used.partition("@")[0]):
                command += ["--local-repository", f"{used}={ACTIONS / standin}"]
        return start(command, folder, self.fork.environment, place / "log")

    def gitlab(self, folder: Path, job: str, variables: Mapping[str, str], log: str) -> Job:
        """One job, by gitlab-ci-local with the shell executor."""
        checkout.restore_cache(self.fork, folder)
        file = folder.with_name(f"{log}.yml")
        # What GitLab makes of `id_tokens`, which this engine does not do.
        token = {"AWS_ID_TOKEN": "header.claims.signature"}
        settings = {**self.fork.variables, **self.fork.secrets, **token}
        file.write_text(yaml.safe_dump(settings))
        command = [
            *self.engines.gitlab, job,
            "--force-shell-executor", "--no-color",
            "--ignore-predefined-vars", ",".join(PREDEFINED & set(variables)),
            "--variables-file", str(file),
            "--home", str(folder.with_name("gitlab-home")),
            *(f"--variable={name}={each}" for name, each in variables.items()),
        ]  # fmt: skip
        return start(command, folder, self.fork.environment, folder.with_name(log))

    def travis(self, folder: Path, job: str, variables: Mapping[str, str], log: str) -> Job:
        """The lines of one job, by the rules of Travis's phases."""
        checkout.restore_cache(self.fork, folder)
        script = folder.with_name(f"{log}.sh")
        script.write_text(travis.script((folder / ".travis.yml").read_text(), job))
        settings = {
            **self.fork.variables,
            **self.fork.secrets,
            "AWS_DEFAULT_REGION": self.fork.variables["AWS_REGION"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TRAVIS": "true",
            "CI": "true",
            **variables,
        }
        environment = {**self.fork.environment, **settings}
        return start(["bash", str(script)], folder, environment, folder.with_name(log))


def write_variables(file: Path, variables: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
