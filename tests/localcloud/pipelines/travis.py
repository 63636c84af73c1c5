"""
Travis's rules for the phases of a job, as its documentation of the job lifecycle has them.

https://docs.travis-ci.com/user/job-lifecycle: an error in before_install, install or before_script
ends the job as errored; one in script fails it, and the lines that follow run; after_failure,
after_success and after_script do not change the result. The lines are one shell's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

BEFORE = ("before_install", "install", "before_script")
AFTER = ("after_success", "after_failure", "after_script")
PHASES = (*BEFORE, "script", *AFTER)
# What these lines stand for: keys that change where and whether a job runs, not what it runs.
SETTINGS = {"os", "dist", "language", "python", "if", "cache", "env", "jobs", "name"}


def jobs(text: str) -> dict[str, Mapping[str, Any]]:
    """Each job with what it takes from the top of the file, by name."""
    content = yaml.safe_load(text)
    unknown = set(content) - SETTINGS - set(PHASES)
    assert not unknown, f"this reader has no rule for {unknown}"
    shared = {key: value for key, value in content.items() if key != "jobs"}
    return {each["name"]: {**shared, **each} for each in content["jobs"]["include"]}


def script(text: str, name: str) -> str:
    """The shell script of one job."""
    job = jobs(text)[name]
    assert set(job) <= SETTINGS | set(PHASES)
    lines = ["result=0"]
    lines += [f"export {each}" for each in job.get("env", {}).get("global", [])]
    for phase in BEFORE:
        lines += [f"{each}\n[ $? -eq 0 ] || exit 2" for each in _lines(job.get(phase))]
    lines += [f"{each}\n[ $? -eq 0 ] || result=1" for each in _lines(job.get("script"))]
    lines.append("export TRAVIS_TEST_RESULT=$result")
    for phase, condition in (("after_success", "-eq"), ("after_failure", "-ne")):
        lines += [f"if [ $result {condition} 0 ]; then\n{x}\nfi" for x in _lines(job.get(phase))]
    lines += _lines(job.get("after_script"))
    return "\n".join([*lines, "exit $result", ""])


def _lines(phase: str | list[str] | None) -> Iterator[str]:
    yield from [phase] if isinstance(phase, str) else phase or []
