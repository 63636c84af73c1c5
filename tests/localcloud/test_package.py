"""
The library and the package, as the docs have it: installed from the wheel, used outside of the
checkout by a program in Python, one in YAML and one in TypeScript, on one local cloud.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.workbench.workbench import Workbench
from tests.localcloud import projects, vpc_ranges
from tests.localcloud.projects import Project
from tests.localcloud.stacks import local_cloud
from toolchain import languages
from toolchain.host import this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

HERE = ["127.0.0.0/8"]
MACHINE = {"x86_64": "t3.small", "arm64": "t4g.small"}[this_host().architecture]
UP = ("up", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")

# No default region, no default endpoint: whatever asked the default provider would fail.
SEVERAL = """\
import pulumi
import pulumi_aws as aws

from k3s_aws import K3sCluster, K3sClusterArgs

config = pulumi.Config()
elsewhere = aws.Provider("elsewhere", **config.require_object("provider"))


def cluster(name, number, **options):
    network = {"vpcCidr": f"10.{number}.0.0/16", "apiAllowedCidrs": ["127.0.0.0/8"]}
    given = {"k3s": config.require_object("k3s"), "servers": {"instanceType": "t3.small"}}
    cluster = {**given, "network": {**network, "sshAllowedCidrs": ["127.0.0.0/8"]}}
    K3sCluster(name, K3sClusterArgs(cluster=cluster), pulumi.ResourceOptions(**options))


class Shop(pulumi.ComponentResource):
    def __init__(self):
        opts = pulumi.ResourceOptions(providers=[elsewhere])
        super().__init__("shop:index:Shop", "shop", None, opts)
        cluster("inside", 73, parent=self)


