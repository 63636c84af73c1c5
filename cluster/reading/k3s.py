"""Reads `cluster.k3s`: the release, its components, and the keys that pass through to k3s."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import k3s_flags, releases
from cluster.reading import checks
from cluster.reading.findings import Findings, Section, shown, sure
from cluster.reading.keys import COMPONENTS
from cluster.spec import Architecture, K3s, Role

_FILE = yaml.safe_load((Path(__file__).parent / "k3s_keys.yaml").read_text())
OWNED: Mapping[str, str] = _FILE["owned"]
OLD: Mapping[str, str] = _FILE["old"]
SECRET: frozenset[str] = frozenset(_FILE["secret"])

_EXPECTED: Mapping[k3s_flags.Type, str] = {
    "string": "a string or a number",
    "strings": "a string or a list of strings",
    "boolean": "true or false",
    "integer": "a whole number",
    "duration": 'a duration such as "10m"',
}
_INTEGER = re.compile(r"[+-]?\d+")
# What Go's time.ParseDuration takes.
_DURATION = re.compile(r"[+-]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")
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
    minor = k3s_flags.minor_of(version or releases.DEFAULT_VERSION)
    server = passed_through(section, "server", "server", minor)
    agent = passed_through(section, "agent", "agent", minor)
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


def passed_through(section: Section, key: str, role: Role, minor: str) -> Mapping[str, Any] | None:
    """The k3s keys below `key`, for a node of the role; `minor` is k3s's minor version."""
    given = section.free(key)
    for name, value in (given or {}).items():
        path = (*section.path, key, name)
        if _is_known(name, minor):
            for what, fix in _faults(name, value, role, minor):
                section.findings.add(path, what, fix)
        else:
            _report_unknown(section.findings, path, name, role, minor)
    return given


def _is_known(name: str, minor: str) -> bool:
    """Whether k3s has, or had, such a key for any role, under this name or another one."""
    flags = (k3s_flags.flags_of("server", minor), k3s_flags.flags_of("agent", minor))
    known = (*flags, k3s_flags.ALIASES, OWNED, OLD, SECRET)
    return any(name.removesuffix("+") in each for each in known)


def _report_unknown(
    findings: Findings, path: tuple[str | int, ...], name: str, role: Role, minor: str
) -> None:
    """
    `k3s agent` ends with "flag provided but not defined"; `k3s server` skips the key and logs it.

    The source is pkg/configfilearg/defaultparser.go of k3s.
    """
    what = f"is not a key of k3s {role} {minor}"
    near = difflib.get_close_matches(name, [*k3s_flags.flags_of(role, minor)], n=1, cutoff=0.8)
    listed = minor in k3s_flags.VERSIONS
    if near:
        findings.add(path, what, f'did you mean "{near[0]}"?')
    elif role == "agent" and listed:
        findings.add(path, f"{what}, which does not start with it", "remove it")
    else:
        known = what if listed else f"is not a key of k3s {role} {k3s_flags.VERSIONS[-1]}"
        effect = "k3s server ignores it" if role == "server" else "k3s agent may not start with it"
        findings.warn(path, f"{known}; {effect}", f"see k3s {role} --help of your release")


def _faults(name: str, value: Any, role: Role, minor: str) -> Iterator[tuple[str, str]]:
    flags = k3s_flags.flags_of(role, minor)
    if name.endswith("+"):
        yield (
            "would append to a key, and there is nothing before it",
            f"write {name.removesuffix('+')} with all its values",
        )
    elif name in OWNED:
        yield "is the program's own key", OWNED[name]
    elif name in k3s_flags.ALIASES:
        flag = k3s_flags.ALIASES[name]
        yield f"is short for {flag}", OWNED.get(flag, f"write {flag}")
    elif name in OLD:
        yield "is a name k3s has given up", f"write {OLD[name]}"
    elif name in SECRET:
        yield (
            "is a secret and would stand readable in user data and state",
            "give the machines a role or a Secret of the cluster instead, such as "
            "etcd-s3-config-secret",
        )
    elif name in flags:
        yield from _type_faults(name, value, flags[name].type)
    elif role == "agent":
        yield (
            "is a key of k3s server only, and k3s agent does not start with it",
            "set it below cluster.k3s.server or cluster.servers.k3s",
        )
    else:
        yield (
            "is a key of k3s agent only",
            "set it below cluster.k3s.agent or the k3s of a pool",
        )


def _type_faults(name: str, value: Any, kind: k3s_flags.Type) -> Iterator[tuple[str, str]]:
    values = value if isinstance(value, list) else [value]
    right = {
        "string": isinstance(value, str | int | float) and not isinstance(value, bool),
        "strings": bool(values) and all(isinstance(each, str) for each in values),
        "boolean": isinstance(value, bool),
        "integer": not isinstance(value, bool) and bool(_INTEGER.fullmatch(str(value))),
        "duration": isinstance(value, str) and bool(_DURATION.fullmatch(value)),
    }[kind]
    if not right:
        yield f"expected {_EXPECTED[kind]}, found {shown(value)}", f"write {_EXPECTED[kind]}"
    elif name.endswith(_ARGUMENTS):
        for each in values:
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
