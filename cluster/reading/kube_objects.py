"""The objects of a manifest as k3s takes them: what it cannot apply, and secrets in plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster import yaml_reader
from cluster.errors import Kind
from cluster.reading import plain_secrets
from cluster.reading.faults import Fault, quoted

# https://docs.k3s.io/add-ons/helm
_HELM_KINDS = ("HelmChart", "HelmChartConfig")


def fault(text: str) -> Fault | None:
    """What is wrong with the text of a manifest."""
    try:
        documents = yaml_reader.read_manifest(text)
    except yaml_reader.InvalidYaml as error:
        where = f" in line {error.line}" if error.line else ""
        return Fault(f"{error.reason}{where}", error.fix)
    if not documents:
        return Fault("contains no object", "write one, or remove the manifest")
    for each in documents:
        if found := _shape_fault(each) or _secret_fault(each):
            return found
    return None


def chart_namespaces(text: str) -> Iterator[str]:
    """Where the objects are of each HelmChart in a manifest that has no fault."""
    for document in yaml_reader.read_manifest(text):
        for each in _applied(document):
            if each.get("kind") == "HelmChart":
                spec, metadata = (_object(each.get(key)) for key in ("spec", "metadata"))
                named = spec.get("targetNamespace") or metadata.get("namespace")
                yield named if isinstance(named, str) else "default"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _applied(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """
    The objects that k3s applies, and those of lists inside of lists.

    Kubernetes takes whatever has `items` for a list, and gives items without a kind that of a list
    such as `SecretList` (apimachinery, UnstructuredJSONScheme).
    """
    waiting: list[Mapping[str, Any]] = [document]
    while waiting:
        each = waiting.pop(0)
        yield each
        items = each.get("items")
        own = {"kind": str(each.get("kind")).removesuffix("List"), "apiVersion": "v1"}
        for item in items if isinstance(items, list) else ():
            if isinstance(item, Mapping):
                waiting.append({**own, **item} if _has_no_kind(item) else item)


def _has_no_kind(item: Mapping[str, Any]) -> bool:
    return not item.get("kind") and not item.get("apiVersion")


def _shape_fault(document: Any) -> Fault | None:
    items = document.get("items") if isinstance(document, Mapping) else None
    for each in (document, *(items if isinstance(items, list) else ())):
        if each is not document and isinstance(each, Mapping) and _has_no_kind(each):
            continue
        if not isinstance(each, Mapping) or not all(_is_name(each.get(key)) for key in _NEEDED):
            what = "contains something without apiVersion and kind"
            return Fault(what, "write Kubernetes objects only")
    return None


_NEEDED = ("apiVersion", "kind")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _secret_fault(document: Mapping[str, Any]) -> Fault | None:
    nested = [value for _, value in plain_secrets.walk(document)]
    if any(each.get("kind") == "Config" and "users" in each for each in _applied(document)):
        what = "contains a kubeconfig, which would be readable in user data and state"
        return Fault(what, "remove it: a cluster has no such object", Kind.SECRET)
    if any(map(_is_secret, _applied(document))) or any(map(_is_secret_inside, nested)):
        what = "contains a Secret, which would be readable in user data and state"
        return Fault(what, _IN_A_SECRET, Kind.SECRET)
    if any(isinstance(each, str) and plain_secrets.has_credential(each) for each in nested):
        what = "contains a private key or a token, which would be readable in user data and state"
        return Fault(what, f"put it into a Secret: {_IN_A_SECRET}", Kind.SECRET)
    for each in _applied(document):
        if each.get("kind") in _HELM_KINDS and (where := _in_helm(each.get("spec"))):
            what = f"contains a secret in plain text in a {each['kind']}, {where}"
            return Fault(what, f"put it into a Secret: {_IN_A_SECRET}", Kind.SECRET)
    if any(isinstance(each, str) and _is_login(each) for each in nested):
        what = "contains credentials in a URL, which would be readable in user data and state"
        return Fault(what, f"put it into a Secret: {_IN_A_SECRET}", Kind.SECRET)
    return None


_IN_A_SECRET = "create it with the kubeconfig after pulumi up"  # noqa: S105 - an instruction


def _is_login(text: str) -> bool:
    """A URL with credentials, no description that has one as an example."""
    return plain_secrets.has_credentials(text) and len(text.split()) == 1


def _is_secret(applied: Mapping[str, Any]) -> bool:
    """A Secret of the core group, whose version has no slash before it."""
    group, _, _ = str(applied.get("apiVersion")).rpartition("/")
    return not group and ("kind", "Secret") in plain_secrets.entries(applied)


def _is_secret_inside(value: Any) -> bool:
    """Whatever has this kind and data, such as the object in a template; no reference to one."""
    return isinstance(value, Mapping) and plain_secrets.is_secret_with_data(value)


def _in_helm(spec: Any) -> str | None:
    """Where the spec of a HelmChart has a secret in plain text."""
    spec = _object(spec)
    for key in ("chart", "repo"):
        if isinstance(spec.get(key), str) and plain_secrets.is_login_at_host(spec[key]):
            return key
    values = {key: spec.get(key) for key in ("values", "set")}
    text = spec.get("valuesContent")
    if isinstance(text, str):
        try:
            values["valuesContent"] = yaml_reader.read(text)
        except yaml_reader.InvalidYaml:
            # Templates of Go are seldom valid YAML; Helm refuses them here, too.
            return "valuesContent" if plain_secrets.in_text(text) else None
    for key, content in values.items():
        for path, found in plain_secrets.in_values(content):
            if found.kind is Kind.SECRET:
                return f"{key} {quoted('.'.join(map(str, path)))}"
    return None
