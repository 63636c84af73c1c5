"""The program itself, up to the first resource."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime import config, settings

PROGRAM = Path(__file__).parent.parent.parent / "__main__.py"
OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}


@pytest.fixture(autouse=True)
def _no_configuration_is_left() -> Iterator[None]:
    before = config.CONFIG.get(), list(config._SECRET_KEYS.get())
    settings.configure(settings.Settings(project="k3s-aws", stack="dev"))
    yield
    config.set_all_config(*before)


def test_a_secret_inside_of_the_cluster_ends_the_preview() -> None:
    """As `pulumi config set --secret --path k3s-aws:cluster.charts[0].values.password` has it."""
    chart = {"name": "a", "chart": "oci://example.com/a", "values": {"text": "hunter22secret"}}
    content = json.dumps({"network": OPEN, "charts": [chart]})
    config.set_all_config({"k3s-aws:cluster": content}, ["k3s-aws:cluster"])
    with pytest.raises(pulumi.RunError, match="contains a value that is marked as a") as rejection:
        runpy.run_path(str(PROGRAM))
    assert "hunter22secret" not in str(rejection.value)


def test_a_configuration_that_is_not_set_ends_the_preview() -> None:
    config.set_all_config({}, [])
    with pytest.raises(pulumi.RunError, match="cluster: is not set"):
        runpy.run_path(str(PROGRAM))
