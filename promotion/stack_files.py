"""The stack files of environments, each laid over its base, as values by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import overlay
from cluster.errors import ClusterError
from cluster.reading.keys import table
from cluster.reading.section import ROOT

PROJECT_FILE = "Pulumi.yaml"
SECRET = "[secret]"  # noqa: S105 - what is shown in place of one
_SECTIONS = dict(table.sections())
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENTRY = re.compile(r"\[[^]]*\]")


class PromotionError(Exception):
    """A file that cannot be compared; the message has which and why."""


def read(name: str, folder: Path, read_file: Callable[[str], str]) -> dict[str, Any]:
    """
    The configuration of `Pulumi.<name>.yaml` by key, such as `pools[agents].count`.

    Those of the cluster are short, all others are as in the file. Raises PromotionError.
    """
    file = path(name, folder)
    content = _content(file, file.read_text)
    config = content.get("config") if isinstance(content, Mapping) else None
    if not isinstance(config, Mapping):
        raise PromotionError(f"{file} has no `config`")
    project = _content(PROJECT_FILE, lambda: read_file(PROJECT_FILE))
    if not isinstance(project, Mapping) or not isinstance(project.get("name"), str):
        raise PromotionError(f"{PROJECT_FILE} has no `name`")
    cluster_key, base_key = (f"{project['name']}:{key}" for key in (ROOT, overlay.KEY))
    given = {**_of_project(project), **config}
    cluster, base = given.get(cluster_key) or {}, given.get(base_key) or ""
    if not isinstance(base, str):
        raise PromotionError(f"{file}: {base_key} must be the name of a file, found {base}")
    if base:
        try:
            cluster = overlay.lay_over(cluster, overlay.read(base, read_file), base).content
        except ClusterError as error:
            raise PromotionError(f"{file}: {error}") from None
    found = dict(_leaves(cluster, ""))
    others = {key: value for key, value in config.items() if key not in (cluster_key, base_key)}
    return found | dict(_leaves(others, ""))


def path(name: str, folder: Path) -> Path:
    """The file of an environment."""
    return folder / f"Pulumi.{name}.yaml"


def _content(file: Path | str, read_text: Callable[[], str]) -> Any:
    try:
        return yaml.load(read_text(), _LOADER)  # noqa: S506 - the safe one, or its C twin
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PromotionError(f"{file} cannot be read: {error}") from None


def _of_project(project: Mapping[str, Any]) -> dict[str, Any]:
    """
    The cluster and the base that Pulumi.yaml gives to every stack that has none of its own.

    https://www.pulumi.com/docs/iac/concepts/config/#project-level-configuration
    """
    declared = project.get("config")
    if not isinstance(declared, Mapping):
        return {}
    found: dict[str, Any] = {}
    for key in (ROOT, overlay.KEY):
        full = f"{project['name']}:{key}"
        # The project's name may be left out there.
        entry = declared.get(full, declared.get(key))
        if isinstance(entry, Mapping):
            entry = entry.get("value", entry.get("default"))
        found[full] = entry
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What has no keys below it, by its path; an entry of a list by its name, if all have one."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            # Each stack encrypts with a key of its own, so it differs always.
            yield path, SECRET
            return
        if not value and path:
            # It may mean something that it is there: `backup: {}` switches backups on.
            yield path, {}
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(_name(each) for each in value):
        for each in value:
            rest = {key: below for key, below in each.items() if key != "name"}
            yield f"{path}[{_name(each)}]", True
            if rest:
                yield from _leaves(rest, f"{path}[{_name(each)}]")
    else:
        yield path, value


def _name(entry: Any) -> str | None:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else None


def default(key: str) -> Any:
    """The default of a key of the cluster; None where it has none that is a value."""
    section, _, name = _declared(key).rpartition(".")
    declared = _SECTIONS.get(section, {}).get(name)
    return None if declared is None else declared.default


def _declared(key: str) -> str:
    """The key as the table of declarations has it: `cluster.pools[].count`."""
    return f"{ROOT}.{_ENTRY.sub('[]', key)}"
