"""What is read of the machines' secrets: an operator's own login key, and what is new."""

from __future__ import annotations

import pytest

from cluster import config
from cluster.errors import ConfigError
from cluster.reading import secrets
from cluster.spec import Rotation

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbody-of-a-key\n-----END OPENSSH PRIVATE KEY-----"
CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": []}


def test_an_own_login_key_is_kept_with_one_line_end() -> None:
    assert secrets.check_login_key(f"{KEY}\n\n", is_secret=True) == f"{KEY}\n"


def test_without_one_there_is_none() -> None:
    assert secrets.check_login_key(None, is_secret=False) is None


def test_a_login_key_in_plain_text_that_is_none_is_refused_twice_and_never_shown() -> None:
    with pytest.raises(ConfigError) as refusal:
        secrets.check_login_key("ssh-rsa body-of-a-key", is_secret=False)
    assert str(refusal.value) == (
        "the configuration has 2 problems\n\n"
        "loginKey: is set in plain text\n"
        "    pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519\n"
        "loginKey: is not a valid private key in OpenSSH format\n"
        "    pulumi config set --secret k3s-aws:loginKey < ~/.ssh/id_ed25519"
    )


def test_everything_is_made_for_the_first_time_unless_more_is_asked() -> None:
    assert config.load({"network": CLOSED}, stack="dev").rotation == Rotation()
    raw = {"network": CLOSED, "rotation": {"hostKeys": 3}}
    assert config.load(raw, stack="dev").rotation == Rotation(host_keys=3)


def test_an_empty_list_switches_ssh_off_and_a_missing_one_does_not() -> None:
    assert not config.load({"network": CLOSED}, stack="dev").network.ssh_enabled
    with pytest.raises(ConfigError, match="sshAllowedCidrs: is missing"):
        config.load({"network": {"apiAllowedCidrs": ["203.0.113.0/24"]}}, stack="dev")
