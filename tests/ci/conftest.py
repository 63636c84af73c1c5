"""A `pulumi` that has one stack with outputs, and prints what the real one does (3.259)."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster import config, kubeconfig, record, record_json
from cost import estimate, prices, summary
from tests.cluster import ec2

PASSPHRASE = "correct"
SECRET = "[secret]"
ENDPOINT = "https://203.0.113.7:6443"
OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
CLUSTER = ec2.resolve(config.load({"network": OPEN}, stack="dev"))
PLAIN: dict[str, Any] = {
    "apiEndpoint": ENDPOINT,
    "nodes": [],
    "bootReport": {},
    "bom": {
        "program": {
            "name": "k3s-aws",
            "version": "1.0.0",
            "machineSchema": 1,
            "bootProgramSha256": "ab" * 32,
        },
        "k3s": {"version": "v1.36.3+k3s1", "sha256": {}, "source": {}},
        "images": [],
        "tools": {"python": "3.11.7"},
    },
    "cost": summary.output(estimate.of(CLUSTER, prices.load(CLUSTER.region))),
    "clusterRecord": record_json.render(record.of(CLUSTER)),
}
# Messages and statuses are the real CLI's; the passphrase is needed for secrets only.
COMMAND = """#!/bin/sh
cd "{folder}" || exit 9
echo "$@" >> words
stack=$(cat selected 2>/dev/null)
while [ $# -gt 0 ]; do
    case "$1" in
        --stack) stack=$2; shift ;;
        --show-secrets) secrets=yes ;;
        --show-name) name=yes ;;
        export) export=yes ;;
    esac
    shift
done
if [ -z "$stack" ]; then
    echo 'error: no stack selected; please use `pulumi stack select` to choose one' >&2; exit 1
fi
if [ "$stack" != dev ]; then echo "error: no stack named '$stack' found" >&2; exit 6; fi
if [ "$name" ]; then echo dev; exit 0; fi
if [ "$export" ]; then cat state.json; exit 0; fi
if [ -z "$secrets" ]; then cat masked.json; exit 0; fi
if [ -z "$PULUMI_CONFIG_PASSPHRASE" ]; then
    echo 'error: constructing secrets manager of type "passphrase": constructing secrets manager:' \
        'passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE' \
        'environment variables' >&2; exit 1
fi
if [ "$PULUMI_CONFIG_PASSPHRASE" != "{passphrase}" ]; then
    echo 'error: failed to decrypt: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to' \
        'the correct passphrase or set PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the' \
        'passphrase' >&2; exit 1
fi
cat shown.json
"""


def new_kubeconfig(name: str) -> str:
    """A kubeconfig with a key of its own, as the plugin makes them."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    certificate = "-----BEGIN CERTIFICATE-----\nY2VydA==\n-----END CERTIFICATE-----\n"
    parts = kubeconfig.Parts(
        server=ENDPOINT,
        certificate_authority=certificate,
        client_certificate=certificate,
        client_key=key.decode(),
    )
    return kubeconfig.render(parts, endpoint=ENDPOINT, name=name)


@dataclass(frozen=True)
class FakePulumi:
    """The command's folder."""

    folder: Path

    def have(self, outputs: dict[str, Any], *secret: str) -> None:
        """Gives the stack its outputs."""
        masked = {name: SECRET if name in secret else each for name, each in outputs.items()}
        (self.folder / "shown.json").write_text(json.dumps(outputs))
        (self.folder / "masked.json").write_text(json.dumps(masked))

    def select(self, stack: str) -> None:
        (self.folder / "selected").write_text(stack)

    @property
    def words(self) -> str:
        """All words it was started with."""
        return (self.folder / "words").read_text()


@dataclass(frozen=True)
class Stack:
    """The stack `dev` of two identities."""

    pulumi: FakePulumi
    kubeconfigs: dict[str, str]

    def secrets(self) -> list[str]:
        """Every secret line of every kubeconfig: the key's field, and the lines of its PEM."""
        found = []
        for text in self.kubeconfigs.values():
            key = kubeconfig.parse(text).client_key
            field = next(line for line in text.splitlines() if "client-key-data" in line)
            lines = [each for each in key.splitlines() if not each.startswith("-----")]
            found += [field.split()[-1].strip("\"'"), *lines]
        assert len(found) == 4 * len(self.kubeconfigs)
        return found


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePulumi:
    folder = tmp_path / "fake pulumi"
    folder.mkdir()
    command = folder / "pulumi"
    command.write_text(COMMAND.format(folder=folder, passphrase=PASSPHRASE))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    for name in ("GITHUB_ACTIONS", "GITHUB_ENV", "GITHUB_OUTPUT", "RUNNER_TEMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "runner"))
    return FakePulumi(folder)


@pytest.fixture
def stack(pulumi: FakePulumi) -> Stack:
    names = ("kubeconfig-deployer", "kubeconfig-viewer", "adminKubeconfig")
    kubeconfigs = {name: new_kubeconfig(name) for name in names}
    kubeconfigs["kubeconfig"] = kubeconfigs["kubeconfig-deployer"]
    pulumi.have({**PLAIN, "later": {"not": "declared"}, **kubeconfigs}, *kubeconfigs)
    pulumi.select("dev")
    return Stack(pulumi, kubeconfigs)
