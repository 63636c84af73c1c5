"""Reads `cluster.k3s`: the release, its components, and the keys that pass through to k3s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import k3s_flags, releases
from cluster.errors import Kind
from cluster.reading import component_arguments, go_yaml
from cluster.reading.faults import Fault, quoted, suggestion, wrong_type
from cluster.reading.section import Section
from cluster.spec import Architecture, K3s, Role

_FILE = yaml.safe_load((Path(__file__).parent / "k3s_keys.yaml").read_text())
OWNED: Mapping[str, str] = _FILE["owned"]
OLD: Mapping[str, str] = _FILE["old"]
SECRET: frozenset[str] = frozenset(_FILE["secret"])

_EXPECTED: Mapping[k3s_flags.Type, str] = {
    "string": "a string or a number",
    "strings": "a string or a list of strings",
    "boolean": "a boolean",
    "integer": "an integer",
    "duration": 'a duration such as "10m"',
}
_READABLE = "is a secret and would be readable in user data and state"


def read(section: Section) -> K3s:
    minor = k3s_flags.minor_of(section["version"])
    _check_version(section)
    for role in ("server", "agent"):
        check_k3s_keys(section, role, role, minor)
    return K3s(
        **section.arguments(without=("bucket",)),
        from_bucket=section["bucket"],
        sha256=_sha256(section),
        disabled=_disabled(section["components"]),
    )


def _check_version(section: Section) -> None:
    version, listed = section["version"], k3s_flags.VERSIONS
    if not section.valid("version"):
        return
    if not k3s_flags.is_at_least(version, listed[0]):
        what = f"{version} is older than {listed[0]}, the oldest version that is supported"
        fix = f"choose one of {', '.join(releases.PINNED)}"
        section.report("version", what, fix, Kind.UNAVAILABLE)
    elif k3s_flags.minor_of(version) not in listed:
        what = f"{version} is newer than {listed[-1]}, the newest version whose keys are checked"
        section.warn("version", what, "compare your keys with k3s server --help of the release")
    if "-rc" in version:
        section.warn("version", f"{version} is a release candidate", "choose a release")


def _sha256(section: Section) -> Mapping[Architecture, str]:
    digests, version = section["sha256"], section["version"]
    given: dict[Architecture, str] = {
        each: digests[each] for each in releases.ASSETS if each in digests
    }
    pinned = releases.PINNED.get(version, {})
    if section.valid("version") and digests.valid(*given):
        if not pinned and not given:
            section.report(
                "sha256",
                f"no SHA-256 is known for {version}",
                "set sha256.x86_64 and sha256.arm64 from sha256sum-amd64.txt and "
                "sha256sum-arm64.txt of the release; in a checkout: "
                f"python3 -m toolchain pin {version}; or choose one of "
                f"{', '.join(releases.PINNED)}",
                Kind.REQUIRED,
            )
        for architecture, digest in given.items():
            if pinned.get(architecture, digest) != digest:
                what = f"{quoted(digest)} is not the SHA-256 pinned for {version}"
                fix = "remove it, or name the version after your own build"
                digests.report(architecture, what, fix, Kind.CONFLICT)
    return {**pinned, **given}


def _disabled(components: Section) -> tuple[str, ...]:
    wanted: dict[str, bool] = components.arguments()
    if components.valid() and wanted["traefik"] and not wanted["helm-controller"]:
        components.report(
            "helm-controller",
            "traefik is installed by the helm-controller, which is switched off",
            "set traefik: false too, or leave helm-controller on",
            Kind.CONFLICT,
        )
    return tuple(name for name, on in wanted.items() if not on)


def check_k3s_keys(section: Section, key: str, role: Role, minor: str) -> None:
    """Reports k3s keys below `key` that a node of the role cannot have; `minor` is k3s's."""
    for name, value in section[key].items():
        if _is_known(name, minor):
            for fault in _faults(name, value, role, minor):
                if fault.kind is Kind.WARNING:
                    section.warn(key, fault.what, fault.fix, below=(name,))
                else:
                    section.report(key, *fault, below=(name,))
        else:
            _report_unknown(section, key, name, role, minor)


