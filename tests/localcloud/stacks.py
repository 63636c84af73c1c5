"""A local cloud of the tests' own, and stacks of the program on it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import yaml

from localcloud.lifecycle import Cloud
from localcloud.workbench import aws_plugin, orphans, stack_config, stack_file
from localcloud.workbench.folder import Folder
from localcloud.workbench.stages import Stages
from localcloud.workbench.workbench import Workbench, set_up
from tests.localcloud import vpc_ranges
from tests.localcloud.leftovers import remembered
from toolchain import k3s
from toolchain.host import this_host
from toolchain.places import Places

ROOT = Path(__file__).parents[2]
# Longer than any cluster's own deadlines: it ends what hangs, and judges nothing.
COMMAND_SECONDS = 1800
CLUSTER = stack_config.CLUSTER


@dataclass(frozen=True)
class Stack:
    """One stack on a local cloud."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    endpoint: str
    cloud_id: str
    k3s: Path
    # The stand-in's become Running without a process; a real k3s needs images, and so a registry.
    pods_run: bool

    @property
    def config_file(self) -> Path:
        return ROOT / f"Pulumi.{self.name}.yaml"

    def pulumi(self, *words: str, fails: bool = False, given: str | None = None) -> str:
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive", "--stack", self.name],
            cwd=ROOT,
            env=dict(self.environment),
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, output
        return done.stdout if words[0] == "stack" else output

    def summary(self, *words: str) -> dict[str, int]:
        """What a preview would do, by operation."""
        output = self.pulumi("preview", "--json", *words)
        found: dict[str, int] = json.loads(output[output.index("{") :])["changeSummary"]
        return found

    def nodes(self) -> list[dict[str, Any]]:
        output = self.pulumi("stack", "output", "nodes", "--json")
        found: list[dict[str, Any]] = json.loads(output)
        return found

    def kubectl(self, *words: str) -> str:
        """As administrator; raises where the command fails."""
        done = self.kubectl_as(self.kubeconfig("adminKubeconfig"), *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kubeconfig(self, output: str) -> Path:
        """A file of its own with what the output is now."""
        text = self.pulumi("stack", "output", output, "--show-secrets")
        mark = hashlib.sha256(text.encode()).hexdigest()[:8]
        file = self.folder / f"{self.name}-{output}-{mark}"
        file.touch(mode=0o600)
        file.write_text(text)
        return file

    def kubectl_as(self, kubeconfig: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.k3s), "kubectl", *words],
            env={**self.environment, "KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def terminate(self, instance_id: str) -> None:
        """Ends the instance; a refresh before its end would find it there still."""
        ec2 = self.client("ec2")
        ec2.terminate_instances(InstanceIds=[instance_id])
        ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id])

    def parameters(self) -> list[str]:
        """The stack's parameters, without the public ones."""
        pages = self.client("ssm").get_paginator("describe_parameters").paginate()
        found = [each["Name"] for page in pages for each in page["Parameters"]]
        return [name for name in found if name.startswith("/k3s-aws/")]

    def docker(self, *words: str) -> str:
        return subprocess.run(
            ["docker", *words], capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def try_docker(self, *words: str) -> str:
        """What the command printed; nothing where it failed, such as on a machine that restarts."""
        done = subprocess.run(
            ["docker", *words], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    def machine(self, instance_id: str) -> str:
        """The container that is the instance."""
        return f"k3saws-{self.cloud_id}-{instance_id}"

    def configure(self, **changes: Any) -> None:
        """Sets keys of the cluster; None removes one."""
        content = yaml.safe_load(self.config_file.read_text())
        kept = {**content["config"][CLUSTER], **changes}
        content["config"][CLUSTER] = {key: each for key, each in kept.items() if each is not None}
        stack_file.write(self.config_file, content)

    def label_nodes(self, value: str | None, *, servers: bool = True) -> None:
        """A change in place, for which the provider connects to every machine, or every agent."""
        cluster = yaml.safe_load(self.config_file.read_text())["config"][CLUSTER]
        labels = {} if value is None else {"example.com/change": value}
        if servers:
            self.configure(servers={**cluster["servers"], "labels": labels})
        self.configure(pools=[{**each, "labels": labels} for each in cluster["pools"]])


@dataclass
class Stacks:
    """Stacks of the program on one local cloud, removed with it."""

    workbench: Workbench
    made: list[Stack] = field(default_factory=list)

    def create(self, name: str, cluster: Mapping[str, Any] | None = None) -> Stack:
        """
        A new stack, configured for the cloud; with the demo's cluster where none is given.

        A given cluster names a range of its own, see vpc_ranges.
        """
        workbench = self.workbench
        # Its file stands in the checkout, where an operator's Pulumi.dev.yaml may stand too.
        made = Stack(
            f"test-{name}",
            workbench.folder.path,
            workbench.environment,
            workbench.running["endpoint"],
            workbench.cloud.id,
            workbench.k3s.path,
            pods_run=workbench.k3s.kind == k3s.THE_STANDIN,
        )
        self.made.append(made)
        made.config_file.unlink(missing_ok=True)
        made.pulumi("stack", "init")
        # `stack init` has written the salt of the stack's secrets.
        before = yaml.safe_load(made.config_file.read_text())
        if cluster is not None:
            before["config"] = {CLUSTER: cluster}
        content = workbench.stack_config(before)
        if cluster is None:
            content["config"][CLUSTER]["network"]["vpcCidr"] = vpc_ranges.take()
        # The tests look at what no identity may see.
        content["config"][CLUSTER].setdefault("adminKubeconfig", True)
        stack_file.write(made.config_file, content)
        return made


@contextmanager
def local_cloud(path: Path, *, emulated: bool = False) -> Iterator[Stacks]:
    """
    A local cloud in the folder, ended and removed afterwards, and so is one that was killed.

    `emulated`: machines of the architecture this host does not have run its programs.
    """
    with remembered(path / "cloud"):
        folder, host = Folder(Places(ROOT), "tests", path), this_host()
        other = partial(k3s.emulated, folder.places, host) if emulated else lambda *_: None
        cloud = Cloud(path / "cloud")
        try:
            workbench = set_up(folder, cloud, host, Stages(print), emulated_k3s=other)
            # The official plugin would be another one on each machine.
            aws_plugin.write_standin(folder)
            stacks = Stacks(workbench)
            try:
                yield stacks
            finally:
                for stack in stacks.made:
                    stack.config_file.unlink(missing_ok=True)
        finally:
            # A run that was killed leaves its plugins for minutes.
            orphans.end(folder.pulumi_home)
            cloud.stop(print)
