"""Secrets in user data, however they are packed, and user data that costs time or memory."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import lzma
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster import boot_program, user_data
from k3s_policy import secret_patterns, user_data_text
from k3s_policy.user_data import runs_server
from k3s_policy.user_data_text import unpack
from tests.golden import rendering
from tests.policy import examined
from tests.policy.examined import MIME, TOKEN, machine, packed, without
from tests.policy.stack_state import resource
from tests.policy.test_rules import findings, resources, violated

SECRET = "no-secret-in-user-data"
# In pieces: what looks for secrets in files would find them.
EXAMPLES = {
    "a private key in PEM": "-----BEGIN EC " + "PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "an AWS secret access key": "aws_secret_access_key = "
    + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a k3s join token": TOKEN,
    "a k3s token in plain text": "curl -sfL https://x | K3S_TOKEN=" + "hunter22 sh -",
    "a token in a config.yaml of k3s": "/etc/rancher/k3s/config.yaml'\ntoken: " + "hunter22",
    "the key of a kubeconfig": "client-key-data: " + "LS0t" * 10,
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "a Slack token": "xoxb-" + "1234567890ab",
    "an npm token": "npm_" + "a1B2" * 9,
    "a Pulumi access token": "pul-" + "0a1b" * 10,
    "a JSON Web Token": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "a password in a URL": "https://ci:" + "hunter22@registry.example.com/",
}


def with_user_data(**given: Any) -> list[dict[str, Any]]:
    inputs = {**without(machine(), "userDataBase64"), **given}
    return [resource(examined.INSTANCE, "x", inputs)]


def test_every_kind_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(secret_patterns.KINDS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_secret_is_found_and_not_repeated(kind: str) -> None:
    described = with_user_data(userDataBase64=packed(f"x = '{EXAMPLES[kind]}'"))
    (found,) = [found for name, found in findings(described) if name == SECRET]
    assert kind in str(found)
    assert EXAMPLES[kind] not in str(found)


IN_CONFIG = "#cloud-config\nwrite_files:\n- path: /etc/rancher/k3s/config.yaml\n  content: |\n    "


@pytest.mark.parametrize(
    "text",
    [
        f"{IN_CONFIG}token: hunter22",
        f'{IN_CONFIG}server: https://10.0.0.1:6443\n    agent-token: "hunter22"',
        "cat >/etc/rancher/k3s/config.yaml <<EOF\ntoken: hunter22\nEOF",
        "environment:\n  K3S_TOKEN: hunter22",
        '{"K3S_AGENT_TOKEN": "hunter22"}',
        "K3S_AGENT_TOKEN=hunter22",
        "k3s agent --token hunter22",
    ],
)
def test_a_token_of_k3s_is_found_in_whatever_sets_it(text: str) -> None:
    assert len(list(secret_patterns.found_in(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"{IN_CONFIG}token-file: /run/token",
        f"{IN_CONFIG}token: $TOKEN",
        f"{IN_CONFIG}token:\n    server: https://10.0.0.1:6443",
        "token: hunter22",
        "K3S_TOKEN:\n  valueFrom: secret",
        "K3S_TOKEN: ${token}",
        'environment = {"K3S_TOKEN": token}',
        "K3S_TOKEN=$(cat /run/token) K3S_TOKEN_FILE=/run/token",
        "k3s server --token $TOKEN",
        "k3s agent --token-file=/run/secrets/token",
        "https://images.example.com:5000/v2/@latest",
        "https://$USER:$PASSWORD@registry.example.com",
        "-----BEGIN CERTIFICATE-----",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/k3s-aws/dev/token",
    ],
)
def test_what_only_names_a_secret_is_not_one(text: str) -> None:
    assert list(secret_patterns.found_in(text)) == []


@pytest.mark.parametrize(
    "given",
    [
        {"userData": f"#!/bin/sh\nexport T={TOKEN}\n"},
        {"userData": f"#!/bin/sh\necho {base64.b64encode(TOKEN.encode()).decode()} | base64 -d\n"},
        {"userDataBase64": base64.b64encode(gzip.compress(TOKEN.encode())).decode()},
        {"userDataBase64": base64.b64encode(bz2.compress(TOKEN.encode())).decode()},
        {"userDataBase64": base64.b64encode(lzma.compress(TOKEN.encode())).decode()},
        {"userDataBase64": base64.b64encode(TOKEN.encode()).decode().rstrip("=")},
        {"userData": MIME.format(TOKEN)},
        {"userData": MIME.format(base64.encodebytes(gzip.compress(TOKEN.encode())).decode())},
        {
            "userData": "#cloud-config\nwrite_files:\n- encoding: gz+b64\n  content: "
            + base64.b64encode(gzip.compress(f"key: {TOKEN}".encode())).decode()
        },
    ],
)
def test_a_secret_is_found_in_whatever_it_is_packed(given: dict[str, Any]) -> None:
    assert violated(with_user_data(**given)) == [SECRET]


@pytest.mark.parametrize("written", [str.encode, lambda text: gzip.compress(text.encode())])
@pytest.mark.parametrize(
    "around",
    [
        "#cloud-config\nwrite_files:\n- content: |\n    {}\n  encoding: b64\n  owner: root\n",
        "#!/bin/sh\nbase64 -d >/etc/key <<EOF\n{}\nEOF\n",
    ],
)
def test_a_secret_of_any_length_is_found_in_lines_of_base64(
    written: Callable[[str], bytes], around: str
) -> None:
    # A line of 76 has 57 bytes.
    for length in range(57):
        text = TOKEN + hashlib.shake_128(b"").hexdigest(29)[:length]
        encoded = base64.b64encode(written(text)).decode()
        lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
        layers = unpack(around.format("\n    ".join(lines)).encode()).layers
        assert any(TOKEN in each.text for each in layers), length


def test_the_part_of_a_message_is_named() -> None:
    found = [each.path for each in unpack(MIME.format(TOKEN).encode()).layers if TOKEN in each.text]
    assert found == ["", "part 1"]


def test_patterns_of_ones_own_are_looked_for_and_a_kind_can_be_ignored() -> None:
    described = with_user_data(userData="company-key-123")
    assert violated(described, patterns=["company-key-[0-9]+"]) == [SECRET]
    described = with_user_data(userData=TOKEN)
    assert violated(described, ignoredKinds=["a k3s join token"]) == []


def test_what_unpacks_to_more_than_can_be_examined_is_reported_at_once() -> None:
    bomb = gzip.compress(b"\0" * (user_data_text.MOST_BYTES * 8))
    began = time.monotonic()
    assert not unpack(bomb).complete
    described = with_user_data(userDataBase64=base64.b64encode(bomb).decode())
    assert SECRET in violated(described)
    assert time.monotonic() - began < 5


def test_layers_end_where_each_has_another_inside() -> None:
    content = b"x"
    for _ in range(20):
        content = gzip.compress(content)
    assert not unpack(content).complete


def test_the_bytes_before_base64_count() -> None:
    rule = "user-data-has-room"
    exact, more = (base64.b64encode(b"#" * size).decode() for size in (15872, 15873))
    assert violated(with_user_data(userDataBase64=exact)) == []
    assert violated(with_user_data(userDataBase64=more)) == [rule]
    assert violated(with_user_data(userDataBase64=exact), maxBytes=100) == [rule]


def test_k3s_of_the_newest_release_is_not_pinned() -> None:
    script = "#!/bin/sh\ncurl -sfL https://get.k3s.io | {} sh -\n"
    for words, expected in (
        ("", ["k3s-pinned"]),
        ("INSTALL_K3S_CHANNEL=stable", ["k3s-pinned"]),
        ("INSTALL_K3S_VERSION=v1.36.4+k3s1", []),
        ('INSTALL_K3S_VERSION="v1.36.4+k3s1"', []),
        ('INSTALL_K3S_VERSION="$K3S_VERSION"', ["k3s-pinned"]),
        ("\n# INSTALL_K3S_VERSION=v1.36.4+k3s1\n", ["k3s-pinned"]),
    ):
        assert violated(with_user_data(userData=script.format(words))) == expected


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\nK3S_VERSION=v1.31.4+k3s1\n"
        'curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION="$K3S_VERSION" sh -\n',
        "#!/bin/sh\n# The image has k3s of https://get.k3s.io already.\nsystemctl start k3s\n",
    ],
)
def test_a_release_in_a_variable_is_pinned_and_a_comment_installs_nothing(script: str) -> None:
    assert violated(with_user_data(userData=script)) == []


@pytest.mark.parametrize("name", rendering.NAMES)
def test_the_user_data_of_every_machine_of_the_program_passes(name: str) -> None:
    modules = boot_program.modules()
    rendered = {
        file: text for file, text in rendering.render(name).items() if file.endswith("-0.node.json")
    }
    assert rendered
    for text in rendered.values():
        role = json.loads(text)["pool"]["role"]
        of_role = boot_program.of_first_boot(modules, role)
        encoded = user_data.encode(user_data.render(text, of_role))
        (described,) = resources(with_user_data(userDataBase64=encoded), outputs=False)
        assert runs_server(described) == (role == "server")
        found = [each.path for each in unpack(base64.b64decode(encoded)).layers]
        # The boothook, where the boot program is: it is read, not passed over.
        assert "gzip, part 1, base64, bzip2" in found
        assert violated(with_user_data(userDataBase64=encoded)) == []
