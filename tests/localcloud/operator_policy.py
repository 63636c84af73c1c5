"""What docs/operator-policy.json lets an operator do, by the local cloud's evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable

from localcloud.instance.policies import denial
from toolchain.places import ROOT

POLICY = ROOT / "docs" / "operator-policy.json"
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/k3s-aws/dev/dev/server/token"


def denied(calls: Iterable[str]) -> list[str]:
    """Those of the calls that the policy does not allow."""
    statements = json.loads(POLICY.read_text())["Statement"]
    return [
        each
        for each in sorted(calls)
        if denial(statements, each, PARAMETER if each.startswith("ssm:") else "*")
    ]
