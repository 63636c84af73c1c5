"""The keys of `manifests` and `charts`: Kubernetes objects that k3s applies."""

from __future__ import annotations

import re

from cluster.effect import Effect
from cluster.reading import checks, registry_hosts
from cluster.reading.declarations import FreeObject, Objects, String
from cluster.reading.faults import Fault, quoted

_DELETES = "an object that is no longer in it is deleted"

MANIFESTS = Objects(
    "files of Kubernetes objects that k3s applies",
    Effect.IN_PLACE,
    keys={
        "name": String(
            "a name of your own for it, at most 63 characters; each once",
            Effect.IN_PLACE,
            "applied under the new name; the objects stay",
            required=True,
            example="namespaces",
            pattern=checks.NAME_PATTERN,
            check=checks.name_check(checks.LABEL_LENGTH, "namespaces"),
        ),
        "content": String(
            "the objects as YAML text, or `file`",
            Effect.IN_PLACE,
            _DELETES,
            default_text="`file`",
            example="apiVersion: v1 ...",
        ),
        "file": String(
            "a file with the objects, from the project's folder",
            Effect.IN_PLACE,
            _DELETES,
            default_text="`content`",
            example="manifests/namespaces.yaml",
        ),
    },
)

# A version, or a part of a range: https://helm.sh/docs/topics/charts/#charts-and-versioning
_VERSION = r"[<>=!~^]{0,2} ?v?[0-9xX*][0-9A-Za-z.+*-]*"
_ADDRESS = re.compile(r"(oci|https?)://([^/]+)/[!-~]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


def _chart(text: str) -> Fault | None:
    address = _ADDRESS.fullmatch(text)
    if _NAME.fullmatch(text) or (address and registry_hosts.is_host(address[2])):
        return None
    fix = (
        'write its name in repo, or an address such as "oci://registry.example.com/charts/podinfo"'
    )
    return Fault(f"{quoted(text)} is not a valid name or address of a chart", fix)


_REPO = "https://stefanprodan.github.io/podinfo"

CHARTS = Objects(
    "Helm charts that k3s's Helm controller installs",
    Effect.IN_PLACE,
    keys={
        "name": String(
            "of the release, at most 50 characters; each once",
            Effect.IN_PLACE,
            "another release; the old one stays",
            required=True,
            example="podinfo",
            pattern=checks.NAME_PATTERN,
            check=checks.name_check(checks.CHART_NAME_LENGTH, "podinfo"),
        ),
        "chart": String(
            "its name in `repo`, or an `oci://` or `https://` address",
            Effect.IN_PLACE,
            required=True,
            example="podinfo",
            check=_chart,
        ),
        "repo": String(
            "the chart repository",
            Effect.IN_PLACE,
            default_text="none",
            example=_REPO,
            check=checks.base_url_check(_REPO),
            parser=checks.without_slash,
        ),
        "version": String(
            "of the chart",
            Effect.IN_PLACE,
            default_text="the newest",
            example="6.7.1",
            noun="version of a chart",
            hint='write one such as {}, or a range such as ">=6.7.1 <7"',
            pattern=rf"{_VERSION}([ ,|]+(- )?{_VERSION})*",
        ),
        "namespace": String(
            "the namespace of its objects; created where it is missing",
            Effect.IN_PLACE,
            "another release; the old one stays",
            default_text="the chart's name",
            example="podinfo",
            pattern=checks.NAME_PATTERN,
            check=checks.namespace,
        ),
        # https://helm.sh/docs/chart_template_guide/values_files/#deleting-a-default-key
        "values": FreeObject("the chart's values", Effect.IN_PLACE, has_nulls=True),
    },
)
