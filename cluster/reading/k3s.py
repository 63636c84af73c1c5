"""Reads `cluster.k3s`: the release, its components, and the keys that pass through to k3s."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import releases
from cluster.model import Architecture, K3s, Role
from cluster.reading import checks
from cluster.reading.findings import Section, shown, sure
from cluster.reading.keys import COMPONENTS

_FILE = yaml.safe_load((Path(__file__).parent / "k3s_keys.yaml").read_text())
_AGENT: Mapping[str, str] = {name: kind for kind, names in _FILE["agent"].items() for name in names}
_SERVER: Mapping[str, str] = {
    **_AGENT,
    **{name: kind for kind, names in _FILE["server"].items() for name in names},
}
KNOWN: Mapping[Role, Mapping[str, str]] = {"server": _SERVER, "agent": _AGENT}
OWNED: Mapping[str, str] = _FILE["owned"]
OLD: Mapping[str, str] = _FILE["old"]
SECRET: frozenset[str] = frozenset(_FILE["secret"])

_EXPECTED = {
    "text": "a text or a number",
    "list": "a text or a list of texts",
    "flag": "true or false",
}
_ARGUMENTS = "-arg"


def read(section: Section) -> K3s | None:
    """k3s as the section describes it, or None when something in it is wrong."""
    version = checks.k3s_version(section)
    url = checks.base_url(section, "downloadUrl")
    sha256 = _sha256(section, version)
    backend = section.text("flannelBackend")
    encryption = section.flag("secretsEncryption")
    bucket = section.flag("bucket")
    disabled = _disabled(section.section("components"))
    server = passed_through(section, "server", "server")
    agent = passed_through(section, "agent", "agent")
    registries = _registries(section)
    if (
        version is None
        or url is None
        or sha256 is None
        or backend is None
        or encryption is None
        or disabled is None
        or bucket is None
    ):
        return None
    return K3s(
        version=version,
        download_url=url,
        sha256=sha256,
        disabled=disabled,
        flannel_backend=backend,
        secrets_encryption=encryption,
        registries=registries or {},
        from_bucket=bucket,
        server=server or {},
        agent=agent or {},
    )


def _sha256(section: Section, version: str | None) -> Mapping[Architecture, str] | None:
    digests = section.section("sha256")
    found = {each: checks.sha256(digests, each) for each in releases.ASSETS if each in digests}
    if version is None or None in found.values():
        return None
    given = {architecture: sure(digest) for architecture, digest in found.items()}
    pinned = releases.PINNED.get(version, {})
    if not pinned and not given:
        section.report(
            "sha256",
            f"no SHA-256 is known for {version}",
            f"python -m toolchain pin {version}, or set sha256.x86_64 and sha256.arm64 "
            "from sha256sum-amd64.txt and sha256sum-arm64.txt of the release, or choose one of "
            f"{', '.join(releases.PINNED)}",
        )
    for architecture, digest in given.items():
        if pinned.get(architecture, digest) != digest:
            digests.report(
                architecture,
                f"{shown(digest)} is not the SHA-256 pinned for {version}",
                "remove it, or name the version after your own build",
            )
    return {**pinned, **given}


def _disabled(section: Section) -> tuple[str, ...] | None:
    wanted = {name: section.flag(name) for name in COMPONENTS}
    if None in wanted.values():
        return None
    if wanted["traefik"] and not wanted["helm-controller"]:
        section.report(
            "helm-controller",
            "traefik is installed by the helm-controller, which is switched off",
            "set traefik: false too, or leave helm-controller on",
        )
    return tuple(name for name, on in wanted.items() if not on)


def passed_through(section: Section, key: str, role: Role) -> Mapping[str, Any] | None:
    """The k3s keys below `key`, for a node of the role."""
    given = section.free(key)
    for name, value in (given or {}).items():
        path = (*section.path, key, name)
        for what, fix in _faults(name, value, role):
            section.findings.add(path, what, fix)
        if not _is_known(name):
            section.findings.warn(
                path,
                "is no key of k3s 1.36 that the program knows; k3s skips unknown ones silently",
                f"see k3s {role} --help of your release",
            )
    return given


def _is_known(name: str) -> bool:
    return any(name in each for each in (_SERVER, OWNED, OLD, SECRET))


def _faults(name: str, value: Any, role: Role) -> Iterator[tuple[str, str]]:
    known = KNOWN[role]
    if name in OWNED:
        yield "is the program's own key", OWNED[name]
    elif name in OLD:
        yield "is a name k3s has given up", f"write {OLD[name]}"
    elif name in SECRET:
        yield (
            "is a secret and would stand readable in user data and state",
            "give the machines a role or a Secret of the cluster instead, such as "
            "etcd-s3-config-secret",
        )
    elif name in _SERVER and name not in known:
        yield (
            "is a key of k3s server only",
            "set it below cluster.k3s.server or cluster.servers.k3s",
        )
    elif name in known:
        yield from _type_faults(name, value, known[name])
    elif near := difflib.get_close_matches(name, [*known, *OWNED], n=1, cutoff=0.8):
        yield "is no key of k3s", f'did you mean "{near[0]}"?'


def _type_faults(name: str, value: Any, kind: str) -> Iterator[tuple[str, str]]:
    texts = value if isinstance(value, list) else [value]
    right = {
        "text": isinstance(value, str | int | float) and not isinstance(value, bool),
        "list": bool(texts) and all(isinstance(each, str) for each in texts),
        "flag": isinstance(value, bool),
    }[kind]
    if not right:
        yield f"expected {_EXPECTED[kind]}, found {shown(value)}", f"write {_EXPECTED[kind]}"
    elif name.endswith(_ARGUMENTS):
        for each in texts:
            if each.startswith("-"):
                yield f"{shown(each)} begins with a hyphen", "write name=value without hyphens"


def _registries(section: Section) -> Mapping[str, Any] | None:
    given = section.free("registries")
    for name, content in (given or {}).items():
        path = (*section.path, "registries", name)
        if name not in ("mirrors", "configs"):
            section.findings.add(path, "is no key of registries.yaml", "use mirrors or configs")
        elif not isinstance(content, Mapping):
            section.findings.add(
                path, f"expected a mapping, found {shown(content)}", "write registries by name"
            )
        elif name == "configs":
            for host, config in content.items():
                if isinstance(config, Mapping) and "auth" in config:
                    # Not quoted: it may be a password.
                    section.findings.add(
                        (*path, str(host), "auth"),
                        "is a secret and would stand readable in user data and state",
                        "pulumi config set --secret --path "
                        f"'k3s-aws:registryAuth[{shown(str(host))}].password'",
                    )
    return given
