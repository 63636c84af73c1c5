"""Where the run is that a comment comes from, for what the comment has no room for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_URL: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/%-]*)?")


def of(environment: Mapping[str, str]) -> str | None:
    """
    The run's URL on GitHub or GitLab by the CI's variables; None elsewhere.

    https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    https://docs.gitlab.com/ci/variables/predefined_variables/
    """
    found = environment.get("CI_JOB_URL")
    github = [environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(github):
        found = "{}/{}/actions/runs/{}".format(*github)
    return found if found and _URL.fullmatch(found) else None
