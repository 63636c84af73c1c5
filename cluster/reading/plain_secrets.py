"""
Secrets in plain text: what is below `cluster` is readable in user data, in state and in the bucket.

They are found by what they are, wherever they stand: a URL with credentials, a private key, a
password by its name, a Secret of Kubernetes inside of another object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.errors import Kind
from cluster.reading.declarations import Path
from cluster.reading.faults import QUERY_SECRET, USER_INFO, Fault
from cluster.yaml_reader import Entries

READABLE = "is a secret and would be readable in user data and state"
_SECRET_OBJECT = "is a Secret, which would be readable in user data and state"  # noqa: S105
_INSTEAD = (
    "create a Secret with the kubeconfig after pulumi up, and set what refers to it, such as "
    "existingSecret"
)

# Without a scheme; an image with a tag and a digest is no host behind credentials.
_BARE_USER_INFO = re.compile(r"(//)?[^\s/@:]+:[^\s/@]+@(?!sha[0-9]+:)[^\s/@]+")
_CREDENTIAL = re.compile(
    # PEM; tokens of GitHub, GitLab and Slack; a JSON Web Token; what docker login writes.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"
    r"|\b(gh[opsru]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}|xox[abeprs]-[\w-]{10})"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r'|"auths"\s*:\s*\{[^}]*"(auth|password)"'
)
_AUTHORIZATION = re.compile(r"(basic|bearer|token)\s+\S+", re.I)
# Text that another program replaces, and references that one resolves.
_REPLACED = re.compile(r"\$\([^)]*\)|\$\{[^}]*\}|\$[A-Za-z_]\w*|\{\{.*?\}\}|<[^>]*>|\*+|%s")
_REFERENCE = re.compile(r"(env|file|op|vault|bao|awssm|gcpsm|\w+\+\w+)://?\S|(env|vault):\S|ref\+")
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_PASSWORDS = (
    "password", "passwd", "passphrase", "clientsecret", "secretaccesskey", "privatekey",
    "authtoken", "accesstoken", "bearertoken", "apitoken", "bottoken", "identitytoken",
)  # fmt: skip
_SHORT_PASSWORDS = re.compile(r"(^|[^A-Za-z])(pass|pwd)$|[a-z](Pass|Pwd)$", re.ASCII)
# Names of a secret, and as often of where one is.
_PERHAPS = ("token", "apikey", "secretkey", "sharedsecret", "jwtsecret", "credentials")
_SECRET_DATA = ("data", "stringData")
_SECRET_TEXT = re.compile(r"""(?m)^\s*(- )?["']?kind["']?:\s*["']?Secret["']?\s*$""")
_SECRET_DATA_TEXT = re.compile(r"""(?m)^\s*["']?(data|stringData)["']?:""")


def walk(content: Any) -> Iterator[tuple[Path, Any]]:
    """
    Every value below `content` with its path, itself first, and what later keys override.

    An object that an alias names again comes once.
    """
    waiting: list[tuple[Path, Any]] = [((), content)]
    seen: set[int] = set()
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping | list):
            if id(value) in seen:
                continue
            seen.add(id(value))
            waiting += [((*path, key), each) for key, each in reversed(entries(value))]
        yield path, value


def entries(value: Mapping[Any, Any] | list[Any]) -> list[tuple[Any, Any]]:
    """The keys or positions and their values, those too that a later key overrides."""
    if isinstance(value, list):
        return list(enumerate(value))
    overridden = value.overridden if isinstance(value, Entries) else []
    return [*value.items(), *overridden]


def has_credentials(text: str) -> bool:
    """Whether a URL in the text has a password, a user in the place of a token, or a signature."""
    if "://" not in text:
        return False
    granted = any(_REPLACED.sub("", value) for _, value in QUERY_SECRET.findall(text))
    return granted or any(_is_login(scheme, info) for scheme, info in USER_INFO.findall(text))


def is_login_at_host(text: str) -> bool:
    """The same for an address that may have no scheme."""
    return has_credentials(text) or bool(_BARE_USER_INFO.match(text))


def _is_login(scheme: str, user_info: str) -> bool:
    user, _, password = (_REPLACED.sub("", part) for part in user_info.partition(":"))
    # ssh://git@host has no secret, https://<token>@host has one.
    return bool(password or (user and ("http" in scheme.lower() or scheme.lower() == "oci")))


def has_credential(text: str) -> bool:
    """Whether the text has a private key, or a token that is known by its form."""
    return bool(_CREDENTIAL.search(text))


def in_text(text: str) -> bool:
    """Whether a text holds a secret whatever it is about."""
    return has_credentials(text) or has_credential(text)


def in_values(content: Any) -> Iterator[tuple[Path, Fault]]:
    """Secrets in a chart's values, by path; those that only may be one have Kind.WARNING."""
    secrets: list[Path] = []
    for path, value in walk(content):
        if any(path[: len(each)] == each for each in secrets):
            continue
        if isinstance(value, Mapping) and is_secret_with_data(value):
            secrets.append(path)
            yield path, Fault(_SECRET_OBJECT, _INSTEAD, Kind.SECRET)
        elif isinstance(value, Mapping):
            if kind := _kind_of(value.get("name"), value.get("value")):
                yield (*path, "value"), _fault(kind)
        elif isinstance(value, str) and (in_text(value) or _is_secret_text(value)):
            yield path, _fault(Kind.SECRET)
        elif path and (kind := _kind_of(path[-1], value)):
            yield path, _fault(kind)


def is_secret_with_data(content: Mapping[str, Any]) -> bool:
    """Whether an object is a Secret itself, not a reference to one."""
    found = entries(content)
    return ("kind", "Secret") in found and any(key in _SECRET_DATA for key, _ in found)


def _is_secret_text(text: str) -> bool:
    return bool(_SECRET_TEXT.search(text) and _SECRET_DATA_TEXT.search(text))


def _fault(kind: Kind) -> Fault:
    if kind is Kind.WARNING:
        fix = f"if it is a secret, {_INSTEAD}"
        return Fault("may be a secret, and is readable in user data and state", fix, kind)
    return Fault(READABLE, _INSTEAD, kind)


def is_secret_name(name: str) -> bool:
    """Whether something of this name is a secret."""
    return _WORDS.sub("", name).lower().endswith((*_PASSWORDS, *_PERHAPS))


def _kind_of(name: Any, value: Any) -> Kind | None:
    """What a value of this name is: a secret, perhaps one, or none."""
    if not isinstance(name, str) or isinstance(value, bool | Mapping | list):
        return None
    text = "" if value is None else str(value).strip()
    if not text or _REPLACED.search(text) or _REFERENCE.match(text):
        return None
    joined = _WORDS.sub("", name).lower()
    if joined.endswith(_PASSWORDS) or _SHORT_PASSWORDS.search(name.replace("PASS", "pass")):
        return Kind.SECRET
    if joined == "authorization" and _AUTHORIZATION.match(text):
        return Kind.SECRET
    exact = joined in _PERHAPS or joined.endswith(("token", "apikey"))
    return Kind.WARNING if exact else None
