"""What secrets look like: kinds that have a form of their own, so that little else matches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A pattern, and parts: it is looked for in texts that have one of them, found faster."""

    pattern: re.Pattern[str]
    parts: Sequence[str]


KINDS: Mapping[str, Kind] = {
    "a private key in PEM": Kind(
        re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"), ["PRIVATE KEY-----"]
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    "an AWS access key": Kind(
        re.compile(r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z2-7]{16}(?![A-Z0-9])"), ["AKIA", "ASIA"]
    ),
    "an AWS secret access key": Kind(
        re.compile(
            r"(?i)aws_?secret_?access_?key[\"']?\s*[=:]\s*[\"']?[a-z0-9/+]{40}(?![a-z0-9/+])"
        ),
        ["aws", "AWS", "Aws"],
    ),
    # https://docs.k3s.io/cli/token
    "a k3s join token": Kind(re.compile(r"\bK10[0-9a-f]{64}::[^\s\"':]+:[^\s\"']+"), ["K10"]),
    "a k3s token in plain text": Kind(
        re.compile(
            r"\bK3S_(?:AGENT_)?TOKEN=[\"']?(?![$<\s\"'`])[^\s\"']{4,}"
            # As a key of YAML and of JSON.
            r"|\bK3S_(?:AGENT_)?TOKEN(?:[\"']\s*:\s*[\"']|:[ \t]*[\"']?)"
            r"(?![$<\s\"'`{/])[^\s\"']{4,}"
            r"|--(?:agent-)?token[= ][\"']?(?![$<\s\"'`/-])[^\s\"']{8,}"
        ),
        ["K3S_TOKEN", "K3S_AGENT_TOKEN", "token=", "token "],
    ),
    # https://docs.k3s.io/installation/configuration#configuration-file
    "a token in a config.yaml of k3s": Kind(
        re.compile(
            r"(?m)^[ \t]*[\"']?(?:agent-)?token[\"']?:[ \t]*[\"']?(?![$<\s\"'`{/])[^\s\"']{4,}"
        ),
        ["rancher/k3s/config.yaml"],
    ),
    "the key of a kubeconfig": Kind(
        re.compile(r"\bclient-key-data:\s*[\"']?[A-Za-z0-9+/]{40}"), ["client-key-data"]
    ),
    # https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
    "a GitHub token": Kind(
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})"),
        ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    ),
    # https://docs.gitlab.com/security/tokens/#token-prefixes
    "a GitLab token": Kind(
        re.compile(r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20}"), ["gl"]
    ),
    "a Slack token": Kind(re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10}"), ["xox"]),
    "an npm token": Kind(re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"), ["npm_"]),
    "a Pulumi access token": Kind(re.compile(r"\bpul-[0-9a-f]{40}\b"), ["pul-"]),
    "a JSON Web Token": Kind(re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"), [".eyJ"]),
    "a password in a URL": Kind(re.compile(r"://[^\s/:@\"'$<{]+:[^\s/@\"'$<{]+@"), ["://"]),
}


def found_in(text: str, own: Sequence[str] = (), ignored: Sequence[str] = ()) -> Iterator[str]:
    """
    The kinds of secrets that a text has, never their values.

    `own` are further regular expressions, `ignored` kinds that are not looked for.
    """
    for name, kind in KINDS.items():
        looked_for = name not in ignored and any(each in text for each in kind.parts)
        if looked_for and kind.pattern.search(text):
            yield name
    for number, each in enumerate(own, 1):
        try:
            matched = re.search(each, text)
        except re.error as error:
            raise ValueError(
                f"rule no-secret-in-user-data, setting patterns: pattern {number} is not a valid regular "
                f"expression of Python: {error}\n    correct it in --policy-pack-config"
            ) from error
        if matched:
            yield f"what pattern {number} of this rule's settings matches"
