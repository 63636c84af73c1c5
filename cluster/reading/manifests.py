"""Reads `cluster.manifests` and `cluster.charts`: what k3s applies when the first server starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import yaml

from cluster import charts
from cluster.reading import checks
from cluster.reading.findings import Section, shown, spell
from cluster.spec import K3s, Manifest

ReadFile = Callable[[str], str]

# k3s keeps what it applied under the name of the file, and takes a file away that is named like a
# component that is off. Of two of one name, each deletes the other's objects; "traefik" is the
# natural name for a manifest about Traefik, and that of a packaged one.
# https://github.com/k3s-io/k3s/blob/main/pkg/deploy/controller.go
_FILE = "k3s-aws-{}.yaml"
_CHART_FILE = "k3s-aws-chart-{}.yaml"
_PACKAGED_CHARTS = ("traefik", "traefik-crd")


def read(top: Section, k3s: K3s | None, read_file: ReadFile) -> tuple[Manifest, ...]:
    """The manifests, those of charts last; what is wrong is reported."""
    taken: dict[str, str] = {}
    given = [_manifest(each, taken, read_file) for each in top.sections("manifests")]
    disabled = k3s.disabled if k3s else ()
    of_charts = [_chart(each, taken, disabled) for each in top.sections("charts")]
    if any(of_charts) and "helm-controller" in disabled:
        top.report(
            "charts",
            "charts are installed by the helm-controller, which is switched off",
            "leave cluster.k3s.components.helm-controller on, or remove the charts",
        )
    return tuple(each for each in (*given, *of_charts) if each)


def _name(section: Section, taken: dict[str, str], file: str = _FILE) -> str | None:
    name = checks.shaped(section, "name", "a name", "write lower-case letters, digits, hyphens:")
    if not name:
        return None
    if (other := taken.get(file.format(name))) is not None:
        section.report("name", f"{shown(name)} is {other} already", "choose another")
    taken[file.format(name)] = spell(section.path)
    return name


def _manifest(section: Section, taken: dict[str, str], read_file: ReadFile) -> Manifest | None:
    name = _name(section, taken)
    given = [key for key in ("content", "file") if key in section]
    if len(given) != 1:
        section.report(
            "content",
            "content and file are both set" if given else "neither content nor file is set",
            "set one of them",
        )
        return None
    text = section.text(given[0])
    if text is not None and given == ["file"]:
        try:
            text = read_file(text)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            section.report(
                "file",
                f"{shown(text)} cannot be read: {why}",
                "name a file that is there, from the project's folder",
            )
            return None
    if text is None or name is None:
        return None
    fault = _fault(text)
    if fault is not None:
        section.report(given[0], *fault)
        return None
    return Manifest(name=_FILE.format(name), content=text)


def _fault(text: str) -> tuple[str, str] | None:
    try:
        objects = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        return f"is no YAML{where}", "put it right; kubectl apply --dry-run=client -f shows more"
    if not objects:
        return "holds no object", "write one, or remove the manifest"
    for each in objects:
        if not isinstance(each, Mapping) or not {"apiVersion", "kind"} <= set(each):
            return "holds something without apiVersion and kind", "write Kubernetes objects only"
        if each["kind"] == "Secret":
            return (
                "holds a Secret, which would stand readable in user data and state",
                "create it with the kubeconfig after pulumi up",
            )
    return None


def _chart(section: Section, taken: dict[str, str], disabled: Sequence[str]) -> Manifest | None:
    name = _name(section, taken, _CHART_FILE)
    if name in _PACKAGED_CHARTS and "traefik" not in disabled:
        section.report(
            "name",
            f"{shown(name)} is a chart that k3s itself installs",
            "set cluster.k3s.components.traefik: false, or choose another name",
        )
    chart, values = section.text("chart"), section.free("values")
    repo = checks.base_url(section, "repo") if "repo" in section else ""
    version = section.optional("version")
    namespace = checks.shaped(section, "namespace", "a namespace", "write a name such as")
    if chart and "://" not in chart and "repo" not in section:
        section.report("repo", "is missing", 'write the repository, or chart: "oci://..."')
    if name is None or chart is None or values is None or repo is None or namespace is None:
        return None
    content = charts.helm_chart(
        name,
        chart=chart,
        repo=repo,
        version=version or "",
        namespace=namespace or "default",
        values=dict(values),
    )
    return Manifest(name=_CHART_FILE.format(name), content=content)
