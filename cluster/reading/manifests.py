"""Reads `cluster.manifests` and `cluster.charts`: what k3s applies when the first server starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster import charts
from cluster.errors import Kind
from cluster.reading import kube_objects
from cluster.reading.faults import quoted
from cluster.reading.section import Section, format_path
from cluster.spec import K3s, Manifest

ReadFile = Callable[[str], str]

# k3s keeps what it applied under the name of the file, and takes a file away that is named like a
# component that is off. Of two of one name, each deletes the other's objects; "traefik" is the
# natural name for a manifest about Traefik, and that of a packaged one.
# https://github.com/k3s-io/k3s/blob/main/pkg/deploy/controller.go
_FILE = "k3s-aws-{}.yaml"
_CHART_FILE = "k3s-aws-chart-{}.yaml"
_PACKAGED_CHARTS = ("traefik", "traefik-crd")


def read(top: Section, k3s: K3s, read_file: ReadFile) -> tuple[Manifest, ...]:
    """The manifests, those of charts last."""
    taken: dict[str, str] = {}
    given = [_read_manifest(each, taken, read_file) for each in top["manifests"]]
    given += [_read_chart(each, taken, k3s.disabled) for each in top["charts"]]
    if top["charts"] and "helm-controller" in k3s.disabled:
        top.report(
            "charts",
            "charts are installed by the helm-controller, which is switched off",
            "leave cluster.k3s.components.helm-controller on, or remove the charts",
            Kind.CONFLICT,
        )
    return tuple(given)


def _file_name(section: Section, taken: dict[str, str], pattern: str) -> str:
    name = section["name"]
    file = pattern.format(name)
    if section.valid("name"):
        if file in taken:
            what = f"{quoted(name)} is {taken[file]} already"
            section.report("name", what, "choose another", Kind.DUPLICATE)
        taken[file] = format_path(section.path)
    return file


def _read_manifest(section: Section, taken: dict[str, str], read_file: ReadFile) -> Manifest:
    name = _file_name(section, taken, _FILE)
    given = section.given("content", "file")
    if len(given) != 1:
        what = "content and file are both set" if given else "neither content nor file is set"
        kind = Kind.CONFLICT if given else Kind.REQUIRED
        section.report("content", what, "set one of them", kind)
    elif section.valid(*given):
        text = _read_text(section, given[0], read_file)
        if text is not None:
            return Manifest(name=name, content=text)
    return Manifest(name=name, content="")


def _read_text(section: Section, key: str, read_file: ReadFile) -> str | None:
    """The objects; None when they cannot be read."""
    text: str = section[key]
    if key == "file":
        try:
            text = read_file(text)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            fix = "name a file that is there, from the project's folder"
            section.report("file", f"{quoted(section[key])} cannot be read: {why}", fix)
            return None
    fault = kube_objects.fault(text)
    if fault is not None:
        section.report(key, *fault)
    return text


def chart_namespace(section: Section) -> str:
    """
    Where the objects of a chart are: by default in a namespace of its own.

    Who may start pods in a namespace can use each ServiceAccount in it.
    """
    name: str = section["namespace"] or section["name"]
    return name


def _read_chart(section: Section, taken: dict[str, str], disabled: Sequence[str]) -> Manifest:
    file = _file_name(section, taken, _CHART_FILE)
    name, chart = section["name"], section["chart"]
    if section.valid("name") and name in _PACKAGED_CHARTS and "traefik" not in disabled:
        section.report(
            "name",
            f"{quoted(name)} is a chart that k3s itself installs",
            "set cluster.k3s.components.traefik: false, or choose another name",
            Kind.CONFLICT,
        )
    if section.valid("chart") and "://" not in chart and "repo" not in section:
        fix = 'write the repository, or chart: "oci://..."'
        section.report("repo", "is missing", fix, Kind.REQUIRED)
    elif section.valid("chart", "repo") and "://" in chart and "repo" in section:
        what = "is set, and chart is an address of its own"
        section.report("repo", what, "remove one of them", Kind.CONFLICT)
    content = charts.helm_chart(
        name,
        chart=chart,
        repo=section["repo"] or "",
        version=section["version"] or "",
        namespace=chart_namespace(section),
        values=dict(section["values"]),
    )
    return Manifest(name=file, content=content, of_chart=True)
