"""The operator's own login key."""

from __future__ import annotations

import pytest

from cluster.errors import ConfigError
from cluster.reading import login_key

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbody-of-a-key\n-----END OPENSSH PRIVATE KEY-----"


def test_an_own_login_key_is_kept_with_one_line_end() -> None:
    assert login_key.check(f"{KEY}\n\n", is_secret=True) == f"{KEY}\n"


def test_without_one_there_is_none() -> None:
    assert login_key.check(None, is_secret=False) is None


def test_an_invalid_login_key_in_plain_text_has_two_problems_and_is_never_printed() -> None:
    with pytest.raises(ConfigError) as rejection:
        login_key.check("ssh-rsa body-of-a-key", is_secret=False)
    assert str(rejection.value) == (
        "the configuration has 2 problems\n\n"
        "loginKey: is set in plain text\n"
        "    pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519\n"
        "loginKey: is not a valid private key in OpenSSH format\n"
        "    pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519"
    )


@pytest.mark.parametrize(
    "raw",
    [
        KEY.replace("\n", " "),
        KEY.replace("\n", "\r\n"),
        KEY.replace("\n", "\r"),
        KEY.replace("\n", "\\n"),
        f"\ufeff{KEY}",
        f'"{KEY}"',
    ],
)
def test_a_key_that_lost_its_line_ends_is_corrected(raw: str) -> None:
    assert login_key.check(raw, is_secret=True) == f"{KEY}\n"


@pytest.mark.parametrize("raw", ["", KEY[:-4], KEY.replace("OPENSSH ", ""), f"{KEY}\n{KEY}x"])
def test_what_is_no_whole_key_is_rejected(raw: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid private key in OpenSSH format"):
        login_key.check(raw, is_secret=True)
