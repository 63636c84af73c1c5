"""Secrets are redacted in every form in which a message may quote them."""

from __future__ import annotations

import base64
import json

import pytest

from provider.protocol.redaction import forms, redactor
from provider.protocol.values import Secret, secret_strings

PASSWORD = "hunter2"
BASIC = base64.b64encode(f"puller:{PASSWORD}".encode()).decode()
# As the input `secrets` of a Node is: registryAuth is JSON inside of JSON.
SECRETS = json.dumps(
    {
        "token": "K10ab::node:a-join-token-of-the-tests",
        "registryAuth": json.dumps(
            {"registry.example": {"username": "puller", "password": PASSWORD}}
        ),
    }
)
BASIC_SECRETS = json.dumps({"registryAuth": json.dumps({"registry.example": {"auth": BASIC}})})


@pytest.mark.parametrize("secrets", [SECRETS, BASIC_SECRETS])
@pytest.mark.parametrize(
    "quoted", [PASSWORD, f"puller:{PASSWORD}", BASIC, f"https://puller:{PASSWORD}@registry.example"]
)
def test_a_password_inside_of_json_is_redacted_in_each_form(secrets: str, quoted: str) -> None:
    redact = redactor(secret_strings({"secrets": Secret(secrets)}))
    redacted = redact(f'pull failed: "{quoted}", unauthorized')
    assert PASSWORD not in redacted
    assert BASIC not in redacted
    assert "[secret]" in redacted
    assert redacted.startswith("pull failed: ")


def test_a_token_inside_of_json_is_redacted() -> None:
    redact = redactor(secret_strings({"secrets": Secret(SECRETS)}))
    assert redact("K10ab::node:a-join-token-of-the-tests is used up") == "[secret] is used up"


@pytest.mark.parametrize("password", ['a"b\\c', "a b/c@d", "päss", "zz9"])
def test_a_password_is_redacted_as_json_and_urls_escape_it(password: str) -> None:
    redact = redactor(forms(password))
    quoted = json.dumps({"auth": password})
    assert redact(quoted) == '{"auth": "[secret]"}'
    assert redact(password) == "[secret]"


def test_the_user_of_a_registry_is_no_secret() -> None:
    redact = redactor(secret_strings({"secrets": Secret(SECRETS)}))
    assert redact("puller may not read this") == "puller may not read this"


def test_a_short_password_is_redacted_only_where_it_stands_alone() -> None:
    redact = redactor(forms("cat"))
    assert redact("cat: cannot concatenate, user:cat@host") == (
        "[secret]: cannot concatenate, user:[secret]@host"
    )


def test_the_lines_of_a_key_are_redacted() -> None:
    redact = redactor(forms("-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\n"))
    assert redact("line AAAAB3NzaC1yc2E is wrong") == "line [secret] is wrong"


@pytest.mark.parametrize("nothing", ["", " ", "\n", "ab"])
def test_what_is_too_short_to_be_a_secret_redacts_nothing(nothing: str) -> None:
    assert redactor(forms(nothing))("a b  c\nab") == "a b  c\nab"


@pytest.mark.parametrize("text", ["[" * 2_000, "{not json at all}"])
def test_what_looks_like_json_and_is_none_is_redacted_as_a_whole(text: str) -> None:
    assert redactor(forms(text))(f"it is {text}") == "it is [secret]"
