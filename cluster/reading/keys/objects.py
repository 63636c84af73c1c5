"""The keys of `manifests` and `charts`: Kubernetes objects that k3s applies."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.reading import checks
from cluster.reading.declarations import FreeObject, Objects, String

_DELETES = "an object that is no longer in it is deleted"

MANIFESTS = Objects(
    description="files of Kubernetes objects that k3s applies",
    effect=Effect.IN_PLACE,
    keys={
        "name": String(
            description="a name of your own for it; each once",
            effect=Effect.IN_PLACE,
            note="applied under the new name; the objects stay",
            required=True,
            example="namespaces",
            noun="name",
            hint="write lower-case letters, digits, hyphens: {}",
            pattern=checks.NAME_PATTERN,
        ),
        "content": String(
            description="the objects as YAML text, or `file`",
            effect=Effect.IN_PLACE,
            note=_DELETES,
            default_text="`file`",
            example="apiVersion: v1 ...",
        ),
        "file": String(
            description="a file with the objects, from the project's folder",
            effect=Effect.IN_PLACE,
            note=_DELETES,
            default_text="`content`",
            example="manifests/namespaces.yaml",
        ),
    },
)

_REPO = "https://stefanprodan.github.io/podinfo"

CHARTS = Objects(
    description="Helm charts that k3s's Helm controller installs",
    effect=Effect.IN_PLACE,
    keys={
        "name": String(
            description="of the release; each once",
            effect=Effect.IN_PLACE,
            note="another release; the old one stays",
            required=True,
            example="podinfo",
            noun="name",
            hint="write lower-case letters, digits, hyphens: {}",
            pattern=checks.NAME_PATTERN,
        ),
        "chart": String(
            description="its name in `repo`, or an `oci://` or `https://` address",
            effect=Effect.IN_PLACE,
            required=True,
            example="podinfo",
        ),
        "repo": String(
            description="the chart repository",
            effect=Effect.IN_PLACE,
            default_text="none",
            example=_REPO,
            check=checks.base_url_check(_REPO),
            parser=checks.without_slash,
        ),
        "version": String(
            description="of the chart",
            effect=Effect.IN_PLACE,
            default_text="the newest",
            example="6.7.1",
        ),
        "namespace": String(
            description="the namespace of its objects; created where it is missing",
            effect=Effect.IN_PLACE,
            default_text="`default`",
            example="podinfo",
            noun="namespace name",
            hint="write a name such as {}",
            pattern=checks.NAME_PATTERN,
        ),
        "values": FreeObject(description="the chart's values", effect=Effect.IN_PLACE),
    },
)
