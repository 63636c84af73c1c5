"""The cluster's nodes as kubectl lists them through the exported kubeconfig."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from localcloud.errors import LocalCloudError

SECONDS = 30


def listed(kubeconfig: Path, environment: Mapping[str, str]) -> str:
    """`kubectl get nodes -o wide`, with the kubectl that the environment's PATH finds."""
    words = ["kubectl", "--kubeconfig", str(kubeconfig), "get", "nodes", "-o", "wide"]
    try:
        done = subprocess.run(
            words,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LocalCloudError(f"kubectl had no answer within {SECONDS} s") from None
    if done.returncode != 0:
        raise LocalCloudError(f"`kubectl get nodes` failed: {done.stderr.strip()}")
    return done.stdout.rstrip()
