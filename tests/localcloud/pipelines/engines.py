"""How each engine is started: act for GitHub, gitlab-ci-local, and a reader of Travis's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.localcloud.pipelines import checkout, travis
from tests.localcloud.pipelines.checkout import Fork
from tests.localcloud.pipelines.job import Job, start
from tests.pipelines import workflows
from toolchain.engines import Engines

# The seam: act takes these folders instead of fetching the actions, whatever their version.
STANDINS = {
    "actions/cache": "cache",
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


def github(
    engines: Engines, fork: Fork, folder: Path, workflow: str, event: Mapping[str, Any],
    *words: str, name: str = "pull_request",
) -> Job:  # fmt: skip
    """One workflow of the checkout, by act in host mode."""
    place = folder.with_name(f"{folder.name}-{workflow}-{event.get('action', name)}")
    place.mkdir()
    (place / "event.json").write_text(json.dumps(event))
    (place / "secrets").write_text(f"PULUMI_CONFIG_PASSPHRASE={checkout.PASSPHRASE}\n")
    (place / "variables").write_text("".join(f"{k}={v}\n" for k, v in fork.variables.items()))
    command = [
        *engines.act, name,
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
            folder_of = Path(__file__).parent / "actions" / standin
            command += ["--local-repository", f"{used}={folder_of}"]
    return start(command, folder, fork.environment, place / "log")


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


def gitlab(
    engines: Engines, fork: Fork, folder: Path, job: str, variables: Mapping[str, str], log: str
) -> Job:
    """One job of the checkout, by gitlab-ci-local with the shell executor."""
    checkout.restore_cache(fork, folder)
    project = {
        **fork.variables,
        "PULUMI_CONFIG_PASSPHRASE": checkout.PASSPHRASE,
        # What GitLab makes of `id_tokens`, which this engine does not do.
        "AWS_ID_TOKEN": "header.claims.signature",
        **variables,
    }
    file = folder.with_name(f"{folder.name}-variables.yml")
    file.write_text(yaml.safe_dump(project))
    command = [
        *engines.gitlab, job,
        "--force-shell-executor", "--no-color", "--ignore-predefined-vars=CI_PIPELINE_SOURCE",
        "--variables-file", str(file),
        "--home", str(folder.with_name("gitlab-home")),
        *(f"--variable={name}={each}" for name, each in variables.items()),
    ]  # fmt: skip
    return start(command, folder, fork.environment, folder.with_name(log))


def travis_job(fork: Fork, folder: Path, name: str, variables: Mapping[str, str], log: str) -> Job:
    """The lines of Travis's file, by the rules of its phases."""
    checkout.restore_cache(fork, folder)
    script = folder.with_name(f"{log}.sh")
    script.write_text(travis.script((folder / ".travis.yml").read_text(), name))
    settings = {
        **fork.variables,
        "AWS_DEFAULT_REGION": fork.variables["AWS_REGION"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PULUMI_CONFIG_PASSPHRASE": checkout.PASSPHRASE,
        "TRAVIS": "true",
        "CI": "true",
        **variables,
    }
    return start(["bash", str(script)], folder, {**fork.environment, **settings},
                 folder.with_name(log))  # fmt: skip
