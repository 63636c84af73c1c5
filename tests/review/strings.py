"""Strings that try to be more than text in a comment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies

FORGERIES = [
    "</details>", "</code></pre></td></tr></table><h1>approved</h1>", "<!-- k3s-aws: review -->",
    "-->", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "&#x3c;b>",
    "| a | b |\n|---|---|", "`` ` ```", "```\ncode\n```", "\n\n# heading\n\n", "\r\n\r\nparagraph",
    "@everyone", "#123", "shop/cluster#1", "!1", "~label", ":tada:", "https://attacker.example",
    "[a](https://attacker.example)", "![a](https://attacker.example/a.png)", "**a** __b__ ~~c~~",
    "\u202eevil\u202c", "a\u200bb\ufeffc", "\x1b[31mred", "a\x00b", "z\u0301\u0302\u0303", "\u3164",
    "\n/close", "/approve", "::set-output name=a::b", "##[error]a", "##vso[task.complete]",
    "<![CDATA[", "<?php", "<!DOCTYPE html>", "]]>", "\u2028\u2029\x0b\x0c\x85", "a\n \n\t\nb", "",
]  # fmt: skip


def hostile() -> strategies.SearchStrategy[str]:
    """Any text, and forgeries between pieces of it."""
    pieces = strategies.one_of(strategies.sampled_from(FORGERIES), strategies.text(max_size=12))
    return strategies.lists(pieces, min_size=1, max_size=4).map("".join)


def replaced(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each string and each key changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [replaced(each, change) for each in value]
    if isinstance(value, dict):
        return {change(key): replaced(each, change) for key, each in value.items()}
    return value
