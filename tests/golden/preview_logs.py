"""
The recorded event logs of real previews in tests/golden/review/, and how they are made small.

What is left out is what `review/` does not read: events for debugging, the configuration of the
providers, resources that stay as they are (but for the stack and for security group rules, which
are compared), and of each resource all but its inputs. The stack keeps the outputs that are read,
and a kubeconfig to see a secret. What is left is as the engine wrote it, but for the path of the
checkout, which is PROJECT.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "review"
ROOT = Path(__file__).parents[2]
PROJECT = "/project"
OUTPUTS = ("clusterRecord", "cost", "kubeconfig")
_STACK = "pulumi:pulumi:Stack"
_COMPARED = (_STACK, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
_KEPT = (
    *("diagnosticEvent", "policyEvent", "policyRemediationEvent", "summaryEvent"),
    *("resourcePreEvent", "resOutputsEvent"),
)
_RESOURCE = ("op", "urn", "type", "keys", "diffs", "detailedDiff")


def reduced(content: str) -> str:
    """The lines of an event log that are committed."""
    lines = content.replace(str(ROOT), PROJECT).splitlines()
    found = [each for line in lines if (each := _event(json.loads(line)))]
    return "".join(json.dumps(each, sort_keys=True) + "\n" for each in found)


def _event(event: Mapping[str, Any]) -> dict[str, Any] | None:
    kept = {key: event[key] for key in _KEPT if key in event}
    for key, content in kept.items():
        if key == "diagnosticEvent" and content["severity"] == "debug":
            return None
        if "metadata" in content:
            data = _resource(content["metadata"])
            return None if data is None else {key: {"metadata": data}}
    return kept or None


def _resource(data: Mapping[str, Any]) -> dict[str, Any] | None:
    if data["op"] == "same" and data["type"] not in _COMPARED:
        return None
    kept = {key: data[key] for key in _RESOURCE if data.get(key) is not None}
    sides = {side: _state(data[side]) for side in ("old", "new") if data.get(side) is not None}
    return {**kept, **sides}


def _state(state: Mapping[str, Any]) -> dict[str, Any]:
    if state["type"] != _STACK:
        return {"inputs": state.get("inputs") or {}}
    outputs = state.get("outputs") or {}
    return {"outputs": {key: outputs[key] for key in OUTPUTS if key in outputs}}
