"""
What the program relies on of the command line of k3s, asked of the k3s in use.

That is the stand-in, or the real k3s that K3S_BINARY names: both have to refuse the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import k3s_flags
from cluster.spec import Role
from tests.localcloud.stacks import ROOT
from toolchain import k3s
from toolchain.host import this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

SECONDS = 120


@pytest.fixture(scope="module")
def binary() -> k3s.K3s:
    return k3s.provide(Places(ROOT), this_host(), os.environ.get("K3S_BINARY"), print)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where k3s unpacks itself."""
    return tmp_path_factory.mktemp("k3s")


def run(binary: k3s.K3s, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(binary.path), *words],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "K3S_DATA_DIR": str(folder / "data"),
            "K3S_CONFIG_FILE": str(folder / "config.yaml"),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("role", ["server", "agent"])
def test_the_help_lists_the_flags_of_the_table(binary: k3s.K3s, folder: Path, role: Role) -> None:
    (folder / "config.yaml").write_text("")
    printed = run(binary, folder, role, "--help").stdout
    listed = set(re.findall(r"^ +--?([a-z0-9-]+)", printed, re.MULTILINE)) - {"help"}
    known = k3s_flags.flags_of(role, k3s_flags.minor_of(binary.version))
    newest = k3s_flags.flags_of(role, k3s_flags.VERSIONS[-1])
    # What k3s hides from its help is in the table; a patch release may have more than its minor.
    assert len(listed) > 40
    assert listed <= set(newest)
    if role == "agent":
        assert set(known) - listed <= {"airgap-extra-registry"}


@pytest.mark.parametrize(
    ("role", "config", "refusal"),
    [
        (
            "agent",
            {"flannel-backend": "host-gw"},
            "flag provided but not defined: -flannel-backend",
        ),
        ("agent", {"disable": ["traefik"]}, "flag provided but not defined: -disable"),
        ("agent", {"misspelt": True}, "flag provided but not defined: -misspelt"),
        ("agent", {"debug": "perhaps"}, 'invalid boolean value "perhaps" for -debug'),
        ("server", {"https-listen-port": "many"}, 'invalid value "many" for flag'),
        ("server", {"etcd-s3-timeout": 300}, 'invalid value "300" for flag -etcd-s3-timeout'),
        ("server", {"t": "one", "token": "two"}, "Cannot use two forms of the same flag: t token"),
    ],
)
def test_a_configuration_that_k3s_refuses_is_refused_before_it_does_anything(
    binary: k3s.K3s, folder: Path, role: Role, config: Mapping[str, Any], refusal: str
) -> None:
    (folder / "config.yaml").write_text(json.dumps(config))
    done = run(binary, folder, role)
    assert done.returncode != 0
    assert refusal in done.stdout + done.stderr