def _is_known(name: str, minor: str) -> bool:
    """Whether k3s has, or had, such a key for any role, under this name or another one."""
    flags = (k3s_flags.flags_of("server", minor), k3s_flags.flags_of("agent", minor))
    known = (*flags, k3s_flags.ALIASES, OWNED, OLD, SECRET)
    return any(name.removesuffix("+") in each for each in known)


def _report_unknown(section: Section, key: str, name: str, role: Role, minor: str) -> None:
    """
    `k3s agent` ends with "flag provided but not defined"; `k3s server` skips the key and logs it.

    The source is pkg/configfilearg/defaultparser.go of k3s.
    """
    what = f"is not a key of k3s {role} {minor}"
    near = suggestion(name, k3s_flags.flags_of(role, minor), "", cutoff=0.8)
    listed = minor in k3s_flags.VERSIONS
    if near:
        section.report(key, what, near, Kind.UNKNOWN_KEY, below=(name,))
    elif role == "agent" and listed:
        what = f"{what}, which does not start with it"
        section.report(key, what, "remove it", Kind.UNKNOWN_KEY, below=(name,))
    else:
        known = what if listed else f"is not a key of k3s {role} {k3s_flags.VERSIONS[-1]}"
        effect = "k3s server ignores it" if role == "server" else "k3s agent may not start with it"
        fix = f"see k3s {role} --help of your release"
        section.warn(key, f"{known}; {effect}", fix, below=(name,))


def _faults(name: str, value: Any, role: Role, minor: str) -> Iterator[Fault]:
    flags = k3s_flags.flags_of(role, minor)
    if name.endswith("+"):
        what = "would append to a key, and there is nothing before it"
        yield Fault(what, f"write {name.removesuffix('+')} with all its values")
    elif name in OWNED:
        yield Fault("is set by the program", OWNED[name], Kind.FORBIDDEN)
    elif name in k3s_flags.ALIASES:
        flag = k3s_flags.ALIASES[name]
        yield Fault(f"is short for {flag}", OWNED.get(flag, f"write {flag}"))
    elif name in OLD:
        yield Fault("is a name k3s has given up", f"write {OLD[name]}")
    elif name in SECRET:
        fix = (
            "give the machines a role or a Secret of the cluster instead, such as "
            "etcd-s3-config-secret"
        )
        yield Fault(_READABLE, fix, Kind.SECRET)
    elif name in flags:
        yield from _type_faults(name, value, flags[name].type, minor)
        unreadable = go_yaml.fault(value)
        if unreadable:
            yield unreadable
    elif role == "agent":
        what = "is a key of k3s server only, and k3s agent does not start with it"
        yield Fault(what, "set it below cluster.k3s.server or cluster.servers.k3s")
    else:
        what = "is a key of k3s agent only"
        yield Fault(what, "set it below cluster.k3s.agent or the k3s of a pool")


def _type_faults(name: str, value: Any, kind: k3s_flags.Type, minor: str) -> Iterator[Fault]:
    values = value if isinstance(value, list) else [value]
    right = {
        "string": isinstance(value, str | int | float) and not isinstance(value, bool),
        "strings": bool(values) and all(isinstance(each, str) for each in values),
        "boolean": isinstance(value, bool),
        "integer": not isinstance(value, bool)
        and bool(component_arguments.INTEGER.fullmatch(str(value))),
        "duration": isinstance(value, str) and bool(component_arguments.DURATION.fullmatch(value)),
    }[kind]
    if not right:
        example = "true or false" if kind == "boolean" else _EXPECTED[kind]
        yield wrong_type(_EXPECTED[kind], value, f"write {example}")
    elif name.endswith(component_arguments.SUFFIX):
        yield from component_arguments.faults(name, values, minor)
