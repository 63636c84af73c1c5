"""Projects of others that use the package, in folders of their own, without the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.workbench import stack_config, stack_file
from localcloud.workbench.workbench import Workbench
from tests.localcloud import vpc_ranges

ROOT = Path(__file__).parents[2]
UV = ROOT / ".local" / "venv" / "bin" / "uv"
SECONDS = 600
# Where an example names the range of its VPC.
PROGRAMS = ("Pulumi.yaml", "__main__.py", "index.ts")
# What would lead to the checkout's own packages.
CHECKOUTS = ("VIRTUAL_ENV", "PYTHONPATH")


def run(words: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    """The output of a command that succeeds."""
    return run_any(words, folder, environment, fails=False)


def run_any(
    words: Sequence[str | Path], folder: Path, environment: Mapping[str, str], *, fails: bool
) -> str:
    done = subprocess.run(
        list(words),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    output = done.stdout + done.stderr
    assert (done.returncode != 0) is fails, output
    # What is read by machines stands alone on standard output.
    return done.stdout if not fails and words[1] in ("stack", "plugin") else output


def install_library(folder: Path) -> Path:
    """A virtual environment with the wheel of this checkout and the pinned packages."""
    ambient = {name: each for name, each in os.environ.items() if name not in CHECKOUTS}
    run([UV, "build", "--wheel", "--quiet", "--out-dir", folder, ROOT], folder, ambient)
    (wheel,) = folder.glob("*.whl")
    venv = folder / "venv"
    # The Python host of Pulumi lists packages by pip.
    run([UV, "venv", "--quiet", "--seed", venv], folder, ambient)
    pinned: list[str | Path] = ["--constraint", ROOT / "requirements.txt"]
    run([UV, "pip", "install", "--quiet", "--python", venv, *pinned, wheel], folder, ambient)
    return venv


@dataclass(frozen=True)
class Project:
    """A project with one stack on the local cloud."""

    folder: Path
    environment: Mapping[str, str]
    k3s: Path

    def pulumi(self, *words: str, fails: bool = False) -> str:
        command = ["pulumi", *words, "--non-interactive"]
        return run_any(command, self.folder, self.environment, fails=fails)

    def output(self, name: str) -> str:
        return self.pulumi("stack", "output", name, "--show-secrets").strip()

    def kubectl(self, *words: str) -> str:
        """As the identity whose kubeconfig the project exports."""
        file = self.folder / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(self.output("kubeconfig"))
        environment = {**self.environment, "KUBECONFIG": str(file)}
        return run([self.k3s, "kubectl", *words], self.folder, environment)

    def configure(self, values: Mapping[str, Any]) -> None:
        """Sets keys of the stack's configuration."""
        file = self.folder / "Pulumi.dev.yaml"
        content = stack_file.read(file)
        stack_file.write(file, {**content, "config": {**(content.get("config") or {}), **values}})

    def edit(self, change: Mapping[str, Any]) -> None:
        """Sets keys of the cluster in a project whose program is its Pulumi.yaml."""
        file = self.folder / "Pulumi.yaml"
        content = stack_file.read(file)
        content["resources"]["shop"]["properties"]["cluster"].update(change)
        # Without aliases, which Pulumi's YAML does not have.
        stack_file.write(file, content)


def create(workbench: Workbench, example: str, venv: Path, languages: Path) -> Project:
    """A copy of an example, with the stack `dev`, configured for the cloud alone."""
    folder = workbench.folder.path / example
    shutil.copytree(ROOT / "examples" / example, folder)
    vpc_cidr = vpc_ranges.take()
    for file in (folder / each for each in PROGRAMS):
        if file.exists():
            file.write_text(re.sub(r"10\.\d+\.0\.0/16", vpc_cidr, file.read_text()))
    ours = str(workbench.folder.places.venv / "bin")
    path = [each for each in workbench.environment["PATH"].split(os.pathsep) if each != ours]
    environment = {
        **{name: each for name, each in workbench.environment.items() if name not in CHECKOUTS},
        "PATH": os.pathsep.join([str(venv / "bin"), str(languages), *path]),
    }
    project = Project(folder, environment, workbench.k3s.path)
    project.pulumi("stack", "init", "dev")
    project.configure(stack_config.aws(workbench.running))
    return project


def create_bare(like: Project, program: str) -> Project:
    """Another project in Python, with the environment of one; its stack has no configuration."""
    folder = like.folder.with_name("several")
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: several\nruntime: python\n")
    (folder / "__main__.py").write_text(program)
    project = Project(folder, like.environment, like.k3s)
    project.pulumi("stack", "init", "dev")
    return project


def provider_of(workbench: Workbench) -> dict[str, Any]:
    """The arguments of an `aws` provider for the local cloud, in Python's spelling."""
    config = {
        key.removeprefix("aws:"): each for key, each in stack_config.aws(workbench.running).items()
    }
    return {_snake(key): {"true": True}.get(str(each), each) for key, each in config.items()}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def k3s_of(workbench: Workbench) -> dict[str, Any]:
    """`cluster.k3s` with the k3s that the local cloud serves."""
    config = workbench.stack_config({})["config"]
    return dict(json.loads(json.dumps(config[stack_config.CLUSTER]["k3s"])))
