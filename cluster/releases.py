"""The pinned k3s releases (releases.yaml), and where a release's file lies under a base URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from cluster.spec import Architecture

DOWNLOAD_URL = "https://github.com/k3s-io/k3s/releases/download"
ASSETS: Mapping[Architecture, str] = {"x86_64": "k3s", "arm64": "k3s-arm64"}

_FILE = yaml.safe_load((Path(__file__).parent / "releases.yaml").read_text())

DEFAULT_VERSION: str = _FILE["default"]
PINNED: Mapping[str, Mapping[Architecture, str]] = _FILE["releases"]


def binary_url(download_url: str, version: str, architecture: Architecture) -> str:
    """The address of the k3s binary: `<base>/<version>/<asset>`."""
    # "+" in a path is legal, yet some servers read it as a blank.
    return f"{download_url}/{version.replace('+', '%2B')}/{ASSETS[architecture]}"
