"""The operator's own login key: `k3s-aws:loginKey`."""

from __future__ import annotations

from cluster.errors import ConfigError, Kind, Problem

KEY = "loginKey"

_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_FIX = "pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519"


def check(raw: str | None, *, is_secret: bool) -> str | None:
    """
    The operator's own login key, if one is set. Raises ConfigError, which never shows it.

    The provider, which reads the key, checks whether it can be used.
    """
    if raw is None:
        return None
    problems = []
    if not is_secret:
        problems.append(Problem(KEY, "is set in plain text", _FIX, Kind.SECRET))
    if not raw.lstrip().startswith(_BEGIN):
        problems.append(Problem(KEY, "is not a valid private key in OpenSSH format", _FIX))
    if problems:
        raise ConfigError(problems)
    return raw.strip() + "\n"
