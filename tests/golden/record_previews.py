"""
Records the event logs in tests/golden/review/ again: `python -m tests.golden.record_previews`.

It makes a cluster of three servers and four agents on a local cloud, previews each change of CASES
on it, makes it drift, and destroys nothing but the local cloud: five to ten minutes. `make golden`
renders the comments afterwards.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from localcloud.workbench import k3s_versions
from tests.golden import preview_logs
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud

HERE = "127.0.0.0/8"
OFFICE = "198.51.100.0/24"
PASSWORD = "the-password-of-the-registry"
"""A secret of the case `secret`, which no log may hold."""
DEBUG = {"PULUMI_DEBUG_COMMANDS": "true"}

Keys = dict[str, Any]


def base(vpc_cidr: str = "10.79.0.0/16") -> Keys:
    """The cluster that the changes start from."""
    return {
        "name": "shop",
        "owner": "shop",
        "servers": {"count": 3, "instanceType": "t3.small"},
        "pools": [
            {"name": "agents", "count": 3, "instanceType": "t3.small"},
            {"name": "builders", "count": 1, "instanceType": "t3.medium"},
        ],
        "identities": [
            {"name": "deployer", "role": "deployer", "namespaces": ["shop"]},
            {"name": "viewer", "role": "viewer", "namespaces": ["shop"]},
        ],
        "network": {
            "vpcCidr": vpc_cidr,
            "availabilityZones": ["us-east-1a", "us-east-1b", "us-east-1c"],
            "apiAllowedCidrs": [HERE, OFFICE],
            "sshAllowedCidrs": [HERE, OFFICE],
        },
        "adminKubeconfig": False,
    }


def of_pools(**keys: Any) -> Keys:
    """The first pool with other keys."""
    first, *others = base()["pools"]
    return {"pools": [{**first, **keys}, *others]}


def of_network(**keys: Any) -> Keys:
    return {"network": {**base()["network"], **keys}}


CASES: Mapping[str, Keys] = {
    "nothing": {},
    "agents-replaced": of_pools(image={"generation": 2}),
    "api-opened": of_network(
        apiAllowedCidrs=[HERE, OFFICE, "203.0.113.0/24"], sshAllowedCidrs=[HERE, "0.0.0.0/0"]
    ),
    "data-loss-refused": {"name": "store"},
    "spot": of_pools(spot=True),
    "servers-replaced": {"servers": {**base()["servers"], "image": {"generation": 2}}},
    "spot-server-refused": {"servers": {**base()["servers"], "rootVolumeGib": 40, "spot": True}},
    "rights-widened": {
        "identities": [
            {"name": "deployer", "role": "deployer", "namespaces": ["shop", "default"]},
            {"name": "viewer", "role": "viewer", "podSecurity": "privileged"},
        ]
    },
    "failed": {**of_pools(count="many", name="A|b`c</details>"), "owner": "@everyone #1"},
}
"""What a preview is of, as keys of the cluster. Some are refused."""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden.record_previews", description=__doc__
    )
    parser.add_argument("cases", nargs="*", help=f"these alone of {', '.join(CASES)}; else all")
    chosen = parser.parse_args(words).cases
    if unknown := set(chosen) - set(CASES):
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder, local_cloud(Path(folder)) as made:
        stack = made.create("prod", base())
        if not chosen:
            record(stack, "creation", "preview")
        stack.pulumi("up", "--yes", "--skip-preview")
        for name in chosen or CASES:
            record(stack, name, "preview", CASES[name])
        if not chosen:
            _record_others(stack)
    return 0


def _record_others(stack: Stack) -> None:
    """Those that are no change of a key, or no preview of an update."""
    record(stack, "upgrade", "preview", {"k3s": _next_release(stack)})
    _record_secret(stack)
    record(
        stack,
        "policies",
        "preview",
        of_network(sshAllowedCidrs=[HERE, "0.0.0.0/0"]),
        ("--policy-pack", "policy/run"),
    )
    record(stack, "destroy", "destroy", flags=("--preview-only",))
    _drift(stack)
    record(stack, "drift", "refresh", flags=("--preview-only",))
    record(stack, "after-drift", "preview", flags=("--refresh",))


def record(
    stack: Stack, name: str, command: str, change: Keys | None = None, flags: tuple[str, ...] = ()
) -> None:
    """Runs a command that changes nothing, and keeps its event log."""
    log = stack.folder / f"{name}.jsonl"
    _with(stack, change or {}, lambda: _run(stack, command, *flags, "--event-log", str(log)))
    content = log.read_text()
    assert PASSWORD not in content, name
    text = preview_logs.reduced(content)
    (preview_logs.FOLDER / log.name).write_text(text)
    print(f"{name}: {len(content):,} bytes, {len(text):,} kept", flush=True)


def _with(stack: Stack, change: Keys, act: Callable[[], None]) -> None:
    before = stack.config_file.read_text()
    try:
        stack.configure(**change)
        act()
    finally:
        stack.config_file.write_text(before)


def _run(stack: Stack, *words: str) -> None:
    """A refused preview is worth recording too."""
    subprocess.run(
        ["pulumi", *words, "--color", "never", "--non-interactive", "--stack", stack.name],
        cwd=preview_logs.ROOT,
        env={**stack.environment, **DEBUG},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=600,
        check=False,
    )


def _next_release(stack: Stack) -> Keys:
    """The k3s of the stack, one patch later; a preview downloads none."""
    k3s: Keys = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["k3s"]
    return {**k3s, "version": k3s_versions.later(k3s["version"], 1)}


def _record_secret(stack: Stack) -> None:
    def record_it() -> None:
        path = 'k3s-aws:registryAuth["registry.example.com"]'
        stack.pulumi("config", "set", "--path", f"{path}.username", "ci")
        stack.pulumi("config", "set", "--secret", "--path", f"{path}.password", PASSWORD)
        record(stack, "secret", "preview")

    _with(stack, {}, record_it)


def _drift(stack: Stack) -> None:
    """An agent is gone, a server is renamed, a secret is overwritten, a rule is removed."""
    by_name = {each["Name"]: each["InstanceId"] for each in _instances(stack)}
    stack.client("ec2").create_tags(
        Resources=[by_name["shop-servers-2"]], Tags=[{"Key": "Name", "Value": "by | `hand`"}]
    )
    name = next(each for each in stack.parameters() if each.endswith("/agent/token"))
    stack.client("ssm").put_parameter(
        Name=name, Value=PASSWORD, Type="SecureString", Overwrite=True
    )
    _remove_rule(stack)
    stack.terminate(by_name["shop-agents-1"])


def _instances(stack: Stack) -> list[dict[str, str]]:
    found = stack.client("ec2").describe_instances()["Reservations"]
    instances = [each for reservation in found for each in reservation["Instances"]]
    return [
        {**{tag["Key"]: tag["Value"] for tag in each["Tags"]}, "InstanceId": each["InstanceId"]}
        for each in instances
    ]


def _remove_rule(stack: Stack) -> None:
    ec2 = stack.client("ec2")
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    rule = next(each for each in rules if each.get("CidrIpv4") == OFFICE and each["FromPort"] == 22)
    ec2.revoke_security_group_ingress(
        GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
