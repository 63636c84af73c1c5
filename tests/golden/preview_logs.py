"""
The recorded event logs of real previews in tests/golden/review/, and how they are made small.

What is left out is what `review/` does not read: events for debugging, the configuration of the
providers, resources that stay as they are (but for the stack and for security group rules, which
are compared), the outputs of all others, and inputs that do not differ. The stack keeps the
outputs that are read, and a kubeconfig to see a secret. A string is cut after LONGEST characters.
What is left is as the engine wrote it, but for the path of the checkout, which is PROJECT.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "review"
ROOT = Path(__file__).parents[2]
PROJECT = "/project"
OUTPUTS = ("clusterRecord", "cost", "kubeconfig")
LONGEST = 2_500
_STACK = "pulumi:pulumi:Stack"
_COMPARED = (_STACK, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
_MESSAGES = ("diagnosticEvent", "policyEvent", "policyRemediationEvent", "summaryEvent")
_RESOURCE = ("op", "urn", "type", "keys", "diffs", "detailedDiff")
_ALWAYS = ("name", "tags")


def reduced(content: str) -> str:
    """The lines of an event log that are committed."""
    lines = content.replace(str(ROOT), PROJECT).splitlines()
    events = [json.loads(line) for line in lines]
    kept = {each["metadata"]["urn"] for event in events if (each := _outputs_event(event))}
    found = [each for event in events if (each := _event(event, kept))]
    return "".join(json.dumps(_cut(each), sort_keys=True) + "\n" for each in found)


def _event(event: Mapping[str, Any], kept: Collection[str]) -> dict[str, Any] | None:
    if event.get("diagnosticEvent", {}).get("severity") == "debug":
        return None
    if found := {key: event[key] for key in _MESSAGES if key in event}:
        return found
    if "resourcePreEvent" in event:
        # What follows has all of it, but whether the resource is refreshed.
        data = event["resourcePreEvent"]["metadata"]
        short = {key: data[key] for key in ("op", "urn", "type")}
        return {"resourcePreEvent": {"metadata": short}} if data["urn"] in kept else None
    outputs = _outputs_event(event)
    return outputs and {"resOutputsEvent": outputs}


def _outputs_event(event: Mapping[str, Any]) -> dict[str, Any] | None:
    if "resOutputsEvent" not in event:
        return None
    data = _resource(event["resOutputsEvent"]["metadata"])
    return data and {"metadata": data}


def _resource(data: Mapping[str, Any]) -> dict[str, Any] | None:
    old, new = data.get("old"), data.get("new")
    stays = data["op"] == "same" or (data["op"] == "refresh" and _inputs(old) == _inputs(new))
    if stays and data["type"] not in _COMPARED:
        return None
    kept = {key: data[key] for key in _RESOURCE if data.get(key) is not None}
    sides = {"old": (old, new), "new": (new, old)}
    return {**kept, **{side: _state(data, *both) for side, both in sides.items() if both[0]}}


def _inputs(state: Any) -> dict[str, Any]:
    return dict((state or {}).get("inputs") or {})


def _state(data: Mapping[str, Any], state: Any, other: Any) -> dict[str, Any]:
    if data["type"] == _STACK:
        outputs = state.get("outputs") or {}
        return {"outputs": {key: outputs[key] for key in OUTPUTS if key in outputs}}
    inputs, others = _inputs(state), _inputs(other)
    if data["type"] in _COMPARED or data["op"] == "create":
        return {"inputs": inputs}
    if data["op"] == "delete":
        return {"inputs": {key: inputs[key] for key in _ALWAYS if key in inputs}}
    named = {re.split(r"[.\[]", path)[0] for path in data.get("detailedDiff") or {}}
    kept = {*_ALWAYS, *named, *(key for key in inputs if inputs[key] != others.get(key))}
    return {"inputs": {key: each for key, each in inputs.items() if key in kept}}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST]
    if isinstance(value, list):
        return [_cut(each) for each in value]
    if isinstance(value, dict):
        return {key: _cut(each) for key, each in value.items()}
    return value
