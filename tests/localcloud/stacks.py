"""A local cloud of the tests' own, and stacks of the program on it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml

from localcloud.lifecycle import Cloud
from localcloud.machines import ensure_image
from localcloud.workbench import orphans, stack_config
from localcloud.workbench.aws_plugin import WRAPPER
from tests.localcloud.leftovers import remembered
from toolchain import k3s, pulumi_cli
from toolchain.host import this_host
from toolchain.places import Places

ROOT = Path(__file__).parents[2]
# Longer than any cluster's own deadlines: it ends what hangs, and judges nothing.
COMMAND_SECONDS = 900
CLUSTER = stack_config.CLUSTER


@dataclass(frozen=True)
class Stack:
    """One stack on the local cloud of a laboratory."""

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
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return done.stdout if words[0] == "stack" else said

    def summary(self, *words: str) -> dict[str, int]:
        """What a preview would do, by operation."""
        said = self.pulumi("preview", "--json", *words)
        found: dict[str, int] = json.loads(said[said.index("{") :])["changeSummary"]
        return found

    def nodes(self) -> list[dict[str, Any]]:
        said = self.pulumi("stack", "output", "nodes", "--json")
        found: list[dict[str, Any]] = json.loads(said)
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
        self.config_file.write_text(yaml.safe_dump(content))


@dataclass
class Laboratory:
    """A local cloud that runs, with a Pulumi home and a state of its own."""

    folder: Path
    cloud: Cloud
    running: Mapping[str, Any]
    environment: Mapping[str, str]
    binary: k3s.K3s
    stacks: list[Stack] = field(default_factory=list)

    def stack(self, name: str, cluster: Mapping[str, Any] | None = None) -> Stack:
        """A new stack, configured for the cloud; of the demo's cluster unless told otherwise."""
        endpoint = self.running["endpoint"]
        # Its file stands in the checkout, where an operator's Pulumi.dev.yaml may stand too.
        name = f"test-{name}"
        made = Stack(
            name,
            self.folder,
            self.environment,
            endpoint,
            self.cloud.id,
            self.binary.path,
            pods_run=self.binary.kind == k3s.THE_STANDIN,
        )
        self.stacks.append(made)
        made.config_file.unlink(missing_ok=True)
        made.pulumi("stack", "init")
        # `stack init` has written the salt of the stack's secrets.
        before = yaml.safe_load(made.config_file.read_text())
        if cluster is not None:
            before["config"] = {CLUSTER: cluster}
        content = stack_config.merged(
            before,
            root=ROOT,
            architecture=this_host().architecture,
            endpoint=endpoint,
            region=self.running["region"],
            k3s=self.binary,
            sha256=self.running["k3sSha256"],
        )
        # The tests look at what no identity may see.
        content["config"][CLUSTER].setdefault("adminKubeconfig", True)
        made.config_file.write_text(yaml.safe_dump(content))
        return made


@contextmanager
def laboratory(folder: Path, *, emulated: bool = False) -> Iterator[Laboratory]:
    """
    A laboratory in the folder, ended and cleared away afterwards, and so is one that was killed.

    `emulated`: machines of the architecture this host does not have run its programs.
    """
    with remembered(folder / "cloud"):
        yield from _laboratory(folder, emulated=emulated)


def _laboratory(folder: Path, *, emulated: bool) -> Iterator[Laboratory]:
    places, host = Places(ROOT), this_host()
    cli = pulumi_cli.provide(places, host, os.environ["PATH"], print)
    binary = k3s.provide(places, host, os.environ.get("K3S_BINARY"), print)
    ensure_image(print)
    cloud = Cloud(folder / "cloud")
    words = ["--home", str(cloud.home), "start", "--k3s-binary", str(binary.path)]
    if emulated:
        words += ["--emulated-k3s", str(k3s.emulated(places, host, binary, print))]
    subprocess.run(
        [sys.executable, "-m", "localcloud", *words, "--k3s-version", binary.version],
        cwd=ROOT,
        # The image of the other architecture takes minutes.
        timeout=2400 if emulated else 300,
        check=True,
    )
    running = cloud.endpoint()
    assert running is not None
    plugin = folder / "home" / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(WRAPPER.format(root=ROOT, python=sys.executable))
    plugin.chmod(0o755)
    (folder / "passphrase").write_text("a passphrase of this test\n")
    (folder / "state").mkdir()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))},
        "PATH": f"{cli.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(Path(sys.executable).parents[1]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder}/state?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
    }
    made = Laboratory(folder, cloud, running, environment, binary)
    try:
        yield made
    finally:
        # A run that was killed leaves its plugins for minutes.
        orphans.end(folder / "home")
        cloud.stop(print)
        for stack in made.stacks:
            stack.config_file.unlink(missing_ok=True)
