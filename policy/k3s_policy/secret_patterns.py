"""What secrets look like: kinds that have a form of their own, so that little else matches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

KINDS: Mapping[str, re.Pattern[str]] = {
    "a private key in PEM": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    "an AWS access key": re.compile(r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    "an AWS secret access key": re.compile(
        r"(?i)aws_?secret_?access_?key[\"']?\s*[=:]\s*[\"']?[a-z0-9/+]{40}(?![a-z0-9/+])"
    ),
    # https://docs.k3s.io/cli/token
    "a k3s join token": re.compile(r"\bK10[0-9a-f]{64}::[^\s\"':]+:[^\s\"']+"),
    "a k3s token in plain text": re.compile(
        r"\bK3S_(?:AGENT_)?TOKEN=[\"']?(?![$<\s\"'`])[^\s\"']{4,}"
        r"|--(?:agent-)?token[= ][\"']?(?![$<\s\"'`/-])[^\s\"']{8,}"
    ),
    "the key of a kubeconfig": re.compile(r"\bclient-key-data:\s*[\"']?[A-Za-z0-9+/]{40}"),
    # https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})"),
    # https://docs.gitlab.com/security/tokens/#token-prefixes
    "a GitLab token": re.compile(r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20}"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10}"),
    "an npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "a Pulumi access token": re.compile(r"\bpul-[0-9a-f]{40}\b"),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in a URL": re.compile(
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'$<{]+:[^\s/@\"'$<{]+@"
    ),
}


def found_in(text: str, own: Sequence[str] = (), ignored: Sequence[str] = ()) -> Iterator[str]:
    """
    The kinds of secrets that a text has, never their values.

    `own` are further regular expressions, `ignored` kinds that are not looked for.
    """
    for kind, pattern in KINDS.items():
        if kind not in ignored and pattern.search(text):
            yield kind
    for number, each in enumerate(own, 1):
        if re.search(each, text):
            yield f"what pattern {number} of this rule's settings matches"
