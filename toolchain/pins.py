"""The pinned Pulumi CLI. For a new version change it here and in the go.mod files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from toolchain.places import ROOT


def _oldest_pulumi() -> tuple[int, ...]:
    """The number that the project's file requires, read without PyYAML."""
    text = (ROOT / "Pulumi.yaml").read_text()
    found = re.search(r'^requiredPulumiVersion: ">=(\d+)\.(\d+)\.(\d+)"$', text, re.M)
    if found is None:
        raise AssertionError("Pulumi.yaml has no requiredPulumiVersion")
    return tuple(map(int, found.groups()))


# What is accepted when it is found on PATH.
OLDEST_PULUMI = _oldest_pulumi()

PULUMI_VERSION = "v3.259.0"
PULUMI_URL = "https://get.pulumi.com/releases/sdk/pulumi-{version}-{platform}.tar.gz"

# Published by Pulumi in https://github.com/pulumi/homebrew-tap (Formula/pulumi.rb).
PULUMI_SHA256: Mapping[str, str] = {
    "linux-x64": "94ba357acac23d01474084c4b00098dc0f7bc70ce13f34c777459254a5f718e5",
    "linux-arm64": "edc8327463a72160bb36cf82cf5062da9c8a244290a706d9980988e7bf486853",
    "darwin-x64": "eaca4c3b8277bfa3ab061fa3b270d1c66358a0b2e613da8c5587a04b7226c534",
    "darwin-arm64": "57c27f179e527e2cf9f62b841a448af72a020e44b2fb4ee0d9bd85556c00c864",
}

# Newer tags of the SDK module no longer contain the Python language host.
LANGUAGE_HOST_VERSION = "v3.79.0"
