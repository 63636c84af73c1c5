"""Text of a machine does nothing to a terminal, a CI runner or the Pulumi CLI."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster import untrusted_text

COMMANDS = [
    "::set-output name=token::abc",
    "::add-mask::abc",
    "::stop-commands::abc",
    "  ::warning file=a.py,line=1::text",
    "ready ##vso[task.setvariable variable=a]b",
    "##[group]a",
    "##teamcity[setParameter name='a' value='b']",
    "<{%reset%}>",
    "<{%no such color%}>",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_ci_runner_or_of_pulumis_colors_is_broken(command: str) -> None:
    for made in (
        untrusted_text.one_line(command),
        untrusted_text.lines(f"first\n{command}", 200),
        untrusted_text.printable(f"first\n    {command}"),
    ):
        assert not any(line.strip().startswith("::") for line in made.splitlines())
        assert "##[" not in made
        assert "##vso[" not in made
        assert "##teamcity[" not in made
        assert "<{%" not in made


@pytest.mark.parametrize(
    "ordinary",
    [
        "https://[::1]:6443 does not respond",
        "fe80::1ff:fe23:4567:890a",
        "std::string, a::b",
        "# 3 of 4, ## heading",
        "K10ab::node:password",
        "ein Gerät, 機械",
    ],
)
def test_ordinary_text_is_kept(ordinary: str) -> None:
    assert untrusted_text.one_line(ordinary) == ordinary
    assert untrusted_text.printable(ordinary) == ordinary


def test_escape_sequences_and_line_ends_are_replaced() -> None:
    text = "a\x1b]0;title\x07b\r\nc\u202ed\ud800\x9be\u2028f\tg"
    assert untrusted_text.one_line(text) == "a?]0;title?b c?d???e f g".replace("???", "??")


def test_lines_stay_lines_and_carriage_returns_are_none() -> None:
    assert untrusted_text.lines("a\r\nb\x1b[2J\rc", 100) == "a\nb?[2J\nc"


def test_a_text_is_cut() -> None:
    assert untrusted_text.one_line("x" * 1000, 10) == "xxxxxxx..."
    assert len(untrusted_text.lines("y\n" * 1000, 100)) == 100


@settings(max_examples=50)
@given(st.text())
def test_whatever_the_text_the_result_is_printable(text: str) -> None:
    line = untrusted_text.one_line(text)
    assert line.isprintable()
    assert len(line) <= untrusted_text.LINE_LENGTH
    assert all(each.isprintable() for each in untrusted_text.lines(text, 100).split("\n"))
    assert all(each.isprintable() for each in untrusted_text.printable(text).split("\n"))
