"""The operator's own login key: `k3s-aws:loginKey`."""

from __future__ import annotations

import re

from cluster.errors import ConfigError, Kind, Problem

KEY = "loginKey"

_KEY = re.compile(r"-----BEGIN OPENSSH PRIVATE KEY-----([^\\]+?)-----END OPENSSH PRIVATE KEY-----")
_FIX = "pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519"


def check(raw: str | None, *, is_secret: bool) -> str | None:
    """
    The operator's own login key in the form of OpenSSH, if one is set.

    A key that passed through a CI variable may have a byte order mark, and blanks or backslash-n in
    place of line ends; these are corrected. Raises ConfigError, which never contains the key. The
    provider, which reads the key, checks whether it can be used.
    """
    if raw is None:
        return None
    problems = []
    if not is_secret:
        problems.append(Problem(KEY, "is set in plain text", _FIX, Kind.SECRET))
    key = _normalized(raw)
    if key is None:
        problems.append(Problem(KEY, "is not a valid private key in OpenSSH format", _FIX))
    if problems:
        raise ConfigError(problems)
    return key


def _normalized(raw: str) -> str | None:
    text = raw.removeprefix("\ufeff").replace("\\r", "\n").replace("\\n", "\n").strip(" \t\r\n\"'")
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    begin, end = (f"-----{word} OPENSSH PRIVATE KEY-----" for word in ("BEGIN", "END"))
    return "\n".join([begin, *found[1].split(), end]) + "\n"
