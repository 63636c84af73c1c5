"""What the policies of ci/aws allow, and whom the roles trust."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.pipelines.workflows import ROOT


def statements(file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / file).read_text())["Statement"]
    return found


def test_previews_may_do_what_an_operator_may_read_and_nothing_else() -> None:
    reading = re.compile(r"\w+:(Get|List|Describe)")
    read = []
    for each in statements("docs/operator-policy.json"):
        named = each["Action"]
        actions = [x for x in ([named] if isinstance(named, str) else named) if reading.match(x)]
        read += [{**each, "Action": actions}] if actions else []
    assert statements("ci/aws/preview-policy.json") == read
    allowed = {x for each in statements("ci/aws/state-read-policy.json") for x in each["Action"]}
    assert allowed <= {x for each in statements("ci/aws/state-policy.json") for x in each["Action"]}
    assert not [each for each in allowed if re.search(r":(Put|Delete|Encrypt|Generate)", each)]


@pytest.mark.parametrize("platform", ["github", "gitlab"])
def test_a_role_trusts_one_repository_and_one_audience(platform: str) -> None:
    (statement,) = statements(f"ci/aws/trust-{platform}.json")
    conditions = {key: value for each in statement["Condition"].values()
                  for key, value in each.items()}  # fmt: skip
    provider = statement["Principal"]["Federated"].partition("oidc-provider/")[2]
    assert conditions[f"{provider}:aud"] == "sts.amazonaws.com"
    assert re.match(r"(repo|project_path):REPOSITORY:", conditions[f"{provider}:sub"])
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
