"""Reads what is said of the machines' secrets: their key, their rotation, an own login key."""

from __future__ import annotations

from cluster.errors import ConfigError, Problem
from cluster.reading import checks
from cluster.reading.findings import Section
from cluster.spec import Rotation

LOGIN_KEY = "loginKey"

_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_FIX = "pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519"


def read_rotation(section: Section) -> Rotation | None:
    """How often each kind of secret was asked for anew."""
    tokens, login = section.number("joinTokens"), section.number("loginKey")
    hosts = section.number("hostKeys")
    if tokens is None or login is None or hosts is None:
        return None
    return Rotation(join_tokens=tokens, login_key=login, host_keys=hosts)


def read_key_arn(top: Section) -> str:
    """The ARN of the parameters' KMS key; "" when it is left out or wrong."""
    if "parameterKmsKeyArn" not in top:
        return ""
    # A policy names keys by their own ARN; it does not follow an alias.
    fix = "write the ARN of the key itself, not of an alias, such as"
    return checks.shaped(top, "parameterKmsKeyArn", "the ARN of a KMS key", fix) or ""


def check_login_key(raw: str | None, *, is_secret: bool) -> str | None:
    """
    The operator's own login key, if one is set. Raises ConfigError; never shows it.

    Whether it can be used is for the provider to say, which reads it.
    """
    if raw is None:
        return None
    problems = []
    if not is_secret:
        problems.append(Problem(LOGIN_KEY, "is set in plain text", _FIX))
    if not raw.lstrip().startswith(_BEGIN):
        problems.append(Problem(LOGIN_KEY, "is no private key in OpenSSH's form", _FIX))
    if problems:
        raise ConfigError(problems)
    return raw.strip() + "\n"
