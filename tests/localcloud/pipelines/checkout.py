"""A team's fork of the repository, set up as docs/pipelines.md describes it, on the local cloud."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcloud.workbench import environment, stack_file
from localcloud.workbench.workbench import Workbench
from tests.localcloud import vpc_ranges
from tests.localcloud.stacks import CLUSTER, ROOT
from tests.pipelines import aws_commands
from tests.review import fake_platforms

BUCKET = "pulumi-state"
ROLE = "arn:aws:iam::123456789012:role/pipeline"
PASSPHRASE = "a passphrase that no log may hold"
REPOSITORY = "shop/cluster"
PREPARED = "pipeline/prepared"
# What the operator's environment may not bring along, as in the workbench.
DROPPED = (*environment.OPERATORS, "GITHUB_", "CI_")


@dataclass(frozen=True)
class Fork:
    """The repository, and what the machines of a platform offer: variables, caches, stand-ins."""

    folder: Path
    workbench: Workbench

    @property
    def cache(self) -> Path:
        """What earlier jobs have saved, by path in the checkout."""
        return self.folder / "cache"

    @property
    def trace(self) -> Path:
        """What a hostile text of a pull request would leave."""
        return self.folder / "injected"

    @property
    def backend(self) -> str:
        """The state, in a bucket of the local cloud."""
        endpoint = self.workbench.running["endpoint"]
        return f"s3://{BUCKET}?region=us-east-1&endpoint={endpoint}&use_path_style=true"

    @property
    def environment(self) -> dict[str, str]:
        """That of a runner: its own tools, the way to the local cloud, and no account."""
        own = self.workbench.environment
        kept = {name: each for name, each in own.items() if not name.startswith(DROPPED)}
        offline = {name: each for name, each in own.items() if name.startswith("PULUMI_DISABLE_")}
        for name in ("KUBECONFIG", "VIRTUAL_ENV"):
            kept.pop(name, None)
        return (
            kept
            | offline
            | {
                "PATH": kept["PATH"].removeprefix(
                    f"{self.workbench.pulumi}:{ROOT}/.local/venv/bin:"
                ),
                "AWS_ENDPOINT_URL": self.workbench.running["endpoint"],
                "AWS_EC2_METADATA_DISABLED": "true",
                "PIPELINE_CACHE": str(self.cache),
                "PIPELINE_STANDINS": str(Path(__file__).parent / "actions"),
            }
        )

    @property
    def variables(self) -> dict[str, str]:
        """Those of the repository's settings."""
        return {
            "PULUMI_BACKEND_URL": self.backend,
            "AWS_ROLE_ARN": ROLE,
            "AWS_REGION": self.workbench.running["region"],
        }

    @property
    def secrets(self) -> dict[str, str]:
        """Those of the repository's settings, and the token that a job may comment with."""
        return {
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "GITHUB_TOKEN": fake_platforms.TOKEN,
            "GITLAB_TOKEN": fake_platforms.TOKEN,
        }

    def checkout(self, name: str) -> Path:
        """A clone of a branch, whose clusters have a network of their own on this host."""
        target = self.folder / name
        git(self.folder, "clone", "--quiet", str(self.folder / "origin"), str(target))
        # What act takes the repository's name from.
        git(target, "remote", "set-url", "origin", f"https://github.com/{REPOSITORY}.git")
        vpc_cidr = vpc_ranges.take()
        for file in target.glob("Pulumi.*.yaml"):
            content = stack_file.read(file)
            content["config"][CLUSTER]["network"]["vpcCidr"] = vpc_cidr
            stack_file.write(file, content)
        return target


def fork(folder: Path, workbench: Workbench, stacks: list[str]) -> Fork:
    """The fork with its pipeline files copied, a bucket for the state, and configured stacks."""
    made = Fork(folder, workbench)
    origin = folder / "origin"
    copy_tracked(origin)
    shell = {**os.environ, "AWS_REGION": workbench.running["region"]}
    for line in lines_of_the_page():
        subprocess.run(["bash", "-euc", line], cwd=origin, env=shell, check=True)
    fill_cache(made)
    for name in ("temporary", *stacks):
        configure(made, origin, name)
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message=fork")
    return made


def lines_of_the_page() -> list[str]:
    """What docs/pipelines.md has a team do in its fork; the state is another one here."""
    blocks = aws_commands.blocks((ROOT / "docs/pipelines.md").read_text())
    (block,) = (each for each in blocks if "pulumi stack init temporary " in each)
    return [line for line in block.splitlines() if not line.startswith("pulumi ")]


def configure(made: Fork, origin: Path, name: str) -> None:
    """A stack of the fork: its file, and the salt of its secrets that `stack init` writes."""
    file = origin / f"Pulumi.{name}.yaml"
    cluster = yaml.safe_load((origin / "ci/temporary.yaml").read_text())["config"][CLUSTER]
    small = {**cluster, "servers": {"count": 1, "instanceType": "t3.small"}}
    content: dict[str, Any] = made.workbench.stack_config({"config": {CLUSTER: small}})
    # The jobs have credentials of their own.
    for key in ("aws:accessKey", "aws:secretKey"):
        del content["config"][key]
    stack_file.write(file, content)
    done = subprocess.run(
        ["pulumi", "stack", "init", name, "--non-interactive"],
        cwd=origin,
        env={**made.workbench.environment, **state_access(made)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "encryptionsalt" in file.read_text()


def state_access(made: Fork) -> Mapping[str, str]:
    """For commands by hand, such as those of an operator."""
    return {
        "PULUMI_BACKEND_URL": made.backend,
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def copy_tracked(target: Path) -> None:
    """The files of this checkout that git has or would have."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def fill_cache(made: Fork) -> None:
    """As if jobs had run before: tools and packages are links to what this checkout has."""
    workbench, local = made.workbench, made.cache / ".local"
    (local / "pulumi-home").mkdir(parents=True)
    (local / "pipeline").mkdir()
    for name in ("venv", "toolchain"):
        (local / name).symlink_to(ROOT / ".local" / name)
    (local / "pulumi-home/plugins").symlink_to(workbench.folder.pulumi_home / "plugins")
    environment.write_kubectl(workbench.folder, workbench.k3s.path)
    (local / PREPARED).write_text(prepared())


def prepared() -> str:
    """What ci/jobs/prepare.sh writes when all is there."""
    path = f"{ROOT}/.local/venv/bin:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", 'echo "$(python3 --version) $(sha256sum requirements.txt)"'],
        cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def restore_cache(made: Fork, checkout: Path) -> None:
    """Stands in for the caches of GitLab and Travis."""
    shutil.rmtree(checkout / ".local", ignore_errors=True)
    shutil.copytree(made.cache / ".local", checkout / ".local", symlinks=True)


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *named, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
