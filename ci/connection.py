"""`python -m ci connect`: a kubeconfig of the stack in a file, and KUBECONFIG set to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ci import credentials, platforms, private_file
from ci.errors import PipelineError
from ci.stack import Stack
from cluster import outputs, untrusted_text

Format = Literal["bash", "github", "gitlab"]
Print = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Whose kubeconfig, of `identity`, else the administrator's or the first identity's."""

    identity: str | None = None
    admin: bool = False

    @property
    def output(self) -> str:
        """The stack output that holds it."""
        if self.admin:
            return outputs.ADMIN_KUBECONFIG
        if self.identity is None:
            return outputs.KUBECONFIG
        return f"{outputs.IDENTITY_PREFIX}{self.identity}"

    @property
    def label(self) -> str:
        """Part of a file's name."""
        return "admin" if self.admin else self.identity or "kubeconfig"


@dataclass(frozen=True, kw_only=True)
class Place:
    """
    Where it is run: `root` is the program's folder, `environment` that of the process.

    `path` is the kubeconfig's file where it was chosen, `dotenv` GitLab's report.
    """

    root: Path
    environment: Mapping[str, str]
    path: Path | None = None
    dotenv: Path | None = None


def connect(stack: Stack, wanted: Wanted, form: Format, place: Place, say: Print) -> Path:
    """
    Writes the kubeconfig and hands its path on; `say` prints a line to standard output.

    Raises PipelineError, before anything is written where the platform is not the one of `form`.
    """
    if form == "github":
        _require_github(place.environment)
    found = stack.outputs(secrets=True)
    kubeconfig = _kubeconfig(found, wanted)
    secrets = credentials.strings(kubeconfig)
    path = place.path or _default_path(place, stack, wanted)
    path = Path.cwd() / path
    # Whoever is given the path has one that no line end changes, before the file is there.
    line = platforms.assignment(platforms.VARIABLE, str(path))
    if form == "github":
        for each in platforms.masks(secrets):
            say(each)
    private_file.write(path, kubeconfig)
    match form:
        case "bash":
            say(platforms.shell(str(path)))
        case "github":
            _append(Path(place.environment["GITHUB_ENV"]), line)
            if output := place.environment.get("GITHUB_OUTPUT"):
                _append(Path(output), platforms.assignment(platforms.OUTPUT, str(path)))
        case "gitlab":
            endpoint = untrusted_text.one_line(str(found.get("apiEndpoint", "")))
            report = line + platforms.assignment(platforms.ENDPOINT, endpoint)
            private_file.write(_dotenv(place), report)
            say(platforms.shell(str(path)))
    return path


def _kubeconfig(found: Mapping[str, Any], wanted: Wanted) -> str:
    value = found.get(wanted.output)
    if not isinstance(value, str):
        raise PipelineError(_missing(found, wanted))
    return value


def _missing(found: Mapping[str, Any], wanted: Wanted) -> str:
    if wanted.admin:
        return (
            f"the stack has no output {outputs.ADMIN_KUBECONFIG}\n"
            "    set adminKubeconfig: true under k3s-aws:cluster, then run `pulumi up`"
        )
    names = [untrusted_text.one_line(each, 64) for each in outputs.identities(found)]
    there = f"it has {', '.join(names)}" if names else "it has none"
    if wanted.identity is None:
        return (
            f"the stack has no output {outputs.KUBECONFIG}: no identity is configured, or its "
            "last `pulumi up` did not end\n"
            "    run `pulumi up`, add one under k3s-aws:cluster, identities, or use --admin"
        )
    asked = untrusted_text.one_line(wanted.identity, 64)
    return f'the stack has no identity "{asked}"; {there}\n    choose one of them: --identity NAME'


def _require_github(environment: Mapping[str, str]) -> None:
    """Anywhere else the commands that mask would print what they are to hide."""
    if environment.get("GITHUB_ACTIONS") != "true":
        raise PipelineError(
            "this is not a step of GitHub Actions: GITHUB_ACTIONS is not true, and nothing would "
            "hide what has to be masked\n    use --format bash"
        )
    if not environment.get("GITHUB_ENV"):
        raise PipelineError(
            "GITHUB_ENV is not set, so there is nowhere to put KUBECONFIG for the next steps\n"
            "    run it in a step of its own, not inside a container that has not this variable"
        )


def _default_path(place: Place, stack: Stack, wanted: Wanted) -> Path:
    """Below the runner's folder for one job, or below .local/, of which git has nothing."""
    temporary = place.environment.get("RUNNER_TEMP")
    folder = Path(temporary) / "k3s-aws" if temporary else place.root / ".local" / "kubeconfigs"
    name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{stack.short_name()}-{wanted.label}")
    return folder / f"{name}.yaml"


def _dotenv(place: Place) -> Path:
    return place.dotenv or place.root / ".local" / "connect.env"


def _append(file: Path, line: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as content:
            content.write(line)
    except OSError as error:
        raise PipelineError(
            f"{file} cannot be written: {error.strerror}\n"
            "    it is the runner's own file; see the runner's log"
        ) from None