cluster("one", 71, provider=elsewhere)
cluster("two", 72, providers={"aws": elsewhere})
Shop()
"""


@dataclass(frozen=True)
class Users:
    """One project in each language."""

    workbench: Workbench
    library: Project
    yaml: Project
    typescript: Project
    cluster: Mapping[str, Any]
    """That of the project in YAML."""

    @property
    def all(self) -> tuple[Project, ...]:
        return (self.library, self.yaml, self.typescript)


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    """The clusters of three programs, created at once and destroyed at once."""
    hosts = languages.provide(Places(), print)
    venv = projects.install_library(tmp_path_factory.mktemp("wheel"))
    with local_cloud(tmp_path_factory.mktemp("package")) as stacks:
        workbench = stacks.workbench
        made = {
            example: projects.create(workbench, example, venv, hosts)
            for example in ("library", "yaml", "typescript")
        }
        _install_plugin(made["library"], venv)
        found = Users(workbench, **made, cluster=_cluster_here(projects.k3s_of(workbench)))
        _configure(found)
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(lambda each: each.pulumi(*UP), found.all))
            yield found
            list(side_by_side.map(lambda each: each.pulumi(*DESTROY), found.all))


def _install_plugin(project: Project, venv: Path) -> None:
    words = [str(venv / "bin" / "python"), "-m", "k3s_aws", "plugin", "install"]
    projects.run(words, project.folder, project.environment)


def _configure(users: Users) -> None:
    k3s = projects.k3s_of(users.workbench)
    for project, name in ((users.library, "library"), (users.typescript, "typescript")):
        keys: dict[str, Any] = {"allowedCidrs": HERE, "k3s": k3s, "instanceType": MACHINE}
        project.configure({f"k3s-shop-{name}:{key}": each for key, each in keys.items()})
    users.yaml.edit(users.cluster)
    _install_sdk(users.typescript)


def _cluster_here(k3s: dict[str, Any]) -> dict[str, Any]:
    return {
        "k3s": k3s,
        "servers": {"instanceType": MACHINE},
        "network": {
            "vpcCidr": vpc_ranges.take(),
            "apiAllowedCidrs": HERE,
            "sshAllowedCidrs": HERE,
        },
    }


def _install_sdk(project: Project) -> None:
    """What `pulumi package add` does with a host that generates SDKs."""
    schema = project.folder / "schema.json"
    schema.write_text(project.pulumi("package", "get-schema", "k3s@0.5.0"))
    words = [languages.GENERATE_SDK, "nodejs", str(schema), str(project.folder / "sdks" / "k3s")]
    projects.run(words, project.folder, project.environment)
    projects.run(["npm", "ci", "--no-audit", "--no-fund"], project.folder, project.environment)
    projects.run(["npx", "tsc", "--noEmit"], project.folder, project.environment)


def test_each_program_has_a_cluster_whose_node_is_ready(users: Users) -> None:
    for project in users.all:
        (node,) = json.loads(project.kubectl("get", "nodes", "-o", "json"))["items"]
        conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        project.pulumi(*UP, "--expect-no-changes")


def test_what_is_secret_is_in_no_state_of_another_language_in_plain_text(users: Users) -> None:
    for project in users.all:
        kubeconfig = project.output("kubeconfig")
        keys = [
            line.split(": ")[1] for line in kubeconfig.splitlines() if "client-key-data" in line
        ]
        exported = project.pulumi("stack", "export")
        assert keys
        assert "PRIVATE KEY" not in exported
        assert [key for key in keys if key in exported] == []
        (cluster,) = [
            each
            for each in json.loads(exported)["deployment"]["resources"]
            if each["type"] == "k3s:aws:K3sCluster"
        ]
        assert "ciphertext" in json.dumps(cluster["outputs"]["kubeconfigs"])
        assert kubeconfig not in project.pulumi("stack", "output", "--json")


def test_what_is_wrong_is_a_message_and_no_stack_trace(users: Users) -> None:
    network = {**users.cluster["network"], "vpcCidr": "10.65.0.0/33"}
    users.yaml.edit({**users.cluster, "network": network, "expiry": "tomorrow"})
    output = users.yaml.pulumi("preview", fails=True)
    assert 'cluster.network.vpcCidr: "10.65.0.0/33" is not a valid IPv4 range' in output
    assert 'cluster.expiry: "tomorrow" is not a valid date' in output
    assert "Traceback" not in output
    users.yaml.edit({**users.cluster, "expiry": "2027-01-31"})


def test_a_change_that_a_running_cluster_cannot_make_is_rejected_at_the_preview(
    users: Users,
) -> None:
    larger = {"instanceType": MACHINE, "dataVolumeGib": 9}
    users.yaml.edit({**users.cluster, "servers": larger})
    output = users.yaml.pulumi("preview", fails=True)
    assert "cluster.servers.dataVolumeGib" in output
    assert "the change of the running cluster has 1 problem" in output
    users.yaml.edit(users.cluster)
    assert "the change of the running cluster" not in users.yaml.pulumi("preview")


def test_lookups_and_resources_of_several_clusters_take_the_provider_of_the_options(
    users: Users,
) -> None:
    project = projects.create_bare(users.library, SEVERAL)
    project.configure({"several:k3s": projects.k3s_of(users.workbench)})
    project.configure({"several:provider": projects.provider_of(users.workbench)})
    output = project.pulumi("preview", "--json")
    steps = json.loads(output[output.index("{") :])["steps"]
    providers = {
        each["newState"]["provider"].split("::")[3]
        for each in steps
        if each["newState"].get("provider", "").count("pulumi:providers:aws")
    }
    # The default provider, which has no region and no endpoint here, was not even started.
    assert providers == {"elsewhere"}
    assert not [each for each in steps if "providers:aws::default" in each["urn"]]
    clusters = [each for each in steps if each["newState"]["type"] == "k3s:aws:K3sCluster"]
    assert len(clusters) == 3


def test_a_plugin_that_is_not_installed_is_named_by_the_engine(users: Users) -> None:
    home = Path(users.yaml.environment["PULUMI_HOME"])
    (installed,) = home.glob("plugins/resource-k3s-v*/")
    kept = home / "kept"
    shutil.move(installed, kept)
    try:
        output = users.yaml.pulumi("preview", fails=True)
    finally:
        shutil.move(kept, installed)
    assert "k3s" in output
    assert "Traceback" not in output


def test_the_program_in_go_compiles_with_the_generated_sdk(users: Users) -> None:
    folder = users.workbench.folder.path / "go"
    shutil.copytree(projects.ROOT / "examples" / "go", folder)
    schema = users.typescript.folder / "schema.json"
    words = [languages.GENERATE_SDK, "go", str(schema), str(folder / "sdks" / "k3s")]
    projects.run(words, folder, users.typescript.environment)
    built = ["go", "build", "-o", str(folder / "shop"), "."]
    projects.run(built, folder, users.typescript.environment)
