"""A Docker Engine that remembers what it was asked for, and answers as Docker does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker.errors

Filters = Mapping[str, str]


@dataclass
class Container:
    """One machine; `pid` is 0 while it does not run."""

    engine: Engine
    asked: dict[str, Any]
    archives: list[tuple[str, bytes]] = field(default_factory=list)
    pid: int = 0
    stopped_within: int | None = None
    results: list[tuple[int, bytes]] = field(default_factory=list)
    """Of the commands in it, in their order."""

    @property
    def id(self) -> str:
        return f"id of {self.name}"

    @property
    def name(self) -> str:
        return str(self.asked["name"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.asked["labels"])

    @property
    def attrs(self) -> dict[str, Any]:
        networks = {"Networks": self.asked["networking_config"]}
        return {"NetworkSettings": networks, "State": {"Pid": self.pid}}

    def start(self) -> None:
        self.pid = 100 + len(self.engine.containers.made)

    def stop(self, timeout: int) -> None:
        self.pid, self.stopped_within = 0, timeout

    def exec_run(self, words: list[str]) -> tuple[int, bytes]:
        assert words
        return self.results.pop(0)

    def remove(self, *, v: bool, force: bool) -> None:
        assert v, "its volumes would stay"
        assert force, "it may run"
        self.engine.containers.made.remove(self)


@dataclass
class Network:
    """One network."""

    engine: Engine
    name: str
    labels: dict[str, str]
    attrs: dict[str, Any]
    options: dict[str, str]

    def reload(self) -> None:
        assert self in self.engine.networks.made

    def remove(self) -> None:
        self.engine.networks.made.remove(self)


@dataclass
class Containers:
    """`docker container`."""

    made: list[Container] = field(default_factory=list)

    def get(self, name: str) -> Container:
        for each in self.made:
            if name in (each.name, each.id):
                return each
        raise docker.errors.NotFound(f"No such container: {name}")

    def list(self, *, all: bool, filters: Filters, ignore_removed: bool) -> list[Container]:
        assert ignore_removed, "one that goes in between would be an error"
        found = [each for each in self.made if all or each.pid]
        if "network" in filters:
            return [each for each in found if filters["network"] in each.asked["networking_config"]]
        key, value = filters["label"].split("=")
        return [each for each in found if each.labels.get(key) == value]


@dataclass
class Networks:
    """`docker network`; `refusal` is what the engine says instead of making one."""

    engine: Engine
    made: list[Network] = field(default_factory=list)
    refusal: str | None = None

    def list(self, names: Sequence[str] = (), filters: Filters | None = None) -> list[Network]:
        wanted = [name.strip("^$") for name in names]
        label = (filters or {}).get("label", "=").split("=")
        return [
            each
            for each in self.made
            if (not wanted or each.name in wanted)
            and (not filters or each.labels.get(label[0]) == label[1])
        ]

    def create(self, name: str, ipam: Any, options: dict[str, str], labels: dict[str, str]) -> None:
        if self.refusal:
            raise docker.errors.APIError("400", explanation=self.refusal)
        self.made.append(Network(self.engine, name, labels, {"IPAM": ipam}, options))


class Api:
    """The calls that have no object."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_host_config(self, **asked: Any) -> dict[str, Any]:
        return asked

    def create_endpoint_config(self, **asked: Any) -> dict[str, Any]:
        return asked

    def create_networking_config(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked

    def create_container(self, **asked: Any) -> dict[str, str]:
        made = Container(self._engine, asked)
        self._engine.containers.made.append(made)
        return {"Id": made.id}

    def put_archive(self, container: str, path: str, archive: bytes) -> None:
        self._engine.containers.get(container).archives.append((path, archive))


class Engine:
    """The whole engine."""

    def __init__(self) -> None:
        self.containers = Containers()
        self.networks = Networks(self)
        self.api = Api(self)
